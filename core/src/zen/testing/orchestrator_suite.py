"""The suite of orchestrators; `zen.testing.runs` says which rows of the usual list do not apply."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zen.records import FINAL, RUN_STATES, CodeRef, Input, Plan, StackSpec, StepSpec
from zen.testing.checks import DoesNotApply, NotVerified, require
from zen.testing.fakes.launcher import FakeLauncher
from zen.testing.pipelines import as_text, interrupt_pipeline, run_pipeline
from zen.testing.suite import ComponentSuite, since
from zen.testing.waiting import where, within

if TYPE_CHECKING:
    from zen.testing.kit import Kit

Graph = Mapping[str, Sequence[str]]

DIAMOND: Graph = {"extract": (), "left": ("extract",), "right": ("extract",), "save": ("left", "right")}
LINE: Graph = {"first": (), "second": ("first",), "third": ("second",)}
GRAPHS: dict[str, Graph] = {
    "one step": {"only": ()},
    "a line": LINE,
    "a diamond": DIAMOND,
    "50 steps": {
        f"step_{n}": tuple(dict.fromkeys(f"step_{m}" for m in (n // 2, n - 3) if 0 <= m < n)) for n in range(50)
    },
}
_CODE = CodeRef(module="flow", qualname="work")
_MOMENT = 0.15

_PIPELINE = """
@step
def load(text: str) -> int:
    return len(text)

@step
def left(rows: int) -> int:
    return rows + 1

@step
def right(rows: int) -> int:
    return rows * 2

@step
def join(a: int, b: int) -> list:
    return [a, b]

@pipeline
def flow(text: str = "x" * 100_000):
    rows = load(text)
    join(left(rows), right(rows))
"""
_FAILING = """
@step
def boom() -> int:
    raise RuntimeError("boom of the kit")

@step
def after(value: int) -> int:
    return value

@step
def beside() -> int:
    return 7

@pipeline
def flow():
    after(boom())
    beside()
"""
_DYING = """
@step
def dies(launcher: int) -> str:
    import signal
    if os.getpid() != launcher:
        os.kill(os.getpid(), signal.SIGKILL)
    return "in the launching process"

@step
def beside() -> int:
    return 7

@step
def after(value: str) -> int:
    return 1

@pipeline
def flow():
    after(dies(os.getpid()))
    PARALLEL
"""
_BESIDE = """
def until(name, seconds):
    import time
    deadline = time.monotonic() + seconds
    while not os.path.exists(name) and time.monotonic() < deadline:
        time.sleep(0.01)

@step
def dies(launcher: int) -> str:
    import signal
    if os.getpid() != launcher:
        until("beside", 5)
        os.kill(os.getpid(), signal.SIGKILL)
    return "in the launching process"

@step
def beside() -> int:
    if not os.path.exists("beside"):
        open("beside", "w").close()
        until("what never comes", 3)
    return 7

@pipeline
def flow():
    dies(os.getpid())
    beside()
"""
_SLEEPING = """
@step
def sleeps() -> int:
    import time
    open("started", "w").close()
    time.sleep(600)
    return 1

@step
def after(value: int) -> int:
    return value

@pipeline
def flow():
    after(sleeps())
"""


def sample_plan(graph: Graph, *, mapped: str = "") -> Plan:
    """Return a plan whose steps wait for each other as a graph says: for the first one by its data, else by order.

    Args:
        graph: For each step, those that it waits for, in an order in which they can run.
        mapped: The step that is mapped.
    """
    steps = []
    for name, waits in graph.items():
        inputs = {"value": Input(kind="output", step=waits[0], output="output")} if waits else {}
        over = ("value",) if name == mapped else ()
        steps.append(StepSpec(name=name, code=_CODE, inputs=inputs, after=tuple(waits[1:]), over=over))
    return Plan(pipeline="kit", code=_CODE, steps=tuple(steps), stack=StackSpec(name="kit"))


class OrchestratorSuite(ComponentSuite):
    """What holds for every orchestrator. Its steps run on this machine: they write to a file in the kit's folder.

    Attributes:
        seconds: How long a run of a few steps may take.
    """

    kind: ClassVar[str] = "orchestrator"
    seconds: ClassVar[float] = 60.0

    def use(self, component: Any) -> None:
        """Run a plan."""
        component.run(sample_plan(DIAMOND), FakeLauncher(Path(component.host.state) / f"{uuid.uuid4().hex}.journal"))

    def test_every_step_is_executed(self, kit: Kit) -> None:
        """`launcher.execute` is called for every step: of one step, a line, a diamond, 50 steps."""
        for told, graph in GRAPHS.items():
            events = self._run(kit, graph).events()
            missing = [name for name in graph if ("start", name) not in events]
            require(
                not missing,
                tried=f"run(plan, launcher) with {told}",
                came=f"never executed: {', '.join(missing)}",
                do="call launcher.execute(step.name) at least once for every step of plan.steps",
            )

    def test_steps_wait_for_those_before_them(self, kit: Kit) -> None:
        """A step is executed after all the steps that it waits for have returned."""
        for told, graph in GRAPHS.items():
            delays = dict.fromkeys(graph, 0.05) if len(graph) < 10 else {}
            _require_order(f"run(plan, launcher) with {told}", graph, self._run(kit, graph, delays=delays))

    def test_steps_after_a_failure_are_executed(self, kit: Kit) -> None:
        """Steps after one that failed or was skipped are executed as well: the launcher decides to skip them."""
        for state in ("failed", "skipped", "cancelled"):
            launcher = self._run(kit, DIAMOND, states={"left": state})
            missing = [name for name in DIAMOND if ("start", name) not in launcher.events()]
            require(
                not missing,
                tried=f"run(plan, launcher) with a diamond whose step 'left' is recorded as {state}",
                came=f"never executed: {', '.join(missing)}",
                do="go on whatever state execute() returns",
            )
            _require_order(f"run(plan, launcher) with a step that is {state}", DIAMOND, launcher)

    def test_nothing_runs_after_run_returns(self, kit: Kit) -> None:
        """When `run` returns, no step is running or still to come."""
        launcher = self._run(kit, {"quick": (), "slow": ()}, delays={"slow": 2 * _MOMENT})
        events = launcher.events()
        started, ended = ({name for event, name in events if event == wanted} for wanted in ("start", "end"))
        time.sleep(_MOMENT)
        require(
            started == ended and launcher.events() == events,
            tried="run(plan, launcher) with a slow last step",
            came=f"it returned while {', '.join(sorted(started - ended)) or 'a step'} was still to end",
            do="return when every execute() has returned: join threads and processes",
        )

    def test_an_error_of_the_launcher_comes_out(self, kit: Kit) -> None:
        """An exception of `launcher.execute`, such as that of a store that failed, comes out of `run`, in time."""
        launcher = FakeLauncher(kit.tmp_path / "raising.journal", raising="left", delays={"right": 0.1})
        tried = "run(plan, launcher) with a launcher that raises in one step of a diamond"
        do = "let it out, as it is or as the cause of another; let no step wait for ever"
        error = self._within(lambda: kit.component.run(sample_plan(DIAMOND), launcher), tried, do)
        require(error is not None, tried=tried, came="no error: run() returned", do=do)

    def test_items_are_executed_before_their_step(self, kit: Kit) -> None:
        """Capability `map`: the items are asked for after the steps before, and executed before the mapped step."""
        self._declares(kit, "map")
        items = ("score[0]", "score[1]", "score[2]")
        launcher = FakeLauncher(kit.tmp_path / "mapped.journal", mapped={"score": items}, delays={"load": 0.05})
        graph: Graph = {"load": (), "score": ("load",), "join": ("score",)}
        self._finish(kit, sample_plan(graph, mapped="score"), launcher)
        waits = {"load": (), **dict.fromkeys(items, ("load",)), "score": items, "join": ("score",)}
        events = launcher.events()
        missing = [name for name in waits if ("start", name) not in events]
        early = ("items", "score") in events and events.index(("items", "score")) < events.index(("end", "load"))
        tried = "run(plan, launcher) with a mapped step of three items"
        do = "after the steps before it: for item in launcher.items(name): launcher.execute(item); then execute(name)"
        require(not missing and not early, tried=tried, came=events, do=do)
        _require_order(tried, waits, launcher)

    def test_submitting_lets_go(self, kit: Kit) -> None:
        """Capability `detached`: `submit` returns a JSON reference before the run has ended."""
        launcher, reference = self._submit(kit, LINE, delays={"first": 2 * _MOMENT})
        events = launcher.events()
        try:
            same = json.loads(json.dumps(reference)) == reference
        except (TypeError, ValueError):
            same = False
        require(
            isinstance(reference, dict) and same, tried="submit(…)", came=reference, do="return a dict of plain data"
        )
        require(("end", "third") not in events, tried="submit(…)", came="the run had ended", do="do not wait for it")
        self._final(kit.component, reference)

    def test_a_submitted_run_completes(self, kit: Kit) -> None:
        """Capability `detached`: the status becomes `completed` when every step was executed."""
        launcher, reference = self._submit(kit, DIAMOND)
        state = self._final(kit.component, reference)
        missing = [name for name in DIAMOND if ("end", name) not in launcher.events()]
        require(
            state == "completed" and not missing,
            tried="submit(…), then status(reference) until it is final",
            came=f"{state}, and not executed: {', '.join(missing) or 'none'}{_logged(kit)}",
            do="return `completed` after the last step",
        )

    def test_a_submitted_run_that_breaks_has_failed(self, kit: Kit) -> None:
        """Capability `detached`: the status becomes `failed` when the launcher raises."""
        _, reference = self._submit(kit, LINE, raising="second")
        state = self._final(kit.component, reference)
        require(state == "failed", tried="status(reference) of a run that broke", came=state, do="return `failed`")

    def test_a_submitted_run_is_cancelled(self, kit: Kit) -> None:
        """Capability `detached`: after `cancel` the run stops, and its status becomes `cancelled`."""
        launcher, reference = self._submit(kit, LINE, delays={"first": 2 * _MOMENT, "second": 2 * _MOMENT})
        if ("end", "third") in launcher.events():
            give = "run it on a machine that is less busy"
            raise NotVerified("the run had ended before it could be cancelled", give=give)
        deadline = time.monotonic() + self.seconds
        while ("start", "first") not in launcher.events() and time.monotonic() < deadline:
            time.sleep(0.01)
        kit.component.cancel(reference)
        state = self._final(kit.component, reference)
        events = launcher.events()
        time.sleep(_MOMENT)
        require(
            state == "cancelled" and ("start", "third") not in launcher.events() and launcher.events() == events,
            tried="cancel(reference) of a run of three steps, in its first step",
            came=f"{state}, and {launcher.events()}",
            do="stop it, and return `cancelled` when nothing of it is running",
        )

    def test_a_submitted_run_is_found_from_another_process(self, kit: Kit) -> None:
        """Capability `detached`: another process, with nothing but the reference, is told the same status."""
        _, reference = self._submit(kit, LINE)
        state = self._final(kit.component, reference)
        found = kit.fresh_process(_status, reference)
        require(found == state, tried="status(reference) in a new process", came=found, do=f"return {state!r}")

    def test_a_pipeline_completes(self, kit: Kit) -> None:
        """A real pipeline on a stack with this orchestrator completes, with the right outputs."""
        found = run_pipeline(kit, _PIPELINE, seconds=self.seconds)
        outputs = {name: list(step["outputs"].values()) for name, step in found["steps"].items()}
        wanted = {"load": [100_000], "left": [100_001], "right": [200_000], "join": [[100_001, 200_000]]}
        require(
            found["state"] == "completed" and outputs == wanted,
            tried="a diamond of four steps, run by zen on a stack with this orchestrator",
            came=as_text(found),
            do="execute every step, in order",
        )

    def test_steps_after_a_failing_step_are_skipped(self, kit: Kit) -> None:
        """A real pipeline with a failing step fails: what waits for that step is skipped, the rest runs."""
        found = run_pipeline(kit, _FAILING, seconds=self.seconds)
        states = {name: step["state"] for name, step in found["steps"].items()}
        require(
            found["state"] == "failed" and states == {"boom": "failed", "after": "skipped", "beside": "completed"},
            tried="a pipeline with a failing step, run by zen on a stack with this orchestrator",
            came=as_text(found),
            do="execute every step also after one that failed; zen decides what is skipped",
        )

    def test_a_step_that_kills_its_process_fails(self, kit: Kit) -> None:
        """A step whose process dies ends the run in time: the step is `failed`, and none is left open."""
        self._killed(kit, beside=False)

    def test_a_process_that_dies_beside_another_step_ends_no_run_early(self, kit: Kit) -> None:
        """With another step beside it, a step whose process dies still leaves every step with a final state."""
        self._killed(kit, beside=True)

    @since("0.2")
    def test_a_process_that_dies_costs_no_other_step_its_attempt(self, kit: Kit) -> None:
        """A step without retries that runs beside one whose process dies completes, in another process if need be."""
        found = run_pipeline(kit, _BESIDE, seconds=self.seconds)
        if found["steps"].get("dies", {}).get("outputs"):
            raise DoesNotApply("its steps run in the launching process")
        states = {name: step["state"] for name, step in found["steps"].items()}
        require(
            states == {"dies": "failed", "beside": "completed"},
            tried="a step that kills its own process while another one runs, on a stack with this orchestrator",
            came=as_text(found),
            do="call launcher.died(name, blame=False) for steps whose processes ended with that of another step, and"
            " execute them again; where nobody knows which one did it, for all, and execute these one at a time",
        )

    def test_ctrl_c_ends_a_run(self, kit: Kit) -> None:
        """Ctrl-C ends the run in time: it is `cancelled`, no step is left open and no process goes on."""
        if sys.platform == "win32":
            raise NotVerified("Ctrl-C for another process is not tried on Windows", give="run it on Linux or macOS")
        found, left = interrupt_pipeline(kit, _SLEEPING, seconds=self.seconds)
        states = {name: step["state"] for name, step in found["steps"].items()}
        require(
            found["state"] == "cancelled" and states.get("sleeps") in ("cancelled", "lost") and not left,
            tried="Ctrl-C while a step of a real pipeline sleeps, on a stack with this orchestrator",
            came=f"{as_text(found)}\nleft over: {', '.join(left) or 'nothing'}",
            do="let KeyboardInterrupt through, and end the processes that you started before `run` is left",
        )

    def _killed(self, kit: Kit, *, beside: bool) -> None:
        source = _DYING.replace("PARALLEL", "beside()" if beside else "")
        found = run_pipeline(kit, source, seconds=self.seconds)
        steps = found["steps"]
        if steps.get("dies", {}).get("outputs"):
            raise DoesNotApply("its steps run in the launching process")
        states = {name: step["state"] for name, step in steps.items()}
        wanted = ("completed", "failed") if beside else ("completed",)
        require(
            found["state"] == "failed"
            and states.get("dies") == "failed"
            and states.get("after") == "skipped"
            and states.get("beside", "completed") in wanted,
            tried="a step that kills its own process, run by zen on a stack with this orchestrator",
            came=as_text(found),
            do="call launcher.died(name) for the steps whose process is gone; go on with the rest, in new processes",
        )

    def _run(self, kit: Kit, graph: Graph, **launcher: Any) -> FakeLauncher:
        lent = FakeLauncher(kit.tmp_path / f"{uuid.uuid4().hex}.journal", **launcher)
        self._finish(kit, sample_plan(graph), lent)
        return lent

    def _finish(self, kit: Kit, plan: Plan, launcher: FakeLauncher) -> None:
        tried, do = f"run(plan, launcher) with {len(plan.steps)} steps", "return when every step has a state"
        component = kit.component
        error = self._within(lambda: component.run(plan, launcher), tried, do)
        if error is not None:
            raise AssertionError(f"tried: {tried}\n came: {where(error)}\n   do: {do}") from error

    def _within(self, action: Callable[[], object], tried: str, do: str) -> BaseException | None:
        ended, error = within(self.seconds, action)
        require(ended, tried=tried, came=f"it did not return in {self.seconds:g} s", do=do)
        return error

    def _submit(self, kit: Kit, graph: Graph, **launcher: Any) -> tuple[FakeLauncher, dict[str, Any]]:
        self._declares(kit, "detached")
        lent = FakeLauncher(kit.tmp_path / "submitted.journal", **launcher)
        return lent, kit.component.submit(sample_plan(graph), lent)

    def _final(self, component: Any, reference: dict[str, Any]) -> str:
        deadline = time.monotonic() + self.seconds
        while (state := component.status(reference)) not in FINAL and time.monotonic() < deadline:
            require(state in RUN_STATES, tried="status(reference)", came=state, do=f"return one of {RUN_STATES}")
            time.sleep(0.02)
        return str(state)


def _require_order(tried: str, graph: Graph, launcher: FakeLauncher) -> None:
    """Require that no step started before the first end of each step that it waits for."""
    events = launcher.events()
    ended: set[str] = set()
    for event, name in events:
        early = [other for other in graph.get(name, ()) if other not in ended] if event == "start" else []
        require(
            not early,
            tried=tried,
            came=f"{name} was executed before {', '.join(early)} had returned",
            do="wait for all of step.upstream(): data and `after`",
        )
        if event == "end":
            ended.add(name)


def _logged(kit: Kit) -> str:
    """Return what the component has logged lately: the kit sees no more of a run that goes on by itself."""
    lines = kit.host.messages[-20:]
    return "\nits log: " + "\n  ".join(lines) if lines else ""


def _status(component: Any, reference: dict[str, Any]) -> Any:
    return component.status(reference)
