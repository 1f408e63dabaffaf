"""What a session says of each flavor: a report in JSON, and the lines that close it."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zen.testing.checks import Checks
from zen.testing.outcomes import Outcome

FORMAT = 2

_OWN = ("check", "outcome", "promise", "message", "reason", "since", "to_do")
_COUNTED = {"passed": "passed", "failed": "failed", "warned": "warned", "not-verified": "not verified"}


def entry(suite: Checks, check: str, outcome: Outcome) -> dict[str, Any]:
    """Return what the report says of one check, as plain data.

    Args:
        suite: Whose check it is.
        check: Its name, with the parameters of pytest in brackets where it has some.
        outcome: How it ended.
    """
    return {
        "suite": f"{type(suite).__module__}.{type(suite).__qualname__}",
        **suite.about(),
        "check": check,
        "outcome": outcome.status,
        "promise": suite.promise(check.partition("[")[0]),
        "since": outcome.since,
        "reason" if outcome.skipped else "message": outcome.message,
        "to_do": outcome.to_do,
    }


def conformance(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the report of a session as plain data."""
    from zen import __version__

    suites: dict[str, dict[str, Any]] = {}
    for each in _last(entries):
        facts = {name: value for name, value in each.items() if name not in _OWN}
        checks = suites.setdefault(each["suite"], {**facts, "checks": {}})["checks"]
        checks[each["check"]] = {name: each[name] for name in _OWN[1:-1] if each.get(name)}
    return {"format": FORMAT, "zen": __version__, "python": platform.python_version(), "suites": list(suites.values())}


def write(file: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write the report of a session as JSON."""
    text = json.dumps(conformance(entries), indent=2, ensure_ascii=False) + "\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def closing(entries: Iterable[Mapping[str, Any]], *, every: bool = False) -> Iterator[str]:
    """Yield a line for each flavor, each with what is to do below it, and what to give so that more is verified.

    Args:
        entries: What the session noted.
        every: Whether to tell also why checks do not apply.
    """
    flavors: dict[str, list[Mapping[str, Any]]] = {}
    for each in _last(entries):
        flavors.setdefault(_subject(each), []).append(each)
    for subject, checks in flavors.items():
        yield f"zen kit: {subject}: {_counted(checks)}"
        yield from _to_do(checks)
        for each in _with(checks, "warned"):
            told = " ".join(each["message"].split())
            since = f"new in zen-hub {each['since']}, will fail in a later minor version"
            yield f"  warned: {each['check']}, {since}: {told}"
        yield from _reasons(checks, "not-verified", "not verified")
        if every:
            yield from _reasons(checks, "does-not-apply", "does not apply")


def _last(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one entry for each check: of one that fails twice, in its body and while it is cleaned up, the first."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in entries:
        key = each["suite"], each["check"]
        if key not in found or found[key]["outcome"] != "failed":
            found[key] = each
    return list(found.values())


def _subject(each: Mapping[str, Any]) -> str:
    if "materializer" in each:
        return f"materializer {each['materializer'].rpartition('.')[2]}"
    return f"{each['kind']} {each['flavor'] or each['suite']}".strip()


def _with(checks: Iterable[Mapping[str, Any]], outcome: str) -> list[Mapping[str, Any]]:
    return [each for each in checks if each["outcome"] == outcome]


def _counted(checks: Iterable[Mapping[str, Any]]) -> str:
    count = Counter(str(each["outcome"]) for each in checks)
    told = [f"{count[outcome]} {word}" for outcome, word in _COUNTED.items() if count[outcome]]
    others = count["does-not-apply"]
    return ", ".join([*told, *([f"{others} {'does' if others == 1 else 'do'} not apply"] if others else [])])


def _to_do(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each thing to do once, however many checks wait for it."""
    waiting: dict[str, list[str]] = {}
    for each in _with(checks, "failed"):
        if each["to_do"]:
            waiting.setdefault(each["to_do"], []).append(each["check"])
    for to_do, names in waiting.items():
        yield f"  to do: {to_do} ({names[0] if len(names) == 1 else f'{len(names)} checks'})"


def _reasons(checks: Iterable[Mapping[str, Any]], outcome: str, word: str) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for each in _with(checks, outcome):
        names.setdefault(each.get("reason", ""), []).append(each["check"])
    for reason, found in names.items():
        few = ", ".join(dict.fromkeys(found[:3])) + (", …" if len(found) > 3 else "")
        yield f"  {word}: {found[0] if len(found) == 1 else f'{len(found)} checks ({few})'}: {reason}"
