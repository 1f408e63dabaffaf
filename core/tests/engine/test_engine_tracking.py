"""Tracking: everything that a step logs reaches every tracker, and one that fails does as its stack says."""

from __future__ import annotations

import json

import pytest

from zen import Client
from zen.errors import ComponentError, RunFailed, StackFileError

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [
        Flavor(kind="experiment_tracker", name="book", summary="Keeps a book", config="book_parts:Config",
               implementation="book_parts:Book"),
    ]
"""
PARTS = """
import contextlib, json
from dataclasses import dataclass
from zen.interfaces import ExperimentTracker, StepTracking

@dataclass(frozen=True)
class Config:
    file: str = "book.jsonl"
    broken: str = ""

class Page(StepTracking):
    def __init__(self, book, step): self.book, self.step = book, step
    def log_params(self, params): self.book.write(self.step, "params", params)
    def log_metrics(self, metrics, *, step, at): self.book.write(self.step, "metrics", [metrics, step])
    def log_metadata(self, metadata): self.book.write(self.step, "metadata", metadata)
    def log_table(self, name, columns, rows): self.book.write(self.step, "table", [name, columns, rows])
    def log_file(self, name, path): self.book.write(self.step, "file", [name, path.name, path.read_bytes()[:4].hex()])
    native = "the page"

class Book(ExperimentTracker):
    def write(self, step, what, value):
        if self.config.broken == what:
            raise ConnectionError(f"no ink for {what}")
        with open(self.host.root / self.config.file, "a") as file:
            file.write(json.dumps([step, what, value]) + "\\n")
    def start_run(self, run, plan):
        self.write("", "start", run.pipeline)
        return {"id": run.id}
    @contextlib.contextmanager
    def step(self, reference, run, step_run):
        self.write(step_run.name, "open", reference["id"] == run.id)
        yield Page(self, step_run.name)
        self.write(step_run.name, "close", True)
    def finish_run(self, reference, run):
        self.write("", "finish", run.state)
"""
FLOW = """
class Constant:
    def predict(self, rows): return rows

class Figure:
    def savefig(self, path): Path(path).write_bytes(b"\\x89PNG")

@step
def train() -> int:
    log_params({"lr": 0.1})
    log_metrics({"loss": 0.5}, step=1)
    log_metadata({"note": "x"})
    log_figure(Figure(), "curve")
    log_table([{"a": 1, "b": None}, {"a": 2, "b": (3,)}], "rows")
    Path("notes.txt").write_text("text")
    log_file("notes.txt")
    log_model(Constant(), "model")
    assert get_step_context().tracker("book") in ("the page", None)
    return 1

@pipeline
def flow():
    train()
"""


@pytest.fixture
def book(home, install_plugin):
    """Install a tracker that writes to a file; return what chooses a stack with such trackers."""
    install_plugin("book", light=LIGHT, book_parts=PARTS)

    def choose(*entries: dict) -> None:
        trackers = [{"flavor": "book", **entry} for entry in entries]
        stacks = {"tracked": {"experiment_tracker": trackers}}
        (home / "zen.yaml").write_text(json.dumps({"default_stack": "tracked", "stacks": stacks}))

    choose({})
    return choose


def written(home, file: str = "book.jsonl") -> list[list]:
    return [json.loads(line) for line in (home / file).read_text().splitlines()]


def test_all_that_a_step_logs_reaches_every_tracker(define, home, book) -> None:
    book({}, {"name": "second", "file": "second.jsonl"})
    run = define(FLOW).flow()
    assert run.warnings == ()
    told = written(home)
    assert told == written(home, "second.jsonl")
    assert [what for _, what, _ in told] == [
        *("start", "open", "params", "metrics", "metadata", "file", "table", "file", "file", "close", "finish")
    ]
    by_kind = {what: value for _, what, value in told}
    assert by_kind["table"] == ["rows", ["a", "b"], [[1, None], [2, "(3,)"]]]
    assert ["train", "file", ["curve", "curve.png", "89504e47"]] in told
    assert ["train", "file", ["notes.txt", "notes.txt", "74657874"]] in told


def test_what_is_shown_is_kept_as_an_artifact_of_the_step(define, home, book) -> None:
    outputs = define(FLOW).flow().steps["train"].outputs
    assert {name: outputs[name].metadata.get("shown_as") for name in outputs} == {
        "output": None,
        "curve": "figure",
        "rows": "table",
        "notes.txt": "file",
        "model": "model",
    }
    assert outputs["curve"].load().read_bytes() == b"\x89PNG"
    assert outputs["rows"].load() == [{"a": 1, "b": None}, {"a": 2, "b": (3,)}]
    assert outputs["model"].load().predict(3) == 3


@pytest.mark.parametrize("what", ["params", "metrics", "table", "file", "open", "close"])
def test_a_tracker_that_fails_is_reported_once_and_fails_nothing(define, home, book, what) -> None:
    book({"broken": what}, {"name": "second", "file": "second.jsonl"})
    run = define(FLOW).flow()
    assert run.state == "completed"
    assert len(run.warnings) == 1 and f"no ink for {what}" in run.warnings[0] and "'book'" in run.warnings[0]
    assert [entry for entry in written(home, "second.jsonl") if entry[1] == what]


@pytest.mark.parametrize("what", ["params", "metrics", "table", "file", "open", "close"])
def test_a_tracker_that_has_to_work_fails_the_step(define, home, book, what) -> None:
    book({"broken": what, "on_error": "fail"}, {"name": "second", "file": "second.jsonl"})
    with pytest.raises(RunFailed, match=f"no ink for {what}"):
        define(FLOW).flow()
    run = Client(root=home).run()
    assert (run.state, run.steps["train"].error.type) == ("failed", "zen.errors.ComponentError")
    assert "`on_error: warn`" in run.steps["train"].error.hint
    assert written(home, "second.jsonl")[-1] == ["", "finish", "failed"]


def test_a_tracker_that_has_to_work_stops_a_run_before_it_begins(define, home, book) -> None:
    book({"name": "first", "file": "first.jsonl"}, {"broken": "start", "on_error": "fail"})
    with pytest.raises(ComponentError, match="could not start the run: ConnectionError: no ink for start"):
        define(FLOW).flow()
    run = Client(root=home).run()
    assert (run.state, dict(run.steps)) == ("failed", {})
    assert written(home, "first.jsonl") == [["", "start", "flow"], ["", "finish", "failed"]]


def test_on_error_is_one_of_two_words(define, home, book) -> None:
    book({"on_error": "ignore"})
    with pytest.raises(StackFileError, match="on_error: expected 'warn' or 'fail'"):
        define(FLOW).flow()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("log_figure(3, 'x')", "no figure"),
        ("log_figure('missing.png', 'x')", "no image file"),
        ("log_table(3, 'x')", "no table"),
        ("log_file('missing')", "no file 'missing'"),
    ],
)
def test_what_cannot_be_shown_is_refused(define, home, call, message) -> None:
    flow = define(f"@step\ndef bad() -> None:\n    {call}\n@pipeline(raise_on_failure=False)\ndef flow():\n    bad()\n")
    assert message in flow.flow().error.message


def test_frames_of_pandas_and_mappings_of_columns_are_tables() -> None:
    pd = pytest.importorskip("pandas")
    from zen.engine.showing import rows_of

    frame = pd.DataFrame({"n": [1, 2], "t": pd.to_datetime(["2024-01-01", None])})
    assert rows_of(frame, "x") == (["n", "t"], [[1, "2024-01-01 00:00:00"], [2, "NaT"]])
    assert rows_of({"a": [1, 2], "b": ["x", "y"]}, "x") == (["a", "b"], [[1, "x"], [2, "y"]])
