"""The report of a run, in Markdown: times, costs per step, ratios and bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bars import PEERS, bars
from cases import CASES
from figures import Figures, ratio

KEEPERS = (
    "Only ZenML, Prefect, Dagster, Metaflow and redun keep both the records and the outputs of a run, as zen does."
)
READING = (
    "Whole processes from start to exit, medians. A dash: the tool has no such thing, or it was not timed. "
    "`!`: others used more than 0.4 of a core meanwhile. Differences under 20 % are none. "
)
PER_STEP = (
    "A tool's step: the chain of 100 less the chain of 3, by 97. A floor's step: what its program measured from the "
    "fourth step on. Of a floor's two commits per step both are synced to disk, one (as zen does), or none."
)
STEPS = {"chain": "executed", "cached": "cached"}


def report(results: Mapping[str, Any]) -> str:
    """Return the report of results as JSON has them."""
    figures = Figures(results["samples"])
    return "\n".join(
        [
            *_head(results),
            *_times(figures),
            *_steps(figures),
            *_ratios(figures),
            *_verdicts(figures),
            *_failures(figures),
        ]
    )


def _head(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("# What was measured", "")
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    yield f"{results['taken']}, {results['runs']} runs of each, tools in turn. {machine}. {versions}."
    yield from ("", READING + KEEPERS, "")


def _times(figures: Figures) -> Iterator[str]:
    tools = [tool for tool in figures.tools if not tool.startswith("floor")]

    def cell(tool: str, case: str) -> str:
        seconds = figures.seconds(tool, case)
        return "–" if seconds is None else _number(seconds) + ("!" if figures.busy(tool, case) else "")

    yield from ("## Seconds", "")
    rows = [
        (case.summary, [cell(tool, case.name) for tool in tools]) for case in CASES if _timed(figures, tools, case.name)
    ]
    modules = [_or_dash(figures.figure(tool, "import", "modules"), lambda value: f"{value:.0f}") for tool in tools]
    if any(each != "–" for each in modules):
        rows.append(("modules loaded by that import", modules))
    yield from _table(tools, rows)
    bare = figures.seconds("floor unsynced", "import")
    if bare is not None:
        yield from (f"A Python that does nothing: {_number(bare)}.", "")


def _steps(figures: Figures) -> Iterator[str]:
    rows = []
    for kind, summary in STEPS.items():
        costs = [_or_dash(figures.per_step(tool, kind), lambda value: _number(value * 1000)) for tool in figures.tools]
        rows.append((summary, costs))
    if any(cost != "–" for _, costs in rows for cost in costs):
        yield from ("## Milliseconds per step of a chain", "", PER_STEP, "")
        yield from _table(figures.tools, rows)


def _ratios(figures: Figures) -> Iterator[str]:
    peers = [tool for tool in figures.tools if tool in PEERS]
    cases = [case for case in CASES if figures.seconds("zen", case.name) is not None]
    if not peers:
        return
    yield from ("## Peer ÷ zen", "")
    rows = []
    for case in cases:
        own = figures.seconds("zen", case.name)
        rows.append((case.summary, [_times_cell(ratio(figures.seconds(peer, case.name), own)) for peer in peers]))
    for kind, summary in STEPS.items():
        own = figures.per_step("zen", kind)
        if own is not None:
            costs = [_times_cell(ratio(figures.per_step(peer, kind), own)) for peer in peers]
            rows.append((f"a step, {summary}", costs))
    yield from _table(peers, rows)


def _verdicts(figures: Figures) -> Iterator[str]:
    yield from ("## Bars", "", "| | what | measured | at most | |", "|---|---|---|---|---|")
    for bar in bars(figures):
        limit = ("< " if bar.strict else "") + _number(bar.limit)
        yield f"| {bar.number} | {bar.what} | {_or_dash(bar.value, _number)} | {limit} | {bar.verdict} |"
    yield ""


def _failures(figures: Figures) -> Iterator[str]:
    failures = figures.failures()
    if failures:
        yield from ("## Failed runs", "")
        yield from (f"- {what}: {count}" for what, count in failures.items())
        yield ""


def _table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    yield f"| | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, cells in rows:
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _timed(figures: Figures, tools: Sequence[str], case: str) -> bool:
    return any(figures.seconds(tool, case) is not None for tool in tools)


def _times_cell(value: float | None) -> str:
    return _or_dash(value, lambda known: f"{known:.0f}×" if known >= 10 else f"{known:.1f}×")


def _or_dash(value: float | None, shown: Callable[[float], str]) -> str:
    return "–" if value is None else shown(value)


def _number(value: float) -> str:
    return (
        f"{value:.0f}"
        if value >= 100
        else f"{value:.1f}"
        if value >= 10
        else f"{value:.2f}"
        if value >= 1
        else f"{value:.3f}"
    )
