"""Telling people: every alerter of the stack, or the terminal where it has none."""

from __future__ import annotations

import sys

from zen.interfaces import Alerter
from zen.records import Alert, RunRecord
from zen.secrets.recorded import masked
from zen.secrets.redaction import redactor
from zen.stacks.opening import OpenStack

_FAILURES = ("failed", "lost", "cancelled")


def send(stack: OpenStack, alert: Alert) -> list[str]:
    """Send an alert to every alerter of the stack; return what went wrong, which fails nothing."""
    alert = masked(alert)
    specs = stack.spec.of(Alerter.kind)
    if not specs:
        print(f"[{alert.level}] {alert.title}" + (f": {alert.text}" if alert.text else ""), file=sys.stderr)
    problems = []
    for spec in specs:
        try:
            stack.component(spec).send(alert)  # type: ignore[attr-defined]  # its kind is known
        except Exception as error:  # noqa: BLE001  # a plugin's code: an alert fails nothing
            problems.append(redactor.text(f"alerter {spec.name!r} could not send: {type(error).__name__}: {error}"))
    return problems


def run_ended(stack: OpenStack, run: RunRecord) -> list[str]:
    """Tell the alerters of the stack that a run has ended, if the setting `alert_on` asks for it."""
    wanted = stack.spec.settings.get("alert_on", "failures")
    if wanted == "never" or not stack.spec.of(Alerter.kind) or (wanted == "failures" and run.state not in _FAILURES):
        return []
    facts = {"run": run.id, "pipeline": run.pipeline, "stack": run.stack, "state": run.state}
    return send(
        stack,
        Alert(
            title=f"run {run.name!r} {run.state}",
            text=run.error.message if run.error else "",
            level="error" if run.state in _FAILURES else "info",
            facts=facts,
        ),
    )
