"""Configurations that are pydantic models. Nothing here is imported before such a model is.

pydantic checks the values; what it leaves to chance is settled here: unknown keys are faults (unless the model wants
them), and each fault gets its place in the file.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from zen.secrets import Secret
from zen.stacks.document import Path, Place
from zen.stacks.references import BY_REFERENCE, UNRESOLVED

# Errors that the model's own code raises: their input is not shown, it may be a secret.
_OWN = frozenset({"value_error", "assertion_error"})


def build_model(cls: type[BaseModel], data: dict[str, Any], place: Place) -> Any:
    """Return the model that `data` describes, or None; every fault is reported to `place`."""
    before = len(place.faults)
    _refuse_unknown(cls, data, place)
    try:
        model = cls.model_validate(data)
    except ValidationError as error:
        _report(error.errors(include_url=False), data, place)
        return None
    except Exception as error:  # noqa: BLE001  # a validator of the plugin may raise anything
        place.report(f"{place}: {type(error).__name__} in the plugin's own check: {error}")
        return None
    for name in cls.model_fields:
        if isinstance(getattr(model, name), (SecretStr, SecretBytes)):
            place.at(name).report(
                f"{place.at(name)}: a literal secret would be recorded",
                "the plugin's author has to make this field a zen.secrets.Secret",
            )
    return model if len(place.faults) == before else None


def dump_model(model: BaseModel) -> dict[str, Any]:
    """Return the minimal JSON form of a model."""
    return model.model_dump(mode="json", exclude_defaults=True, by_alias=True)


def _report(errors: list[ErrorDetails], data: dict[str, Any], place: Place) -> None:
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        if error["type"] != "extra_forbidden":  # reported already, with the keys that there are
            by_path.setdefault(_known_part(error, data), []).append(error)
    for path, group in by_path.items():
        here = place.at(*path)
        said = " or ".join(dict.fromkeys(_message(error) for error in group))
        secret = any("given by reference" in error["msg"] for error in group)
        hidden = any(error["type"] in _OWN or error["type"] == "missing" for error in group)
        value = _value(data, path)
        if value is UNRESOLVED:
            continue
        if isinstance(value, Secret):
            said, hidden = "takes no secret", True
        found = "" if hidden else f", found {here.found(value)}"
        here.report(f"{here}: {said}{found}", BY_REFERENCE if secret else "")


def _message(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return f"{str(error['loc'][-1])!r} is missing"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:]


def _known_part(error: ErrorDetails, data: Any) -> Path:
    """Return the part of an error's location that exists in the data: unions add parts of their own."""
    path: Path = ()
    for key in error["loc"]:
        there = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        if key in there:
            data, path = data[key], (*path, key)
    return path


def _value(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


def _refuse_unknown(cls: type[BaseModel], data: Mapping[str, Any], place: Place) -> None:
    known = set(_names(cls))
    for key, value in data.items():
        if key in known:
            _refuse_below(cls, key, value, place.at(key))
        elif cls.model_config.get("extra") != "allow":
            place.at(key).unknown(known)


def _refuse_below(cls: type[BaseModel], key: str, value: Any, place: Place) -> None:
    annotation = next(
        (field.annotation for name, field in cls.model_fields.items() if key in (name, field.alias)), None
    )
    models = list(_models(annotation))
    if len(models) != 1:
        return
    if isinstance(value, dict) and typing.get_origin(annotation) is not dict:
        _refuse_unknown(models[0], value, place)
    elif isinstance(value, (list, dict)):
        for index, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(item, dict):
                _refuse_unknown(models[0], item, place.at(index))


def _names(cls: type[BaseModel]) -> Iterator[str]:
    by_name = bool(cls.model_config.get("populate_by_name") or cls.model_config.get("validate_by_name"))
    for name, field in cls.model_fields.items():
        alias = field.validation_alias
        if alias is None or by_name:
            yield name
        if isinstance(alias, str):
            yield alias
        elif alias is not None:
            for choice in getattr(alias, "choices", [alias]):
                yield choice if isinstance(choice, str) else str(choice.path[0])


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)
