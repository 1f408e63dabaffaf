"""How runs and artifacts show themselves in a notebook: plain HTML, no script, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_COLORS = {"completed": "#1a7f37", "cached": "#57606a", "failed": "#cf222e", "lost": "#cf222e", "running": "#9a6700"}


def table(title: str, facts: Mapping[str, Any]) -> str:
    """Return facts as a two-column table."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(str(name))}</th>"
        f"<td style='text-align:left'>{escape(_cut(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<div><b>{escape(title)}</b><table>{rows}</table></div>"


def run_page(run: Any) -> str:
    """Return a run (a `RunView`) as a table of its steps, its parameters and its metrics."""
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(step.name)}</td><td>{_state(step.state)}</td>"
        f"<td>{'' if step.duration is None else f'{step.duration:.2f} s'}</td>"
        f"<td style='text-align:left'>{escape(', '.join(step.outputs))}</td></tr>"
        for step in run.steps.values()
    )
    facts = {**run.parameters, **{name: f"{value:.6g}" for name, value in run.metrics.items()}}
    head = "<tr><th>step</th><th>state</th><th>time</th><th>outputs</th></tr>"
    error = f"<pre>{escape(run.error.message)}</pre>" if run.error else ""
    return (
        f"<div><b>{escape(run.name)}</b> {_state(run.state)} on <i>{escape(run.stack)}</i>"
        f"<table>{head}{rows}</table>{table('parameters and metrics', facts) if facts else ''}{error}</div>"
    )


def _state(state: str) -> str:
    return f"<span style='color:{_COLORS.get(state, '#57606a')}'>{escape(state)}</span>"


def _cut(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:197] + "…"
