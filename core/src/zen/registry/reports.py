"""What is installed and what is odd about it, from metadata alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zen.errors import listing, nearest
from zen.registry.catalog import BUILTIN, COMMANDS, GROUPS, PLUGINS, TYPES, Catalog, PluginEntry, fold, major
from zen.registry.known import PREFIX, known_distributions


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginReport:
    """One distribution that has plugins.

    Attributes:
        distribution: Its name in the canonical spelling.
        version: Its version; empty when its metadata do not say.
        flavors: The names of its entries in `zen.plugins.v1`.
        types: The qualified names of the types that it saves and loads.
        commands: The commands that it adds.
        problems: What is wrong with its metadata, a sentence each.
        disabled: Whether the user has blocked all of it.
    """

    distribution: str
    version: str
    flavors: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    disabled: bool = False


def reports(catalog: Catalog, is_blocked: Callable[[PluginEntry], bool]) -> list[PluginReport]:
    """Return a report for each distribution, zen's own first, then by name."""
    everything: dict[str, list[PluginEntry]] = {}
    for entry in (*catalog.entries, *catalog.strays):
        everything.setdefault(entry.distribution, []).append(entry)
    for problem in catalog.problems:
        everything.setdefault(problem.distribution, [])
    order = sorted(everything, key=lambda name: (name != BUILTIN, name))
    return [_report(catalog, name, everything[name], is_blocked) for name in order]


def _report(
    catalog: Catalog, distribution: str, entries: list[PluginEntry], is_blocked: Callable[[PluginEntry], bool]
) -> PluginReport:
    def names(group: str) -> tuple[str, ...]:
        return tuple(sorted(entry.name for entry in entries if entry.group == group))

    said = [problem.message for problem in catalog.problems if problem.distribution == distribution]
    said += [text for entry in entries for text in _problems(catalog, entry)]
    return PluginReport(
        distribution=distribution,
        version=entries[0].version if entries else "",
        flavors=names(PLUGINS),
        types=names(TYPES),
        commands=names(COMMANDS),
        problems=(*said, *_lookalike(distribution)),
        disabled=bool(entries) and all(map(is_blocked, entries)),
    )


def _problems(catalog: Catalog, entry: PluginEntry) -> Iterator[str]:
    if entry.group not in GROUPS:
        yield _stray(entry)
        return
    if entry.group != TYPES and not entry.name.isascii():
        odd = listing(f"{letter!r} (U+{ord(letter):04X})" for letter in set(entry.name) if not letter.isascii())
        yield f"the name {entry.name!r} has characters that no stack file can name: {odd}"
    if entry.group != PLUGINS and ":" not in entry.value:
        yield f"{entry.name!r} in {entry.group} names the module {entry.value!r}, not 'module:attribute'"
    others = [other.distribution for other in catalog.named(entry.group, entry.name)]
    others = [other for other in others if other != entry.distribution]
    if others:
        yield _contested(entry, others)
    elif entry.distribution != BUILTIN and (entry.group, entry.name) == (TYPES, "builtins.object"):
        yield "it claims every type (builtins.object), which is not used"


def _contested(entry: PluginEntry, others: list[str]) -> str:
    """Return what it means that others have an entry of that name, too."""
    word = {PLUGINS: "flavor", TYPES: "type", COMMANDS: "command"}[entry.group]
    said = f"the {word} {entry.name!r} is also claimed by {listing(others)}"
    if BUILTIN in (entry.distribution, *others):
        return f"{said}; zen's own counts" + ("" if entry.group != PLUGINS else " where both offer the same kind")
    if entry.group == PLUGINS:
        return (
            f"{said}; where both offer the same kind, a stack says which: `flavor: {entry.name}@{entry.distribution}`"
        )
    return f"{said}; using it is an error until one is uninstalled or disabled"


def _stray(entry: PluginEntry) -> str:
    version = major(entry.group)
    if version is not None:
        has = major(PLUGINS) or 0
        upgrade = BUILTIN if version > has else entry.distribution
        return f"{entry.name!r} needs the plugin API v{version}; this zen has v{has}: `pip install --upgrade {upgrade}`"
    guess = nearest(entry.group, GROUPS) or f"the groups are {listing(GROUPS)}"
    return f"{entry.name!r} is in the group {entry.group!r}, which zen does not read; {guess}"


def _lookalike(distribution: str) -> Iterator[str]:
    """Yield a warning for a name that could be taken for that of a known plugin."""
    known = known_distributions()
    if distribution == BUILTIN or distribution in known:
        return
    twins = [name for name in known if _skeleton(name) == _skeleton(distribution) or _one_slip(name, distribution)]
    for twin in sorted(twins)[:1]:
        yield f"its name is easily taken for {twin}, which it is not: make sure that you trust its publisher"


def _skeleton(name: str) -> str:
    """Return a name with the letters that look alike made equal."""
    for letters, same in (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("-", "")):
        name = name.replace(letters, same)
    return fold(name)


def _one_slip(name: str, other: str) -> bool:
    """Return whether two names, long enough to tell, differ by one letter too many, too few, changed or swapped."""
    if min(len(name), len(other)) < len(PREFIX) + 5:
        return False
    start = next((i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), min(len(name), len(other)))
    rest, tail = name[start:], other[start:]
    return rest[1:] == tail[1:] or rest[1:] == tail or rest == tail[1:] or rest[1::-1] + rest[2:] == tail
