"""Configurations of components: from the values of a stack file to an object, to minimal JSON, and back.

A configuration class is a pydantic model, checked by pydantic, or a dataclass, checked here, which costs no import.
The fields of a dataclass are `str`, `int`, `float`, `bool`, `Path`, `Literal`, `Secret`, `Any`, unions of these
(`str | None`), `list`, `tuple[…, ...]` and `dict[str, …]` of them, and dataclasses.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Hashable, Mapping
from pathlib import PurePath
from typing import Any

from zen.errors import ConfigError, Fault, PluginLoadError
from zen.secrets import Secret
from zen.stacks.document import Place
from zen.stacks.fields import INVALID, convert, plain


def parse(cls: type | None, data: Mapping[str, Any], place: Place) -> Any:
    """Return the configuration that `data` describes, or None; every fault is reported to `place`.

    Args:
        cls: The configuration class; None for a component without one, which takes no keys.
        data: Values whose references are resolved (`zen.stacks.references`).
        place: Where `data` stands.

    Raises:
        PluginLoadError: For a class that is no configuration class.
    """
    if cls is None:
        for key in data:
            place.at(key).unknown(())
        return None
    if is_model(cls):
        from zen.stacks.models import build_model

        return build_model(cls, plain(data), place)
    if dataclasses.is_dataclass(cls):
        value = convert(cls, data, place)
        return None if value is INVALID else value
    raise PluginLoadError(
        f"the configuration class {cls.__module__}.{cls.__qualname__} is neither a pydantic model nor a dataclass",
        hint="its plugin's author has to make it one",
    )


def build(cls: type | None, data: Mapping[str, Any], name: str = "configuration") -> Any:
    """Return the configuration whose JSON form, made by `dump`, is `data`.

    Args:
        cls: The configuration class; None for a component without one.
        data: What `dump` returned, in this process or in another.
        name: What messages call it.

    Raises:
        ConfigError: When the class does not take that data: another version of the plugin wrote it.
        PluginLoadError: For a class that is no configuration class.
    """
    faults: list[Fault] = []
    config = parse(cls, _with_secrets(data), Place(faults, None, (name,)))
    if faults:
        raise ConfigError(
            "\n  ".join([f"what is recorded for {name} does not fit the installed plugin", *map(str, faults)]),
            hint="install the version of the plugin that wrote it",
            faults=tuple(faults),
        )
    return config


def dump(config: Any) -> dict[str, Any]:
    """Return the minimal JSON form of a configuration: defaults left out, secrets as `{"$secret": "env/NAME"}`."""
    if config is None:
        return {}
    if is_model(type(config)):
        from zen.stacks.models import dump_model

        return dump_model(config)
    result = {}
    for name, default in _defaults(config.__class__):
        value = getattr(config, name)
        if default is INVALID or value != default or type(value) is not type(default):
            result[name] = _to_json(value)
    return result


def field_names(cls: type) -> tuple[str, ...]:
    """Return the names of the fields of a configuration class."""
    fields: Mapping[str, Any] = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "model_fields", {})
    return tuple(fields)


def is_model(cls: type) -> bool:
    """Say whether a class is a pydantic model, without importing pydantic: its class could not exist without it."""
    return hasattr(cls, "model_validate") and hasattr(cls, "__pydantic_validator__")


@functools.cache
def _defaults(cls: Hashable) -> tuple[tuple[str, Any], ...]:
    def default(field: dataclasses.Field[Any]) -> Any:
        if field.default is not dataclasses.MISSING:
            return field.default
        return field.default_factory() if field.default_factory is not dataclasses.MISSING else INVALID

    return tuple((field.name, default(field)) for field in dataclasses.fields(typing.cast("type", cls)) if field.init)


def _to_json(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.to_json()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    return dump(value) if dataclasses.is_dataclass(value) else value


def _with_secrets(data: Any) -> Any:
    if isinstance(data, Mapping):
        if set(data) == {"$secret"}:
            return Secret.from_json(typing.cast("dict[str, str]", data))
        return {key: _with_secrets(item) for key, item in data.items()}
    return [_with_secrets(item) for item in data] if isinstance(data, list) else data
