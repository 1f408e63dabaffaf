"""Deployments as folders: what is served under a name, by which process, and where that writes.

mlflow-deployments/churn/deployment.json    the record, and the server that it is about
                        /failed.log         of the last server that did not become ready
                        /lock
                        /3/                 of one server: its model, its log, its process
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from zen.errors import UsageError
from zen.records import Deployment, from_json, to_json
from zen_plugin_mlflow.processes import Process, is_alive

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TAIL = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A deployment and what serves it.

    Attributes:
        deployment: As it was recorded last.
        number: Of the server, `3`; 0 where there was never one.
        process: Of the server.
        port: Where it listens, or has listened last.
    """

    deployment: Deployment
    number: int = 0
    process: Process | None = None
    port: int = 0

    @property
    def serves(self) -> bool:
        """Whether it is recorded as ready, and its process runs."""
        return self.deployment.state == "ready" and self.process is not None and is_alive(self.process)


class Folder:
    """The folder of one deployment, which may not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, parent: Path, name: str) -> Folder:
        """Return the folder of a name.

        Raises:
            UsageError: When the name cannot be that of a folder.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a deployment",
                hint="use up to 100 letters, digits, dots, dashes and underscores, a letter or digit first",
            )
        return cls(parent / name)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing this deployment meanwhile."""
        import fcntl

        while True:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if self._is_lock(descriptor):  # else it was deleted while we waited
                    yield
                    return
            finally:
                os.close(descriptor)

    def _is_lock(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path / "lock"))
        except FileNotFoundError:
            return False

    def read(self) -> Served | None:
        """Return what was recorded last; None for a name that nobody deployed to."""
        try:
            content = json.loads((self.path / "deployment.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        process = Process(**content["process"]) if content["process"] else None
        deployment = from_json(Deployment, content["deployment"])
        return Served(deployment=deployment, number=content["number"], process=process, port=content["port"])

    def write(self, served: Served) -> None:
        """Record what is served, at once: who reads meanwhile gets the old record or the new one."""
        content = {
            "deployment": to_json(served.deployment),
            "number": served.number,
            "process": asdict(served.process) if served.process else None,
            "port": served.port,
        }
        draft = self.path / ".deployment.json.part"
        draft.write_text(json.dumps(content, indent=1))
        draft.replace(self.path / "deployment.json")

    def instance(self, number: int) -> Path:
        """Return the folder of a server."""
        return self.path / str(number)

    def new_instance(self) -> tuple[int, Path]:
        """Make the folder of another server."""
        number = max(self._numbers(), default=0) + 1
        folder = self.instance(number)
        folder.mkdir(mode=0o700)
        return number, folder

    def note_process(self, number: int, process: Process) -> None:
        """Remember the process of a server, so that it is found even when nothing else of it is recorded."""
        (self.instance(number) / "process.json").write_text(json.dumps(asdict(process)))

    def processes(self) -> dict[int, Process]:
        """Return the processes of all servers that still run."""
        found = {}
        for number in self._numbers():
            with contextlib.suppress(FileNotFoundError, ValueError):
                process = Process(**json.loads((self.instance(number) / "process.json").read_text()))
                if is_alive(process):
                    found[number] = process
        return found

    def tidy(self, keep: int) -> None:
        """Remove the folders of servers that are gone, but for the one to keep."""
        running = self.processes()
        for number in self._numbers():
            if number != keep and number not in running:
                shutil.rmtree(self.instance(number), ignore_errors=True)

    def _numbers(self) -> list[int]:
        return sorted(int(each.name) for each in self.path.iterdir() if each.name.isdigit())

    def log(self, number: int) -> str:
        """Return the end of what a server has printed."""
        return tail(self.instance(number) / "log")

    def remove(self) -> None:
        """Remove everything; the record first, so that nobody finds half a deployment."""
        (self.path / "deployment.json").unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


def tail(path: Path) -> str:
    """Return the last lines of a file; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def current(served: Served, log: str) -> Deployment:
    """Return a deployment as it is now: one whose process is gone has failed."""
    made = served.deployment
    if made.state != "ready" or served.serves:
        return made
    pid = served.process.pid if served.process else "?"
    return replace(made, state="failed", url="", reason=f"its process {pid} is gone; {last_line(log)}".rstrip("; "))


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
