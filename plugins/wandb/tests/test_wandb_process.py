from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import wandb
from wandb.sdk import wandb_setup
from wandb.sdk.lib.wbauth import authenticate
from wandb.sdk.wandb_init import init as imported_init

from zen.records import Plan, RunRecord, StepRunRecord
from zen_plugin_wandb.state import _OF_THE_RUN, _SETTINGS, _VARIABLES

Make = Callable[..., Any]


def state() -> tuple[Any, ...]:
    """Return what must be the same before and after."""
    settings = wandb_setup.singleton().settings
    return (
        {name: os.environ.get(name) for name in _VARIABLES},
        [getattr(wandb, name, None) for name in ("run", "init", "finish", *_OF_THE_RUN)],
        [getattr(settings, name) for name in _SETTINGS],
        settings.api_key,
        authenticate._session_auth,
        wandb_setup.singleton().most_recent_active_run,
        (sys.exit, sys.excepthook),
    )


@pytest.fixture
def enter(make: Make, run: RunRecord, plan: Plan, step_run: StepRunRecord) -> Callable[..., Any]:
    """Return a function that starts a run and gives the context of a step of it."""
    begun: dict[str, Any] = {}

    def step(name: str = "train", **settings: Any) -> Any:
        tracker = make(**settings)
        reference = begun.setdefault(str(settings), tracker.start_run(run, plan))
        return tracker.step(reference, run, replace(step_run, id=f"s-{name}", name=name))

    return step


@pytest.fixture
def logged(trackers: list[Any], offline: Make) -> Make:
    """Return a function that closes all trackers, which ends their runs, and reads what was logged."""

    def read(*folder: Any) -> Any:
        for tracker in trackers:
            tracker.close()
        return offline(*folder)

    return read


@pytest.mark.parametrize("mode", ["offline", "online", "disabled"])
def test_everything_is_given_back(enter: Make, online: dict[str, Any], mode: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "users")
    monkeypatch.setenv("WANDB_MODE", "online")
    before = state()
    with enter(**{**online, "mode": mode}) as tracking:
        assert wandb.run is tracking.native
        assert os.environ["WANDB_PROJECT"] == "training"
        assert os.environ["WANDB_MODE"] == mode
    assert state() == before


def test_everything_is_given_back_after_an_error(enter: Make) -> None:
    before = state()
    with pytest.raises(ZeroDivisionError), enter():
        os.environ["WANDB_MODE"] = "left"
        1 / 0  # noqa: B018  # raises
    assert state() == before


def test_everything_is_given_back_after_a_start_that_failed(make: Make, closed_port: int, run: Any, plan: Any) -> None:
    before = state()
    tracker = make()
    (tracker.host.state / "wandb").write_text("no folder")
    with pytest.raises(Exception, match="could not start the run"):
        tracker.start_run(run, plan)
    assert state() == before


def test_key_is_in_no_variable(enter: Make, online: dict[str, Any]) -> None:
    with enter(**online):
        assert not [name for name, value in os.environ.items() if "0123456789abcdef" in value]


def test_users_own_run_comes_back(enter: Make, tmp_path: Any, logged: Make) -> None:
    with wandb.init(mode="offline", dir=tmp_path, id="users", settings={"silent": True, "console": "off"}) as users:
        with enter():
            wandb.log({"x": 1})
        assert wandb.run is users
        wandb.log({"y": 2})
    steps = [found for found in logged() if found.job_type == "train"]
    assert [[set(row) & {"x", "y"} for row in found.history] for found in (*steps, *logged(tmp_path))] == [
        [{"x"}],
        [{"y"}],
    ]


def test_init_in_a_step_gives_the_run_of_the_step(enter: Make, logged: Make) -> None:
    with enter() as tracking:
        for init in (wandb.init, imported_init):
            assert init(project="other") is tracking.native
        with wandb.init(config={"depth": 3}, tags=["mine"], notes="my notes") as found:
            assert found is tracking.native
            wandb.log({"a": 1})
        wandb.finish()
        wandb.run.finish()
        wandb.log({"b": 2})
    _, step = logged()
    assert step.config["depth"] == 3
    assert {"mine", "gpu"} <= set(step.tags)
    assert step.notes == "my notes"
    assert [set(row) & {"a", "b"} for row in step.history] == [{"a"}, {"b"}]
    assert step.exit_code == 0


def test_users_may_make_runs_of_their_own(enter: Make, logged: Make) -> None:
    with enter() as tracking:
        with wandb.init(reinit="create_new", name="sweep", settings={"silent": True}) as own:
            assert own is not tracking.native
            own.log({"a": 1})
        wandb.log({"b": 2})
    found = {each.name: [set(row) & {"a", "b"} for row in each.history] for each in logged()}
    assert found == {"brave-fox": [], "train": [{"b"}], "sweep": [{"a"}]}


def test_nested_steps_each_have_their_run(enter: Make, logged: Make) -> None:
    with enter("outer") as outer:
        with enter("inner") as inner:
            assert wandb.run is wandb.init() is inner.native
            wandb.log({"inner": 1})
        assert wandb.run is wandb.init() is outer.native
        wandb.log({"outer": 1})
    found = {each.job_type: each.summary for each in logged()}
    assert "inner" in found["inner"]
    assert "outer" not in found["inner"]
    assert "outer" in found["outer"]
    assert "inner" not in found["outer"]


def test_threads_keep_what_they_log_through_zen_apart(enter: Make, logged: Make) -> None:
    before = state()
    barrier, contexts = threading.Barrier(2, timeout=30), [enter("a"), enter("b")]

    def work(name: str, context: Any) -> None:
        with context as tracking:
            barrier.wait()
            tracking.log_params({"name": name})
            barrier.wait()
            if name == "a":
                barrier.wait()  # ends after the other one
        if name == "b":
            barrier.wait()

    threads = [threading.Thread(target=work, args=item) for item in zip("ab", contexts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before
    assert {found.job_type: found.config.get("name") for found in logged() if found.job_type != "pipeline"} == {
        "a": "a",
        "b": "b",
    }


def test_processes_that_a_step_starts_join_the_group_without_a_prompt(enter: Make, logged: Make) -> None:
    code = "import wandb\nwith wandb.init(name='child') as run: run.log({'x': 1})"
    with enter():
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, stdin=subprocess.DEVNULL)
    parent, step, child = sorted(logged(), key=lambda found: ["brave-fox", "train", "child"].index(found.name))
    assert child.group == step.group == parent.group
    assert child.project == "training"
    assert child.history[0]["x"] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_processes_log_to_the_run_of_the_step(enter: Make, logged: Make) -> None:
    code = "import wandb; wandb.log({'forked': 1})"
    with enter():
        pid = os.fork()
        if pid == 0:
            try:
                exec(code)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        wandb.log({"own": 1})
    _, step = logged()
    assert {"forked", "own"} <= {name for row in step.history for name in row}


def test_prints_are_ours_to_make(enter: Make, capfd: pytest.CaptureFixture[str], online: dict[str, Any]) -> None:
    for settings in ({}, online, {"mode": "disabled"}):
        with enter(**settings) as tracking:
            tracking.log_params({"depth": 3})
            wandb.init()
            wandb.log({"x": 1})
    assert capfd.readouterr() == ("", "")
