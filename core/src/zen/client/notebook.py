"""How runs and artifacts show themselves in a notebook: plain HTML, no script, nothing from elsewhere, all escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from zen.client.graph import COLORS, GRAY, MOST, Node, drawing, ordered

_LONGEST = 200
_FACES = "margin-bottom:14px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.5;max-width:100%"
_LEFT = "text-align:left;vertical-align:top;padding:2px 14px 2px 0"
_MUTED = "opacity:0.7"


def table(title: str, facts: Mapping[str, Any]) -> str:
    """Return facts as a two-column table."""
    rows = "".join(
        f"<tr><th style='{_LEFT};font-weight:600'>{escape(str(name))}</th><td style='{_LEFT}'>{cell(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<div style='{_FACES}'><b>{escape(title)}</b><table>{rows}</table></div>"


def grid(title: str, note: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a head. The cells are HTML already, everything else is text."""
    head = f"<b>{escape(title)}</b> <span style='{_MUTED}'>{escape(note)}</span>"
    return f"<div style='{_FACES}'>{head}{_grid(columns, rows)}</div>"


def cell(value: Any) -> str:
    """Return a value as text that is taken for nothing else."""
    return escape(_cut(value))


def state_text(state: str) -> str:
    """Return a state in its color."""
    color = COLORS.get(state, GRAY)
    return (
        f"<span style='background:{color};color:#fff;border-radius:9px;padding:1px 8px;font-size:11px;"
        f"white-space:nowrap'>{escape(state)}</span>"
    )


def run_page(run: Any) -> str:
    """Return a run (a `RunView`): the drawing of its steps, what each gave, its parameters and its metrics."""
    took = "" if run.duration is None else f" in {_seconds(run.duration)}"
    head = (
        f"<div><b style='font-size:14px'>{cell(run.name)}</b> {state_text(run.state)}"
        f" <span style='{_MUTED}'>{cell(run.pipeline)} on stack {cell(run.stack)}{took} · {escape(run.id)}</span></div>"
    )
    parts = [head, _graph(run), _errors(run), _steps(run), _facts(run)]
    return f"<div style='{_FACES}'>{''.join(parts)}</div>"


def _graph(run: Any) -> str:
    steps = run.plan.steps
    if not steps or len(steps) > MOST:
        return ""
    nodes = {step.name: _node(step, run.steps.get(step.name)) for step in steps}
    return f"<div style='overflow-x:auto;margin:8px 0'>{drawing(ordered(nodes))}</div>"


def _node(spec: Any, step: Any) -> Node:
    sources = {leaf.step for given in spec.inputs.values() for leaf in given.leaves() if leaf.kind == "output"}
    upstream = spec.upstream()
    state = step.state if step is not None else "pending"
    outputs = "".join(f"\n{name}: {_described(artifact)}" for name, artifact in step.outputs.items()) if step else ""
    return Node(
        name=spec.name,
        state=state,
        note=f"{state}{_took(step)}",
        more=_cut(f"{spec.name}: {state}{_why(step)}{outputs}"),
        inputs=tuple(name for name in upstream if name in sources),
        after=tuple(name for name in upstream if name not in sources),
    )


def _steps(run: Any) -> str:
    rows = [
        [
            f"<b>{cell(step.name)}</b>",
            state_text(step.state),
            escape(_took(step).strip()),
            "<br>".join(
                f"{cell(name)} <span style='{_MUTED}'>{cell(_described(artifact))}</span>"
                for name, artifact in step.outputs.items()
            ),
            f"<span style='{_MUTED}'>{cell(_why(step).removeprefix(', '))}</span>",
        ]
        for step in run.steps.values()
    ]
    return _grid(("step", "state", "took", "outputs", "why"), rows)


def _facts(run: Any) -> str:
    """Return parameters and metrics side by side."""
    shown = [
        ("parameters", run.parameters),
        ("metrics", {name: f"{value:.6g}" for name, value in run.metrics.items()}),
    ]
    tables = [f"<div style='margin-right:40px'>{table(title, facts)}</div>" for title, facts in shown if facts]
    return f"<div style='display:flex;flex-wrap:wrap;margin-top:8px'>{''.join(tables)}</div>" if tables else ""


def _errors(run: Any) -> str:
    failed = [step for step in run.steps.values() if step.error is not None and step.state in ("failed", "lost")]
    if not failed:
        return _error(run.error.message, "") if run.error else ""
    return "".join(_error(f"step {step.name!r}: {step.error.message}", step.error.traceback) for step in failed[:3])


def _error(message: str, traceback: str) -> str:
    more = f"<pre style='margin:4px 0 0;white-space:pre-wrap;font-size:12px'>{escape(traceback)}</pre>"
    return (
        f"<div style='border-left:3px solid {COLORS['failed']};padding:2px 0 2px 10px;margin:8px 0'>"
        f"<b>{cell(message)}</b>"
        + (f"<details><summary style='cursor:pointer'>traceback</summary>{more}</details>" if traceback else "")
        + "</div>"
    )


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [index for index in range(len(columns)) if any(_has_text(row[index]) for row in rows)]
    head = "".join(f"<th style='{_LEFT};font-weight:600;{_MUTED}'>{cell(columns[index])}</th>" for index in kept)
    body = "".join(
        f"<tr>{''.join(f'''<td style='{_LEFT}'>{row[index]}</td>''' for index in kept)}</tr>" for row in rows
    )
    return f"<table style='border-collapse:collapse'><tr>{head}</tr>{body}</table>"


def _has_text(html: str) -> bool:
    return bool(html) and not html.endswith("'></span>")


def _described(artifact: Any) -> str:
    """Return what an output is: its type, how many rows and columns, how large."""
    metadata = artifact.record.metadata
    statistics = metadata.get("statistics")
    facts = [artifact.type.removeprefix("builtins.").rpartition(".")[2]]
    if isinstance(statistics, Mapping) and "rows" in statistics:
        facts.append(f"{statistics['rows']:,} × {len(statistics.get('columns', ()))}")
    elif isinstance(metadata.get("shape"), list | tuple):
        facts.append(" × ".join(map(str, metadata["shape"])))
    elif isinstance(metadata.get("length"), int):
        facts[0] += f" of {metadata['length']:,}"
    return ", ".join([*facts, _bytes(artifact.size)])


def _why(step: Any) -> str:
    if step is None:
        return ""
    if step.state == "cached" and step.cache is not None:
        return f", {step.cache.reason}"
    return f", {step.reason}" if step.reason else ""


def _took(step: Any) -> str:
    if step is None or step.duration is None or step.state in ("cached", "skipped"):
        return ""
    return f" {_seconds(step.duration)}"


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 60 else f"{value // 60:.0f} min {value % 60:02.0f} s"


def _bytes(count: int) -> str:
    amount, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def _cut(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
