"""Curves of a metric as a drawing in a page: lines of several runs over one axis, without a script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from zen.client.comparison import Curve
from zen.client.page.text import STYLES, quoted, text
from zen.client.shown import letter, number, seconds

Axis = Literal["step", "time"]
Scale = Callable[[float], float]

WIDTH, HEIGHT = 400, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 24, 12, 28
_HOVERS = 60
_LETTER = 12  # room for one
_SMALLEST = 1e-300  # below, floats lose their digits
_STEEP = 1000  # from this ratio of the largest to the smallest value a logarithmic axis shows more


def chart(name: str, curves: Sequence[Curve | None], axis: Axis) -> str:
    """Return the drawing of the curves of a metric, one for each run that has one."""
    lines = {at: _points(curve, axis) for at, curve in enumerate(curves) if curve}
    there = [point for points in lines.values() for point in points if math.isfinite(point[1])]
    if not there:
        return ""
    xs, ys = [x for x, _ in there], [y for _, y in there]
    is_log = min(ys) > 0 and max(ys) / min(ys) >= _STEEP
    across = _scale(min(xs), max(xs), _LEFT, WIDTH - _RIGHT)
    up = _scale(*_padded(ys, is_log=is_log), HEIGHT - _BOTTOM, _TOP)
    height: Scale = (lambda value: up(math.log10(value))) if is_log else up
    return (
        f'<svg class="chart by-{axis}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label={quoted(name)}>'
        f"{_across(min(xs), max(xs), across, axis)}{_up(ys, height, is_log=is_log)}"
        f"{''.join(_line(at, points, across, height) for at, points in lines.items())}{_ends(lines, across, height)}"
        f"{_hovers(lines, across, height, axis)}</svg>"
    )


def _points(curve: Curve, axis: Axis) -> list[tuple[float, float]]:
    return [(float(index) if axis == "step" else at, value) for index, at, value in curve.points]


def _padded(values: Sequence[float], *, is_log: bool) -> tuple[float, float]:
    low, high = (math.log10(min(values)), math.log10(max(values))) if is_log else (min(values), max(values))
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    if not math.isfinite(high - low) or high <= low:
        return lambda _: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _line(at: int, points: Sequence[tuple[float, float]], across: Scale, height: Scale) -> str:
    """Return the line of a run, broken where a value is no number."""
    parts, pen = [], "M"
    for x, y in points:
        if math.isfinite(y):
            parts.append(f"{pen}{across(x):.1f} {height(y):.1f}")
        pen = "L" if math.isfinite(y) else "M"
    return f'<path class="line {_style(at)}" d="{"".join(parts)}"/>' if parts else ""


def _ends(lines: Mapping[int, Sequence[tuple[float, float]]], across: Scale, height: Scale) -> str:
    """Return a dot and the letter at the end of each line; letters keep out of each other's way."""
    last = {at: [(x, y) for x, y in points if math.isfinite(y)][-1:] for at, points in lines.items()}
    places = sorted((height(point[0][1]), across(point[0][0]), at) for at, point in last.items() if point)
    found: list[str] = []
    above: dict[int, float] = {}
    for y, x, at in places:
        near = round(x / _LETTER)
        shown = max(y + 4, above.get(near, -HEIGHT) + _LETTER)
        above[near] = shown
        found.append(
            f'<circle class="end {_style(at)}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
            f'<text class="tag {_style(at)}" x="{x + 7:.1f}" y="{shown:.1f}">{letter(at)}</text>'
        )
    return "".join(found)


def _style(at: int) -> str:
    return f"r{at % STYLES} d{at // STYLES % 4}"


def _hovers(lines: dict[int, list[tuple[float, float]]], across: Scale, height: Scale, axis: Axis) -> str:
    """Return strips that show the values of all runs as a tooltip while the pointer is over them."""
    places = sorted({x for points in lines.values() for x, _ in points})
    places = places[:: max(1, math.ceil(len(places) / _HOVERS))]
    middles = [across(x) for x in places]
    edges = [_LEFT, *((a + b) / 2 for a, b in pairwise(middles)), WIDTH - _RIGHT]
    found = []
    for index, x in enumerate(places):
        values = {at: _value_at(points, x) for at, points in lines.items()}
        told = [f"{letter(at)}  {number(value)}" for at, value in values.items() if value is not None]
        where = f"step {number(x)}" if axis == "step" else f"after {seconds(x)}"
        dots = "".join(
            f'<circle class="dot r{at % STYLES}" cx="{middles[index]:.1f}" cy="{height(value):.1f}" r="3.5"/>'
            for at, value in values.items()
            if value is not None and math.isfinite(value)
        )
        found.append(
            f'<g class="hover"><rect x="{edges[index]:.1f}" y="{_TOP}" width="{edges[index + 1] - edges[index]:.1f}"'
            f' height="{HEIGHT - _TOP - _BOTTOM}"/><path d="M{middles[index]:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>'
            f"{dots}<title>{text(chr(10).join([where, *told]))}</title></g>"
        )
    return "".join(found)


def _value_at(points: Sequence[tuple[float, float]], x: float) -> float | None:
    """Return the last value up to a place; None before the first, and after the end of the curve."""
    before = [value for place, value in points if place <= x]
    return before[-1] if before and x <= points[-1][0] else None


def _across(low: float, high: float, across: Scale, axis: Axis) -> str:
    marks = _ticks(low, high, 5, whole=axis == "step")
    texts = "".join(
        f'<text x="{across(value):.1f}" y="{HEIGHT - 11}" text-anchor="middle">'
        f"{text(_tick(value) if axis == 'step' else _time(value, high))}</text>"
        for value in marks
    )
    return f'<g class="axis"><path d="M{_LEFT} {HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}"/>{texts}</g>'


def _up(values: Sequence[float], height: Scale, *, is_log: bool) -> str:
    low, high = min(values), max(values)
    if is_log:
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        marks = [10.0**each for each in exponents if low * 0.9 <= 10.0**each <= high * 1.1]
        marks = marks[:: max(1, len(marks) // 5)]
    else:
        marks = _ticks(low, high, 5)
    return "".join(
        f'<g class="axis"><path class="grid" d="M{_LEFT} {height(value):.1f}H{WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 8}" y="{height(value) + 4:.1f}" text-anchor="end">{text(_tick(value))}</text></g>'
        for value in marks
    )


def _ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """Return round numbers between two, about so many."""
    span = high - low
    if not _SMALLEST < span < math.inf:
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= rough), 10 * power)
    step = max(1.0, math.ceil(step)) if whole else step
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _tick(value: float) -> str:
    size = abs(value)
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if limit <= size < 1e12:
            return f"{value / (1e3 if unit == 'k' else limit):.4g}{unit}"
    return f"{value:.4g}" if size >= 1e-4 or not size else f"{value:.0e}".replace("e-0", "e-")


def _time(value: float, most: float) -> str:
    """Return a time on the axis, in the unit of the last one."""
    for limit, length, unit in ((7200, 3600, "h"), (120, 60, "min"), (1, 1, "s")):
        if most >= limit:
            return f"{value / length:.4g} {unit}" if value else "0"
    return f"{value * 1000:.4g} ms" if value else "0"
