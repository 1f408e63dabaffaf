"""`zen.yaml`: the stacks that a project has, before any plugin is asked what they mean.

Everything that can be said without a plugin is said here: the structure, names, kinds, and what extends what.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from zen.errors import Fault, nearest
from zen.records import Kind
from zen.stacks.document import Document, Path, Place, raise_faults
from zen.stacks.names import RULE, advice, is_name, reason, shown

KINDS: tuple[str, ...] = typing.get_args(Kind)
MANY = frozenset({"experiment_tracker", "data_validator", "step_operator", "alerter"})
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "durability": ("full", "relaxed"),
    "pickle": ("allow", "forbid"),
    "alert_on": ("failures", "ends", "never"),
}
LOCAL = "local"
"""The stack that is always there; unless the file defines it, it is empty: all embedded defaults."""

_FILE_KEYS = ("default_stack", "stacks", "plugins")
_STACK_KEYS = ("extends", *KINDS, "settings")
_PLUGIN_KEYS = ("disable", "allow")
_ENTRY_KEYS = ("flavor", "name")
TOLERANT = ("experiment_tracker",)
"""Kinds of components that may fail without failing a run: their entries may say `on_error`."""
ON_ERROR = ("warn", "fail")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A component as a stack file names it.

    Attributes:
        flavor: As written: `mlflow`, or `mlflow@zen-plugin-mlflow`.
        name: The component's name in the stack, by default its flavor's.
        config: The other keys, references not resolved.
        path: Where it stands in the file; empty for an embedded default.
        on_error: Whether a failing tracker is only reported.
    """

    kind: str
    flavor: str
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    path: Path = ()
    on_error: Literal["warn", "fail"] = "warn"


@dataclass(frozen=True, kw_only=True, slots=True)
class StackDefinition:
    """A stack as the file has it, without what it extends. A kind with no entries is one that is taken away again."""

    name: str
    extends: str = ""
    entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class StackFile:
    """What a `zen.yaml` says.

    Attributes:
        default: The stack to use when nothing else was chosen, or empty.
        stacks: By name, in the order of the file; `local` is always there.
        disabled: Distributions or entries that must not be loaded.
        allowed: The only distributions that may be loaded, or None for all.
        faults: What is wrong with the file; the rest is what could be made of it.
        blocks_known: False when faults hide which plugins the file blocks: none may be imported on its behalf then.
    """

    default: str = ""
    stacks: dict[str, StackDefinition] = field(default_factory=lambda: {LOCAL: StackDefinition(name=LOCAL)})
    disabled: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    document: Document | None = None
    faults: tuple[Fault, ...] = ()
    blocks_known: bool = True

    def check(self) -> None:
        """Raise all faults of the file, if there are any.

        Raises:
            StackFileError: With every fault.
        """
        raise_faults(self.faults)

    def complete(self, name: str) -> StackDefinition:
        """Return a stack with everything that it extends put in: the nearest definition of a kind or setting holds."""
        entries: dict[str, tuple[Entry, ...]] = {}
        settings: dict[str, str] = {}
        for stack in self.lineage(name):
            entries = {**stack.entries, **entries}
            settings = {**stack.settings, **settings}
        return StackDefinition(name=name, entries=entries, settings=settings)

    def lineage(self, name: str) -> list[StackDefinition]:
        """Return a stack and what it extends, nearest first; a cycle ends where it closes."""
        found: dict[str, StackDefinition] = {}
        while name in self.stacks and name not in found:
            found[name] = self.stacks[name]
            name = found[name].extends
        return list(found.values())


def read_stack_file(document: Document) -> StackFile:
    """Return what a document says as a stack file. Never raises for what is in it: see `StackFile.faults`."""
    faults = list(document.faults)
    place = document.root(faults)
    data = document.data
    if data is None and not faults:
        place.report("the file is empty", "write `stacks:` in it, or remove it: without it there is the stack 'local'")
    if not isinstance(data, dict):
        if data is not None:
            place.expected("a mapping with the key `stacks`", data)
        return StackFile(document=document, faults=tuple(faults), blocks_known=False)
    for key in data:
        if key not in _FILE_KEYS:
            inside = key in KINDS or key in _STACK_KEYS
            place.at(key).unknown(_FILE_KEYS, f"move {key!r} into a stack, below `stacks:`" if inside else "")
    disabled, allowed = _plugins(data.get("plugins"), place.at("plugins"))
    blocks_known = not faults
    stacks = _stacks(data.get("stacks"), place.at("stacks"))
    file = StackFile(
        default=_reference(data.get("default_stack"), stacks, place.at("default_stack")),
        stacks=stacks,
        disabled=disabled or (),
        allowed=allowed,
        document=document,
        blocks_known=blocks_known,
    )
    _check_lineage(file, place.at("stacks"))
    return replace(file, faults=tuple(faults))


def _stacks(data: Any, place: Place) -> dict[str, StackDefinition]:
    stacks = {}
    for name, body in _mapping(data, place).items():
        here = place.at(name)
        if not is_name(name):
            here.report(f"{shown(name)} is no name for a stack: {reason(name)}", advice(name), key=True)
        stacks[str(name)] = _stack(str(name), _mapping(body, here), here)
    return {LOCAL: StackDefinition(name=LOCAL), **stacks} if LOCAL not in stacks else stacks


def _stack(name: str, data: dict[str, Any], place: Place) -> StackDefinition:
    for key in data:
        if key not in _STACK_KEYS:
            place.at(key).unknown(_STACK_KEYS)
    entries = {kind: _entries(kind, data[kind], place.at(kind)) for kind in KINDS if kind in data}
    base = data.get("extends")
    if "extends" in data and not isinstance(base, str):
        place.at("extends").expected("the name of a stack", base)
    settings = _settings(data.get("settings"), place.at("settings"))
    return StackDefinition(name=name, extends=base if isinstance(base, str) else "", entries=entries, settings=settings)


def _entries(kind: str, data: Any, place: Place) -> tuple[Entry, ...]:
    if not isinstance(data, list):
        entry = _entry(kind, data, place)
        return (entry,) if entry else ()
    if kind not in MANY:
        place.report(f"{place}: a stack has one {kind}, found a list of {len(data)}", "keep one of them")
        return ()
    found = [_entry(kind, item, place.at(index)) for index, item in enumerate(data)]
    entries = [entry for entry in found if entry]
    for index, entry in enumerate(entries):
        if entry.name in {earlier.name for earlier in entries[:index]}:
            Place(place.faults, place.document, entry.path).report(
                f"{place}: two components are named {entry.name!r}", "give one of them another `name:`"
            )
    return tuple(entries)


def _entry(kind: str, data: Any, place: Place) -> Entry | None:
    if isinstance(data, str):
        data, where = {"flavor": data}, place
    elif isinstance(data, dict):
        where = place.at("flavor")
    else:
        place.expected("a flavor, or a mapping with the key `flavor`", data)
        return None
    if "flavor" not in data:
        place.report(f"{place}: 'flavor' is missing", _misspelt("flavor", data) or "add `flavor:` with the one to use")
        return None
    flavor = data["flavor"]
    base = flavor.partition("@")[0] if isinstance(flavor, str) else flavor
    if not is_name(base):
        where.report(f"{where}: {shown(flavor)} is no flavor: {reason(base)}", "flavors: `zen flavor list`")
        return None
    name = data.get("name", base)
    if not is_name(name):
        place.at("name").report(f"{shown(name)} is no name for a component: {reason(name)}", advice(name))
    own = (*_ENTRY_KEYS, "on_error") if kind in TOLERANT else _ENTRY_KEYS
    on_error: Literal["warn", "fail"] = "fail" if "on_error" in own and data.get("on_error") == "fail" else "warn"
    if "on_error" in own and data.get("on_error", "warn") not in ON_ERROR:
        place.at("on_error").expected("'warn' or 'fail'", data["on_error"])
    config = {key: value for key, value in data.items() if key not in own}
    return Entry(kind=kind, flavor=flavor, name=str(name), config=config, path=place.path, on_error=on_error)


def _settings(data: Any, place: Place) -> dict[str, str]:
    settings = {}
    for key, value in _mapping(data, place).items():
        allowed = SETTINGS.get(key) if isinstance(key, str) else None
        if allowed is None:
            place.at(key).unknown(SETTINGS)
        elif value not in allowed:
            close = nearest(value, allowed) if isinstance(value, str) else ""
            place.at(key).expected(" or ".join(map(repr, allowed)), value, close)
        else:
            settings[key] = value
    return settings


def _plugins(data: Any, place: Place) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    found = _mapping(data, place)
    for key in found:
        if key not in _PLUGIN_KEYS:
            place.at(key).unknown(_PLUGIN_KEYS)
    disabled, allowed = (_names(found.get(key), place.at(key)) for key in _PLUGIN_KEYS)
    return disabled, allowed


def _names(data: Any, place: Place) -> tuple[str, ...] | None:
    if data is None:
        return None
    if not isinstance(data, list):
        place.expected("a list of distributions, such as [zen-plugin-mlflow]", data)
        return ()
    for index, item in enumerate(data):
        if not isinstance(item, str):
            place.at(index).expected("a text: the name of a distribution", item)
    return tuple(item for item in data if isinstance(item, str))


def _check_lineage(file: StackFile, place: Place) -> None:
    for name, stack in file.stacks.items():
        if not stack.extends:
            continue
        here = place.at(name, "extends")
        _reference(stack.extends, file.stacks, here)
        lineage = [ancestor.name for ancestor in file.lineage(name)]
        order = list(file.stacks)
        closes = file.stacks[lineage[-1]].extends == name
        # Each member of a cycle sees it; the first one in the file tells.
        if closes and min(lineage, key=order.index) == name:
            here.report(f"stacks extend each other: {' → '.join([*lineage, name])}", "remove one `extends:`")


def _reference(name: Any, stacks: Iterable[str], place: Place) -> str:
    if name is None:
        return ""
    if not isinstance(name, str):
        place.expected("the name of a stack", name)
        return ""
    if name not in stacks:
        known = ", ".join(sorted(map(str, stacks)))
        place.report(f"{place}: no stack {shown(name)}; there is: {known}", nearest(name, map(str, stacks)) or RULE)
    return name


def _mapping(data: Any, place: Place) -> dict[Any, Any]:
    if isinstance(data, dict):
        return data
    if data is not None:  # a key with nothing behind it is an empty mapping
        place.expected("a mapping", data)
    return {}


def _misspelt(key: str, data: Mapping[Any, Any]) -> str:
    close = [name for name in data if isinstance(name, str) and nearest(name, [key])]
    return f"did you mean {key!r} where it says {close[0]!r}?" if close else ""
