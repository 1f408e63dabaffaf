"""What commands print."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest

from zen.cli import output
from zen.records import RunRecord


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.0042, "4 ms"), (1.24, "1.2 s"), (59.94, "59.9 s"), (184, "3 min 04 s"), (7500, "2 h 05 min")],
)
def test_duration_is_for_people(seconds: float | None, text: str) -> None:
    assert output.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**3, "5.0 GiB")])
def test_size_is_for_people(count: int, text: str) -> None:
    assert output.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "now"), (300, "5 min ago"), (7200, "2 h ago"), (90_000, "1 day ago"), (200_000, "2 days ago")],
)
def test_ago_is_for_people(seconds: int, text: str) -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert output.ago(now - dt.timedelta(seconds=seconds), now) == text


def test_plain_table_has_aligned_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "state"), [("a", "ok"), ("longer", None)])
    assert capsys.readouterr().out == "NAME    STATE\na       ok\nlonger\n"


def test_table_keeps_a_row_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name",), [("a\r\x1b[2Jb\nc",)])
    assert capsys.readouterr().out == "NAME\na\\r\\x1b[2Jb c\n"


def test_printable_keeps_colors_only_where_asked() -> None:
    assert output.printable("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m"
    assert output.printable("\x1b[31mred\x1b[2J", keep_color=True) == "\x1b[31mred\\x1b[2J\x1b[0m"


def test_record_json_has_every_key() -> None:
    data = output.record_json(RunRecord(id="1", name="a", pipeline="p"))
    assert data["stack"] == "local" and data["tags"] == [] and data["error"] is None


def test_reserved_stdout_is_for_data_alone() -> None:
    program = (
        "import os, sys\n"
        "from zen.cli.output import emit_json, reserve_stdout\n"
        "with reserve_stdout():\n"
        "    print('a print')\n"
        "    os.system('echo a child')\n"
        "    os.write(1, b'a library\\n')\n"
        "    emit_json({'data': 'ü'})\n"
        "print('after')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True,
    )
    assert done.stdout == '{\n  "data": "ü"\n}\nafter\n'
    assert sorted(done.stderr.split()) == sorted(["a", "print", "a", "child", "a", "library"])
