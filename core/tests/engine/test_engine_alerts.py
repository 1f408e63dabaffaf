"""Alerts: of ends of runs as the stack asks for them, and of what steps say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zen import Client

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [Flavor(kind="alerter", name="paper", summary="Writes to a file", config="paper_parts:Config",
                   implementation="paper_parts:Paper")]
"""
PARTS = """
import json
from dataclasses import dataclass
from zen.interfaces import Alerter

@dataclass(frozen=True)
class Config:
    file: str = "alerts.jsonl"
    broken: bool = False

class Paper(Alerter):
    def send(self, alert):
        if self.config.broken:
            raise OSError("out of paper")
        with open(self.host.root / self.config.file, "a") as file:
            file.write(json.dumps([alert.level, alert.title, alert.text, alert.facts]) + "\\n")
"""
FLOW = """
@step
def work(fail: bool) -> int:
    alert("half way", "so far", level="warning", rows="3")
    if fail:
        raise ValueError("boom")
    return 1

@pipeline(raise_on_failure=False)
def flow(fail: bool = False):
    work(fail)
"""


@pytest.fixture
def paper(home, install_plugin):
    """Install an alerter that writes to a file; return what chooses its stack."""
    install_plugin("paper", light=LIGHT, paper_parts=PARTS)

    def choose(entry: object = "paper", **settings: str) -> None:
        stacks = {"told": {"alerter": entry, "settings": settings}, "silent": {}}
        (home / "zen.yaml").write_text(json.dumps({"default_stack": "told", "stacks": stacks}))

    choose()
    return choose


def sent(home: Path, file: str = "alerts.jsonl") -> list[list]:
    return [json.loads(line) for line in (home / file).read_text().splitlines()] if (home / file).exists() else []


def titles(home: Path) -> list[tuple[str, str]]:
    return [(level, title.split("'")[0] + title.split("'")[-1]) for level, title, _, _ in sent(home)]


def test_a_step_alerts_with_the_facts_of_its_run(define, home, paper) -> None:
    run = define(FLOW).flow()
    [alert] = sent(home)
    facts = {"run": run.id, "pipeline": "flow", "stack": "told", "step": "work", "rows": "3"}
    assert alert == ["warning", "half way", "so far", facts]


def test_a_failed_run_is_told_with_its_error(define, home, paper) -> None:
    define(FLOW).flow(fail=True)
    level, title, text, facts = sent(home)[-1]
    assert (level, text, facts["state"]) == ("error", "step 'work': boom", "failed")
    assert title.startswith("run 'flow") and title.endswith("' failed")


@pytest.mark.parametrize(("alert_on", "told"), [("ends", ["info", "error"]), ("failures", ["error"]), ("never", [])])
def test_the_stack_says_which_ends_are_told(define, home, paper, alert_on, told) -> None:
    paper(alert_on=alert_on)
    flow = define(FLOW)
    flow.flow()
    flow.flow(fail=True)
    assert [level for level, title, _, _ in sent(home) if title.startswith("run ")] == told


def test_an_alerter_that_fails_is_a_warning_of_the_run(define, home, paper) -> None:
    paper({"flavor": "paper", "broken": True})
    run = define(FLOW).flow()
    assert run.state == "completed"
    assert list(run.warnings) == ["alerter 'paper' could not send: OSError: out of paper"]


def test_several_alerters_are_all_told(define, home, paper) -> None:
    paper(["paper", {"flavor": "paper", "name": "second", "file": "second.jsonl"}])
    define(FLOW).flow()
    assert len(sent(home)) == len(sent(home, "second.jsonl")) == 1


def test_a_lost_run_is_told_by_its_own_stack_whoever_finds_it(define, home, paper) -> None:
    define("@step\ndef sleeps() -> None:\n    time.sleep(60)\n@pipeline\ndef flow():\n    sleeps()\n")
    process = subprocess.Popen([sys.executable, "-c", "import flow; flow.flow()"], cwd=home)
    deadline = time.monotonic() + 60
    while not any((home / ".zen" / "runs").glob("*.lock")) or not _started(home):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run = Client(stack="silent", root=home).run()
    assert (run.state, run.stack) == ("lost", "told")
    [(level, title, text, facts)] = sent(home)
    assert (level, facts["run"], facts["state"]) == ("error", run.id, "lost")
    assert title.endswith("' lost") and "its process ended without saying so" in text


def _started(home: Path) -> bool:
    found = subprocess.run(
        [sys.executable, "-m", "zen", "runs", "--json"], cwd=home, capture_output=True, text=True, check=False
    )
    return '"running"' in found.stdout
