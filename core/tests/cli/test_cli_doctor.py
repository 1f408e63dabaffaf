"""`zen doctor` finds what is broken, and nothing that is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def states(result) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in result.json["findings"]}


def test_doctor_makes_nothing(zen, project: Path) -> None:
    result = zen("doctor")
    assert result.code == 0 and "all right" in result.err
    assert not (project / ".zen").exists()


def test_doctor_looks_at_the_stores(zen, pipelines: Path) -> None:
    zen("run", "flow.py", "--rows", 1)
    result = zen("doctor", "--json")
    assert result.code == 0 and result.json["ok"]
    details = {finding["name"]: finding["detail"] for finding in result.json["findings"]}
    assert details["metadata"] == "intact, journal mode wal"
    assert details["runs"] == "1 recorded, 0 running, 0 lost"


def test_doctor_finds_a_damaged_store(zen_process, zen, pipelines: Path) -> None:
    zen_process("run", "flow.py", "--rows", 1)
    database = pipelines / ".zen" / "metadata.db"
    database.write_bytes(b"not a database" * 1000)
    result = zen("doctor", "--json")
    assert result.code == 1 and "broken" in states(result).values()


def test_doctor_finds_a_broken_stack_file_and_goes_on(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("stacks: {local: {orchestrator: nobody}}\n", encoding="utf-8")
    result = zen("doctor", "--json")
    assert result.code == 1
    assert states(result)["active stack"] == "broken" and states(result)["plugins"] == "ok"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_doctor_finds_a_state_folder_that_cannot_be_written(zen, project: Path) -> None:
    (project / ".zen").mkdir(mode=0o500)
    assert states(zen("doctor", "--json"))["state folder"] == "broken"
