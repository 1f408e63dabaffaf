"""Changed bytes for every reader: a value or a `ZenError`, never another error, a crash or a process that hangs.

The bytes are not verified here, as if somebody had made them so and written the digests that go with them. Each reader
runs in processes with 512 MB and 5 s of processor time for each change; one that dies is counted, and the next goes on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FULL = os.environ.get("ZEN_FAULTS") in ("full", "nightly")
CHANGES = 20_000 if FULL else 50
PROGRAM = Path(__file__).parent / "programs" / "mutated.py"
NEEDS = {
    "array": "numpy",
    "scalar": "numpy",
    "frame": "pandas",
    "series": "pandas",
    "index": "pandas",
    "estimator": "skops",
}
BUILT_IN = ("plain", "bytes", "dataclasses", "enums", "pydantic", "paths")
LONGEST = 60.0 if not FULL else 3600.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory and time as Linux does")


def load(reader: str, first: int, count: int, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(PROGRAM), reader, str(first), str(count), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


@pytest.mark.parametrize("reader", [*BUILT_IN, *NEEDS])
def test_changed_bytes_give_a_value_or_a_clean_error(reader: str, tmp_path: Path, record_property: Any) -> None:
    if reader in NEEDS and importlib.util.find_spec(NEEDS[reader]) is None:
        pytest.skip(f"needs {NEEDS[reader]}")
    ended: dict[str, Any] = {"values": 0, "refused": 0, "faults": [], "died": []}
    first = 0
    while first < CHANGES:
        done = load(reader, first, CHANGES - first, tmp_path)
        if done.returncode == 0:
            for name, found in json.loads(done.stdout.splitlines()[-1]).items():
                ended[name] += found
            break
        assert (tmp_path / "at").exists(), done.stderr
        last = int((tmp_path / "at").read_text())
        ended["died"].append(f"{last}: {done.returncode} {done.stderr[-200:]}")
        first = last + 1
    for name in ("values", "refused"):
        record_property(name, ended[name])
    assert ended["faults"] == []
    assert ended["died"] == []
