"""Editing `plugins: {disable: […]}` of a stack file as text, so that comments and order stay.

Each edit is made where the YAML parser says that the list stands, and is kept only if the new text then means what the
old one did, with just that list changed. What cannot be edited so is left alone: the caller shows the lines to write.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from zen.registry.catalog import canonical

__all__ = ["blocked", "with_name", "without_names"]

_KEY = "disable"


class _Unsafe(Exception):
    """The text cannot be edited with certainty."""


def blocked(text: str) -> list[str]:
    """Return the names that a stack file disables; none when it cannot be read."""
    try:
        return _names(_data(text))
    except _Unsafe:
        return []


def with_name(text: str, name: str) -> str | None:
    """Return the text with one more disabled name, or None where it cannot be changed safely."""
    try:
        start, end, new = _addition(text, name)
        return _kept(text, text[:start] + new + text[end:], [*blocked(text), name])
    except _Unsafe:
        return None


def without_names(text: str, names: Collection[str]) -> str | None:
    """Return the text without these disabled names, or None where it cannot be changed safely."""
    wanted = {canonical(name) for name in names}
    rest = [name for name in blocked(text) if canonical(name) not in wanted]
    edited = text
    if rest == blocked(text):
        return text
    try:
        while any(canonical(name) in wanted for name in blocked(edited)):
            shorter = _without_one(edited, wanted)
            if len(blocked(shorter)) >= len(blocked(edited)):
                return None
            edited = shorter
        return _kept(text, edited, rest)
    except _Unsafe:
        return None


def _data(text: str) -> Any:
    from zen.stacks.reader import parse_document

    document = parse_document(text.encode(), "zen.yaml")
    if document.faults:
        raise _Unsafe
    return document.data


def _names(data: Any) -> list[str]:
    plugins = data.get("plugins") if isinstance(data, dict) else None
    names = plugins.get(_KEY) if isinstance(plugins, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _kept(before: str, after: str, names: list[str]) -> str:
    """Return the new text if it means the old one with these names disabled: no alias, no kept line break has moved."""
    old, new = copy.deepcopy(_data(before)) or {}, _data(after)
    if not isinstance(old, dict) or not isinstance(new, dict):
        raise _Unsafe
    plugins = old.get("plugins") or {}
    if new != {**old, "plugins": {**plugins, _KEY: names}}:
        raise _Unsafe
    return after


# Where things stand: nodes of PyYAML, whose marks count characters.


def _root(text: str) -> Any:
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise _Unsafe from None


def _pair(mapping: Any, key: str) -> tuple[Any, Any] | None:
    for name, value in mapping.value:
        if name.value == key:
            return name, value
    return None


def _is_empty(node: Any) -> bool:
    return bool(node.start_mark.index == node.end_mark.index)


def _after_colon(text: str, key: Any) -> int:
    return text.index(":", key.end_mark.index) + 1


def _end_of_line(text: str, start: int) -> int:
    """Return where the line ends, before its line break."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _addition(text: str, name: str) -> tuple[int, int, str]:
    """Return where to put what: start, end, and the text that replaces what is between them."""
    root, line_break = _root(text), _line_break(text)
    if root is None:
        return _at_the_end(text, name)
    if root.id != "mapping" or root.flow_style:
        raise _Unsafe
    plugins = _pair(root, "plugins")
    if plugins is None:
        return _at_the_end(text, name)
    key, value = plugins
    if _is_empty(value):
        start = _after_colon(text, key)
        return start, start, f" {{{_KEY}: [{name}]}}"
    if value.id != "mapping":
        raise _Unsafe
    names = _pair(value, _KEY)
    start = value.start_mark.index
    if names is not None:
        return _into_list(text, *names, name)
    if value.flow_style:
        return start + 1, start + 1, f"{_KEY}: [{name}]" + (", " if value.value else "")
    return start, start, f"{_KEY}: [{name}]{line_break}{' ' * value.start_mark.column}"


def _at_the_end(text: str, name: str) -> tuple[int, int, str]:
    line_break = _line_break(text)
    gap = "" if not text or text.endswith("\n\n") else line_break if text.endswith("\n") else line_break * 2
    return len(text), len(text), f"{gap}plugins:{line_break}  {_KEY}: [{name}]{line_break}"


def _into_list(text: str, key: Any, names: Any, name: str) -> tuple[int, int, str]:
    if _is_empty(names):
        start = _after_colon(text, key)
        return start, start, f" [{name}]"
    if names.id != "sequence":
        raise _Unsafe
    if names.flow_style:
        start = names.value[-1].end_mark.index if names.value else names.start_mark.index + 1
        return start, start, f", {name}" if names.value else name
    start = _end_of_line(text, names.value[-1].end_mark.index)
    return start, start, f"{_line_break(text)}{' ' * names.start_mark.column}- {name}"


def _without_one(text: str, wanted: Collection[str]) -> str:
    """Return the text without the first of the wanted names in the list."""
    plugins = _pair(_root(text), "plugins")
    found = _pair(plugins[1], _KEY) if plugins else None
    if found is None:
        raise _Unsafe
    key, names = found
    index = next(place for place, item in enumerate(names.value) if canonical(item.value) in wanted)
    item = names.value[index]
    if not names.flow_style:
        return _without_line(text, key, names, item)
    start, end = item.start_mark.index, item.end_mark.index
    if index:
        start = names.value[index - 1].end_mark.index
    elif len(names.value) > 1:
        end = names.value[1].start_mark.index
    return text[:start] + text[end:]


def _without_line(text: str, key: Any, names: Any, item: Any) -> str:
    start = text.rfind("\n", 0, item.start_mark.index) + 1
    end = text.find("\n", item.end_mark.index) + 1 or len(text)
    shorter = text[:start] + text[end:]
    if len(names.value) > 1:
        return shorter
    colon = _after_colon(text, key)
    return f"{shorter[:colon]} []{shorter[colon:]}"
