"""The benchmarks: they run zen's own cases, and judge what they are given rightly."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
OWN_CASES = "help list-stacks list-runs import three-steps chain-3 cached-3 chain-100 cached-100".split()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def sample(seconds: float, *, others: float = 0.0, code: int = 0, **figures: float) -> dict[str, Any]:
    return {"seconds": seconds, "cpu": seconds, "peak": 1.0, "others": others, "code": code, "figures": figures}


@pytest.mark.skipif(
    not Path(sys.executable).with_name("zen").exists(), reason="zen is not installed beside this Python"
)
def test_benchmarks_time_zens_own_cases(tmp_path: Path) -> None:
    home, written = tmp_path / "home", tmp_path / "results.json"
    options = ["--peers", "none", "--runs", "1", "--patience", "0", "--home", home, "--zen", sys.executable]
    command = [sys.executable, BENCHMARKS / "run.py", *options, "--json", written]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr
    samples = json.loads(written.read_text())["samples"]
    assert list(samples["zen"]) == OWN_CASES
    assert [each["code"] for tool in samples.values() for case in tool.values() for each in case] == [0] * 19
    assert samples["floor unsynced"]["cached-100"][0]["figures"]["seconds_per_step"] > 0
    assert "| chain of 100 |" in done.stdout
    assert (home / "logs" / "zen-chain-100.log").read_text().count(": cached") == 0
    assert (home / "logs" / "zen-cached-100.log").read_text().count(": cached") == 100


def test_a_step_costs_the_long_chain_less_the_short_one(module: Any) -> None:
    chains = {"chain-3": [sample(1.0), sample(9.0), sample(1.2)], "chain-100": [sample(2.17)]}
    figures = module("figures").Figures({"zen": chains, "floor": {"chain-100": [sample(5.0, seconds_per_step=0.25)]}})

    assert figures.per_step("zen", "chain") == pytest.approx(0.01)
    assert figures.per_step("floor", "chain") == 0.25
    assert figures.per_step("zen", "cached") is None


def test_failed_runs_do_not_count_and_busy_ones_are_marked(module: Any) -> None:
    cases = {"help": [sample(0.1, others=0.5), sample(9.0, code=1)], "import": [sample(0.1, others=0.4)]}
    figures = module("figures").Figures({"zen": cases})

    assert figures.seconds("zen", "help") == 0.1
    assert figures.failures() == {"zen, help": 1}
    assert [figures.busy("zen", case) for case in ("help", "import")] == [True, False]


def test_bars_are_ratios_with_the_fastest_peer(module: Any) -> None:
    samples = {
        "zen": {"help": [sample(0.1)], "import": [sample(0.05, modules=120)], "three-steps": [sample(0.3)]},
        "zenml": {"help": [sample(1.6)], "three-steps": [sample(5.0)]},
        "kedro": {"help": [sample(0.08)]},
        "hamilton": {"three-steps": [sample(0.6)], "import": [sample(0.5)]},
    }
    judged = {bar.what: bar for bar in module("bars").bars(module("figures").Figures(samples))}

    assert judged["zen --help ÷ kedro's"].value == pytest.approx(1.25)
    verdicts = {what: bar.verdict for what, bar in judged.items() if bar.verdict != "not measured"}
    assert verdicts == {
        "zen --help ÷ kedro's": "FAIL",
        "zen --help ÷ ZenML's": "pass",
        "modules that `from zen import pipeline, step` loads": "FAIL",
        "from zen import pipeline, step ÷ hamilton's": "pass",
        "3 steps ÷ hamilton's": "pass",
        "3 steps ÷ zenml's": "FAIL",
    }


def test_the_report_shows_ratios_of_peers_to_zen(module: Any) -> None:
    samples = {
        "zen": {"three-steps": [sample(0.2)]},
        "zenml": {"three-steps": [sample(5.0, others=1.0)]},
        "redun": {"three-steps": [sample(0.5)]},
    }
    head = {"taken": "now", "runs": 1, "machine": {}, "versions": {}}
    lines = module("report").report({**head, "samples": samples}).splitlines()

    assert "| 3 steps, first run | 0.200 | 5.00! | 0.500 |" in lines
    assert "| 3 steps, first run | 25× | 2.5× |" in lines


def test_every_command_belongs_to_a_case(module: Any) -> None:
    known = {case.name for case in module("cases").CASES}
    tools = [*module("tools").OWN, *module("contenders").PEERS]

    assert {command for tool in tools for command in tool.commands} == known
    assert {case for line in module("cases").SEQUENCES for case in line} == known
    assert [tool.name for tool in module("contenders").PEERS] == list(module("bars").PEERS)
    assert all((BENCHMARKS / tool.workloads).is_dir() for tool in tools)
