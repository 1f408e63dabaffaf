"""Instances of dataclasses as JSON, with the dataclasses, enumerations and plain data in their fields."""

from __future__ import annotations

import dataclasses
import enum
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from zen.builtin.materializers.enums import member, member_form
from zen.builtin.materializers.plain import MOST_LEVELS, NO_FORM, decode_json, encode_json, plain_form, type_name
from zen.errors import MaterializerError, listing
from zen.identity import from_plain
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer


class DataclassMaterializer(Materializer):
    """Saves dataclass instances field by field, as they are: neither `__init__` nor `__post_init__` runs on load.

    A nested instance is written as `{"$dataclass": [type, fields]}`, a member as `{"$enum": [type, name]}`; a type of
    the same module as the outer class is written as `.qualname`, because that module has another name in a worker
    than in the script that was started.

    Args:
        rename: Other names for modules, such as `{"__main__": "training"}`, for types of other modules than the
            outer class.
    """

    format: ClassVar[str] = "dataclass-json"
    exact: ClassVar[bool] = True  # a field may hold anything: what is refused here is somebody else's
    rename: Mapping[str, str] = {}

    def __init__(self, rename: Mapping[str, str] | None = None) -> None:
        if rename is not None:
            self.rename = rename

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the fields as JSON."""
        _checked_class(type(value))
        encoder = _Encoder(type(value).__module__, self.rename)
        writer.write(encode_json(encoder.fields(value, "the value", MOST_LEVELS)))

    def load(self, reader: ArtifactReader) -> Any:
        """Return an instance with these fields; a field that was added since gets its default."""
        cls = _checked_class(reader.resolve(reader.type))
        try:
            return _Decoder(cls.__module__, reader.resolve).instance(cls, decode_json(reader.read()))
        except MaterializerError:
            raise
        except NO_FORM as error:
            raise MaterializerError(
                f"the stored form of a {type_name(cls)} is not one that zen wrote: {error}", type=type_name(cls)
            ) from error

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the names of the fields."""
        return {"fields": [field.name for field in dataclasses.fields(value)]}


class _Encoder:
    def __init__(self, module: str, rename: Mapping[str, str]) -> None:
        self.module, self.rename = module, rename

    def fields(self, value: Any, place: str, levels: int) -> dict[str, Any]:
        return {name: self.form(item, f"{place}.{name}", levels) for name, item in _state(value, place).items()}

    def form(self, value: Any, place: str, levels: int) -> Any:
        """Return the JSON form; the same as that of plain data wherever there is no dataclass and no enumeration."""
        kind = type(value)
        if not levels:
            raise MaterializerError(f"{place} is nested deeper than {MOST_LEVELS} levels, or contains itself")
        if isinstance(value, enum.Enum):
            return {"$enum": [self.reference(kind), member_form(value)]}
        if dataclasses.is_dataclass(kind):
            return {"$dataclass": [self.reference(_checked_class(kind)), self.fields(value, place, levels - 1)]}
        try:
            return plain_form(value)
        except MaterializerError as error:
            if kind is dict:
                return self.mapping(value, place, levels - 1)
            if kind in _CONTAINERS:
                return self.container(value, place, levels - 1)
            message = error.message.replace("the value", place, 1)
            raise MaterializerError(message, hint=error.hint, place=place, type=type_name(kind)) from None

    def container(self, value: Iterable[Any], place: str, levels: int) -> Any:
        kind = type(value)
        items = [self.form(item, f"{place}[{index}]", levels) for index, item in enumerate(value)]
        if kind in (set, frozenset):
            items.sort(key=encode_json)
        return {_CONTAINERS[kind]: items} if kind is not list else items

    def mapping(self, value: dict[Any, Any], place: str, levels: int) -> Any:
        pairs = [
            [self.form(key, f"a key of {place}", levels), self.form(item, f"{place}[{key!r}]", levels)]
            for key, item in value.items()
        ]
        if all(type(key) is str and not key.startswith("$") for key in value):
            return dict(pairs)
        return {"$dict": pairs}

    def reference(self, cls: type) -> str:
        if "<locals>" in cls.__qualname__:
            raise _not_importable(cls)
        if cls.__module__ == self.module:
            return f".{cls.__qualname__}"
        return f"{self.rename.get(cls.__module__, cls.__module__)}.{cls.__qualname__}"


class _Decoder:
    def __init__(self, module: str, resolve: Callable[[str], type]) -> None:
        self.module, self.resolve = module, resolve

    def value(self, form: Any) -> Any:
        if type(form) is list:
            return [self.value(item) for item in form]
        if type(form) is not dict:
            return form
        if len(form) != 1:
            return {key: self.value(item) for key, item in form.items()}
        [(tag, body)] = form.items()
        match tag:
            case "$dataclass":
                return self.instance(_checked_class(self.resolved(body[0])), body[1])
            case "$enum":
                return member(self.resolved(body[0]), body[1])
            case "$dict":
                return {self.value(key): self.value(item) for key, item in body}
            case _ if tag in _BUILDERS:
                return _BUILDERS[tag](self.value(item) for item in body)
            case _ if tag.startswith("$"):
                return from_plain(form)
        return {tag: self.value(body)}

    def resolved(self, reference: str) -> type:
        if not reference.startswith("."):
            return self.resolve(reference)
        try:
            found = functools.reduce(getattr, reference[1:].split("."), sys.modules[self.module])
        except (AttributeError, KeyError):
            found = None
        if not isinstance(found, type):
            raise MaterializerError(f"the module {self.module} has no class {reference[1:]}", type=reference)
        return found

    def instance(self, cls: type[Any], form: Mapping[str, Any]) -> Any:
        """Return an instance with those fields, made as unpickling makes it: without `__init__`."""
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := form.keys() - known.keys():
            raise MaterializerError(
                f"{type_name(cls)} has no field {min(unknown)!r} any more; it has: {listing(known)}",
                hint="the class has changed since the value was saved: load it with that version of the class",
                type=type_name(cls),
            )
        instance: Any = object.__new__(cls)
        for name, field in known.items():
            item = self.value(form[name]) if name in form else _default(cls, field)
            object.__setattr__(instance, name, item)  # frozen classes refuse the ordinary way
        return instance


_CONTAINERS: dict[type, str] = {list: "", tuple: "$tuple", set: "$set", frozenset: "$frozenset"}
_BUILDERS: dict[str, Callable[..., Any]] = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}
# What the standard library keeps in an instance beside the fields, and makes again.
_MADE_AGAIN = frozenset({"__orig_class__"})


def _checked_class(cls: type) -> type:
    """Return the class if its instances are nothing but their fields.

    Raises:
        MaterializerError: When it is no dataclass, or a base such as `Exception` keeps state that is no field.
    """
    if not dataclasses.is_dataclass(cls):
        raise MaterializerError(f"{type_name(cls)} is not a dataclass", type=type_name(cls))
    if "<locals>" in cls.__qualname__:
        raise _not_importable(cls)
    if cls.__new__ is not object.__new__:
        raise MaterializerError(
            f"{type_name(cls)} is a dataclass on top of a type with a state of its own", type=type_name(cls)
        )
    return cls


def _state(value: Any, place: str) -> dict[str, Any]:
    """Return the fields with their values."""
    cls = type(value)
    names = [field.name for field in dataclasses.fields(value)]
    if missing := [name for name in names if not hasattr(value, name)]:
        raise MaterializerError(f"{place}.{missing[0]} is not set", place=place, type=type_name(cls))
    for name in sorted(_attributes(value) - set(names) - _MADE_AGAIN):
        if not isinstance(getattr(cls, name, None), functools.cached_property):
            raise MaterializerError(
                f"{place}.{name} is set on a {type_name(cls)} but is none of its fields ({listing(names)})",
                hint="make it a field, or a functools.cached_property",
                place=place,
                type=type_name(cls),
            )
    return {name: getattr(value, name) for name in names}


def _attributes(value: Any) -> set[str]:
    """Return the names of everything that is set on an instance, in its dictionary or in slots."""
    state = object.__getstate__(value)
    parts = state if isinstance(state, tuple) else (state,)
    return {name for part in parts if part for name in part}


def _default(cls: type, field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise MaterializerError(
        f"{type_name(cls)} has gained the field {field.name!r}, which has no default",
        hint="give it a default, or load the value with the version of the class that saved it",
        type=type_name(cls),
    )


def _not_importable(cls: type) -> MaterializerError:
    return MaterializerError(
        f"{type_name(cls)} is defined inside of a function, so nobody could find it again",
        hint="move it to the top level of a module",
        type=type_name(cls),
    )
