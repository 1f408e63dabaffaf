#!/usr/bin/env python3
"""Stores as earlier versions of zen wrote them, for the tests that open them.

    python tools/earlier_stores.py            make those that are missing
    python tools/earlier_stores.py 2-fcc755f  make one anew

For every schema the first commit that wrote it and could run a pipeline, and the last: each one's own code runs the
pipeline below, in a process of its own, and what it left is packed into
core/tests/storage/fixtures/schema-<number>-<commit>.tar.xz. When a migration is added, add the last commit before it to
STORES, and run this.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "core" / "tests" / "storage" / "fixtures"
STORES = ("1-c9fc867", "1-eebc4be", "2-a168663", "2-fcc755f", "3-fbae3e9", "3-fec8b47")

# The second one takes everything from the cache; the killed one leaves its log and its run as they were.
WAYS = (("well", 0), ("well", 0), ("badly", 1), ("stopped", -signal.SIGINT), ("serve", 0), ("killed", -signal.SIGKILL))

FLOW = '''
import os
import platform
import signal
import sys
from typing import Annotated

platform.node = lambda: "elsewhere"

try:
    from zen.registry import inventory
except ImportError:
    pass
else:
    inventory.installed = lambda: (inventory.Installed("zen-hub", "0.1.0"),)

from zen import Client, log_metadata, log_metrics, log_params, pipeline, step

try:
    from zen import Model
except ImportError:
    model = {}
else:
    model = {"model": Model("churn", description="who leaves", tags={"team": "risk"})}


@step
def load(rows: int) -> Annotated[list[int], "numbers"]:
    print("loading", rows)
    return list(range(rows))


@step
def describe(numbers: list[int]) -> Annotated[str, "large"]:
    return f"{len(numbers)} numbers, " * 4000


@step
def train(numbers: list[int], large: str, how: str) -> Annotated[float, "model"]:
    log_params({"how": how})
    log_metrics({"loss": 0.25})
    log_metadata({"note": "größer"})
    print("training", how, file=sys.stderr)
    if how == "badly":
        raise ValueError("how is badly")
    if how in ("stopped", "killed"):
        os.kill(os.getpid(), signal.SIGINT if how == "stopped" else signal.SIGKILL)
    return sum(numbers) / 2


@pipeline(tags=["fixture"], **model)
def flow(rows: int, how: str):
    numbers = load(rows)
    train(numbers, describe(numbers), how)


def serve():
    """Record what was served, where the commit knows of it."""
    import datetime as dt
    try:
        from zen.records import Serving
        from zen.storage import Models
    except ImportError:
        return
    models = Models(Client().database)
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    models.set_alias("churn", "champion", 1, event_id="a1", reason="by hand")
    models.begin_serving(Serving(id="5e", name="front", model="churn", version=1, started_at=at))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        flow(rows=4, how=sys.argv[1])
'''


def make(name: str) -> None:
    """Let the code of a commit write a store, and pack it."""
    with tempfile.TemporaryDirectory(prefix="zen-") as folder:
        code = Path(folder) / "code"
        # What is recorded names this folder, so it is nobody's own.
        project = Path("/tmp/earlier")  # noqa: S108  # as above, and it must not be there yet
        archive = subprocess.run(
            ["git", "archive", name.partition("-")[2], "core/src"], cwd=ROOT, check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            packed.extractall(code, filter="data")
        project.mkdir()
        try:
            _write(project, code / "core" / "src")
            _pack(project, FIXTURES / f"schema-{name}.tar.xz")
        finally:
            subprocess.run(["rm", "-r", str(project)], check=True)


def _write(project: Path, code: Path) -> None:
    (project / "pyproject.toml").touch()
    (project / "flow.py").write_text(FLOW, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ZEN_")}
    environment |= {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1", "ZEN_PROGRESS": "off"}
    for how, ends in WAYS:
        done = subprocess.run([sys.executable, "flow.py", how], cwd=project, env=environment, check=False)
        if done.returncode != ends:
            raise SystemExit(f"{how} ended with {done.returncode}")


def _pack(project: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:xz", preset=9) as packed:
        for file in sorted((project / ".zen").rglob("*")):
            if file.is_file() and not file.name.endswith((".lock", "-shm")) and "staging" not in file.parts:
                packed.add(file, file.relative_to(project / ".zen"), filter=_nobodys)
    print(f"{target.name}: {target.stat().st_size} bytes")


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    wanted = sys.argv[1:] or [name for name in STORES if not (FIXTURES / f"schema-{name}.tar.xz").exists()]
    for each in wanted:
        make(each)
