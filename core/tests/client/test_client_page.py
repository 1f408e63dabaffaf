"""The page of a comparison: nothing is loaded, everything is escaped, and what is there can be seen."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from zen.client.comparison import (
    ArtifactRow,
    Compared,
    ComparedRun,
    Curve,
    FileDiff,
    MetricRow,
    SourceDiff,
    StepRow,
    row,
)
from zen.client.page import page
from zen.client.page.chart import chart

EVIL = "<script>alert('x')</script>\"'&\x00\u202e\ud800"
VOID = {"meta", "link", "input", "col", "circle", "path", "rect"}


class Reader(HTMLParser):
    """Collects tags and texts, and sees that every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def compared(name: str = "first", **more) -> Compared:
    """Return a comparison of two runs that has something of everything."""
    runs = (
        ComparedRun(id="a" * 16, name=name, pipeline=name, state="completed", stack=name, duration=1.5, tags=(name,)),
        ComparedRun(
            id="b" * 16,
            name="second",
            pipeline=name,
            state="failed",
            stack="local",
            error={"step": name, "type": f"m.{name}", "message": name, "traceback": name},
            warnings=(name,),
        ),
    )
    curves = (Curve(points=((0, 0.0, 1.0), (1, 1.0, 0.5))), Curve(points=((0, 0.0, 1.0), (2, 3.0, float("nan")))))
    known = {"id": "i", "name": name, "version": 1, "type": name, "format": name, "size": 3}
    content = {
        "parameters": (row(name, [name, 2]), row("same", [1, 1])),
        "metrics": (
            MetricRow(
                name=name,
                values=(1.0, 0.5),
                differs=True,
                deltas=(0.0, -0.5),
                higher_is_better=False,
                best=(1,),
                curves=curves,
            ),
        ),
        "steps": (
            StepRow(
                name=name,
                values=("completed", "failed"),
                differs=True,
                durations=(1.0, None),
                reasons=("", name),
                code=True,
            ),
        ),
        "artifacts": (
            ArtifactRow(
                name=name,
                values=(f"sha256:{name}", "sha256:b"),
                differs=True,
                artifacts=(known, known),
                facts=(row(name, [1, 2]),),
                columns={name: (row(name, [name, 2.5]),)},
            ),
        ),
        "sources": (
            SourceDiff(
                run=1,
                files=(
                    FileDiff(
                        name=name, change="changed", added=1, removed=1, diff=f"--- a\n+++ b\n@@ -1 +1 @@\n-x\n+{name}"
                    ),
                    FileDiff(name=f"{name}.bin", change="added", note=name),
                ),
                note=name,
            ),
        ),
        "environment": (row(name, [name, 1]),),
        "distributions": (row(name, ["1", "2"]),),
        "stack": (row(name, [{name: name}, 1]),),
    }
    return Compared(runs=runs, **{**content, **more})


def test_every_text_is_escaped() -> None:
    found = page(compared(EVIL))
    reader = Reader(found)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert "alert('x')" in reader.text and "\\x00" in reader.text and "\\u202e" in reader.text
    assert not re.search("[\x00\u202e\ud800]", found)
    found.encode("utf-8")


def test_nothing_is_loaded() -> None:
    found = page(compared())
    reader = Reader(found)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", found)
    links = [attributes[name] for _, attributes in reader.tags for name in ("src", "href") if name in attributes]
    assert links and all(link.startswith(("#", "data:,")) for link in links)
    assert ("default-src 'none'; style-src 'unsafe-inline'; img-src data:") in [
        attributes.get("content") for _, attributes in reader.tags
    ]


def test_links_lead_somewhere() -> None:
    tags = Reader(page(compared())).tags
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert {attributes["href"][1:] for tag, attributes in tags if tag == "a"} <= ids


def test_what_differs_and_what_is_best_is_shown() -> None:
    found = page(compared())
    text = Reader(found).text
    for part in ("1 of 2 differ", "best", "−0.5", "code changed", "2 files", "1 fact and 1 column differ"):
        assert part in text, part
    assert found.count("<tr class=same>") == 1
    assert (
        '<tr class="del"><td>1</td><td></td><td>-x</td></tr><tr class="add"><td></td><td>1</td><td>+first</td></tr>'
        in found
    )


def test_a_comparison_in_which_nothing_differs_says_so() -> None:
    same = compared(parameters=(row("x", [1, 1]),), metrics=(), sources=(SourceDiff(run=1),), steps=(), artifacts=())
    text = Reader(page(same)).text
    assert "The same in all runs (1)." in text and "None." in text and "The same in all runs." in text


def test_sources_that_are_alike_are_shown_once() -> None:
    files = (FileDiff(name="x.py", change="changed", diff="--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y"),)
    three = replace(compared(), sources=(SourceDiff(run=1, files=files), SourceDiff(run=2, files=files)))
    assert page(three).count('class="diff"') == 1


def test_a_chart_has_a_line_for_each_run_broken_where_there_is_no_number() -> None:
    points = tuple((step, step / 10, float("nan") if step == 2 else 1.0 / (step + 1)) for step in range(5))
    drawn = chart("loss", [Curve(points=points), None, Curve(points=points[3:])], "step")
    reader = Reader(drawn)
    lines = [
        attributes["d"] for tag, attributes in reader.tags if tag == "path" and "line" in attributes.get("class", "")
    ]
    assert [line.count("M") for line in lines] == [2, 1]
    assert "step 3\nA  0.25\nC  0.25" in reader.text
    assert "by-time" in chart("loss", [Curve(points=points)], "time") and "after 300 ms" in chart(
        "loss", [Curve(points=points)], "time"
    )


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1.0],
        [0.0, 0.0],
        [-1e308, 1e308],
        [1e-300, 1e300],
        [1e-9, 1.0],
        [float("inf"), 1.0],
        [5e-324, 1e-323],
        [123456789.0, 123456790.0],
    ],
)
def test_a_chart_of_any_numbers_can_be_drawn(values) -> None:
    curve = Curve(points=tuple((step, float(step), value) for step, value in enumerate(values)))
    for axis in ("step", "time"):
        drawn = chart("x", [curve, curve], axis)  # type: ignore[arg-type]  # both are axes
        assert drawn and "nan" not in drawn.lower() and 'inf"' not in drawn
        Reader(drawn)


def test_a_chart_without_numbers_is_none() -> None:
    assert chart("x", [Curve(points=((0, 0.0, float("nan")), (1, 1.0, float("inf")))), None], "step") == ""


def test_many_runs_keep_apart_by_color_and_dashes() -> None:
    curve = Curve(points=((0, 0.0, 1.0), (1, 1.0, 2.0)))
    drawn = chart("x", [curve] * 20, "step")
    assert len(set(re.findall(r'class="line (r\d d\d)"', drawn))) == 20
