"""The launcher that orchestrators are lent: harmless to call again, from anywhere."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from zen import Client, RunFailed
from zen.errors import UnknownStep

PLUGIN = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [Flavor(kind="orchestrator", name="mine", summary="Mine.", config="", implementation="mine_parts:Mine")]
"""
FLOW = """
import threading

@step(enable_cache=False)
def work(n: int, done: object = None) -> int:
    print("working", n)
    Path("count").open("a").write("x")
    return n

@step
def bad(n: int) -> int:
    Path("count").open("a").write("b")
    raise ValueError("mine")

@pipeline(raise_on_failure=False)
def numbers():
    first = work(1)
    return work(2, first), bad(first)

if __name__ == "__main__":
    run = numbers()
    print(run.state, [(step.name, step.state, step.attempt) for step in run.attempts])
"""


@pytest.fixture
def orchestrator(home, install_plugin):
    """Install an orchestrator whose `run` has that body, and make it the project's."""

    def install(body: str) -> Path:
        lines = "".join(f"        {line}\n" for line in dedent(body).strip().splitlines())
        head = "import pickle, os, subprocess, sys, threading\nfrom zen.interfaces import Orchestrator\n"
        parts = f"{head}\nclass Mine(Orchestrator):\n    def run(self, plan, launcher):\n{lines}"
        (home / "zen.yaml").write_text("stacks: {one: {orchestrator: mine}}\ndefault_stack: one\n")
        return install_plugin("mine", light=PLUGIN, mine_parts=parts)

    return install


GOOD = "failed [('work', 'completed', 1), ('work_2', 'completed', 1), ('bad', 'failed', 1)]"


def test_executing_a_step_again_is_harmless(script, orchestrator, home) -> None:
    site = orchestrator("""
        for _ in range(2):
            for step in plan.steps:
                again = [launcher.execute(step.name) for _ in range(2)]
                assert again[0] == again[1]
    """)
    done = script(FLOW, path=[site])
    assert done.stdout.splitlines()[-1] == GOOD, done.stderr
    assert (home / "count").read_text() == "xxb"


def test_executing_a_step_in_several_threads_at_once_runs_it_once(script, orchestrator, home) -> None:
    site = orchestrator("""
        for step in plan.steps:
            found = []
            threads = [threading.Thread(target=lambda: found.append(launcher.execute(step.name))) for _ in range(4)]
            for thread in threads:
                thread.start()
            found.append(launcher.execute(step.name))
            for thread in threads:
                thread.join()
            assert len(found) == 5 and len({record.id for record in found}) == 1, found
    """)
    done = script(FLOW, path=[site])
    assert done.stdout.splitlines()[-1] == GOOD, done.stderr
    assert (home / "count").read_text() == "xxb"


def test_a_pickled_launcher_takes_part_in_the_same_run(script, orchestrator, home) -> None:
    site = orchestrator("""
        copy = pickle.loads(pickle.dumps(launcher))
        assert copy.run_id == launcher.run_id
        for step in plan.steps:
            first = copy.execute(step.name)
            assert launcher.execute(step.name) == first
    """)
    done = script(FLOW, path=[site])
    assert done.stdout.splitlines()[-1] == GOOD, done.stderr
    assert (home / "count").read_text() == "xxb"


def test_a_command_executes_a_step_in_another_process(script, orchestrator, home) -> None:
    site = orchestrator("""
        for step in plan.steps:
            command = launcher.command(step.name)
            assert not any("token" in argument or "{" in argument for argument in command.argv)
            done = subprocess.run(
                command.argv, env={**os.environ, **command.env}, cwd="/", capture_output=True, text=True
            )
            assert done.returncode == (step.name == "bad"), done.stderr
            print(done.stderr, end="")
            record = launcher.execute(step.name)
            assert record.worker["pid"] != os.getpid()
    """)
    done = script(FLOW.replace('Path("count")', f'Path("{home}/count")'), path=[site])
    assert done.stdout.splitlines() == [GOOD], done.stderr
    assert (home / "count").read_text() == "xxb"
    assert [line.text for line in Client(root=home).run().logs("work")] == ["working 1"]


def test_a_command_finds_modules_beside_a_script_from_any_folder(script, orchestrator, home) -> None:
    (home / "deep").mkdir()
    (home / "deep" / "helper.py").write_text("VALUE = 5\n")
    site = orchestrator("""
        for step in plan.steps:
            command = launcher.command(step.name)
            subprocess.run(command.argv, env={**os.environ, **command.env}, cwd="/", stdout=subprocess.DEVNULL)
            assert launcher.execute(step.name).state == "completed"
    """)
    done = script(
        """
        import helper

        @step
        def work() -> int:
            return helper.VALUE

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            print(numbers().outputs[0].load())
        """,
        name="deep/flow.py",
        path=[site],
    )
    assert done.stdout == "5\n", done.stderr


def test_unknown_steps_are_named(script, orchestrator) -> None:
    site = orchestrator('launcher.execute("wrok")')
    done = script(FLOW, path=[site])
    assert f"{UnknownStep.__name__}: no step 'wrok' in this plan; it has: bad, work, work_2" in done.stderr
    assert "did you mean 'work'?" in done.stderr


def test_a_step_before_what_it_waits_for_is_refused(script, orchestrator, home) -> None:
    site = orchestrator('launcher.execute("work_2")')
    done = script(FLOW, path=[site])
    assert "the orchestrator executed a step before 'work', which it waits for" in done.stderr
    assert Client(root=home).run().state == "failed"


def test_raised_failures_keep_the_run(define) -> None:
    flow = define(FLOW.replace("(raise_on_failure=False)", ""))
    with pytest.raises(RunFailed) as caught:
        flow.numbers()
    assert caught.value.run.steps["work_2"].state == "completed"
