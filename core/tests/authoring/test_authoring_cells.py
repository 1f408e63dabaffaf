"""Steps that are defined in the cells of a notebook: they run, their results are taken again, and edits are seen.

Once with cells as IPython keeps them (no file, their text in `linecache`), and once in IPython itself, if it is there.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

PLAIN = """
import json, linecache, sys, __main__
for number, cell in enumerate(json.load(sys.stdin)):
    name = f"<ipython-input-{number}-5eed>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    exec(compile(cell, name, "exec"), __main__.__dict__)
"""
IPYTHON = """
import json, sys, __main__
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(user_module=__main__)
for cell in json.load(sys.stdin):
    shell.run_cell(cell, store_history=True).raise_error()
"""
HEAD = """
from dataclasses import dataclass
from pathlib import Path
from zen import *
import json

def note(run):
    found = {"states": [step.state for step in run.steps.values()], "value": run.outputs[0].load()}
    with open("notes.jsonl", "a") as file:
        file.write(json.dumps(found, default=repr) + "\\n")
"""
HELPER = """
FACTOR = 2

def scaled(number: int) -> int:
    return number * FACTOR
"""
STEPS = """
@step
def load() -> int:
    return 3

@step
def scale(number: int) -> int:
    return scaled(number)
"""
FLOW = """
@pipeline
def flow():
    return scale(load())
"""
RUN = "note(flow())"
NEW, OLD = ["cached", "completed"], ["cached", "cached"]


@pytest.fixture(params=["cells", "IPython"])
def notebook(request, home):
    """Return a function that runs cells one after the other in a new kernel, and returns what they noted."""
    if request.param == "IPython" and importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    program = PLAIN if request.param == "cells" else IPYTHON

    def run(*cells):
        done = subprocess.run(
            [sys.executable, "-c", program], input=json.dumps([HEAD, *cells]), cwd=home, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        notes = home / "notes.jsonl"
        return [json.loads(line) for line in notes.read_text().splitlines()]

    return run


def test_a_result_is_taken_again_until_a_cell_that_it_depends_on_is_edited(notebook) -> None:
    cells = [
        (HELPER, STEPS, FLOW, RUN),
        (RUN,),
        (HELPER, RUN),  # the same cell again
        (HELPER.replace("* FACTOR", "* FACTOR  # times"), STEPS, FLOW, RUN),
        (HELPER.replace("* FACTOR", "* FACTOR + 1"), RUN),
        ("FACTOR = 5", RUN),
        (STEPS.replace("scaled(number)", "scaled(number) * 100"), FLOW, RUN),
        (RUN,),
    ]
    notes = notebook(*(cell for group in cells for cell in group))
    assert [note["states"] for note in notes] == [["completed"] * 2, OLD, OLD, OLD, NEW, NEW, NEW, OLD]
    assert [note["value"] for note in notes] == [6, 6, 6, 6, 7, 16, 1600, 1600]


def test_a_kernel_takes_the_results_of_another_that_ran_the_same_cells(notebook) -> None:
    cells = (HELPER, STEPS, FLOW, RUN)
    notebook(*cells)
    assert [note["states"] for note in notebook("print('another cell first')", *cells)] == [["completed"] * 2, OLD]


def test_classes_of_a_notebook_are_kept_and_may_be_edited(notebook) -> None:
    thing = "@dataclass\nclass Thing:\n    number: int\n"
    steps = """
@step
def make() -> Thing:
    return Thing(3)

@step
def look(thing: Thing) -> str:
    return repr(thing)

@pipeline
def flow():
    return look(make())
"""
    notes = notebook(thing, steps, RUN, RUN, thing + "    unit: str = 'kg'\n", RUN, steps, RUN)
    assert [note["value"] for note in notes] == ["Thing(number=3)"] * 2 + ["Thing(number=3, unit='kg')"] * 2


def test_a_notebook_sweeps_in_its_own_kernel(notebook, home) -> None:
    sweep = """
@step
def fit(number: int, rate: float) -> float:
    log_metrics({"loss": rate * number})
    return rate

@pipeline
def training(rate: float = 1.0):
    return fit(load(), rate)

found = training.sweep(rate=[0.5, 0.25], parallel=2)
note(found.best("loss"))
Path("page.html").write_text(found._repr_html_() + found.runs[0]._repr_html_())
"""
    [note] = notebook(STEPS, sweep)
    assert note == {"states": ["cached", "completed"], "value": 0.25}
    assert "<svg" in (home / "page.html").read_text()
