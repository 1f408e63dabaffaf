"""What identifies a class of the project: its bases, its members as they are, and its text where a library made it."""

from __future__ import annotations

import ast
import dataclasses
import enum
import types
from typing import Any

from zen.source.annotations import note_types
from zen.source.classtext import ClassText, class_text
from zen.source.modules import module_name
from zen.source.names import MISSING, bound
from zen.source.origin import origin_of
from zen.source.pieces import Identity, Piece, Walker
from zen.source.reach import decorator_of
from zen.source.state import attribute_changer

# What Python itself adds to classes; some of it differs between its versions.
_ADDED = frozenset(
    [
        "__abstractmethods__",
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__class_getitem__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__match_args__",
        "__module__",
        "__slotnames__",  # kept there by copyreg when an object is pickled
        "__non_callable_proto_members__",
        "__orig_bases__",
        "__parameters__",
        "__protocol_attrs__",
        "__qualname__",
        "__static_attributes__",
        "__type_params__",
        "__weakref__",
        "_abc_impl",
        "_is_protocol",
        "_is_runtime_protocol",
    ]
)
_OF_TUPLES = frozenset(["__getnewargs__", "__new__", "__replace__", "__repr__", "_asdict", "_make", "_replace"])
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_MUTABLE = (list, dict, set, bytearray)


def describe_class(walk: Walker, piece: Piece, cls: type) -> None:
    """Fill in the piece of a class. Its module and name count: they are in what is pickled, and in recorded types."""
    text = class_text(cls, walk.root)
    piece.file = text.file
    piece.space = text.space
    description = _Description(walk, piece, cls, text)
    decorators = description.decorators()
    piece.content = (
        "class",
        f"{module_name(cls, walk.root)}.{cls.__qualname__}",
        decorators,
        walk.value(type(cls), piece, "its metaclass"),
        [walk.value(base, piece, "a base") for base in cls.__bases__ if base is not object],
        description.annotations(),
        description.fields(),
        description.members(),
        description.text(),
    )
    piece.docs = {"docs": cls.__doc__ if isinstance(cls.__doc__, str) else ""}


class _Description:
    def __init__(self, walk: Walker, piece: Piece, cls: type, text: ClassText) -> None:
        self.walk = walk
        self.piece = piece
        self.cls = cls
        self.source = text
        # Whether a library takes part in making the class, so that its members are not all that there is.
        self.made = any(self._is_foreign(each.__module__) for each in (type(cls), *cls.__mro__))

    def decorators(self) -> list[Identity]:
        """Return the decorators that are not zen's, with what they reach."""
        found: list[Identity] = []
        for expression in getattr(self.source.node, "decorator_list", ()):
            decorator = decorator_of(expression)
            reached = []
            for name, attributes in decorator.mentions.chains:
                value = self.source.space.get(name, MISSING)
                if isinstance(value, types.ModuleType):
                    reached.append(self.walk.chain(value.__name__, attributes, self.piece, value))
                elif value is not MISSING:
                    reached.append(bound(self.walk, self.source.space, name, value, self.piece, "its decorator"))
                module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "")
                self.made |= self._is_foreign(str(module))
            found.append((decorator.form, reached))
        self.piece.early.update(range(len(self.piece.references)))
        return found

    def annotations(self) -> Identity:
        """Return the annotated names with their types as text: libraries read them, and so do dataclasses."""
        found = []
        for name, value in vars(self.cls).get("__annotations__", {}).items():
            note_types(self.walk, value, self.piece, dict(vars(self.cls)))
            found.append((name, value if isinstance(value, str) else _type_name(value)))
        return found

    def fields(self) -> Identity:
        """Return what a dataclass or an enumeration knows of its fields and members, in their order."""
        if issubclass(self.cls, enum.Enum):
            return [(name, self._member(member)) for name, member in self.cls.__members__.items()]
        found = []
        for name, field in vars(self.cls).get("__dataclass_fields__", {}).items():
            settings = (field.init, field.repr, field.hash, field.compare, field.kw_only is True)
            given = [
                None if each is dataclasses.MISSING else [self.walk.value(each, self.piece, f"the default of `{name}`")]
                for each in (field.default, field.default_factory)
            ]
            metadata = self.walk.value(dict(field.metadata), self.piece, f"the metadata of `{name}`")
            found.append((name, settings, given, metadata))
        parameters = vars(self.cls).get("__dataclass_params__")
        return (
            found,
            "" if parameters is None else [parameters.init, parameters.eq, parameters.order, parameters.frozen],
        )

    def members(self) -> list[Identity]:
        """Return the members that say what objects of the class do."""
        found = []
        for name, member in sorted(vars(self.cls).items()):
            if name in _ADDED or isinstance(member, _DESCRIPTORS) or self._is_generated(name, member):
                continue
            if self.made and not self._is_visible(name, member):
                continue
            found.append((name, self.walk.value(member, self.piece, f"`{self.cls.__qualname__}.{name}`")))
            self._note_changes(name, member)
        return found

    def text(self) -> Identity:
        """Return the text of a class that a library takes part in making; its methods count as what they are."""
        if not self.made:
            return None
        if self.source.refusal:
            self.walk.refuse(self.piece, self.source.refusal)
            return None
        found = []
        assert isinstance(self.source.node, ast.ClassDef)
        mentions = self.source.mentions()
        for reason in mentions.hidden:
            self.walk.refuse(self.piece, reason)
        for name, attributes in mentions.chains:
            value = self.source.space.get(name, MISSING)
            if isinstance(value, types.ModuleType):
                found.append((name, self.walk.chain(value.__name__, attributes, self.piece, value)))
            elif value is not MISSING and value is not self.cls:
                found.append(
                    (name, bound(self.walk, self.source.space, name, value, self.piece, f"the global `{name}`"))
                )
        docs = self.cls.__doc__ if isinstance(self.cls.__doc__, str) else ""
        return (self.source.form(), docs, found)

    def _member(self, member: enum.Enum) -> Identity:
        given = {key: each for key, each in vars(member).items() if key not in _OF_MEMBERS}
        return (member.name, self.walk.value(member.value, self.piece, f"`{member.name}`"), self._value(given))

    def _value(self, value: Any) -> Identity:
        return self.walk.value(value, self.piece, "the attributes of a member")

    def _is_foreign(self, module: str) -> bool:
        return origin_of(module, self.walk.root).kind not in ("project", "python", "zen") if module else False

    def _is_generated(self, name: str, member: Any) -> bool:
        """Say whether Python has made a member of what else counts: the fields, or the members of an enumeration."""
        function = getattr(member, "__func__", getattr(member, "__wrapped__", member))
        if isinstance(function, types.FunctionType) and function.__code__.co_filename == "<string>":
            return "__dataclass_fields__" in vars(self.cls) or self.made or _is_named_tuple(self.cls)
        if issubclass(self.cls, enum.Enum):
            if isinstance(function, types.FunctionType):
                return origin_of(function.__globals__["__name__"], self.walk.root).kind == "python"
            return isinstance(member, self.cls) or name.startswith("_")
        if _is_named_tuple(self.cls):
            return name in _OF_TUPLES or type(member).__name__ == "_tuplegetter"
        if name in ("__init__", "__subclasshook__", "__hash__"):  # Of protocols, and of what compares without a hash.
            return member is None or getattr(function, "__module__", "") in ("typing", "builtins")
        return False

    def _is_visible(self, name: str, member: Any) -> bool:
        """Say whether a member of a class that a library takes part in making counts as what it is."""
        function = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
        if isinstance(function, types.FunctionType):
            return origin_of(function.__globals__.get("__name__", ""), self.walk.root).kind == "project" and (
                not function.__code__.co_filename.startswith("<") or "ipython" in function.__code__.co_filename
            )
        return name in self.source.assigned() and isinstance(member, (*_MUTABLE, str, int, float, tuple, type))

    def _note_changes(self, name: str, member: Any) -> None:
        content = isinstance(member, _MUTABLE)
        if not content and (callable(member) or isinstance(member, property | staticmethod | classmethod)):
            return
        changer = attribute_changer(self.cls, name, self.walk.root, content=False)
        if not changer and content and not self.source.sets(name):
            changer = attribute_changer(self.cls, name, self.walk.root, content=True)
        if changer:
            self.walk.refuse(self.piece, f"uses {self.cls.__qualname__}.{name}, which {changer} changes")


_OF_MEMBERS = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and "_fields" in vars(cls)


def _type_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else repr(value)
