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
    html = {"div", "b", "span", "table", "tr", "th", "td", "pre", "details", "summary"}
    assert page.tags <= html | {"svg", "g", "rect", "path", "circle", "text", "title"}
    assert page.open == []
    assert page.texts.count(EVIL) >= 3
    assert {"load", "bad", "completed", "failed", "word", "1.5"} <= {text.strip() for text in page.texts}
    assert f"step 'bad': {EVIL}" in page.texts
    assert max(len(text) for text in page.texts if "Traceback" not in text) <= 200
    assert "http" not in run._repr_html_().replace("http://www.w3.org/2000/svg", "")


def test_a_run_shows_what_its_outputs_are_and_how_large(define, home) -> None:
    define("""
    @step
    def load() -> list[int]:
        return list(range(1000))

    @pipeline
    def numbers():
        load()
    """).numbers()
    assert "list of 1,000, 3.8 KiB" in Texts(Client(root=home).run()._repr_html_()).texts


def test_a_run_that_has_just_begun_shows_its_steps_as_pending(define, home) -> None:
    define("""
    @step
    def look() -> str:
        return Client().run()._repr_html_()

    @step
    def later(page: str) -> None: ...

    @pipeline
    def numbers():
        later(look())
    """).numbers()
    page = Texts(Client(root=home).run().steps["look"].output.load())
    assert {"running", "later", "pending"} <= set(page.texts)


def test_an_artifact_is_a_table_in_which_everything_is_escaped(run) -> None:
    page = Texts(run.steps["load"].output._repr_html_())
    assert page.tags <= {"div", "b", "table", "tr", "th", "td"}
    assert page.open == []
    assert {EVIL, "word v1", "builtins.str"} <= set(page.texts)
