"""The settings of a component as people see them: name, type, default and help text of each field."""

from __future__ import annotations

import typing
from typing import Any

from zen.cli.docstrings import attribute_texts

__all__ = ["settings_of"]


def settings_of(config: type | None) -> list[dict[str, str]]:
    """Return the settings of a configuration class; none for a component that takes none."""
    if config is None:
        return []
    if hasattr(config, "model_fields"):
        return _pydantic_settings(config)
    return _dataclass_settings(config)


def _pydantic_settings(config: Any) -> list[dict[str, str]]:
    texts = attribute_texts(config)
    return [
        _setting(
            field.alias or name,
            field.annotation,
            "required" if field.is_required() else field.get_default(),
            field.description or texts.get(name, ""),
        )
        for name, field in config.model_fields.items()
    ]


def _dataclass_settings(config: Any) -> list[dict[str, str]]:
    import dataclasses

    hints, texts = typing.get_type_hints(config), attribute_texts(config)

    def default(field: dataclasses.Field[Any]) -> Any:
        if field.default is not dataclasses.MISSING:
            return field.default
        return field.default_factory() if field.default_factory is not dataclasses.MISSING else "required"

    def summary(field: dataclasses.Field[Any]) -> str:
        return str(field.metadata.get("help") or texts.get(field.name, ""))

    return [
        _setting(field.name, hints[field.name], default(field), summary(field)) for field in dataclasses.fields(config)
    ]


def _setting(name: str, hint: Any, default: Any, summary: str) -> dict[str, str]:
    shown = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")
    return {
        "name": name,
        "type": shown,
        "default": "" if default is None else str(default),
        "summary": summary,
    }
