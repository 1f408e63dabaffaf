"""The suite of experiment trackers.

Rows of the field's usual list that are left out: that a tracker which is away fails no step, and warns once, is the
engine's doing and tested there; artifacts and tags are not part of the interface; retries belong to the tool.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from zen.records import CodeRef, Plan, RunRecord, StackSpec, StepRunRecord, StepSpec
from zen.testing.checks import NotVerified, require
from zen.testing.kit import Kit
from zen.testing.suite import ComponentSuite

_AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
_CODE = CodeRef(module="flow", qualname="train")


def sample_run(run_id: str = "00000000000000a1") -> tuple[RunRecord, Plan]:
    """Return a run and its plan with one step, as a tracker gets them."""
    plan = Plan(
        pipeline="training",
        code=CodeRef(module="flow", qualname="training"),
        steps=(StepSpec(name="train", code=_CODE),),
        stack=StackSpec(name="tracked"),
        parameters={"lr": 0.1},
    )
    run = RunRecord(
        id=run_id,
        name=f"training-{run_id}",
        pipeline="training",
        state="running",
        stack="tracked",
        started_at=_AT,
        parameters={"lr": 0.1},
        tags=("nightly",),
    )
    return run, plan


def sample_step(run: RunRecord, name: str = "train", step_id: str = "00000000000000b1") -> StepRunRecord:
    """Return a step run of a run."""
    return StepRunRecord(id=step_id, run_id=run.id, name=name, state="running", started_at=_AT)


class ExperimentTrackerSuite(ComponentSuite):
    """What holds for every experiment tracker."""

    kind: ClassVar[str] = "experiment_tracker"

    def read(self, kit: Kit, component: Any, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what the tool holds of a run, read through the tool's own client; None when that cannot be done.

        The form: `{"state": "completed", "steps": {"train": {"state": "completed", "params": {"lr": "0.1"},
        "metrics": {"loss": [(1.0, 0), (0.5, 1)]}}}}`, with states in zen's words, parameters as texts, and metrics as
        lists of value and index.
        """
        return None

    def use(self, component: Any) -> None:
        """Track a whole run."""
        run, plan = sample_run(f"{threading.get_ident() % 16**15:016x}")
        self._tracked(component, run, plan)

    def test_the_reference_is_json(self, kit: Kit) -> None:
        """`start_run` returns plain JSON data, which zen stores and gives back to every process of the run."""
        reference = kit.component.start_run(*sample_run())
        try:
            same = json.loads(json.dumps(reference)) == reference
        except (TypeError, ValueError):
            same = False
        require(
            isinstance(reference, dict) and same,
            tried="json.dumps(start_run(run, plan))",
            came=reference,
            do="return a dict of texts and numbers: ids, and `url`",
        )

    def test_what_a_step_logs_is_read_back(self, kit: Kit) -> None:
        """Parameters and metrics, with index, are found through the tool's own client under the step."""
        steps = self._read(kit, self._tracked(kit.component, *sample_run()))["steps"]
        require("train" in steps, tried="track the step 'train' and read it back", came=steps, do="keep it by its name")
        params, metrics = dict(steps["train"]["params"]), steps["train"]["metrics"]
        require(
            params.get("depth") == "3",
            tried="log_params({'depth': 3})",
            came=params,
            do="record each parameter under its name",
        )
        found = [(float(value), index) for value, index in metrics.get("loss", ())]
        require(
            found == [(1.0, 0), (0.5, 1)],
            tried="log_metrics({'loss': 1.0}, step=0) and log_metrics({'loss': 0.5}, step=1)",
            came=metrics,
            do="record every value with its index, not only the last one",
        )

    def test_a_completed_run_is_marked_completed(self, kit: Kit) -> None:
        """After `finish_run` the run is over in the tool, with the state that it had."""
        found = self._read(kit, self._tracked(kit.component, *sample_run()))
        require(
            found["state"] == "completed", tried="finish_run of a completed run", came=found["state"], do="end the run"
        )

    def test_a_failed_run_is_marked_failed(self, kit: Kit) -> None:
        """A run that failed is not shown as a success."""
        found = self._read(kit, self._tracked(kit.component, *sample_run(), state="failed"))
        require(found["state"] == "failed", tried="finish_run of a failed run", came=found["state"], do="use run.state")

    def test_a_failing_step_is_marked_failed(self, kit: Kit) -> None:
        """A step that an exception ended is marked as failed in the tool."""
        run, plan = sample_run()
        reference = kit.component.start_run(run, plan)
        self._fail(kit.component, reference, run)
        kit.component.finish_run(reference, replace(run, state="failed", finished_at=_AT))
        steps = self._read(kit, reference)["steps"]
        state = steps.get("train", {}).get("state")
        require(state == "failed", tried="an exception inside `step(…)`", came=state, do="mark the step failed")

    def test_exceptions_pass_through(self, kit: Kit) -> None:
        """The context of a step swallows no exception of the step."""
        run, plan = sample_run()
        reference = kit.component.start_run(run, plan)
        passed = self._fail(kit.component, reference, run)
        require(passed, tried="an exception inside `step(…)`", came="it was gone", do="raise it again")

    def test_numbers_that_are_none_are_taken(self, kit: Kit) -> None:
        """NaN and infinities are taken as metric values, whatever the tool makes of them."""
        run, plan = sample_run()
        reference = kit.component.start_run(run, plan)
        with kit.component.step(reference, run, sample_step(run)) as tracking:
            for value in (math.nan, math.inf, -math.inf):
                try:
                    tracking.log_metrics({"odd": value}, step=None, at=_AT)
                except Exception as error:
                    raise AssertionError(
                        f"tried: log_metrics({{'odd': {value}}})\n came: {error!r}\n"
                        "   do: record it as the tool can, or leave it out"
                    ) from error

    def test_steps_at_once_stay_apart(self, kit: Kit) -> None:
        """Two steps that run at the same time in two threads do not mix what they log."""
        run, plan = sample_run()
        component, barrier = kit.component, threading.Barrier(2, timeout=30)
        reference = component.start_run(run, plan)
        errors: list[BaseException] = []

        def track(number: int) -> None:
            try:
                step = sample_step(run, f"train_{number}", f"00000000000000b{number}")
                with component.step(reference, run, step) as tracking:
                    barrier.wait()
                    tracking.log_params({"number": number})
                    barrier.wait()
            except BaseException as error:  # noqa: BLE001  # told by the check
                errors.append(error)

        threads = [threading.Thread(target=track, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        require(
            not errors, tried="two steps in two threads", came=errors, do="keep no state of a step in the component"
        )
        component.finish_run(reference, replace(run, state="completed", finished_at=_AT))
        steps = self._read(kit, reference)["steps"]
        found = {name: dict(step["params"]) for name, step in steps.items()}
        wanted = {f"train_{number}": {"number": str(number)} for number in (1, 2)}
        require(
            found == wanted, tried="two steps at once, one parameter each", came=found, do="log to the step's own run"
        )

    def test_a_run_is_picked_up_again(self, kit: Kit) -> None:
        """Starting a run whose `trackers` hold a reference goes on with the same run of the tool."""
        run, plan = sample_run()
        first = kit.component.start_run(run, plan)
        again = kit.component.start_run(replace(run, trackers={"tracker": first}), plan)
        require(again == first, tried="start_run of a resumed run", came=again, do=f"return the reference {first}")

    def test_a_step_in_another_process_joins_the_run(self, kit: Kit) -> None:
        """What a step logs in a new process, with nothing but the reference, lands in the same run."""
        run, plan = sample_run()
        reference = kit.component.start_run(run, plan)
        kit.fresh_process(_step_elsewhere, reference, run.id)
        kit.component.finish_run(reference, replace(run, state="completed", finished_at=_AT))
        steps = self._read(kit, reference)["steps"]
        params = dict(steps.get("train", {}).get("params", {}))
        require(params == {"depth": "3"}, tried="a step in a new process", came=steps, do="use the reference alone")

    def _tracked(self, component: Any, run: RunRecord, plan: Plan, state: Any = "completed") -> dict[str, Any]:
        reference: dict[str, Any] = component.start_run(run, plan)
        with component.step(reference, run, sample_step(run, step_id=f"b{run.id[1:]}")) as tracking:
            tracking.log_params({"depth": 3})
            tracking.log_metrics({"loss": 1.0}, step=0, at=_AT)
            tracking.log_metrics({"loss": 0.5}, step=1, at=_AT + dt.timedelta(seconds=1))
            tracking.log_metadata({"note": "größe"})
        component.finish_run(reference, replace(run, state=state, finished_at=_AT + dt.timedelta(seconds=2)))
        return reference

    def _fail(self, component: Any, reference: Mapping[str, Any], run: RunRecord) -> bool:
        try:
            with component.step(reference, run, sample_step(run)):
                raise KeyError("boom")
        except KeyError:
            return True
        return False

    def _read(self, kit: Kit, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self.read(kit, kit.component, reference)
        if found is None:
            raise NotVerified("the suite has no `read`: what the tool holds cannot be seen")
        return found


def _step_elsewhere(component: Any, reference: dict[str, Any], run_id: str) -> None:
    run, _ = sample_run(run_id)
    with component.step(reference, run, sample_step(run)) as tracking:
        tracking.log_params({"depth": 3})
