from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.sdk import wandb_setup

from zen.errors import ComponentError, ComponentUnavailable, PermissionDenied, RunCancelled
from zen.records import ErrorRecord, Plan, RunRecord, StepRunRecord, from_json, to_json
from zen.secrets import Secret
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.tracker import WandbTracker

pytestmark = pytest.mark.slow

LIVELY = "x_transaction_log_flush_interval" in wandb.Settings.model_fields  # wandb 0.31
Make = Callable[..., Any]
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def finished(run: RunRecord, state: Any = "completed", **facts: Any) -> RunRecord:
    return replace(run, state=state, finished_at=AT, **facts)


def track(tracker: Any, run: RunRecord, plan: Plan, *steps: StepRunRecord, state: Any = "completed") -> dict[str, Any]:
    """Track a whole run; return its reference."""
    reference: dict[str, Any] = tracker.start_run(run, plan)
    for step in steps:
        with tracker.step(reference, run, step) as tracking:
            tracking.log_params({"step": step.name})
            tracking.log_metrics({"loss": 1.0}, step=0, at=AT)
            wandb.log({"native": 1})
    tracker.finish_run(reference, finished(run, state))
    return reference


def test_run_and_steps_are_one_group(make: Make, offline: Make, run: Any, plan: Any, step_run: Any) -> None:
    reference = track(make(notes="why", tags=["team"]), run, plan, step_run)
    parent, step = offline()
    assert (parent.id, parent.name, parent.job_type, parent.project) == (
        reference["run_id"],
        "brave-fox",
        "pipeline",
        "training",
    )
    assert (step.id, step.name, step.job_type) == (f"{parent.id}-s1", "train", "train")
    assert parent.group == step.group == reference["group"] == "brave-fox-r1"
    assert parent.tags == step.tags == ("team", "gpu", "nightly")
    assert (parent.notes, step.notes) == ("why", "")
    assert (parent.exit_code, step.exit_code) == (0, 0)


def test_records_and_runs_name_each_other(make: Make, offline: Make, run: Any, plan: Any, step_run: Any) -> None:
    reference = track(make(), run, plan, step_run)
    parent, step = offline()
    about = {"run_id": "r1", "run": "brave-fox", "pipeline": "training", "stack": "local"}
    assert parent.config == {**run.parameters, "zen": {**about, "plan": plan.digest(), "code": str(plan.code)}}
    own = {"step": "train", "step_run_id": "s1", "attempt": 1}
    assert step.config == {"pipeline": run.parameters, "step": "train", "zen": {**about, **own}}
    assert reference["url"] == ""
    assert Path(reference["path"]).name.endswith(parent.id)
    assert Path(reference["path"]).is_dir()
    assert reference["sync"].startswith("wandb sync ")
    assert len(list(Path("/").glob(reference["sync"].removeprefix("wandb sync /")))) == 2


def test_attempts_are_runs_of_their_own(make: Make, offline: Make, run: Any, plan: Any, step_run: Any) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    with pytest.raises(KeyError), tracker.step(reference, run, step_run) as tracking:
        tracking.log_metrics({"loss": 9}, step=0, at=AT)
        raise KeyError("boom")
    with tracker.step(reference, run, replace(step_run, id="s2", attempt=2)) as tracking:
        tracking.log_metrics({"loss": 1}, step=0, at=AT)
    tracker.finish_run(reference, finished(run))
    _, first, second = sorted(offline(), key=lambda found: found.id)
    assert [(found.name, found.job_type, found.exit_code) for found in (first, second)] == [
        ("train", "train", 1),
        ("train (attempt 2)", "train", 0),
    ]
    assert (first.values("loss"), second.values("loss")) == ([(9, 0)], [(1, 0)])


def test_items_of_a_mapped_step_are_one_type_of_job(make: Make, offline: Make, run: Any, plan: Any) -> None:
    steps = [StepRunRecord(id=f"s{number}", run_id="r1", name=f"train[{number}]") for number in range(2)]
    track(make(), run, plan, *steps)
    assert sorted((found.name, found.job_type) for found in offline()[1:]) == [
        ("train[0]", "train"),
        ("train[1]", "train"),
    ]


@pytest.mark.parametrize(
    ("error", "exit_code"), [(KeyboardInterrupt(), 255), (RunCancelled("stop"), 255), (SystemExit(0), 1)]
)
def test_end_of_a_step_is_told(
    make: Make, offline: Make, run: Any, plan: Any, step_run: Any, error: BaseException, exit_code: int
) -> None:
    tracker = make()
    with pytest.raises(type(error)), tracker.step(tracker.start_run(run, plan), run, step_run):
        raise error
    tracker.close()
    assert offline()[1].exit_code == exit_code


@pytest.mark.parametrize(("state", "exit_code"), [("completed", 0), ("failed", 1), ("cancelled", 255), ("lost", 1)])
def test_end_of_a_run_is_told(make: Make, offline: Make, run: Any, plan: Any, state: Any, exit_code: int) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    error = ErrorRecord(type="KeyError", message="boom")
    tracker.finish_run(reference, finished(run, state, error=error, warnings=("slow",)))
    (parent,) = offline()
    assert parent.exit_code == exit_code
    facts = {name: parent.summary[name] for name in ("zen_state", "zen_error", "zen_warnings")}
    assert facts == {"zen_state": state, "zen_error": "KeyError: boom", "zen_warnings": ["slow"]}


def test_place_is_as_configured(make: Make, offline: Make, tmp_path: Path, run: Any, plan: Any, step_run: Any) -> None:
    settings = {"project": "churn", "entity": "team", "group": "all", "dir": "runs"}
    reference = track(make(**settings), run, plan, step_run)
    parent, step = offline(tmp_path / "runs")
    assert (parent.project, parent.group, step.project, step.group) == ("churn", "all", "churn", "all")
    assert reference["path"].startswith(str(tmp_path / "runs" / "wandb"))
    assert not (tmp_path / ".zen" / "wandb").exists()


def test_nothing_lands_outside_the_folder(make: Make, tmp_path: Path, run: Any, plan: Any, step_run: Any) -> None:
    tracker = make()
    (tmp_path / "a.txt").write_text("a")
    before = {path for path in tmp_path.rglob("*") if ".zen" not in path.parts}
    reference = tracker.start_run(run, plan)
    with tracker.step(reference, run, step_run) as tracking:
        tracking.log_file("a", tmp_path / "a.txt")
        tracking.log_table("t", ["a"], [[1]])
    tracker.finish_run(reference, finished(run))
    assert {path for path in tmp_path.rglob("*") if ".zen" not in path.parts} == before


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """Work in a git repository; its address."""
    (tmp_path / "code.py").write_text("x = 1")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    address = "https://git.example.com/a.git"
    for command in (["init"], ["add", "code.py"], [*who, "commit", "-m", "one"], ["remote", "add", "origin", address]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "code.py").write_text("x = 2")
    return address


def test_only_what_is_asked_for_is_recorded(
    make: Make, offline: Make, run: Any, plan: Any, step_run: Any, repository: str
) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    with tracker.step(reference, run, step_run) as tracking:
        print("printed")
        assert tracking.native.settings.console == "off"
    tracker.finish_run(reference, finished(run))
    for found in offline():
        assert not {"stats", "output", "output_raw"} & found.kinds
        assert "files" not in found.kinds  # no diff, no requirements, no code
        assert repository not in found.environment


def test_system_metrics_and_code_are_recorded_if_asked(
    make: Make, offline: Make, run: Any, plan: Any, step_run: Any, repository: str
) -> None:
    tracker = make(system_metrics=True, code=True)
    reference = tracker.start_run(run, plan)
    with tracker.step(reference, run, step_run) as tracking:
        assert not tracking.native.settings.x_disable_stats
        time.sleep(1 if LIVELY else 0)  # the first sample
    tracker.finish_run(reference, finished(run))
    parent, step = offline()
    assert "files" in step.kinds  # the diff and the requirements
    assert repository in step.environment
    assert "stats" not in parent.kinds  # it would be those of the same process
    if LIVELY:  # an older one takes its first sample later than this step ends
        assert "stats" in step.kinds


# Going on


def test_run_goes_on_in_another_process(make: Make, offline: Make, run: Any, plan: Any, step_run: Any) -> None:
    first = make()
    reference = first.start_run(run, plan)
    first.close()
    second = make()
    recorded = from_json(RunRecord, json.loads(json.dumps(to_json(replace(run, trackers={"wandb": reference})))))
    again = second.start_run(recorded, plan)
    assert again == reference
    with second.step(again, run, step_run):
        pass
    second.finish_run(again, finished(run))
    ends = [(found.id, found.exit_code) for found in offline() if found.job_type == "pipeline"]
    assert sorted(ends) == [(reference["run_id"], 0), (reference["run_id"], 1)]


@pytest.mark.parametrize("change", [{"project": "other"}, {"mode": "disabled"}, {"steps": "single"}])
def test_other_settings_start_another_run(make: Make, run: Any, plan: Any, change: dict[str, str]) -> None:
    reference = make().start_run(run, plan)
    again = make(**change).start_run(replace(run, trackers={"a": "b", "wandb": reference}), plan)
    assert again["run_id"] != reference["run_id"]


def test_run_can_be_finished_by_another_process(make: Make, offline: Make, run: Any, plan: Any) -> None:
    first = make()
    reference = first.start_run(run, plan)
    first.close()
    make().finish_run(reference, finished(run))
    assert sorted(found.exit_code for found in offline()) == [0, 1]
    assert {found.id for found in offline()} == {reference["run_id"]}


def test_run_that_nobody_finished_ends_as_failed(make: Make, offline: Make, run: Any, plan: Any) -> None:
    tracker = make()
    tracker.start_run(run, plan)
    tracker.close()
    tracker.close()
    assert [found.exit_code for found in offline()] == [1]


# Side by side


def test_two_trackers_in_one_process_stay_apart(make: Make, offline: Make, run: Any, plan: Any, step_run: Any) -> None:
    first, second = make(project="a"), make(project="b", steps="single")
    references = [first.start_run(run, plan), second.start_run(run, plan)]
    with first.step(references[0], run, step_run) as a, second.step(references[1], run, step_run) as b:
        a.log_metrics({"a": 1}, step=None, at=AT)
        b.log_metrics({"b": 2}, step=None, at=AT)
        wandb.log({"native": 3})
    first.finish_run(references[0], finished(run))
    second.finish_run(references[1], finished(run))
    logged = {
        (found.project, found.job_type): {name for row in found.history for name in row if name[0] != "_"}
        for found in offline()
    }
    assert logged == {("a", "pipeline"): set(), ("a", "train"): {"a"}, ("b", "pipeline"): {"train/b", "native"}}


def test_runs_of_two_threads_stay_apart(make: Make, offline: Make, run: Any, plan: Any) -> None:
    tracker, barrier = make(), threading.Barrier(2)
    references: dict[str, Any] = {}

    def launch(name: str) -> None:
        own = replace(run, id=name, name=name)
        references[name] = tracker.start_run(own, plan)
        barrier.wait(30)
        with tracker.step(references[name], own, StepRunRecord(id="s", run_id=name, name="train")) as step:
            barrier.wait(30)
            step.log_metrics({f"ours_{name}": 1}, step=None, at=AT)
        tracker.finish_run(references[name], finished(own))

    threads = [threading.Thread(target=launch, args=(name,)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = {found.config["zen"]["run"]: found for found in offline() if found.job_type == "train"}
    for name in ("x", "y"):
        assert [set(row) & {"ours_x", "ours_y"} for row in steps[name].history] == [{f"ours_{name}"}]
        assert steps[name].id == f"{references[name]['run_id']}-s"


WORKER = """
import datetime, json, os, signal, sys, pathlib
import wandb
from zen.records import RunRecord, StepRunRecord
from zen.testing.hosts import FakeHost
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.tracker import WandbTracker

root, name, reference, settings = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
os.chdir("/")
tracker = WandbTracker(WandbConfig(**settings))
tracker.open(FakeHost(root, secrets={"env/KEY": "0123456789abcdef0123456789abcdef01234567"}))
run = RunRecord(id="r1", name="brave-fox", pipeline="training")
with tracker.step(reference, run, StepRunRecord(id=name, run_id="r1", name=name)) as step:
    assert wandb.run is step.native
    for number in range(25):
        wandb.log({name + ".native": number})
        step.log_metrics({"ours": number}, step=number, at=datetime.datetime.now(datetime.UTC))
    step.log_params({"name": name})
    step.log_table("table", ["a"], [[name]])
    (root / name).write_text(name)
    step.log_file("file.txt", root / name)
    if "killed" in name:
        signal.pause()
    with wandb.init(config={name + ".init": 1}):
        pass
tracker.close()
"""


def worker(host: Any, reference: Any, name: str, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WORKER, str(host.root), name, json.dumps(reference), json.dumps(settings)]
    return subprocess.Popen(command, start_new_session=True)


def workers(host: Any, reference: Any, names: tuple[str, ...], settings: dict[str, Any]) -> list[int]:
    started = [worker(host, reference, name, settings) for name in names]
    return [each.wait() for each in started]


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_parallel_steps_of_several_processes(
    make: Make, offline: Make, host: Any, run: Any, plan: Any, mode: str, online: dict[str, Any], stub: Any
) -> None:
    settings = online if mode == "online" else {}
    tracker = make(**settings)
    reference = tracker.start_run(run, plan)
    assert workers(host, reference, ("a", "b", "c"), settings) == [0, 0, 0]
    tracker.finish_run(reference, finished(run))
    found = offline() if mode == "offline" else stub.logged()
    steps = {each.job_type: each for each in found if each.job_type != "pipeline"}
    assert sorted(steps) == ["a", "b", "c"]
    for name, step in steps.items():
        assert step.values("ours") == [(number, number) for number in range(25)]
        assert [value for value, _ in step.values(f"{name}.native")] == list(range(25))
        assert (step.config["name"], step.config[f"{name}.init"], step.exit_code) == (name, 1, 0)
        assert step.files("file") == {"file.txt": {"file.txt": name.encode()}}
        assert step.tables() == {"table": {"columns": ["a"], "rows": [[name]]}}


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_parallel_steps_of_several_processes_share_one_run(
    make: Make, offline: Make, host: Any, run: Any, plan: Any, mode: str, online: dict[str, Any], stub: Any
) -> None:
    settings = {**(online if mode == "online" else {}), "steps": "single"}
    tracker = make(**settings)
    reference = tracker.start_run(run, plan)
    with tracker.step(reference, run, StepRunRecord(id="m", run_id="r1", name="main")) as tracking:
        tracking.log_metrics({"ours": 1}, step=0, at=AT)
        assert workers(host, reference, ("a", "b", "c"), settings) == [0, 0, 0]
        tracking.log_metrics({"ours": 2}, step=1, at=AT)
    tracker.finish_run(reference, finished(run))
    (one,) = offline() if mode == "offline" else stub.logged()
    assert one.values("main/ours", "main/zen_step") == [(1, 0), (2, 1)]
    for name in ("a", "b", "c"):
        assert one.values(f"{name}/ours", f"{name}/zen_step") == [(number, number) for number in range(25)]
        assert [value for value, _ in one.values(f"{name}.native")] == list(range(25))
        assert (one.config[f"{name}/name"], one.config[f"{name}.init"]) == (name, 1)
        assert one.files("file", name) == {"file.txt": {"file.txt": name.encode()}}
        assert one.tables()[f"{name}/table"]["rows"] == [[name]]
        assert one.summary[f"{name}/zen_state"] == "completed"
    assert one.exit_code == 0


def test_attempts_in_one_run_have_names_of_their_own(
    make: Make, offline: Make, run: Any, plan: Any, step_run: Any
) -> None:
    tracker = make(steps="single")
    reference = tracker.start_run(run, plan)
    with pytest.raises(KeyError), tracker.step(reference, run, step_run) as tracking:
        tracking.log_metrics({"loss": 9}, step=0, at=AT)
        raise KeyError("boom")
    with tracker.step(reference, run, replace(step_run, id="s2", attempt=2)) as tracking:
        tracking.log_metrics({"loss": 1}, step=0, at=AT)
    tracker.finish_run(reference, finished(run))
    (one,) = offline()
    assert one.values("train/loss", "train/zen_step") == [(9, 0)]
    assert one.values("train.attempt_2/loss", "train.attempt_2/zen_step") == [(1, 0)]
    assert (one.summary["train/zen_state"], one.summary["train.attempt_2/zen_state"]) == ("failed", "completed")


def test_one_run_is_for_one_machine(make: Make, run: Any, plan: Any, step_run: Any) -> None:
    tracker = make(steps="single")
    reference = tracker.start_run(run, plan)
    elsewhere = {**reference, "run_id": "elsewhere", "service": "3-1-unix-/nowhere/socket"}
    code = (
        "import json, sys, pathlib; from zen.records import RunRecord, StepRunRecord; "
        "from zen.testing.hosts import FakeHost; from zen_plugin_wandb.config import WandbConfig; "
        "from zen_plugin_wandb.tracker import WandbTracker; t = WandbTracker(WandbConfig(steps='single')); "
        "t.open(FakeHost(pathlib.Path(sys.argv[1]))); "
        "t.step(json.loads(sys.argv[2]), RunRecord(id='r1', name='x', pipeline='p'), "
        "StepRunRecord(id='s', run_id='r1', name='s')).__enter__()"
    )
    command = [sys.executable, "-c", code, str(tracker.host.root), json.dumps(elsewhere)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ComponentUnavailable" in done.stderr
    assert "`steps: grouped` takes any" in done.stderr


@pytest.mark.skipif(not LIVELY, reason="this wandb writes its files when runs end")
def test_killed_step_leaves_what_it_logged(make: Make, offline: Make, host: Any, run: Any, plan: Any) -> None:
    tracker = make()
    reference = tracker.start_run(run, plan)
    process, logged = worker(host, reference, "killed", {}), [(number, number) for number in range(25)]

    def left() -> list[Any]:
        try:
            return [found for found in offline(ended=False) if found.job_type == "killed"]
        except Exception:  # half of a record is there
            return []

    deadline = time.monotonic() + 60  # W&B's process writes what it got a moment later
    while [each.values("ours") for each in left()] != [logged] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    tracker.finish_run(reference, finished(run, "failed"))
    (step,) = left()
    assert step.values("ours") == logged
    assert step.exit_code is None


def test_process_of_wandb_that_died_is_replaced(make: Make, offline: Make, run: Any, plan: Any, step_run: Any) -> None:
    tracker = make()
    first = tracker.start_run(run, plan)
    core = wandb_setup.singleton()._connection._proc._process
    core.kill()
    core.wait()
    with pytest.raises(ComponentUnavailable, match="W&B's own process ended"), tracker.step(first, run, step_run):
        pass
    shutil.rmtree(first["path"])
    track(make(), run, plan, step_run)
    assert [found.exit_code for found in offline()] == [0, 0]


# Whether it works at all


def test_check_is_content_with_a_folder(make: Make, tmp_path: Path) -> None:
    make().check()
    assert (tmp_path / ".zen" / "wandb").is_dir()


def test_check_says_that_files_cannot_be_written(make: Make, host: Any) -> None:
    (host.state / "wandb").write_text("no folder")
    with pytest.raises(ComponentError, match="cannot be made"):
        make().check()


def test_check_asks_the_server(make: Make, online: dict[str, Any], stub: Any) -> None:
    make(**online).check()
    stub.known_key = "another"
    with pytest.raises(PermissionDenied):
        make(**online).check()


def test_open_says_that_nobody_listens(host: Any, closed_port: int) -> None:
    config = WandbConfig(mode="online", base_url=f"http://127.0.0.1:{closed_port}", api_key=Secret("${secret:env/KEY}"))
    with pytest.raises(ComponentUnavailable, match="no W&B server answers"):
        WandbTracker(config).open(host)


def test_cached_steps_cost_no_import(host: Any) -> None:
    code = (
        "import sys, pathlib; from zen.testing.hosts import FakeHost; from zen_plugin_wandb.config import WandbConfig; "
        "from zen_plugin_wandb.tracker import WandbTracker; t = WandbTracker(WandbConfig()); t.close(); "
        "t.open(FakeHost(pathlib.Path(sys.argv[1]))); t.check(); t.close(); t.close(); assert 'wandb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(host.root)], check=True)


def test_terminal_is_never_asked(make: Make, run: Any, plan: Any, online: dict[str, Any], monkeypatch: Any) -> None:
    def ask(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr("getpass.getpass", ask)
    monkeypatch.setattr("wandb.errors.term.terminput", ask)
    monkeypatch.setattr("wandb.errors.term.can_use_terminput", lambda: True, raising=False)
    make().start_run(run, plan)
    with pytest.raises(PermissionDenied, match="no API key"):
        make(mode="online", base_url=online["base_url"]).start_run(run, plan)
    with pytest.raises(PermissionDenied, match="no API key"):
        make(mode="online").start_run(run, plan)
