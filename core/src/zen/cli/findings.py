"""What a command that examines something has found, and how it is shown: `zen doctor`, `zen plugin check`, `doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from zen.cli.output import emit_json, printable, say, table

__all__ = ["Finding", "of_error", "report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warning", "broken"] = "ok"
    detail: str = ""
    hint: str = ""


def of_error(name: str, error: Exception) -> Finding:
    """Return what an error means for the report; nothing that is broken may stop the rest of it."""
    from zen.errors import ZenError

    if isinstance(error, ZenError):
        return Finding(name=name, state="broken", detail=error.message, hint=error.hint)
    return Finding(name=name, state="broken", detail=f"{type(error).__name__}: {error}")


def report(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Show what was found, and return the exit code: 1 when something is broken."""
    broken = [finding for finding in findings if finding.state == "broken"]
    if as_json:
        emit_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        table(("", "state", "found"), [(each.name, each.state, each.detail.partition("\n")[0]) for each in findings])
        for finding in findings:
            more = finding.detail.partition("\n")[2]
            if more or finding.hint:
                rest = [*more.splitlines(), *([f"hint: {finding.hint}"] if finding.hint else [])]
                say("\n".join([f"{finding.name}:", *(f"  {printable(line)}" for line in rest)]))
        warnings = sum(finding.state == "warning" for finding in findings)
        said = [f"{len(broken)} broken"] if broken else []
        said += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
        say(", ".join(said) or "all right")
    return 1 if broken else 0
