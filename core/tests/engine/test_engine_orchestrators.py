"""Orchestrators that a stranger wrote as a plugin: in this process, and on pools of other processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from zen import Client
from zen.builtin.local_orchestrator import LocalOrchestrator
from zen.errors import RunError

LIGHT = """\
from zen.plugins import Flavor, hookimpl

NAMES = {"plain": "", "pool": "stranger_parts:PoolConfig", "steady": "", "forgets": "", "fails": "", "exits": "", "fair": ""}

@hookimpl
def zen_flavors():
    return [
        Flavor(kind="orchestrator", name=name, summary=name, config=config, implementation=f"stranger_parts:{name.title()}")
        for name, config in NAMES.items()
    ]
"""
PARTS = """\
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from graphlib import TopologicalSorter
from zen.interfaces import Orchestrator

class Plain(Orchestrator):
    def run(self, plan, launcher):
        for step in plan.steps:
            launcher.execute(step.name)

@dataclass(frozen=True)
class PoolConfig:
    method: str = "spawn"

class Pool(Orchestrator):
    def run(self, plan, launcher):
        order = TopologicalSorter(plan.graph())
        order.prepare()
        with ProcessPoolExecutor(2, multiprocessing.get_context(self.config.method)) as pool:
            while order.is_active():
                ready = order.get_ready()
                for name, done in [(name, pool.submit(launcher.execute, name)) for name in ready]:
                    done.result()
                    order.done(name)

class Steady(Orchestrator):
    def run(self, plan, launcher):
        order = TopologicalSorter(plan.graph())
        order.prepare()
        waiting = []
        while order.is_active():
            waiting += order.get_ready()
            with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
                started = [(name, pool.submit(launcher.execute, name)) for name in waiting]
                waiting = []
                for name, done in started:
                    try:
                        done.result()
                    except BrokenProcessPool:
                        if launcher.died(name).state in ("pending", "lost"):
                            waiting.append(name)
                            continue
                    order.done(name)

class Fair(Orchestrator):
    def run(self, plan, launcher):
        waiting, most = [step.name for step in plan.steps], 2
        while waiting:
            with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
                started = [(name, pool.submit(launcher.execute, name)) for name in waiting[:most]]
                for name, done in started:
                    try:
                        done.result()
                    except BrokenProcessPool:
                        most = 1
                        if launcher.died(name, blame=len(started) == 1 and name != "spared").state in ("pending", "lost"):
                            continue
                    waiting.remove(name)

class Forgets(Orchestrator):
    def run(self, plan, launcher):
        launcher.execute(plan.steps[0].name)

class Fails(Orchestrator):
    def run(self, plan, launcher):
        launcher.execute(plan.steps[0].name)
        raise LookupError("the engine broke")

class Exits(Orchestrator):
    def run(self, plan, launcher):
        sys.exit(3)
"""
FLOW = """
import multiprocessing
from dataclasses import dataclass

@dataclass
class Data:
    numbers: list

@step
def load(n: int) -> Annotated[Data, "data"]:
    print("loading", n)
    return Data(list(range(n)))

@step
def train(data: Data, lr: float = 0.5) -> Annotated[float, "model"]:
    log_metrics({"loss": lr})
    save_artifact([lr], f"extra_{len(data.numbers)}")
    assert type(data) is Data
    return sum(data.numbers) * lr

@step(retries=1)
def bad(data: Data) -> int:
    raise ValueError("mine")

@step
def pid(model: float) -> int:
    return os.getpid()

@pipeline(raise_on_failure=False)
def numbers():
    small, large = load(3), load(5)
    models = [train(small), train(large, lr=2.0)]
    bad(small)
    return [*models, pid(models[0])]
"""
REPORT = """
run = numbers()
print("report", run.state, [step.state for step in run.steps.values()], [each.load() for each in run.outputs[:2]])
print("report", sorted(run.metrics.items()), run.steps["bad"].attempt, run.outputs[2].load() == os.getpid())
"""
GUARD = '\nif __name__ == "__main__":\n' + "".join(f"    {line}\n" for line in REPORT.strip().splitlines())
GOOD = [
    "report failed ['completed', 'completed', 'completed', 'completed', 'failed', 'completed'] [1.5, 20.0]",
    "report [('train.loss', 0.5), ('train_2.loss', 2.0)] 2 ",
]


@pytest.fixture
def stranger(install_plugin) -> Path:
    """Install the stranger's plugin, and return its folder."""
    flavors = ("plain", "pool", "steady", "forgets", "fails", "exits", "fair")
    return install_plugin("stranger", *flavors, light=LIGHT, stranger_parts=PARTS)


def choose(home: Path, orchestrator: str) -> None:
    (home / "zen.yaml").write_text(f"stacks: {{one: {{orchestrator: {orchestrator}}}}}\ndefault_stack: one\n")


def reported(done) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("report")]


def test_a_plain_orchestrator_runs_everything_in_this_process(script, stranger, home) -> None:
    choose(home, "plain")
    done = script(FLOW + GUARD, path=[stranger])
    assert reported(done) == [GOOD[0], GOOD[1] + "True"], done.stderr
    spec = Client(root=home).run().plan.stack.of("orchestrator")[0]
    assert (spec.flavor, spec.distribution, spec.version) == ("plain", "zen-plugin-stranger", "0.3")


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("end", [GUARD, REPORT], ids=["guarded", "unguarded"])
def test_an_orchestrator_on_a_process_pool_runs_everything_there(script, stranger, home, method, end) -> None:
    choose(home, f"{{flavor: pool, method: {method}}}")
    done = script(FLOW + end, path=[stranger])
    if method == "spawn" and end == REPORT:
        # The pool's processes import the script themselves, before any of our code runs there.
        assert 'put the call under `if __name__ == "__main__":`' in done.stderr
        assert [run.state for run in Client(root=home).runs()] == ["failed"]
        return
    assert reported(done) == [GOOD[0], GOOD[1] + "False"], done.stderr
    run = Client(root=home).run()
    assert {name: [line.text for line in run.logs(name)] for name in ("load", "load_2")} == {
        "load": ["loading 3"],
        "load_2": ["loading 5"],
    }
    assert run.steps["train"].outputs["extra_3"].load() == [0.5]
    assert run.steps["bad"].error.type == "ValueError"
    assert len(Client(root=home).runs()) == 1


def test_a_process_of_the_pool_that_dies_leaves_no_running_step(script, stranger, home) -> None:
    choose(home, "{flavor: pool, method: fork}")
    done = script(
        """
        @step
        def dies() -> None:
            os._exit(3)

        @pipeline(raise_on_failure=False)
        def numbers():
            dies()

        if __name__ == "__main__":
            print("report", numbers().state)
        """,
        path=[stranger],
    )
    assert reported(done) == ["report failed"], done.stderr
    run = Client(root=home).run()
    assert "BrokenProcessPool" in run.error.type
    assert [step.state for step in run.attempts] == ["lost"]


DYING = """
@step(retries={retries})
def dies(name: str, times: int) -> int:
    path = Path(name + ".journal")
    with path.open("a") as journal:
        journal.write("x")
    if len(path.read_text()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return times

@step
def after(value: int) -> int:
    return value

@step(retries=9)
def beside() -> int:
    return 7

@pipeline(raise_on_failure=False, enable_cache=False)
def numbers():
    after(dies("dies", {times}))
    beside()

if __name__ == "__main__":
    run = numbers()
    print("report", run.state, {{name: each.state for name, each in run.steps.items()}})
"""


def dying(retries: int, times: int) -> str:
    return DYING.format(retries=retries, times=times)


def test_a_step_that_kills_its_process_fails_on_a_foreign_engine(script, stranger, home) -> None:
    choose(home, "steady")
    done = script(dying(retries=0, times=9), path=[stranger])
    assert reported(done) == ["report failed {'dies': 'failed', 'after': 'skipped', 'beside': 'completed'}"], (
        done.stderr
    )
    step = Client(root=home).run().steps["dies"]
    assert (step.error.type, step.attempt) == ("zen.errors.WorkerDied", 1)
    assert "the process of step 'dies' died" in step.error.message
    assert (home / "dies.journal").read_text() == "x"


def test_a_step_whose_process_died_is_run_again_as_often_as_its_retries_allow(script, stranger, home) -> None:
    choose(home, "steady")
    done = script(dying(retries=2, times=2), path=[stranger])
    assert reported(done) == ["report completed {'dies': 'completed', 'after': 'completed', 'beside': 'completed'}"], (
        done.stderr
    )
    attempts = [
        (each.name, each.attempt, each.state) for each in Client(root=home).run().attempts if each.name == "dies"
    ]
    assert attempts == [("dies", 1, "lost"), ("dies", 2, "lost"), ("dies", 3, "completed")]
    (home / "dies.journal").unlink()
    done = script(dying(retries=1, times=2), path=[stranger])
    assert reported(done)[0].startswith("report failed {'dies': 'failed', 'after': 'skipped'"), done.stderr
    assert (home / "dies.journal").read_text() == "xx"


INNOCENT = """
def until(name):
    deadline = time.monotonic() + 60
    while not Path(name).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)

@step
def dies() -> None:
    until("beside")
    os.kill(os.getpid(), signal.SIGKILL)

@step(retries=1)
def beside() -> int:
    if not Path("beside").exists():
        Path("beside").touch()
        until("what never comes")
    if not Path("failed").exists():
        Path("failed").touch()
        raise ValueError("its own fault")
    return 7

@step(enable_cache=False)
def spared() -> None:
    with open("journal", "a") as journal:
        journal.write("x")
    os.kill(os.getpid(), signal.SIGKILL)

@pipeline(raise_on_failure=False)
def numbers():
    STEPS

if __name__ == "__main__":
    run = numbers()
    print("report", run.state, sorted((each.name, each.attempt, each.state, each.counted) for each in run.attempts))
"""


def test_the_death_of_another_step_uses_up_no_retry(script, stranger, home) -> None:
    choose(home, "fair")
    done = script(INNOCENT.replace("STEPS", "dies(), beside()"), path=[stranger])
    attempts = [
        ("beside", 1, "lost", False),
        ("beside", 2, "failed", True),
        ("beside", 3, "completed", True),
        ("dies", 1, "lost", False),
        ("dies", 2, "failed", True),
    ]
    assert reported(done) == [f"report failed {attempts}"], done.stderr
    first = next(each for each in Client(root=home).run().attempts if each.name == "beside")
    assert first.reason == "its process ended for another step's sake; the attempt does not count"


def test_an_engine_that_never_blames_a_step_comes_to_an_end(script, stranger, home) -> None:
    choose(home, "fair")
    done = script(INNOCENT.replace("STEPS", "spared()"), path=[stranger])
    attempts = [("spared", number, "lost", False) for number in range(1, 11)] + [("spared", 11, "failed", True)]
    assert reported(done) == [f"report failed {attempts}"], done.stderr
    assert (home / "journal").read_text() == "x" * 11


def test_a_process_that_dies_before_its_step_begins_does_so_only_so_often(define, home, monkeypatch) -> None:
    flow = define(dying(retries=0, times=0))
    told = []

    def run(self, plan, launcher):
        for name in plan.graph():
            while name == "dies" and (record := launcher.died(name, message="no image")).state == "pending":
                told.append(record.state)
            launcher.execute(name)

    monkeypatch.setattr(LocalOrchestrator, "run", run)
    done = flow.numbers()
    assert told == ["pending", "pending"]
    assert {name: each.state for name, each in done.steps.items()} == {
        "dies": "failed",
        "after": "skipped",
        "beside": "completed",
    }
    assert done.steps["dies"].error.message == "the process of step 'dies' died: no image"


def test_a_death_is_known_by_its_exit_code_and_changes_nothing_that_is_recorded(define, home, monkeypatch) -> None:
    flow = define(dying(retries=0, times=0))
    told = []

    def run(self, plan, launcher):
        for name in plan.graph():
            launcher.execute(name)
            told.append(launcher.died(name, exit_code=-9).state)

    monkeypatch.setattr(LocalOrchestrator, "run", run)
    assert flow.numbers().state == "completed"
    assert told == ["completed"] * 3


def test_an_orchestrator_that_forgets_a_step_is_reported(define, stranger, home) -> None:
    choose(home, "forgets")
    flow = define(FLOW)
    with pytest.raises(RunError, match="'forgets' returned before it executed 'load_2'"):
        flow.numbers()
    run = Client(root=home).run()
    assert (run.state, run.steps["load"].state) == ("failed", "completed")
    assert "must call launcher.execute for every step" in run.error.hint


def test_an_orchestrator_that_fails_fails_the_run_with_its_error(define, stranger, home) -> None:
    choose(home, "fails")
    run = define(FLOW).numbers()
    assert (run.state, run.error.type, run.steps["load"].state) == ("failed", "LookupError", "completed")
    assert "the engine broke" in run.error.message
    assert "in run" in run.error.traceback


def test_an_orchestrator_that_leaves_does_not_leave_a_running_run(define, stranger, home) -> None:
    choose(home, "exits")
    with pytest.raises(SystemExit):
        define(FLOW).numbers()
    assert [run.state for run in Client(root=home).runs()] == ["failed"]


def test_local_steps_run_on_a_pool_that_forks(script, stranger, home) -> None:
    choose(home, "{flavor: pool, method: fork}")
    done = script(
        """
        def made(number):
            @step
            def work() -> int:
                return number
            return work

        @pipeline
        def numbers():
            return made(1)(), made(2)()

        if __name__ == "__main__":
            print("report", [each.load() for each in numbers().outputs])
        """,
        path=[stranger],
    )
    assert reported(done) == ["report [1, 2]"], done.stderr


def test_local_steps_on_a_pool_that_spawns_say_what_to_do(script, stranger, home) -> None:
    choose(home, "{flavor: pool, method: spawn}")
    done = script(
        """
        def made(number):
            @step
            def work() -> int:
                return number
            return work

        @pipeline(raise_on_failure=False)
        def numbers():
            made(1)()

        if __name__ == "__main__":
            error = numbers().steps["work"].error
            print("report", error.message, error.hint)
        """,
        path=[stranger],
    )
    [line] = reported(done) or [done.stderr]
    assert "defined inside a function" in line
    assert "move work to the top level" in line
