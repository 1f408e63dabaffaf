"""How runs and artifacts show themselves in a notebook: complete, and nothing in them is taken for markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from zen import Client

EVIL = '<script>alert("x")</script>&<b>'
FLOW = f"""
EVIL = {EVIL!r}

@step
def load(text: str) -> Annotated[str, "word"]:
    log_metrics({{EVIL: 1.5}})
    log_metadata({{EVIL: EVIL}}, artifact="word")
    return text

@step
def bad() -> None:
    raise ValueError(EVIL)

@pipeline(raise_on_failure=False, run_name=EVIL)
def numbers(text: str = EVIL, long: str = "y" * 5000):
    load(text), bad()
"""


class Texts(HTMLParser):
    """Collects the tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.texts.append(data)


@pytest.fixture
def run(define, home):
    define(FLOW).numbers()
    return Client(root=home).run()


def test_a_run_is_a_page_in_which_everything_is_escaped(run) -> None:
    page = Texts(run._repr_html_())
    assert page.tags <= {"div", "b", "i", "span", "table", "tr", "th", "td", "pre"}
    assert page.open == []
    assert page.texts.count(EVIL) >= 3
    assert {"load", "bad", "completed", "failed", "word", "1.5"} <= set(page.texts)
    assert f"step 'bad': {EVIL}" in page.texts
    assert max(map(len, page.texts)) <= 200


def test_an_artifact_is_a_table_in_which_everything_is_escaped(run) -> None:
    page = Texts(run.steps["load"].output._repr_html_())
    assert page.tags <= {"div", "b", "table", "tr", "th", "td"}
    assert page.open == []
    assert {EVIL, "word v1", "builtins.str"} <= set(page.texts)
