"""What the names in a function are bound to: a value, an address in installed code, or a reason against caching."""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zen.identity import canonical
from zen.source.annotations import named_types
from zen.source.blind import hides, reads_zen
from zen.source.modules import MAIN, module_name
from zen.source.origin import Origin, origin_of, origin_of_file
from zen.source.syntax import Binding

_MISSING = object()
_CODE = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)
_LAYERS = 32  # More wrappers than that are a loop.

# Immutable values that have no canonical encoding, by the name of their type.
_IMMUTABLE: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "builtins.complex": lambda value: (value.real, value.imag),
    "builtins.ellipsis": lambda value: (),
    "builtins.NotImplementedType": lambda value: (),
    "builtins.range": lambda value: (value.start, value.stop, value.step),
    "datetime.timezone": lambda value: (value.utcoffset(None), value.tzname(None)),
    "logging.Logger": lambda value: (),  # What it does with a message is no result; its name may be `__main__`.
    "logging.RootLogger": lambda value: (),
    "re.Pattern": lambda value: (value.pattern, value.flags),
    "typing.TypeVar": lambda value: (value.__name__,),
    "zoneinfo.ZoneInfo": lambda value: (str(value),),
}
_MUTABLE_PLAIN = (list, dict, set, bytearray)


class Inquiry:
    """Collects, for one function, what it depends on beyond its own text.

    Attributes:
        reasons: Why its results cannot be cached.
        distributions: The installed code that it reaches: versions by name.
    """

    def __init__(self, function: types.FunctionType, root: Path, imports: dict[str, set[Binding]]) -> None:
        self.function = function
        self.root = root
        self.imports = imports
        self.reasons: set[str] = set()
        self.distributions: dict[str, str] = {}

    def bound(self, name: str, value: Any, chains: Iterable[tuple[str, ...]], where: str) -> Any:
        """Return what identifies the value of a name, given the attributes that the function takes from it."""
        if isinstance(value, types.ModuleType):
            for chain in chains:
                self.module(module_name(value, self.root), chain, value)
            return ("module", module_name(value, self.root))
        identity = self.value(value, where, name)
        if identity == ("self",) and any(chains):
            self.reasons.add("uses attributes of itself")
        return identity

    def value(self, value: Any, where: str, name: str = "") -> Any:
        """Return what identifies a value, as plain data; a reason is noted where nothing does.

        Args:
            value: Anything.
            where: What the value is, for the reason: ``the global `rate` ``.
            name: The global name that is bound to it, if one is.
        """
        kind = type(value)
        if kind is tuple or kind is frozenset:
            items = [self.value(item, where) for item in value]
            return (kind.__name__, tuple(items) if kind is tuple else tuple(sorted(items, key=canonical)))
        type_name = f"{kind.__module__}.{kind.__qualname__}"
        if type_name in _IMMUTABLE:
            return (type_name, *_IMMUTABLE[type_name](value))
        if kind not in _MUTABLE_PLAIN:
            try:
                return ("value", value) if canonical(value) else None
            except TypeError:
                pass
        return self._object(value, where, name)

    def module(self, path: str, attributes: tuple[str, ...], module: types.ModuleType | None = None) -> None:
        """Note what a module and a chain of attributes taken from it reach. Imports nothing."""
        module = module or sys.modules.get(path)
        origin = origin_of(module.__name__ if module else path, self.root)
        reason = hides(".".join((path, *attributes))) if origin.kind == "python" else ""
        if reason:
            self.reasons.add(reason)
        elif origin.kind == "project":
            self._project_attribute(path, attributes, module)
        elif origin.kind == "zen":
            self._zen(path, attributes[0] if attributes else "", origin)
        elif self._accept(path, origin) or origin.kind == "namespace":
            self._below(path, attributes, module, origin)

    def imported(self, binding: Binding, chain: tuple[str, ...] = ()) -> None:
        """Note what an import statement reaches, with the attributes that are taken from what it binds."""
        path = self.absolute(binding)
        attributes = (binding.attribute, *chain) if binding.attribute else chain
        if attributes or origin_of(path, self.root).kind != "namespace":
            self.module(path, attributes)

    def annotation(self, value: Any, where: str) -> None:
        """Note the types that an annotation names: their methods are what the function calls on its arguments."""
        for item in named_types(value, self.function, self.imports):
            if isinstance(item, Binding):
                self.imported(item)
            elif isinstance(item, str):
                self.reasons.add(f"{where} names {item!r}, which cannot be resolved")
            elif isinstance(item, types.ModuleType):
                self.module(item.__name__, (), item)
            else:
                self._installed(item, reading=False)

    def absolute(self, binding: Binding) -> str:
        """Return the absolute name of the module of an import statement in the function's file."""
        if not binding.level:
            return binding.module
        package = self.function.__globals__.get("__package__") or ""
        base = package.rsplit(".", binding.level - 1)[0] if binding.level > 1 else package
        return f"{base}.{binding.module}" if binding.module else base

    def _object(self, value: Any, where: str, name: str) -> Any:
        layers = _layers(value)
        for index, layer in enumerate(layers):
            if layer is self.function:
                return ("self",)
            if (index or isinstance(layer, _CODE)) and self._origin(layer).kind == "project":
                self.reasons.add(self._project_object(layer))
                return None
        at_address = _is_at_its_address(value)
        if at_address or isinstance(value, _CODE):
            if not self._installed(value):
                return None
            if at_address:
                return ("code", value.__module__, value.__qualname__)
        elif isinstance(value, enum.Enum):
            member = self.value(type(value), where)
            return None if member is None else ("member", member, value.name)
        elif type(value).__module__ in ("types", "typing") and " at 0x" not in repr(value):
            self.annotation(value, where)
            return ("typing", repr(value))
        return self._attribute(value, where, name)

    def _attribute(self, value: Any, where: str, name: str) -> Any:
        """Identify an object as the attribute of an installed module that an import statement took it from."""
        for binding in sorted(self.imports.get(name, ())):
            path = self.absolute(binding)
            module = sys.modules.get(path)
            if module is None or vars(module).get(binding.attribute, _MISSING) is not value:
                continue
            if origin_of(path, self.root).kind in ("python", "distribution", "zen"):
                self.module(path, (binding.attribute,))
                return ("attribute", path, binding.attribute)
        kind = type(value)
        what = "can be changed" if kind in _MUTABLE_PLAIN else "has a state that cannot be seen"
        self.reasons.add(f"uses {where}, a {kind.__qualname__} that {what}")
        return None

    def _below(self, path: str, attributes: tuple[str, ...], module: types.ModuleType | None, origin: Origin) -> None:
        if not attributes:
            if origin.kind == "namespace":
                self.reasons.add(f"uses the namespace package {path} as a whole")
            return
        value = vars(module).get(attributes[0], _MISSING) if module else _MISSING
        inner = f"{path}.{attributes[0]}"
        if isinstance(value, types.ModuleType):
            self.module(value.__name__, attributes[1:], value)
        elif value is not _MISSING:
            self._installed(value, owned=True)
        elif origin.kind == "namespace" or inner in sys.modules:
            self.module(inner, attributes[1:])

    def _installed(self, value: Any, *, reading: bool = True, owned: bool = False) -> bool:
        """Note the distributions that a function, class or object comes from; False if it is no installed code.

        Args:
            value: The object; one that is no code and does not say where it is defined counts by its type.
            reading: Whether the function uses it, or only names it in an annotation.
            owned: Whether it was found in a module whose distribution is noted, so that its own need not be known.
        """
        before = len(self.reasons)
        for layer in _layers(value if isinstance(value, _CODE) or _is_at_its_address(value) else type(value)):
            origin = self._origin(layer)
            module, qualname = _owner(layer)
            if origin.kind == "project":
                self.reasons.add(self._project_object(layer))
            elif origin.kind == "zen":
                self._zen(module, qualname if reading else "", origin)
            elif origin.kind == "python" and hides(f"{module}.{qualname}"):
                self.reasons.add(hides(f"{module}.{qualname}"))
            elif origin.kind != "namespace" and not (owned and origin.kind == "unknown"):
                self._accept(module, origin)
        return len(self.reasons) == before

    def _accept(self, path: str, origin: Origin) -> bool:
        if origin.distribution:
            name, version = origin.distribution
            self.distributions[name] = version
        elif origin.kind == "unknown":
            self.reasons.add(f"uses the module {path}, which no installed distribution owns")
        return origin.kind != "unknown"

    def _zen(self, path: str, name: str, origin: Origin) -> None:
        self._accept(path, origin)
        if name and reads_zen(path, name):
            self.reasons.add(f"reads what no cache key holds (zen.{name})")

    def _origin(self, code: Any) -> Origin:
        """Return whose code an object is. Wrappers copy the module's name, so the file of the code counts as well."""
        if isinstance(code, types.FunctionType) and not code.__code__.co_filename.startswith("<"):
            by_file = origin_of_file(code.__code__.co_filename, self.root)
            if by_file.kind == "project":
                return by_file
        return origin_of(_owner(code)[0], self.root)

    def _project_object(self, code: Any) -> str:
        module, qualname = _owner(code)
        module = module_name(code, self.root) if module in MAIN else module
        return f"uses the project {_noun(code)} {module}.{qualname}"

    def _project_attribute(self, path: str, attributes: tuple[str, ...], module: types.ModuleType | None) -> None:
        value = vars(module).get(attributes[0], _MISSING) if module and attributes else _MISSING
        name = ".".join((path, *attributes[:1]))
        noun = "name" if attributes and value is _MISSING else _noun(value) if attributes else "module"
        self.reasons.add(f"uses the project {noun} {name}")


def _noun(value: Any) -> str:
    if isinstance(value, type):
        return "class"
    if isinstance(value, types.ModuleType):
        return "module"
    return "function" if isinstance(value, _CODE) or hasattr(value, "__wrapped__") else "value"


def _layers(value: Any) -> list[Any]:
    """Return a value and what it wraps, as `functools.wraps` and zen's own steps tell in `__wrapped__`."""
    layers = [value]
    while len(layers) < _LAYERS:
        inner = _quietly(layers[-1], "__wrapped__")
        if inner is None or isinstance(layers[-1], type):
            break
        layers.append(inner)
    return layers


def _owner(code: Any) -> tuple[str, str]:
    """Return the module and the qualified name of a function, class, method or object."""
    owner = _quietly(code, "__objclass__") or _quietly(code, "__self__")
    module = _quietly(code, "__module__") or _quietly(owner, "__module__") or type(owner or code).__module__
    qualname = _quietly(code, "__qualname__") or type(code).__qualname__
    return str(module), str(qualname)


def _is_at_its_address(code: Any) -> bool:
    target: Any = sys.modules.get(_quietly(code, "__module__") or "")
    for part in str(_quietly(code, "__qualname__") or "").split("."):
        target = _quietly(target, part)
    return target is code


def _quietly(value: Any, attribute: str) -> Any:
    try:
        return getattr(value, attribute, None)
    except Exception:  # noqa: BLE001  # Anybody's __getattr__ and properties run here; one that fails has no such attribute.
        return None
