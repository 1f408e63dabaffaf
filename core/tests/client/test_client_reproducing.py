"""Reproducing a run: its plan once more, with the code of its snapshot, and a verdict for every step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zen import Client
from zen.client.reproduction import Reproduction
from zen.errors import RunError, RunNotFound, UsageError

FLOW = """
@step
def load(rows: int) -> list:
    print("loading")
    return list(range(rows))

@step
def train(data: list, lr: float) -> Annotated[dict, "model"]:
    return {"weights": [lr * n for n in data], "seen": len(data)}

@step
def score(model: dict) -> tuple[Annotated[float, "loss"], Annotated[str, "note"]]:
    return sum(model["weights"]), f"{model['seen']} rows"

@pipeline(raise_on_failure=False)
def flow(lr: float = 0.5):
    return score(train(load(3), lr))
"""


def reproduced(home: Path, ref: str = "last", **options) -> Reproduction:
    return Client(root=home).reproduce(ref, **options)


def verdicts(found: Reproduction) -> dict[str, str]:
    return {step.name: step.verdict for step in found.steps}


def test_a_run_is_repeated_from_its_snapshot_and_every_step_is_identical(define, home) -> None:
    run = define(FLOW).flow(lr=2.0)
    found = reproduced(home)
    assert verdicts(found) == {"load": "identical", "train": "identical", "score": "identical"}
    assert (found.reproduced, found.of, found.folder) == (True, run.id, str(home / ".zen" / "reproduce" / run.id))
    [loss, _] = found.steps[2].outputs
    assert (loss.name, loss.then, loss.then == loss.now) == ("loss", run.outputs[0].digest, True)
    again = Client(root=home).run(found.run)
    assert (again.state, again.tags, again.parameters) == ("completed", (f"reproduces:{run.id}",), {"lr": 2.0})
    assert [step.state for step in again.steps.values()] == ["completed"] * 3  # nothing from the cache
    assert again.record.snapshot == run.record.snapshot
    assert (Path(found.folder) / "flow.py").read_text() == (home / "flow.py").read_text()
    assert Reproduction.from_json(found.to_json()) == found


def test_a_run_that_repeats_another_is_not_the_last_one(define, home) -> None:
    flow = define(FLOW)
    first, second = flow.flow(lr=1.0), flow.flow(lr=2.0)
    repeated = [reproduced(home).run, reproduced(home, "last~1").run]
    client = Client(root=home)
    assert [client.run("last").id, client.run("last~1").id] == [second.id, first.id]
    assert [run.id for run in client.runs(limit=2)] == repeated[::-1]
    with pytest.raises(RunNotFound, match="no run 'last~2'"):
        client.run("last~2")


def test_the_code_of_the_snapshot_is_used_whatever_the_project_holds_now(define, home) -> None:
    (home / "helper.py").write_text("FACTOR = 10\n")
    (home / "data").mkdir()
    (home / "data" / "names.json").write_text('["a"]')
    flow = """
        import json
        import helper

        @step
        def scale(n: int) -> list:
            return [n * helper.FACTOR, json.loads(Path("data/names.json").read_text())]

        @pipeline
        def flow():
            return scale(4)
        """
    define(flow).flow()
    (home / "helper.py").write_text("FACTOR = 99\n")
    (home / "data" / "names.json").unlink()
    define("print('another pipeline')")
    assert verdicts(reproduced(home)) == {"scale": "identical"}


def test_a_project_on_the_path_is_taken_from_the_copy(script, home) -> None:
    (home / "src" / "acme").mkdir(parents=True)
    (home / "src" / "acme" / "__init__.py").write_text("SIZE = 1\n")
    text = """
        from acme import SIZE

        @step
        def one() -> int:
            return SIZE

        @pipeline
        def flow():
            return one()

        flow()
        """
    assert script(text, name="jobs/training.py", path=[home / "src"]).returncode == 0
    (home / "src" / "acme" / "__init__.py").write_text("SIZE = 2\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(home / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "zen", "reproduce"], cwd=home, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()[-2:]) == (0, ["one", "identical"]), done.stderr


def test_a_helper_that_is_on_nobodys_path_any_more_is_taken_from_the_copy(script, home) -> None:
    (home / "helper.py").write_text("SIZE = 1\n")
    text = """
        from helper import SIZE

        @step
        def one() -> int:
            return SIZE

        @pipeline
        def flow():
            one()

        flow()
        """
    (home / "work").mkdir()
    assert script(text, name="jobs/training.py", path=[home], cwd=home / "work").returncode == 0
    (home / "helper.py").write_text("SIZE = 2\n")
    code = f"from zen import Client; print(Client(root={str(home)!r}).reproduce())"
    done = subprocess.run([sys.executable, "-c", code], cwd=home.parent, capture_output=True, text=True)
    assert "1 identical>" in done.stdout, done.stderr


def test_a_step_runs_where_it_ran_and_in_no_folder_of_the_project(script, home) -> None:
    text = """
        @step
        def where() -> str:
            with open("trace.txt", "a") as file:
                file.write("x")
            return Path.cwd().name

        @pipeline
        def flow():
            return where()

        flow()
        """
    (home / "work").mkdir()
    assert script(text, cwd=home / "work").returncode == 0
    found = reproduced(home)
    assert verdicts(found) == {"where": "identical"}
    assert (home / "work" / "trace.txt").read_text() == "x"
    assert (Path(found.folder) / "work" / "trace.txt").read_text() == "x"


def test_a_cached_run_is_executed_and_compared_with_what_it_took(define, home) -> None:
    flow = define(FLOW).flow
    flow()
    cached = flow()
    assert {step.state for step in cached.steps.values()} == {"cached"}
    found = reproduced(home, cached.id)
    assert (found.of, found.reproduced) == (cached.id, True)
    assert {step.state for step in Client(root=home).run(found.run).steps.values()} == {"completed"}


def test_a_run_that_failed_is_no_reproduction(define, home) -> None:
    define(FLOW.replace("return sum(", "raise ValueError('no')\n    return sum(")).flow()
    found = reproduced(home)
    assert verdicts(found) == {"load": "identical", "train": "identical", "score": "not comparable"}
    assert found.steps[2].reason == "it failed (ValueError: no) in the recorded run, and now as well"
    assert not found.reproduced


def test_a_step_that_fails_only_now_says_why(define, home) -> None:
    (home / "numbers.bin").write_bytes(b"123")
    define(
        """
        @step
        def read() -> int:
            return len(Path("numbers.bin").read_bytes())

        @step
        def twice(n: int) -> int:
            return 2 * n

        @pipeline
        def flow():
            return twice(read())
        """
    ).flow()
    found = reproduced(home)
    assert verdicts(found) == {"read": "not comparable", "twice": "not comparable"}
    assert found.steps[0].reason.startswith("it failed (FileNotFoundError: ")
    assert found.steps[1].reason == "it was skipped ('read' failed)"


def test_literals_and_artifacts_are_those_of_the_recorded_run(define, home) -> None:
    flow = define(
        """
        @step
        def join(things: Any, earlier: Any) -> list:
            return [things.name, earlier]

        @step
        def make() -> int:
            return time.time_ns()

        @pipeline
        def first():
            return make()

        @pipeline
        def flow(folder: Any):
            return join(folder, Client().artifact("first.make.output"))
        """
    )
    flow.first()
    (home / "given").mkdir()
    (home / "given" / "a.txt").write_text("a")
    run = flow.flow(home / "given")
    flow.first()
    found = reproduced(home, run.id)
    assert verdicts(found) == {"join": "identical"}
    ids = [
        {name: [each.id for each in taken] for name, taken in Client(root=home).run(i).steps["join"].inputs.items()}
        for i in (run.id, found.run)
    ]
    assert ids[0] == ids[1]


def test_a_step_that_asks_for_a_client_finds_the_same_stores(define, home) -> None:
    (home / "zen.yaml").write_text("stacks: {local: {}}\n")
    flow = define(
        """
        @step
        def make() -> Annotated[int, "number"]:
            return 41

        @step
        def use() -> int:
            return Client().artifact("number", 1).load() + 1

        @pipeline
        def first():
            make()

        @pipeline
        def second():
            use()
        """
    )
    flow.first()
    flow.second()
    assert verdicts(reproduced(home)) == {"use": "identical"}


def test_steps_in_workers_and_pipelines_with_models_are_repeated_quietly(define, home) -> None:
    define(
        """
        def told():
            Path("told").touch()

        @step(isolate=True, on_success=told)
        def fit() -> Annotated[int, "model"]:
            promote("champion")
            return 3

        @pipeline(model=Model("numbers"), on_success=told)
        def flow():
            return fit()
        """
    ).flow()
    found = reproduced(home)
    assert verdicts(found) == {"fit": "identical"}
    assert [version.version for version in Client(root=home).model_versions("numbers")] == [1]
    assert (home / "told").exists() and not (Path(found.folder) / "told").exists()


def test_a_reproduction_can_be_repeated_and_reproduced_itself(define, home) -> None:
    run = define(FLOW).flow()
    first = reproduced(home, run.id)
    second = reproduced(home, run.id)
    third = reproduced(home, second.run)
    assert first.folder == second.folder != third.folder
    assert Client(root=home).run(third.run).tags == (f"reproduces:{second.run}",)
    assert third.reproduced


def test_a_folder_of_ones_own_must_be_empty(define, home, tmp_path_factory) -> None:
    define(FLOW).flow()
    other = tmp_path_factory.mktemp("other") / "new"
    found = reproduced(home, folder=other)
    assert (found.reproduced, found.folder) == (True, str(other))
    assert (other / "flow.py").is_file()
    with pytest.raises(UsageError, match="is not empty"):
        reproduced(home, folder=other)


def test_the_default_folder_is_used_by_one_process_at_a_time(define, home) -> None:
    from zen.storage import FileLock

    run = define(FLOW).flow()
    (home / ".zen" / "reproduce").mkdir()
    lock = FileLock(home / ".zen" / "reproduce" / f"{run.id}.lock")
    assert lock.try_acquire()
    with pytest.raises(RunError, match="is being reproduced by another process"):
        reproduced(home)
    lock.release()
    assert reproduced(home).reproduced


def test_what_cannot_be_repeated_is_said_first(define, home) -> None:
    flow = define(
        """
        def made():
            @step
            def inner() -> int:
                return 1
            return inner

        @pipeline
        def flow():
            made()()
        """
    )
    flow.flow()
    with pytest.raises(UsageError, match="stand in a notebook or inside a function"):
        reproduced(home)
    with pytest.raises(RunNotFound):
        reproduced(home, "nothing")


def test_a_fresh_environment_is_made_and_used(define, home, tmp_path_factory, monkeypatch) -> None:
    tools = tmp_path_factory.mktemp("tools")  # a stand-in for uv: its environments are doors to the current one
    (tools / "uv").write_text(
        f"""#!{sys.executable}
import os, sys
if sys.argv[1] == "venv":
    os.makedirs(sys.argv[-1] + "/bin")
    with open(sys.argv[-1] + "/bin/python", "w") as file:
        file.write("#!/bin/sh\\nFRESH=1 exec {sys.executable} \\"$@\\"\\n")
    os.chmod(sys.argv[-1] + "/bin/python", 0o755)
"""
    )
    (tools / "uv").chmod(0o755)
    monkeypatch.syspath_prepend(str(tools / "foreign"))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    define(
        """
        @step
        def where() -> list:
            return ["FRESH" in os.environ, any(entry.endswith("foreign") for entry in sys.path)]

        @pipeline
        def flow():
            return where()
        """
    ).flow()
    found = reproduced(home, fresh_environment=True)
    assert (verdicts(found), found.steps[0].reason) == ({"where": "different"}, "[0]: False, now True")
    assert Client(root=home).run(found.run).outputs[0].load() == [True, False]
    assert found.environment == f"{found.folder}/.venv"
    assert any(note.startswith("zen-hub ") for note in found.notes)
    assert (Path(found.environment) / "requirements.txt").is_file()


def test_an_interrupt_ends_and_records_both(script, home) -> None:
    text = """
        @step
        def slow() -> int:
            if "reproduce" in os.getcwd():
                Path("reached").touch()
                time.sleep(60)
            return 1

        @pipeline
        def flow():
            slow()

        flow()
        """
    assert script(text).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "zen", "reproduce"], cwd=home, start_new_session=True, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not list(home.glob(".zen/reproduce/*/reached")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)  # the command alone: a terminal would tell both
    assert process.wait(30) == 130
    assert [run.state for run in Client(root=home).runs()] == ["cancelled", "completed"]
