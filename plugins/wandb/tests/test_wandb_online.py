"""Runs that go to a server as they happen; the server is one of ours that speaks what the client needs."""

from __future__ import annotations

import base64
import datetime as dt
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wandb

from zen.errors import ComponentUnavailable, PermissionDenied
from zen.records import Plan, RunRecord, StepRunRecord

Make = Callable[..., Any]
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
KEY = "0123456789abcdef0123456789abcdef01234567"


def finished(run: RunRecord) -> RunRecord:
    return replace(run, state="completed", finished_at=AT)


def track(tracker: Any, run: RunRecord, plan: Plan, step_run: StepRunRecord, tmp_path: Path) -> dict[str, Any]:
    reference: dict[str, Any] = tracker.start_run(run, plan)
    (tmp_path / "model.json").write_text("{}")
    with tracker.step(reference, run, step_run) as tracking:
        tracking.log_params({"depth": 3})
        for index in range(3):
            tracking.log_metrics({"loss": 1 / (index + 1)}, step=index, at=AT)
        tracking.log_metadata({"rows": 3})
        tracking.log_table("scores", ["a"], [[1]])
        tracking.log_model("churn", object(), {"model.json": tmp_path / "model.json"})
        wandb.log({"native": 1})
    tracker.finish_run(reference, finished(run))
    return reference


def test_server_gets_everything(
    make: Make, online: Any, stub: Any, run: Any, plan: Any, step_run: Any, tmp_path: Path
) -> None:
    reference = track(make(**online, entity="team", notes="why"), run, plan, step_run, tmp_path)
    parent, step = stub.logged()
    assert reference["url"] == f"{stub.url}/team/training/runs/{parent.id}"
    assert (parent.id, parent.exit_code, step.exit_code) == (reference["run_id"], 0, 0)
    assert parent.group == step.group == "brave-fox-r1"
    assert (parent.job_type, parent.notes, parent.tags) == ("pipeline", "why", ("gpu", "nightly"))
    assert parent.config["lr"] == 0.2
    assert parent.config["zen"]["run_id"] == "r1"
    assert (step.config["depth"], step.summary["metadata/rows"]) == (3, 3)
    assert step.values("loss") == [(1, 0), (0.5, 1), (1 / 3, 2)]
    assert [value for value, _ in step.values("native")] == [1]
    assert step.tables()["scores"]["rows"] == [[1]]
    assert step.files("model") == {"churn": {"model.json": b"{}"}}
    assert "sync" not in reference


def test_key_travels_to_the_server_only(
    make: Make, online: Any, stub: Any, run: Any, plan: Any, step_run: Any, tmp_path: Path, host: Any
) -> None:
    tracker = make(**online)
    reference = track(tracker, run, plan, step_run, tmp_path)
    assert f"Basic {base64.b64encode(f'api:{KEY}'.encode()).decode()}" in stub.keys
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not [path for path in written if KEY.encode() in path.read_bytes()]
    assert not [path for path, data in stub.uploads.items() if KEY.encode() in data]
    assert KEY not in str((reference, tracker.config, vars(tracker), vars(tracker._runs), host.messages))


def test_run_goes_on_on_the_server(make: Make, online: Any, stub: Any, run: Any, plan: Any, step_run: Any) -> None:
    first = make(**online)
    reference = first.start_run(run, plan)
    first.close()
    assert stub.ended == {reference["run_id"]: 1}
    second = make(**online)
    again = second.start_run(replace(run, trackers={"wandb": reference}), plan)
    second.finish_run(again, finished(run))
    assert again == reference
    assert stub.ended == {reference["run_id"]: 0}
    assert set(stub.resumed) == {reference["run_id"]}


def test_files_are_sent_by_the_command_of_the_reference(
    make: Make, stub: Any, run: Any, plan: Any, step_run: Any, tmp_path: Path, offline: Make
) -> None:
    reference = track(make(), run, plan, step_run, tmp_path)
    resumed = make()
    again = resumed.start_run(replace(run, trackers={"wandb": reference}), plan)
    resumed.finish_run(again, finished(run))
    offline()
    assert stub.runs == {}
    script = Path(sys.executable).parent / "wandb"
    command = reference["sync"].replace("wandb sync", f"{shlex.quote(str(script))} sync", 1)
    environment = {**os.environ, "WANDB_BASE_URL": stub.url, "WANDB_API_KEY": KEY}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parent, step = sorted(stub.logged(), key=lambda found: len(found.id))
    assert (parent.id, parent.config["lr"], parent.exit_code) == (reference["run_id"], 0.2, 0)
    if (
        "x_transaction_log_flush_interval" in wandb.Settings.model_fields
    ):  # wandb 0.31 sends the second part after the first
        assert stub.resumed == [parent.id, parent.id]
    assert step.values("loss") == [(1, 0), (0.5, 1), (1 / 3, 2)]
    assert step.files("model") == {"churn": {"model.json": b"{}"}}


def test_server_that_refuses_the_key_is_told(make: Make, online: Any, stub: Any, run: Any, plan: Any) -> None:
    tracker = make(**online)
    stub.status, stub.says = 401, "user is not logged in"
    with pytest.raises(PermissionDenied, match="could not start the run 'brave-fox'.*user is not logged in"):
        tracker.start_run(run, plan)


def test_key_of_a_wrong_form_is_told(make: Make, online: Any, host: Any, run: Any, plan: Any) -> None:
    host.secrets.values["env/KEY"] = "short"
    with pytest.raises(PermissionDenied, match="API key"):
        make(**online).start_run(run, plan)


SCRIPT = """
import pathlib, sys, time
from zen.errors import ComponentUnavailable
from zen.records import CodeRef, Plan, RunRecord, StackSpec
from zen.testing.hosts import FakeHost
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.tracker import WandbTracker

host = FakeHost(pathlib.Path(sys.argv[1]), secrets={"env/KEY": "0123456789abcdef0123456789abcdef01234567"})
tracker = WandbTracker(WandbConfig(mode="online", base_url=sys.argv[2], api_key="${secret:env/KEY}", init_timeout=2))
tracker.open(host)
plan = Plan(pipeline="p", code=CodeRef(module="m", qualname="q"), stack=StackSpec(name="local"))
began = time.monotonic()
try:
    tracker.start_run(RunRecord(id="r1", name="x", pipeline="p"), plan)
except ComponentUnavailable as error:
    print(f"{time.monotonic() - began:.0f} s: {error}")
tracker.close()
"""


def test_mute_server_is_not_waited_for(host: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        command = [sys.executable, "-c", SCRIPT, str(host.root), address]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.match(r"(\d+) s: W&B \(http://127.* could not start the run 'x'", done.stdout)
    assert found, done
    assert int(found[1]) < 60  # W&B itself waits for 90 s


def test_server_that_goes_away_is_told_and_fails_no_step(
    make: Make, online: Any, stub: Any, run: Any, plan: Any, step_run: Any, tmp_path: Path, host: Any
) -> None:
    (tmp_path / "a.txt").write_text("a")
    tracker = make(**{**online, "finish_timeout": 2})
    reference = tracker.start_run(run, plan)
    with pytest.raises(ZeroDivisionError), tracker.step(reference, run, step_run) as tracking:
        tracking.log_metrics({"loss": 1}, step=0, at=AT)
        stub.close()
        tracking.log_metrics({"loss": 0.5}, step=1, at=AT)
        with pytest.raises(ComponentUnavailable, match="no W&B server answers"):
            tracking.log_file("a.txt", tmp_path / "a.txt")
        1 / 0  # noqa: B018  # what the user's step raises
    assert any("did not take all of run" in message for message in host.messages)
    with pytest.raises(ComponentUnavailable, match="no W&B server"), tracker.step(reference, run, step_run):
        pass
    with pytest.raises(ComponentUnavailable, match="did not take all of run") as caught:
        tracker.finish_run(reference, finished(run))
    assert caught.value.hint.startswith("send it with: wandb sync ")
    assert wandb.run is None
