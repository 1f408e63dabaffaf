"""The conformance report: for each flavor what was checked, how it ended, and what was not verified."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zen.testing.checks import Checks, DoesNotApply

FORMAT = 1


def entry(suite: Checks, check: str, outcome: str, error: BaseException | None) -> dict[str, Any]:
    """Return what the report says of one check, as plain data.

    Args:
        suite: Whose check it is.
        check: Its name, with the parameters of pytest in brackets where it has some.
        outcome: What pytest calls it: `passed`, `failed`, `skipped`.
        error: What it raised.
    """
    if outcome == "skipped":
        outcome = "does not apply" if isinstance(error, DoesNotApply) else "not verified"
    return {
        "suite": f"{type(suite).__module__}.{type(suite).__qualname__}",
        **suite.about(),
        "check": check,
        "outcome": outcome,
        "promise": suite.promise(check.partition("[")[0]),
        "message": str(error) if error else "",
    }


def conformance(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the report of a session as plain data."""
    from zen import __version__

    suites: dict[str, dict[str, Any]] = {}
    for each in entries:
        facts = {name: value for name, value in each.items() if name not in ("check", "outcome", "promise", "message")}
        checks = suites.setdefault(each["suite"], {**facts, "checks": {}})["checks"]
        # A check that fails twice, in its body and while it is cleaned up, is told once.
        if checks.get(each["check"], {}).get("outcome") != "failed":
            checks[each["check"]] = {name: each[name] for name in ("outcome", "promise", "message") if each[name]}
    return {"format": FORMAT, "zen": __version__, "python": platform.python_version(), "suites": list(suites.values())}


def write(file: Path, entries: Iterable[dict[str, Any]]) -> None:
    """Write the report of a session as JSON."""
    text = json.dumps(conformance(entries), indent=2, ensure_ascii=False) + "\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def unverified(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return a line for each check that was not made although it applies."""
    return [
        f"{each['kind'] or 'materializer'} {each['flavor'] or each['suite']}: {each['check']}: {each['message']}"
        for each in entries
        if each["outcome"] == "not verified"
    ]
