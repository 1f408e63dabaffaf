"""The tables of a comparison: what is the same in all runs can be folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zen.client.comparison import ArtifactRow, ComparedRun, MetricRow, Row, StepRow
from zen.client.page.chart import chart
from zen.client.page.text import STYLES, badge, pill, quoted, text
from zen.client.shown import number, plural, seconds, short, signed, size

_FIGURES = 60  # that are drawn: a page with more is slow to open, and nobody looks at them all


def _of(rows: Sequence[Row], heads: Sequence[str], shown: Iterable[str]) -> str:
    if not rows:
        return '<p class="empty">None.</p>'
    is_same = not any(row.differs for row in rows)
    told = f'<p class="empty only-differing">The same in all runs ({len(rows)}).</p>' if is_same else ""
    return (
        f'{told}<div class="scroll{" all-same" if is_same else ""}"><table>{_top(heads)}'
        f"<tbody>{''.join(shown)}</tbody></table></div>"
    )


def _top(heads: Sequence[str]) -> str:
    """Return the heads of a table, whose columns for runs are equally wide."""
    width = f"{78 / max(1, len(heads) - 1):.2f}%"
    columns = f'<col style="width:22%">{f"<col style=width:{width}>" * (len(heads) - 1)}'
    return f"<colgroup>{columns}</colgroup><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>"


def _heads(runs: Sequence[ComparedRun], first: str) -> list[str]:
    return [
        first,
        *(f'{badge(at)}<span class="run">{text(short(run.name, 28))}</span>' for at, run in enumerate(runs)),
    ]


def _line(row: Row, cells: Iterable[str], name: str = "") -> str:
    return f"<tr{'' if row.differs else ' class=same'}><th>{name or text(row.name)}</th>{''.join(cells)}</tr>"


def plain(rows: Sequence[Row], runs: Sequence[ComparedRun], first: str) -> str:
    """Return values that are only the same or not."""
    lines = [_line(row, (_cell(row, at) for at in range(len(runs)))) for row in rows]
    return _of(rows, _heads(runs, first), lines)


def _cell(row: Row, at: int) -> str:
    if at in row.missing:
        return '<td class="none">–</td>'
    value = row.values[at]
    is_changed = row.differs and (0 in row.missing or value != row.values[0] or type(value) is not type(row.values[0]))
    whole = str(value)
    shown = short(value, 200)
    title = f" title={quoted(whole[:2000])}" if len(whole) > len(shown) else ""
    number_like = isinstance(value, int | float) and not isinstance(value, bool)
    kinds = " ".join([*(["changed"] if is_changed and at else []), *(["number"] if number_like else ["text"])])
    return f'<td class="{kinds}"{title}>{text(shown)}</td>'


# Metrics


def metrics(rows: Sequence[MetricRow], runs: Sequence[ComparedRun]) -> str:
    """Return last values with their differences, and the curves."""
    lines = [_line(row, (_value(row, at) for at in range(len(row.values))), _metric(row)) for row in rows]
    curved = [row for row in rows if any(row.curves)]
    if not curved:
        return _of(rows, _heads(runs, "metric"), lines)
    left_out = len(curved) - _FIGURES
    more = f'<p class="note">{plural(left_out, "more metric")} with curves not drawn.</p>' if left_out > 0 else ""
    legend = "".join(f"<span>{badge(at)}{text(short(run.name, 40))}</span>" for at, run in enumerate(runs))
    return (
        f"{_of(rows, _heads(runs, 'metric'), lines)}"
        f'<div class="curves"><h3>Curves</h3><div class="legend">{legend}</div><div class="axes">'
        f'<label><input type="radio" name="axis" id="by-step" checked><span>by step</span></label>'
        f'<label><input type="radio" name="axis" id="by-time"><span>by time</span></label></div></div>'
        f'<div class="figures">{"".join(map(_figure, curved[:_FIGURES]))}</div>{more}'
    )


def _metric(row: MetricRow) -> str:
    if row.higher_is_better is None:
        return text(row.name)
    way, told = ("↑", "higher") if row.higher_is_better else ("↓", "lower")
    return f'{text(row.name)}<span class="way" title="{told} is better">{way}</span>'


def _value(row: MetricRow, at: int) -> str:
    if at in row.missing:
        return '<td class="none">–</td>'
    is_best = at in row.best
    return (
        f'<td class="number{" winner" if is_best else ""}"><span class="v">{text(number(row.values[at]))}</span>'
        f"{_delta(row, at) if at else ''}{'<span class=best>best</span>' if is_best else ''}</td>"
    )


def _delta(row: MetricRow, at: int) -> str:
    delta, first = row.deltas[at], row.values[0]
    if not delta:
        return ""
    kind = "neutral" if row.higher_is_better is None else "better" if (delta > 0) is row.higher_is_better else "worse"
    share = f" title={quoted(f'{signed(100 * delta / abs(first))} %')}" if first else ""
    return f'<span class="delta {kind}"{share}>{signed(delta)}</span>'


def _figure(row: MetricRow) -> str:
    drawings = chart(row.name, row.curves, "step") + chart(row.name, row.curves, "time")
    return f"<figure><figcaption>{text(row.name)}</figcaption>{drawings}</figure>" if drawings else ""


# Steps, artifacts


def steps(rows: Sequence[StepRow], runs: Sequence[ComparedRun]) -> str:
    """Return states and times, and whose code changed."""
    longest = max((value for row in rows for value in row.durations if value), default=0.0)
    lines = [_line(row, (_ran(row, at, longest) for at in range(len(runs))), _step(row)) for row in rows]
    return _of(rows, _heads(runs, "step"), lines)


def _step(row: StepRow) -> str:
    if row.code is None:
        return f'{text(row.name)}<span class="mark soft">code not known</span>'
    return text(row.name) + ('<span class="mark">code changed</span>' if row.code else "")


def _ran(row: StepRow, at: int, longest: float) -> str:
    if at in row.missing:
        return '<td class="none">did not start</td>'
    took, reason = row.durations[at], row.reasons[at]
    bar = f'<i class="bar r{at % STYLES}" style="width:{100 * took / longest:.1f}%"></i>' if took and longest else ""
    title = f" title={quoted(reason)}" if reason else ""
    return f'<td class="ran"{title}>{pill(row.values[at])} <span class="took">{seconds(took)}</span>{bar}</td>'


def artifacts(rows: Sequence[ArtifactRow], runs: Sequence[ComparedRun]) -> str:
    """Return which artifacts are the same, and how the values differ of those that are not."""
    lines = []
    for row in rows:
        role = '<span class="mark soft">taken</span>' if row.role == "input" else ""
        lines.append(_line(row, (_artifact(row, at) for at in range(len(runs))), f"{text(row.name)}{role}"))
        if row.facts or row.columns:
            lines.append(f'<tr class="more"><td colspan="{len(runs) + 1}">{_changes(row, runs)}</td></tr>')
    return _of(rows, _heads(runs, "artifact"), lines)


def _artifact(row: ArtifactRow, at: int) -> str:
    known = row.artifacts[at]
    if known is None:
        return '<td class="none">–</td>'
    digest = row.values[at].rpartition(":")[2]
    kind = "changed" if row.differs and at and row.values[at] != row.values[0] else "plain"
    told = f"{known['name']} v{known['version']} · {size(known['size'])}" if known["version"] else size(known["size"])
    return (
        f'<td class="{kind}" title={quoted(row.values[at])}><code>{text(digest[:10])}</code>'
        f'<span class="soft">{text(told)}</span></td>'
    )


def _changes(row: ArtifactRow, runs: Sequence[ComparedRun]) -> str:
    """Return what differs in the values of an artifact: facts first, then the columns of a table."""
    lines = [_line(fact, (_cell(fact, at) for at in range(len(runs)))) for fact in row.facts]
    for column, facts in row.columns.items():
        lines.append(f'<tr class="group"><th colspan="{len(runs) + 1}">{text(column)}</th></tr>')
        lines += [_line(fact, (_cell(fact, at) for at in range(len(runs)))) for fact in facts]
    told = [plural(len(some), name) for some, name in ((row.facts, "fact"), (row.columns, "column")) if some]
    verb = "differs" if told in (["1 fact"], ["1 column"]) else "differ"
    return (
        f"<details><summary>{' and '.join(told)} {verb}</summary><table>{_top(['', *map(badge, range(len(runs)))])}"
        f"<tbody>{''.join(lines)}</tbody></table></details>"
    )
