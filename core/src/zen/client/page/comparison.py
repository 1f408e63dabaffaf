"""A comparison as one page that can be sent to somebody: no script, nothing loaded, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from zen.client.comparison import Compared, ComparedRun, Row, SourceDiff
from zen.client.notebook import table
from zen.client.page import tables
from zen.client.page.diffs import code
from zen.client.page.text import badge, pill, quoted, text
from zen.client.shown import cell, letter, plural, seconds, short

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(comparison: Compared) -> str:
    """Return the page."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    names = " · ".join(run.name for run in comparison.runs)
    sections = list(_sections(comparison))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{text(names)}</title><style>{style}</style></head><body><main>"
        f"{_head(comparison)}{_summary(sections)}"
        f"{''.join(f'<section id={quoted(id_)}><h2>{title}</h2>{body}</section>' for id_, title, _, body in sections)}"
        f"<footer>Made by <code>zen compare</code>. Nothing on this page is loaded from elsewhere.</footer>"
        f"</main></body></html>\n"
    )


def excerpt(comparison: Compared) -> str:
    """Return what differs in parameters and metrics, for a notebook."""
    names = [f"{letter(at)} {run.name}" for at, run in enumerate(comparison.runs)]
    facts = {
        row.name: " | ".join(cell(row, at) for at in range(len(names)))
        for row in (*comparison.parameters, *comparison.metrics)
        if row.differs
    }
    return table(" · ".join(names), facts or {"parameters and metrics": "the same"})


def _head(comparison: Compared) -> str:
    pipelines = list(dict.fromkeys(run.pipeline for run in comparison.runs))
    cards = "".join(_card(at, run) for at, run in enumerate(comparison.runs))
    return (
        f'<header><p class="over">Comparison of {len(comparison.runs)} runs</p><h1>{text(" · ".join(pipelines))}</h1>'
        f'<div class="cards">{cards}</div></header>'
    )


def _card(at: int, run: ComparedRun) -> str:
    started = run.started_at.strftime("%Y-%m-%d %H:%M:%S UTC") if run.started_at else "not started"
    facts = {"started": started, "took": seconds(run.duration), "stack": run.stack, "id": run.id}
    listed = "".join(f"<dt>{name}</dt><dd>{text(value)}</dd>" for name, value in facts.items() if value)
    tags = "".join(f'<span class="tag">{text(tag)}</span>' for tag in run.tags)
    return (
        f'<article class="card"><h3>{badge(at)}<span class="name">{text(run.name)}</span>{pill(run.state)}</h3>'
        f"<dl>{listed}</dl>{f'<p class=tags>{tags}</p>' if tags else ''}{_error(run)}</article>"
    )


def _error(run: ComparedRun) -> str:
    notes = "".join(f'<p class="note">{text(warning)}</p>' for warning in run.warnings)
    if run.error is None:
        return notes
    kind = run.error["type"].rpartition(".")[2]
    where = f"{run.error['step']}: " if run.error["step"] else ""
    trace = f"<pre>{text(run.error['traceback'])}</pre>" if run.error["traceback"] else ""
    summary = f"{text(where)}<b>{text(kind)}</b> {text(short(run.error['message'], 300))}"
    shown = f"<details><summary>{summary}</summary>{trace}</details>" if trace else f"<p>{summary}</p>"
    return f'{notes}<div class="error">{shown}</div>'


Section = tuple[str, str, str, str]


def _summary(sections: Sequence[Section]) -> str:
    """Return what differs at a glance, each leading to its section, and the switch that shows the rest."""
    items = "".join(
        f'<a href="#{id_}" class="{"same" if told in ("same", "none") else "differs"}"><b>{title}</b>{text(told)}</a>'
        for id_, title, told, _ in sections
    )
    return (
        f'<nav>{items}</nav><label class="switch"><input type="checkbox" id="all"><i></i>'
        f"<span>Show what is the same as well</span></label>"
    )


def _sections(comparison: Compared) -> Iterable[Section]:
    runs = comparison.runs
    parameters = [*comparison.parameters, *comparison.step_parameters]
    environment = [*comparison.environment, *comparison.distributions]
    yield "metrics", "Metrics", _told(comparison.metrics), tables.metrics(comparison.metrics, runs)
    yield "parameters", "Parameters", _told(parameters), tables.plain(parameters, runs, "parameter")
    yield "code", "Code", _files(comparison.sources), code(comparison.sources)
    yield "steps", "Steps", _told(comparison.steps), tables.steps(comparison.steps, runs)
    yield "artifacts", "Artifacts", _told(comparison.artifacts), tables.artifacts(comparison.artifacts, runs)
    yield "environment", "Environment", _told(environment), tables.plain(environment, runs, "what")
    yield "stack", "Stack", _told(comparison.stack), tables.plain(comparison.stack, runs, "component")


def _told(rows: Sequence[Row]) -> str:
    differing = sum(row.differs for row in rows)
    return f"{differing} of {len(rows)} differ" if differing else "same" if rows else "none"


def _files(sources: Sequence[SourceDiff]) -> str:
    names = {file.name for diff in sources for file in diff.files}
    if names:
        return plural(len(names), "file")
    return "not known" if any(diff.note for diff in sources) else "same"
