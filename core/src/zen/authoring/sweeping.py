"""Making the runs of a sweep: one after the other in this thread, or several at once in threads of their own.

A run that is launched outside of the main thread executes its steps in worker processes, so that several at once share
no streams, working folder, environment or imported modules. Steps that no other process can load, such as those of a
notebook, stay in this process, and then the runs go one after the other.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Sequence

from zen.authoring.definitions import PipelineDefinition, current_trace
from zen.authoring.runconfig import RunConfig
from zen.authoring.running import Drafted, bound, draft, launched, merged, project_of, refuse_second_import
from zen.authoring.space import Combination
from zen.authoring.tally import Tally
from zen.client import Client, NotStarted, RunView, Sweep, group_tag, open_client, varied
from zen.engine import interrupt as interrupt_run
from zen.engine import reraise, terminating, use_progress, workers_kept
from zen.errors import UsageError
from zen.records import Plan, RunRecord, StepRunRecord
from zen.stacks import name_refusal

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_POLL = 0.1


def sweep(
    pipeline: PipelineDefinition,
    combinations: Sequence[Combination],
    *,
    name: str = "",
    parallel: int = 1,
    stop_after_failures: int | None = None,
) -> Sweep:
    """Run a pipeline with each of these combinations of parameters; see `Pipeline.sweep`."""
    refuse_second_import(pipeline)
    if current_trace() is not None:
        raise UsageError(
            f"pipeline {pipeline.name!r} is swept inside another pipeline's function",
            hint="a sweep makes runs of its own: call it outside",
        )
    config = RunConfig.read(pipeline.options.config_path)
    options = merged(pipeline.options, config)
    for each in combinations:
        bound(pipeline, (), dict(each), {**config.parameters, **options.parameters})
    client = open_client(stack=options.stack or None, project=project_of(pipeline))
    name = _name(name, pipeline, client)
    runs = _Runs(pipeline, combinations, name, client, stop_after_failures)
    return runs.make(parallel)


def _name(name: str, pipeline: PipelineDefinition, client: Client) -> str:
    if name and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise UsageError(
            name_refusal(name, "a sweep cannot have the name {}"),
            hint="use letters, digits, '_', '.' and '-', up to 100",
        )
    if name:
        return name
    made = f"{pipeline.name}-sweep-{dt.datetime.now().astimezone():%Y-%m-%d-%H-%M-%S}"
    taken = {group.name for group in client.groups()}
    return next(each for number in range(1, len(taken) + 2) if (each := _numbered(made, number)) not in taken)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


class _Runs:
    """The runs of one sweep, made and to be made."""

    def __init__(
        self,
        pipeline: PipelineDefinition,
        combinations: Sequence[Combination],
        name: str,
        client: Client,
        stop_after_failures: int | None,
    ) -> None:
        self.running: dict[int, str] = {}
        self.interrupted = False
        self._pipeline = pipeline
        self._combinations = combinations
        self._name = name
        self._client = client
        self._most = stop_after_failures
        self._first = client.count_runs(tag=group_tag(name)) + 1
        self._made: dict[int, RunView | NotStarted] = {}
        self._next = 0
        self._lock = threading.RLock()
        self._drafting = threading.RLock()
        self._tally = Tally(name, len(combinations), varied(combinations) or sorted(combinations[0]))

    def make(self, parallel: int) -> Sweep:
        """Make the runs and return them.

        Raises:
            KeyboardInterrupt: After those under way were recorded as cancelled.
            ZenError: When the first one cannot be planned: then nothing runs.
        """
        count = len(self._combinations)
        first = self._drafted(0)
        parallel = min(parallel, count)
        alone = [step.name for step in first.draft.plan.steps if not step.code.importable]
        what = f"{count} run{'' if count == 1 else 's'} of {self._pipeline.name}"
        self._tally.say(f"sweep {self._name}: {what} on stack {self._client.stack.name!r}")
        if parallel > 1 and alone:
            self._tally.say(f"  one run at a time: no other process can load the step {alone[0]!r}")
            parallel = 1
        interrupt: KeyboardInterrupt | None = None
        with terminating():
            try:
                with self._tally.beside_output(), workers_kept():
                    self._work() if parallel == 1 else self._beside(parallel)
            except KeyboardInterrupt as error:
                interrupt = error
                self._tally.closed(f"interrupted with {count - len(self._made)} to go; the group keeps what is done")
        if interrupt is not None:
            reraise(interrupt)
        stopped = self._stopped()
        self._tally.closed(stopped)
        made = [self._made[number] for number in sorted(self._made)]
        return Sweep(
            self._name,
            [each for each in made if isinstance(each, RunView)],
            self._client,
            not_started=[each for each in made if isinstance(each, NotStarted)],
            stopped=stopped,
        )

    def _beside(self, parallel: int) -> None:
        """Make several runs at once; this thread waits, and ends them when it is interrupted."""
        faults: list[BaseException] = []
        ended: list[threading.Event] = []

        def work(end: threading.Event) -> None:
            try:
                self._work()
            except KeyboardInterrupt as error:
                self._interrupt()
                faults.append(error)
            except BaseException as error:  # noqa: BLE001  # handed to the thread that waits
                faults.append(error)
            finally:
                end.set()

        caught: KeyboardInterrupt | None = None
        try:
            for _ in range(parallel):
                end = threading.Event()
                threading.Thread(target=work, args=(end,), name="zen-sweep", daemon=True).start()
                ended.append(end)
            _wait(ended)
        except KeyboardInterrupt as error:
            caught = error
            self._interrupt()
            _wait(ended)
        if caught is not None or faults:
            raise caught or faults[0]

    def _work(self) -> None:
        """Make runs until there are none left."""
        while (number := self._taken()) is not None:
            self._one(number)

    def _taken(self) -> int | None:
        with self._lock:
            if self.interrupted or self._stopped() or self._next >= len(self._combinations):
                return None
            self._next += 1
            return self._next - 1

    def _one(self, number: int) -> None:
        parameters = self._combinations[number]
        made: RunView | NotStarted
        error: Exception | None = None
        self._tally.started(number, parameters)
        try:
            with use_progress(_Watch(self, number)):
                made = launched(self._drafted(number))
        except Exception as raised:  # noqa: BLE001  # the pipeline function is the user's code
            error, made = raised, NotStarted(parameters, raised)
        finally:
            self.running.pop(number, None)
        with self._lock:
            self._made[number] = made
        self._tally.ended(number, parameters, made if isinstance(made, RunView) else None, error)

    def _drafted(self, number: int) -> Drafted:
        """Trace the pipeline for one combination. Not two at once: nobody writes such a function for threads."""
        width = len(str(self._first + len(self._combinations) - 1))
        options = self._pipeline.options
        named = self._pipeline.with_options(
            tags=[*options.tags, group_tag(self._name)],
            run_name=options.run_name or f"{self._name}-{self._first + number:0{width}}",
            raise_on_failure=False,
        )
        with self._drafting:
            return draft(named, (), dict(self._combinations[number]))

    def _stopped(self) -> str:
        """Return why no more runs are made, or an empty text."""
        with self._lock:
            bad = sum(1 for each in self._made.values() if isinstance(each, NotStarted) or each.state != "completed")
            left = len(self._combinations) - self._next
        if self._most is None or bad < self._most or not left:
            return ""
        return f"stopped after {bad} failure{'' if bad == 1 else 's'}, with {left} run{'' if left == 1 else 's'} to go"

    def _interrupt(self) -> None:
        self.interrupted = True
        for run in list(self.running.values()):
            interrupt_run(run)


class _Watch:
    """Is told of one run of a sweep, and ends it at once when the sweep has been interrupted."""

    def __init__(self, runs: _Runs, number: int) -> None:
        self._runs = runs
        self._number = number

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        """Note which run it is; a run inside one of its steps is not meant."""
        if self._runs.running.setdefault(self._number, run.id) == run.id and self._runs.interrupted:
            raise KeyboardInterrupt

    def step_started(self, step_run: StepRunRecord) -> None:
        """Say nothing: a line for each run is enough."""

    def step_finished(self, step_run: StepRunRecord) -> None:
        """Say nothing."""

    def run_finished(self, run: RunRecord) -> None:
        """Say nothing: the end of the run is told with its metrics."""


def _wait(ended: Sequence[threading.Event]) -> None:
    # Not `Thread.join`: interrupted, it takes the thread for ended (https://github.com/python/cpython/issues/90882).
    # And not without a timeout: on some systems Ctrl-C waits for the end of it.
    for each in ended:
        while not each.wait(_POLL):
            pass
