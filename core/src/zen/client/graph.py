"""The steps of a run as a drawing: SVG without script, styles of its own or anything from elsewhere.

It goes from left to right. A step stands to the right of all that it waits for; texts take the color of the page, so
that they are read in light and in dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

COLORS = {
    "completed": "#1f883d",
    "cached": "#1b7c83",
    "failed": "#cf222e",
    "lost": "#cf222e",
    "running": "#0969da",
    "cancelled": "#9a6700",
    "skipped": "#9a6700",
}
"""The color of each state: white on it is read, and it is seen on white and on black."""
GRAY = "#6e7781"
MOST = 80
"""How many steps a drawing may have and still be read."""
_HEIGHT, _LANE, _BETWEEN, _GAP, _EDGE = 40, 12, 14, 44, 4
_LETTER = 7.3
_LONGEST = 26


@dataclass(frozen=True, slots=True)
class Node:
    """A step in the drawing.

    Attributes:
        note: The second line.
        more: What is shown when the pointer rests on it.
        inputs: The steps that it takes something from.
        after: The steps that it only waits for.
    """

    name: str
    state: str
    note: str = ""
    more: str = ""
    inputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


Place = tuple[str, int]
"""A step in a column: itself, or further right the lane that leads from it to steps beyond."""


def drawing(nodes: Sequence[Node]) -> str:
    """Return the drawing of some steps, given in an order in which they can run."""
    at = _positions(nodes)
    boxes = _boxes({node.name: node for node in nodes}, at, _columns(nodes, at))
    width = max(box.x + box.width for box in boxes.values()) + _EDGE
    height = max(box.y + box.height for box in boxes.values()) + _EDGE
    lines = [
        _line(
            [boxes[source, column] for column in range(at[source], at[node.name])],
            boxes[node.name, at[node.name]],
            dashed=source not in node.inputs,
        )
        for node in nodes
        for source in _sources(node)
    ]
    shapes = [_shape(node, boxes[node.name, at[node.name]]) for node in nodes]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' role='img' width='{width:.0f}' height='{height:.0f}'"
        f" viewBox='0 0 {width:.0f} {height:.0f}' font-family='system-ui, sans-serif' font-size='12'"
        f" fill='currentColor'>{''.join(lines)}{''.join(shapes)}</svg>"
    )


def _sources(node: Node) -> list[str]:
    return list(dict.fromkeys((*node.inputs, *node.after)))


def _positions(nodes: Sequence[Node]) -> dict[str, int]:
    """Return the column of each step: the first one after all that it waits for."""
    at: dict[str, int] = {}
    for node in nodes:
        at[node.name] = max((at[source] + 1 for source in _sources(node)), default=0)
    return at


def _columns(nodes: Sequence[Node], at: Mapping[str, int]) -> list[list[Place]]:
    """Return what stands in each column from top to bottom: near to what it comes from."""
    columns: list[list[Place]] = [[] for _ in range(max(at.values()) + 1)]
    before: dict[Place, list[Place]] = {}
    for node in nodes:
        columns[at[node.name]].append((node.name, at[node.name]))
        before[node.name, at[node.name]] = [(source, at[node.name] - 1) for source in _sources(node)]
        for source in _sources(node):
            for column in range(at[source] + 1, at[node.name]):
                if (source, column) not in before:
                    columns[column].append((source, column))
                    before[source, column] = [(source, column - 1)]
    row: dict[Place, float] = {}
    for places in columns:
        places.sort(key=lambda place: (_mean([row[each] for each in before[place]]), at[place[0]] != place[1]))
        row.update((place, index - (len(places) - 1) / 2) for index, place in enumerate(places))
    return columns


def _mean(rows: Sequence[float]) -> float:
    return sum(rows) / len(rows) if rows else 0.0


def _boxes(nodes: Mapping[str, Node], at: Mapping[str, int], columns: Sequence[Sequence[Place]]) -> dict[Place, _Box]:
    heights = [[_HEIGHT if at[name] == column else _LANE for name, column in places] for places in columns]
    totals = [sum(each) + _BETWEEN * (len(each) - 1) for each in heights]
    boxes: dict[Place, _Box] = {}
    x = float(_EDGE)
    for places, each, total in zip(columns, heights, totals, strict=True):
        shown = [nodes[name] for name, column in places if at[name] == column]
        width = max(84.0, *(max(_length(node.name), 0.92 * _length(node.note)) * _LETTER + 30 for node in shown))
        y = _EDGE + (max(totals) - total) / 2
        for place, height in zip(places, each, strict=True):
            boxes[place] = _Box(x, y, width, height)
            y += height + _BETWEEN
        x += width + _GAP
    return boxes


def _line(lanes: Sequence[_Box], end: _Box, *, dashed: bool) -> str:
    """Return the line from a step, the first of `lanes`, through the lanes after it to another step."""
    path = f"M{lanes[0].x + lanes[0].width:.0f} {lanes[0].middle:.0f}"
    for start, target in pairwise([*lanes, end]):
        x, y, to_x, to_y = start.x + start.width, start.middle, target.x, target.middle
        bend = (to_x - x) / 2
        path += (
            f"C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x - (5 if target is end else 0):.0f} {to_y:.0f}"
        )
        path += "" if target is end else f"H{target.x + target.width:.0f}"
    style = " stroke-dasharray='4 3'" if dashed else ""
    return (
        f"<path d='{path}' fill='none' stroke='{GRAY}' stroke-width='1.5'{style}/>"
        f"<path d='M{end.x - 7:.0f} {end.middle - 4:.0f}l7 4l-7 4z' fill='{GRAY}'/>"
    )


def _shape(node: Node, box: _Box) -> str:
    color = COLORS.get(node.state, GRAY)
    dashed = " stroke-dasharray='4 3'" if node.state not in COLORS or node.state == "skipped" else ""
    x, y = box.x, box.y
    return (
        f"<g><title>{escape(node.more or node.name)}</title>"
        f"<rect x='{x:.0f}' y='{y:.0f}' width='{box.width:.0f}' height='{_HEIGHT}' rx='6' fill='{color}'"
        f" fill-opacity='0.13' stroke='{color}' stroke-width='1.5'{dashed}/>"
        f"<circle cx='{x + 11:.0f}' cy='{y + 13:.0f}' r='4' fill='{color}'/>"
        f"<text x='{x + 20:.0f}' y='{y + 17:.0f}' font-weight='600'>{escape(_cut(node.name))}</text>"
        f"<text x='{x + 20:.0f}' y='{y + 32:.0f}' font-size='11' opacity='0.75'>{escape(_cut(node.note))}</text></g>"
    )


def _length(text: str) -> int:
    return len(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def ordered(nodes: Mapping[str, Node]) -> list[Node]:
    """Return the steps so that each comes after those that it waits for."""
    from graphlib import TopologicalSorter

    order = TopologicalSorter({name: (*node.inputs, *node.after) for name, node in nodes.items()}).static_order()
    return [nodes[name] for name in order]
