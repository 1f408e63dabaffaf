"""What orchestrators and step operators can get wrong, and the check that finds it."""

import contextlib
import sys
import threading
from collections import Counter
from dataclasses import replace

import pytest

from zen.interfaces import Command
from zen.records import StepExit
from zen.testing import (
    DetachedOrchestrator,
    OrchestratorSuite,
    SequentialOrchestrator,
    StepOperatorSuite,
    SubprocessStepOperator,
)

pytestmark = pytest.mark.slow


class Runs(OrchestratorSuite):
    flavor = "kit"
    seconds = 60
    lacks = {"map": "it is small", "detached": "it is small"}


class DetachedRuns(OrchestratorSuite):
    flavor = "kit"
    seconds = 60


class Jobs(StepOperatorSuite):
    flavor = "kit"
    seconds = 60
    lacks = {"resources": "it runs here"}


class LimitedJobs(StepOperatorSuite):
    flavor = "kit"
    seconds = 60


class NothingForOne(SequentialOrchestrator):
    def run(self, plan, launcher):
        if len(plan.steps) > 1:
            super().run(plan, launcher)


class ByName(SequentialOrchestrator):
    def run(self, plan, launcher):
        super().run(replace(plan, steps=tuple(sorted(plan.steps, key=lambda step: step.name))), launcher)


class StopsAtFailure(SequentialOrchestrator):
    def run(self, plan, launcher):
        for step in plan.steps:
            if launcher.execute(step.name).state != "completed":
                return


class Impatient(SequentialOrchestrator):
    def run(self, plan, launcher):
        errors = []

        def execute(name):
            try:
                launcher.execute(name)
            except Exception as error:
                errors.append(error)

        for step in plan.steps:
            thread = threading.Thread(target=execute, args=(step.name,), daemon=True)
            thread.start()
            thread.join(0.2)
            if errors:
                raise errors[0]


class Swallowing(SequentialOrchestrator):
    def run(self, plan, launcher):
        with contextlib.suppress(Exception):
            super().run(plan, launcher)


class Hanging(SequentialOrchestrator):
    def run(self, plan, launcher):
        try:
            super().run(plan, launcher)
        except Exception:
            threading.Event().wait(30)
            raise


class WithoutItems(DetachedOrchestrator):
    def _execute(self, name, launcher):
        launcher.execute(name)


class ItemsAtOnce(DetachedOrchestrator):
    def run(self, plan, launcher):
        items = {step.name: launcher.items(step.name) for step in plan.steps}
        for step in plan.steps:
            for name in (*items[step.name], step.name):
                launcher.execute(name)


class Waiting(DetachedOrchestrator):
    def submit(self, plan, launcher):
        reference = super().submit(plan, launcher)
        while self.status(reference) == "running":
            pass
        return reference


class TupleInReference(DetachedOrchestrator):
    def submit(self, plan, launcher):
        return {**super().submit(plan, launcher), "place": (1, 2)}


class CompletedIsLost(DetachedOrchestrator):
    def status(self, reference):
        return super().status(reference).replace("completed", "lost")


class FailedIsCompleted(DetachedOrchestrator):
    def status(self, reference):
        return super().status(reference).replace("failed", "completed")


class Unstoppable(DetachedOrchestrator):
    def cancel(self, reference):
        pass


class OneProcessOnly(DetachedOrchestrator):
    def submit(self, plan, launcher):
        self.submitted = True
        return super().submit(plan, launcher)

    def status(self, reference):
        return super().status(reference) if hasattr(self, "submitted") else "lost"


class Job:
    """A job with something changed on its way."""

    def __init__(self, job, command=None, output=None, ending=None):
        self.step = job.step
        self.command = command or job.command
        self.output = output or job.output
        self.ending = ending or job.ending


class NeverSucceeds(SubprocessStepOperator):
    def run(self, job):
        ended = super().run(job)
        return StepExit(cause="killed") if ended == StepExit() else ended


class AnyCodeIsOne(SubprocessStepOperator):
    def run(self, job):
        ended = super().run(job)
        return replace(ended, code=min(ended.code, 1)) if ended.cause == "exited" else ended


class CutsOutput(SubprocessStepOperator):
    def run(self, job):
        count = Counter()

        def output(stream, text):
            count[stream] += 1
            if count[stream] <= 400:
                job.output(stream, text)

        return super().run(Job(job, output=output))


class OneStream(SubprocessStepOperator):
    def run(self, job):
        return super().run(Job(job, output=lambda stream, text: job.output("stdout", text)))


class TellsAtTheEnd(SubprocessStepOperator):
    def run(self, job):
        said = []
        ended = super().run(Job(job, output=lambda *told: said.append(told)))
        for told in said:
            job.output(*told)
        return ended


class OtherCommand(SubprocessStepOperator):
    def run(self, job):
        command = job.command
        changed = self.changed(list(command.argv), dict(command.env), command.cwd)
        return super().run(Job(job, Command(**dict(zip(("argv", "env", "cwd"), changed, strict=True)))))


class WithoutEnvironment(OtherCommand):
    def changed(self, argv, env, cwd):
        return argv, {name: value for name, value in env.items() if name.startswith("PYTHON")}, cwd


class WithoutEmptyArguments(OtherCommand):
    def changed(self, argv, env, cwd):
        return list(filter(None, argv)), env, cwd


class InTheRoot(OtherCommand):
    def changed(self, argv, env, cwd):
        return argv, env, str(self.host.root)


class Deaf(SubprocessStepOperator):
    def run(self, job):
        return super().run(Job(job, ending=lambda: False))


class LeavesChildren(SubprocessStepOperator):
    def end(self, process):
        process.kill()


class NothingIsFine(SubprocessStepOperator):
    def run(self, job):
        ended = super().run(job)
        return StepExit() if ended.cause == "never-started" else ended


class KilledIsACode(SubprocessStepOperator):
    def run(self, job):
        ended = super().run(job)
        return StepExit(code=128 + ended.code) if ended.cause == "killed" else ended


class OneJobAtATime(SubprocessStepOperator):
    def run(self, job):
        self.job = job
        return super().run(Job(job, output=lambda *told: self.job.output(*told)))


class Limited(SubprocessStepOperator):
    capabilities = frozenset({"resources"})

    def run(self, job):
        memory = job.step.resources.get("memory")
        if not memory:
            return super().run(job)
        limit = f"resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))"
        start = f"import os, resource, sys; {limit}; os.execv(sys.argv[1], sys.argv[1:])"
        return super().run(Job(job, replace(job.command, argv=(sys.executable, "-c", start, *job.command.argv))))


class Unlimited(SubprocessStepOperator):
    capabilities = frozenset({"resources"})


SABOTEURS = {
    Runs: {
        "test_every_step_is_executed": NothingForOne,
        "test_steps_wait_for_those_before_them": ByName,
        "test_steps_after_a_failure_are_executed": StopsAtFailure,
        "test_nothing_runs_after_run_returns": Impatient,
        "test_an_error_of_the_launcher_comes_out": (Swallowing, Hanging),
    },
    DetachedRuns: {
        "test_items_are_executed_before_their_step": (WithoutItems, ItemsAtOnce),
        "test_submitting_lets_go": (Waiting, TupleInReference),
        "test_a_submitted_run_completes": CompletedIsLost,
        "test_a_submitted_run_that_breaks_has_failed": FailedIsCompleted,
        "test_a_submitted_run_is_cancelled": Unstoppable,
        "test_a_submitted_run_is_found_from_another_process": OneProcessOnly,
    },
    Jobs: {
        "test_a_process_that_succeeds_has_code_zero": NeverSucceeds,
        "test_exit_codes_are_told": AnyCodeIsOne,
        "test_output_comes_in_order": CutsOutput,
        "test_streams_are_told_apart": OneStream,
        "test_output_is_handed_on_while_the_process_runs": TellsAtTheEnd,
        "test_the_environment_reaches_the_process": WithoutEnvironment,
        "test_arguments_reach_the_process": WithoutEmptyArguments,
        "test_the_folder_is_that_of_the_command": InTheRoot,
        "test_ending_ends_every_process": (Deaf, LeavesChildren),
        "test_a_program_that_does_not_exist_is_told": NothingIsFine,
        "test_a_killed_process_is_told": KilledIsACode,
        "test_jobs_at_once_stay_apart": OneJobAtATime,
    },
    LimitedJobs: {"test_memory_is_limited_as_asked": Unlimited},
}
GIVEN_UP = (Hanging, Deaf, TellsAtTheEnd)  # after the seconds of the suite
INNOCENT = "test_a_process_that_dies_costs_no_other_step_its_attempt"
DYING = {
    "test_a_step_that_kills_its_process_fails",
    "test_a_process_that_dies_beside_another_step_ends_no_run_early",
    INNOCENT,
}
NEEDS_PROCESSES = {*DYING, "test_ctrl_c_ends_a_run"}
NEEDS_A_STACK = {
    OrchestratorSuite: {"test_a_pipeline_completes", "test_steps_after_a_failing_step_are_skipped", *NEEDS_PROCESSES},
    StepOperatorSuite: {"test_a_step_gives_the_same_there", "test_a_failing_step_fails_there"},
}
HANDED_IN = "a class was handed in, and a stack needs the plugin: install it"
limiting = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")


def test_a_defect_fails_its_check_alone(trial, suite, check, saboteur):
    class Hasty(suite):
        seconds = 1 if saboteur in GIVEN_UP else suite.seconds

    assert trial.failed(Hasty, saboteur, only=[check]) == [check]
    assert trial.failed(suite, saboteur, only=[name for name in suite.names() if name != check]) == []


def test_correct_orchestrators_pass(trial):
    stack = dict.fromkeys(NEEDS_A_STACK[OrchestratorSuite], HANDED_IN)
    small = dict.fromkeys(SABOTEURS[DetachedRuns], "it lacks `detached`: it is small")
    small["test_items_are_executed_before_their_step"] = "it lacks `map`: it is small"
    assert trial.skipped(Runs, SequentialOrchestrator) == stack | small
    assert trial.skipped(DetachedRuns, DetachedOrchestrator) == stack


@limiting
def test_correct_step_operators_pass(trial):
    stack = dict.fromkeys(NEEDS_A_STACK[StepOperatorSuite], HANDED_IN)
    unlimited = {"test_memory_is_limited_as_asked": "it lacks `resources`: it runs here"}
    assert trial.skipped(Jobs, SubprocessStepOperator) == stack | unlimited
    assert trial.skipped(LimitedJobs, Limited) == stack


def test_every_check_has_a_saboteur(trial):
    for base in (OrchestratorSuite, StepOperatorSuite):
        named = {check for suite, rows in SABOTEURS.items() if issubclass(suite, base) for check in rows}
        assert named | NEEDS_A_STACK[base] == trial.own(base)


CORRECT = {
    Runs: "from zen.testing import SequentialOrchestrator as Kit",
    Jobs: "from zen.testing import SubprocessStepOperator as Kit",
}
FORGETS = """
from zen.interfaces import Orchestrator

class Kit(Orchestrator):
    def run(self, plan, launcher):
        for step in plan.steps[:1]:
            launcher.execute(step.name)
"""
DOES_NOTHING = """
from zen.interfaces import StepOperator
from zen.records import StepExit

class Kit(StepOperator):
    def run(self, job):
        return StepExit()
"""


@pytest.mark.parametrize(
    ("suite", "source", "failed"),
    [
        (Runs, CORRECT[Runs], []),
        (Runs, FORGETS, sorted(NEEDS_A_STACK[OrchestratorSuite] - NEEDS_PROCESSES)),
        (Jobs, CORRECT[Jobs], []),
        (Jobs, DOES_NOTHING, sorted(NEEDS_A_STACK[StepOperatorSuite])),
    ],
)
def test_installed_ones_run_pipelines(trial, installed, suite, source, failed):
    class Patient(suite):
        seconds = 60

    installed(suite.kind, source)
    only = sorted(NEEDS_A_STACK[suite.__base__] - NEEDS_PROCESSES)
    outcomes = trial.outcomes(Patient, None, only=only)
    assert [name for name in only if outcomes[name].failed] == failed, outcomes
    assert not any(outcome.skipped for outcome in outcomes.values())


POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from zen.interfaces import Orchestrator

class Kit(Orchestrator):
    def run(self, plan, launcher):
        waiting = list(plan.graph())
        suspects = []
        while waiting:
            ready = suspects[:1] or [name for name in waiting if not set(plan.graph()[name]) & set(waiting)][:2]
            with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
                for name, done in [(name, pool.submit(launcher.execute, name)) for name in ready]:
                    try:
                        done.result()
                    except BrokenProcessPool:
                        if launcher.died(name, blame=len(ready) == 1).state in ("pending", "lost"):
                            suspects = [*(each for each in suspects if each != name), name]
                            continue
                    waiting.remove(name)
                    suspects = [each for each in suspects if each != name]
"""
BLAMES = POOL.replace(", blame=len(ready) == 1", "")
GIVES_UP = BLAMES.replace('if launcher.died(name).state in ("pending", "lost"):', "raise").replace(
    "                            suspects = [*(each for each in suspects if each != name), name]\n"
    "                            continue\n",
    "",
)
LEAVES_A_PROCESS = POOL.replace(
    "        waiting =",
    "        import subprocess\n        subprocess.Popen(['sleep', '600'], stdout=-3, stderr=-3)\n        waiting =",
)


@pytest.mark.parametrize(
    ("source", "failed"),
    [(POOL, set()), (BLAMES, {INNOCENT}), (GIVES_UP, DYING), (LEAVES_A_PROCESS, {"test_ctrl_c_ends_a_run"})],
    ids=["correct", "blames", "gives-up", "leaves-a-process"],
)
def test_orchestrators_on_processes_outlive_them(trial, installed, source, failed):
    class Patient(Runs):
        seconds = 60

    installed("orchestrator", source)
    outcomes = trial.outcomes(Patient, None, only=sorted(NEEDS_PROCESSES))
    assert {name for name, outcome in outcomes.items() if outcome.failed} == failed, outcomes
    assert not any(outcome.skipped for outcome in outcomes.values())


SECRETIVE = """
from dataclasses import dataclass
from zen.secrets import Secret
from zen.testing import SequentialOrchestrator

@dataclass(frozen=True)
class Config:
    token: Secret

class Kit(SequentialOrchestrator):
    def run(self, plan, launcher):
        if self.host.secrets.reveal(self.config.token) != "a b c":
            raise RuntimeError("another token")
        super().run(plan, launcher)
"""


def test_secrets_reach_a_pipeline_by_reference(trial, installed):
    class Secretive(Runs):
        seconds = 60

        def config(self, kit):
            kit.host.secrets.values["env/KIT_TOKEN"] = "a b c"
            return {"token": "${secret:env/KIT_TOKEN}"}

    installed("orchestrator", SECRETIVE, config="kit_component:Config")
    outcome = trial.outcomes(Secretive, None, only=["test_a_pipeline_completes"])["test_a_pipeline_completes"]
    assert outcome.passed, outcome.message
