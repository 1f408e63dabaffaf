"""The suite of experiment trackers.

Rows of the field's usual list that are left out: that a tracker which is away fails no step, and warns once, is the
engine's doing and tested there; tags are not part of the interface; retries belong to the tool.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from zen.interfaces import StepTracking
from zen.records import CodeRef, Plan, RunRecord, StackSpec, StepRunRecord, StepSpec
from zen.testing.checks import DoesNotApply, NotVerified, require
from zen.testing.kit import Kit
from zen.testing.suite import ComponentSuite

_AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
_CODE = CodeRef(module="flow", qualname="train")
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><path d="M0 0h2v2z"/></svg>'
_COLUMNS = ("name", "score", "note")
_ROWS = (("a", 1, None), ("größe", 0.5, True), ("c", -2, "x,y"))


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

        A step may also have `"files": {"report.txt": b"…", "data/part.txt": b"…"}`, for a folder the names in it, or a
        list of the names alone; `"figures"`, a list of names; `"tables": {"scores": {"columns": […], "rows": [[…]]}}`;
        and `"models": {"churn": ["model.json"]}`, the files of each model. What it does not have is not verified.
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

    def test_files_are_read_back(self, kit: Kit) -> None:
        """A file and the files of a folder are kept under the names that were given, with their content."""
        step = self._logged(kit, "log_file", _log_files)
        wanted = {"report.txt": "größe".encode(), "data/part.txt": b"part", "data/deep/other.txt": b"other"}
        self._require_files(
            self._part(step, "files"),
            wanted,
            tried="log_file('report.txt', a file) and log_file('data', a folder); both are gone after the step",
            do="copy them before log_file returns, or before the step's context ends",
        )

    def test_figures_are_read_back(self, kit: Kit) -> None:
        """Images are shown, or kept as files, under the names that were given: PNG and SVG."""
        step = self._logged(kit, "log_figure", _log_figures)
        self._part(step, "figures", "files")
        figures = [*step.get("figures", ()), *step.get("files", ())]
        missing = [name for name in ("curve", "plan") if not any(_is_called(figure, name) for figure in figures)]
        require(
            not missing,
            tried="log_figure('curve', a PNG file) and log_figure('plan', an SVG file)",
            came=figures,
            do=f"show {' and '.join(missing)}, or leave it to the interface, which logs the file",
        )

    def test_a_table_is_read_back(self, kit: Kit) -> None:
        """A table is kept with its columns and its rows; cells may be None, booleans, numbers and texts, mixed."""
        step = self._logged(kit, "log_table", lambda tracking, _: tracking.log_table("scores", _COLUMNS, _ROWS))
        table = dict(self._part(step, "tables")).get("scores", {})
        rows = [list(row) for row in _ROWS]
        require(
            list(table.get("columns", ())) == list(_COLUMNS) and [list(row) for row in table.get("rows", ())] == rows,
            tried=f"log_table('scores', {list(_COLUMNS)}, {rows})",
            came=table,
            do="keep columns and rows in order, and each cell as what it is",
        )

    def test_a_model_is_read_back(self, kit: Kit) -> None:
        """A model is kept under its name with the files that zen saved it as, or its files are kept."""
        step = self._logged(kit, "log_model", _log_model)
        self._part(step, "models", "files")
        as_files = [name.removeprefix("churn/") for name in step.get("files", ()) if name.startswith("churn/")]
        found = step.get("models", {}).get("churn") or as_files
        self._require_files(
            found,
            {"model.json": b"{}", "weights/part.bin": b"weights"},
            tried="log_model('churn', model, {'model.json': a file, 'weights/part.bin': a file}); both are gone then",
            do="keep all files of the model, or leave it to the interface, which logs them",
        )

    def _require_files(self, found: Any, wanted: Mapping[str, bytes], *, tried: str, do: str) -> None:
        right = set(found) == set(wanted)
        if right and isinstance(found, Mapping):
            right = {name: bytes(content) for name, content in found.items()} == wanted
        require(right, tried=tried, came=found, do=do)

    def _part(self, step: Mapping[str, Any], *names: str) -> Any:
        """Return the first part that `read` tells of a step."""
        for name in names:
            if name in step:
                return step[name]
        give = f"tell of `{names[0]}` in `read` of {type(self).__name__}"
        raise NotVerified(f"what the tool holds of {names[0]} cannot be seen", give=give)

    def _logged(self, kit: Kit, method: str, log: Callable[[Any, Path], None]) -> Mapping[str, Any]:
        """Return what is read of a step in which something was logged, from files that are gone afterwards."""
        run, plan = sample_run()
        folder = kit.tmp_path / "step-files"
        folder.mkdir()
        reference = kit.component.start_run(run, plan)
        with kit.component.step(reference, run, sample_step(run)) as tracking:
            kept = {name for name in ("log_file", "log_figure", "log_table", "log_model") if _has(tracking, name)}
            # The interface logs figures and models as files.
            if method not in kept and not (method != "log_table" and "log_file" in kept):
                raise DoesNotApply(f"it has no {method}: the tool has no place for it")
            log(tracking, folder)
        shutil.rmtree(folder)
        kit.component.finish_run(reference, replace(run, state="completed", finished_at=_AT))
        steps = self._read(kit, reference)["steps"]
        require("train" in steps, tried="track the step 'train' and read it back", came=steps, do="keep it by its name")
        found: Mapping[str, Any] = steps["train"]
        return found

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
            give = self._wanted("read(self, kit, component, reference)")
            raise NotVerified("what the tool holds cannot be seen", give=give)
        return found


def _has(tracking: StepTracking, method: str) -> bool:
    return getattr(type(tracking), method, None) is not getattr(StepTracking, method)


def _is_called(figure: str, name: str) -> bool:
    return figure == name or figure.startswith(f"{name}.")


def _written(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o444)
    return folder


def _log_files(tracking: StepTracking, folder: Path) -> None:
    files = [("report.txt", "größe".encode()), ("data/part.txt", b"part"), ("data/deep/other.txt", b"other")]
    _written(folder, files)
    tracking.log_file("report.txt", folder / "report.txt")
    tracking.log_file("data", folder / "data")


def _log_figures(tracking: StepTracking, folder: Path) -> None:
    _written(folder, [("1.png", _PNG), ("2.svg", _SVG)])
    tracking.log_figure("curve", folder / "1.png")
    tracking.log_figure("plan", folder / "2.svg")


def _log_model(tracking: StepTracking, folder: Path) -> None:
    _written(folder, [("1", b"{}"), ("2", b"weights")])
    tracking.log_model("churn", object(), {"model.json": folder / "1", "weights/part.bin": folder / "2"})


def _step_elsewhere(component: Any, reference: dict[str, Any], run_id: str) -> None:
    run, _ = sample_run(run_id)
    with component.step(reference, run, sample_step(run)) as tracking:
        tracking.log_params({"depth": 3})
