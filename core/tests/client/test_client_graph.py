"""The drawing of the steps of a run: where they stand, and what the lines between them avoid."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from zen.client.graph import COLORS, Node, drawing, ordered

SVG = "{http://www.w3.org/2000/svg}"
DIAMOND = [
    Node("load", "completed"),
    Node("left", "cached", inputs=("load",)),
    Node("right", "failed", inputs=("load",)),
    Node("join", "skipped", inputs=("left", "right", "load"), after=("left",)),
]


def drawn(nodes):
    picture = ET.fromstring(drawing(nodes))
    boxes = {}
    for group in picture.iter(f"{SVG}g"):
        rect, title = group.find(f"{SVG}rect"), group.find(f"{SVG}title")
        assert rect is not None and title is not None
        boxes[str(title.text)] = {key: float(rect.attrib[key]) for key in ("x", "y", "width", "height")}
    return picture, boxes


def test_each_step_stands_to_the_right_of_what_it_waits_for() -> None:
    _, boxes = drawn(DIAMOND)
    assert boxes["load"]["x"] < boxes["left"]["x"] == boxes["right"]["x"] < boxes["join"]["x"]
    assert boxes["left"]["y"] != boxes["right"]["y"]


def test_everything_is_inside_the_picture_and_no_two_steps_overlap() -> None:
    nodes = [Node("a", "completed"), *(Node(f"step_{n}_{'x' * n}", "running", inputs=("a",)) for n in range(30))]
    picture, boxes = drawn([*nodes, Node("end", "pending", inputs=tuple(node.name for node in nodes))])
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    places = list(boxes.values())
    assert all(box["x"] + box["width"] <= width and box["y"] + box["height"] <= height for box in places)
    for index, one in enumerate(places):
        for other in places[:index]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert apart or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]


def test_a_line_over_several_columns_goes_around_the_steps_between() -> None:
    picture, boxes = drawn(
        [
            Node("a", "completed"),
            Node("b", "completed", inputs=("a",)),
            Node("c", "completed", inputs=("b",)),
            Node("d", "completed", inputs=("c", "a")),
        ]
    )
    [long] = [path.attrib["d"] for path in picture.iter(f"{SVG}path") if path.attrib["d"].count("C") == 3]
    between = [float(y) for y in re.findall(r" (\d+)H", long)]
    assert len(between) == 2
    for y, name in zip(between, "bc", strict=True):
        assert not boxes[name]["y"] <= y <= boxes[name]["y"] + boxes[name]["height"]


def test_what_is_only_waited_for_is_dashed() -> None:
    picture, _ = drawn([Node("a", "completed"), Node("b", "completed", after=("a",))])
    assert [path.get("stroke-dasharray") for path in picture.iter(f"{SVG}path") if path.get("stroke")] == ["4 3"]


def test_names_are_escaped_and_cut() -> None:
    name = "<script>&'\"" + "x" * 50
    picture, _ = drawn([Node(name, "completed", note="<b>", more=name)])
    texts = [text.text or "" for text in picture.iter(f"{SVG}text")]
    assert texts[0].startswith("<script>") and len(texts[0]) < 30 and texts[1] == "<b>"


def test_steps_are_brought_into_an_order_in_which_they_can_run() -> None:
    assert [node.name for node in ordered({node.name: node for node in reversed(DIAMOND)})][::3] == ["load", "join"]


@pytest.mark.parametrize("color", sorted(set(COLORS.values())))
def test_white_is_read_on_each_color(color) -> None:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert 1.05 / (luminance + 0.05) > 4.5
