"""The JSON Schema of `zen.yaml`, made from the installed plugins, so that editors complete and check the file.

Source: JSON Schema 2020-12; `if`/`then` by flavor, because editors explain a fault in that form better than in `anyOf`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zen.errors import PluginError
from zen.secrets import Secret
from zen.stacks.config import is_model
from zen.stacks.fields import hints_of, required
from zen.stacks.names import RULE
from zen.stacks.stackfile import KINDS, LOCAL, MANY, ON_ERROR, SETTINGS, TOLERANT

if TYPE_CHECKING:
    from zen.registry import LoadedFlavor, Registry

Schema = dict[str, Any]

_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$", "description": RULE}
_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}"}
_SECRET: Schema = {"type": "string", "pattern": r"\$\{secret:[^}]+\}", "description": "${secret:env/NAME}"}
_NAMES: Schema = {"type": "array", "items": {"type": "string"}}
_TYPES: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    pathlib.Path: {"type": "string"},
    Secret: _SECRET,
}


def json_schema(registry: Registry) -> Schema:
    """Return the JSON Schema of a `zen.yaml` with the plugins that `registry` has.

    Loads every light module and every configuration; a plugin that cannot be loaded is left out.
    """
    definitions: dict[str, Schema] = {}
    flavors = registry.flavors()[0]
    stack = {
        kind: _kind(kind, [each for each in flavors if each.flavor.kind == kind], registry, definitions)
        for kind in KINDS
    }
    definitions["stack"] = _object(
        {"extends": {**_NAME, "description": "The stack to take everything from that is not said here."}, **stack},
        settings=_object({name: {"enum": list(values)} for name, values in SETTINGS.items()}),
    )
    definitions["stack"]["type"] = ["object", "null"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "zen.yaml",
        **_object(
            {
                "default_stack": {**_NAME, "default": LOCAL},
                "stacks": {
                    "type": "object",
                    "propertyNames": _NAME,
                    "additionalProperties": {"$ref": "#/$defs/stack"},
                },
                "plugins": _object({"disable": _NAMES, "allow": _NAMES}),
            }
        ),
        "$defs": definitions,
    }


def _object(properties: Mapping[str, Schema], needed: Iterable[str] = (), **more: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": {**properties, **more}, "additionalProperties": False}
    names = list(needed)
    return {**schema, "required": names} if names else schema


def _kind(kind: str, flavors: Sequence[LoadedFlavor], registry: Registry, definitions: dict[str, Schema]) -> Schema:
    names: Schema = {"anyOf": [{"enum": sorted({each.flavor.name for each in flavors})}, {"pattern": "@"}]}
    branches = []
    for each in flavors:
        key = f"{kind}.{each.flavor.name}"
        try:
            definitions[key] = _flavor(each, registry.config_class(each), key, definitions)
        except PluginError:
            continue
        condition = {"properties": {"flavor": {"const": each.flavor.name}}, "required": ["flavor"]}
        branches.append({"if": condition, "then": {"$ref": f"#/$defs/{key}"}})
    entry: Schema = {
        "if": {"type": "object"},
        "then": {"required": ["flavor"], "properties": {"flavor": names}, "allOf": branches},
        "else": {"type": "string", **names},
    }
    if not branches:
        del entry["then"]["allOf"]
    if kind not in MANY:
        return entry
    return {"if": {"type": "array"}, "then": {"items": entry}, "else": entry}


def _flavor(loaded: LoadedFlavor, cls: type | None, key: str, definitions: dict[str, Schema]) -> Schema:
    if cls is None:
        schema = _object({})
    elif is_model(cls):
        schema = _model(cls, key, definitions)
    else:
        schema = _dataclass(cls)
    own = {"flavor": {"type": "string", "description": loaded.flavor.summary}, "name": _NAME}
    if loaded.flavor.kind in TOLERANT:
        own["on_error"] = {
            "enum": list(ON_ERROR),
            "description": "Whether one that fails is reported, or fails the run",
        }
    return {**schema, "description": loaded.flavor.summary, "properties": {**own, **schema.get("properties", {})}}


def _model(cls: Any, key: str, definitions: dict[str, Schema]) -> Schema:
    schema = cls.model_json_schema(ref_template=f"#/$defs/{key}.{{model}}")
    for name, nested in schema.pop("$defs", {}).items():
        definitions[f"{key}.{name}"] = _with_references(nested)
    return {"additionalProperties": False, **_with_references(schema)}


def _with_references(schema: Schema) -> Schema:
    properties = {name: _or_reference(each) for name, each in schema.get("properties", {}).items()}
    return {**schema, "properties": properties} if properties else schema


def _dataclass(cls: type) -> Schema:
    hints, fields = hints_of(cls), [field for field in dataclasses.fields(cls) if field.init]
    properties = {field.name: {**_or_reference(_of(hints[field.name])), **_default(field)} for field in fields}
    return _object(properties, (field.name for field in fields if required(field)))


def _default(field: dataclasses.Field[Any]) -> Schema:
    plain = isinstance(field.default, (str, int, float, bool))
    return {"default": field.default} if plain else {}


def _of(hint: Any) -> Schema:
    if hint in _TYPES:
        return dict(_TYPES[hint])
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_of(argument) for argument in arguments]}
    if (origin or hint) in (list, tuple, Sequence):
        return {"type": "array", "items": _of(arguments[0]) if arguments else {}}
    if (origin or hint) in (dict, Mapping):
        return {"type": "object", "additionalProperties": _of(arguments[1]) if arguments else {}}
    return _dataclass(hint) if dataclasses.is_dataclass(hint) and isinstance(hint, type) else {}


def _or_reference(schema: Schema) -> Schema:
    """Return a schema that also takes `${env:NAME}`, unless it takes any text already."""
    if schema.get("type") in ("integer", "number", "boolean") or "enum" in schema:
        about: Schema = {name: schema[name] for name in ("title", "description", "default") if name in schema}
        return {"anyOf": [schema, _REFERENCE], **about}
    return schema
