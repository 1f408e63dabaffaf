"""The folder of a deployment: what is wanted, what is, and who may change it.

    deployments/NAME/
      deployment.json     the order: written by who deploys or stops, read by the server
      status.json         the truth: written by the server, read by everybody
      server.log          what the server and its model print
      deploying.lock      held by who deploys, stops or deletes
      serving.lock        held by the server for as long as it lives, however it ends
      generations/N/      the model's files; N grows with each deploy

A held lock is the proof that a server is alive: process ids are used again, locks are not.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from zen.records import ModelVersion, from_json, to_json

__all__ = ["Order", "Place", "Status", "boot", "valid"]

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9_-])?")
_PAUSE = 0.02
_LOG_SHOWN = 64 * 1024
_LOG_KEPT = 10 * 2**20

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be served.

    Attributes:
        generation: Counts the deploys.
        settings: The configuration, with the settings of this deployment in it.
        python: The interpreter that predicts: that of who deployed.
        root: The project whose types the model uses.
        port: Which one it had before, 0 for none.
        created_at: When it was deployed.
        stopped: Whether it is to serve at all.
    """

    name: str
    generation: int
    version: ModelVersion
    settings: dict[str, Any]
    python: str
    root: str
    created_at: dt.datetime
    port: int = 0
    stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a server says of itself.

    Attributes:
        pid: Its process, which leads a group of its own.
        boot: Which start of the machine it belongs to.
        serving: The order that it serves, once one is loaded.
        judged: The newest generation of which it is known whether it can be served.
        reason: Why it cannot; empty when it can.
    """

    pid: int = 0
    boot: str = ""
    host: str = ""
    port: int = 0
    serving: Order | None = None
    judged: int = 0
    reason: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Place:
    """The folder of one deployment.

    Args:
        folder: Its name is that of the deployment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.log = folder / "server.log"
        self._held: int | None = None

    def order(self) -> Order | None:
        """Return what is wanted; None when there is no such deployment."""
        return _read(Order, self.folder / "deployment.json")

    def write_order(self, order: Order) -> None:
        """Say what is wanted; the server sees it in a moment."""
        _write(self.folder / "deployment.json", order)

    def status(self) -> Status:
        """Return what the server said last."""
        return _read(Status, self.folder / "status.json") or Status()

    def write_status(self, status: Status) -> None:
        """Say what is; for the server, and for who knows that there is none."""
        _write(self.folder / "status.json", status)

    def forget_status(self) -> None:
        """Forget what an earlier server said."""
        (self.folder / "status.json").unlink(missing_ok=True)

    # The model's files

    def generation(self, number: int) -> Path:
        """Return the folder of a generation."""
        return self.folder / "generations" / str(number)

    def next_generation(self) -> int:
        """Return a number that no earlier deploy had, even one that was killed in the midst."""
        order = self.order()
        return 1 + max([*self._generations(), order.generation if order else 0, self.status().judged])

    def copy(self, number: int, files: Mapping[str, Path]) -> None:
        """Copy a model's files.

        Raises:
            ValueError: For a name that leads elsewhere.
            OSError: When one cannot be read or written.
        """
        folder = self.generation(number)
        try:
            _folder(folder)
            for name, source in files.items():
                target = folder.joinpath(*_parts(name))
                _folder(target.parent)
                with source.open("rb") as reader, open(target, "xb", opener=_private) as writer:
                    shutil.copyfileobj(reader, writer, 2**20)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def drop(self, number: int) -> None:
        """Remove the files of a generation."""
        shutil.rmtree(self.generation(number), ignore_errors=True)

    def drop_before(self, number: int) -> None:
        """Remove the files of earlier generations; a later one may be on its way."""
        for earlier in self._generations():
            if earlier < number:
                self.drop(earlier)

    def _generations(self) -> list[int]:
        return [int(path.name) for path in (self.folder / "generations").glob("[0-9]*")]

    # Who may change it, and who serves

    @contextlib.contextmanager
    def exclusive(self, seconds: float, *, make: bool = False) -> Iterator[int | None]:
        """Keep others from changing the deployment; yields the descriptor of the lock, or None if nothing is there.

        Raises:
            TimeoutError: When another process does not let go in time.
        """
        descriptor = self._lock("deploying.lock", seconds, make=make)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def hold(self, seconds: float = 5.0) -> bool:
        """Take the lock of the server, for the life of this process, and return whether that succeeded."""
        # For a moment it may be held by somebody who looks whether it is.
        with contextlib.suppress(TimeoutError):
            self._held = self._lock("serving.lock", seconds)
        return self._held is not None

    def is_alive(self) -> bool:
        """Whether a server lives."""
        try:
            descriptor = os.open(self.folder / "serving.lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            # Shared: those who look do not hinder each other.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def remove(self) -> None:
        """Remove the folder, in one step: others see all of it or nothing."""
        gone = self.folder.with_name(f".removed-{uuid.uuid4().hex}")
        with contextlib.suppress(FileNotFoundError):
            self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def _lock(self, name: str, seconds: float, *, make: bool = False) -> int | None:
        deadline = time.monotonic() + seconds
        while True:
            if make:
                _folder(self.folder)
            try:
                descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                if make:
                    continue
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, self.folder / name):
                    return descriptor
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise TimeoutError(f"{self.folder / name} is held by another process") from None
                time.sleep(_PAUSE)
            os.close(descriptor)

    # The log

    def open_log(self) -> int:
        """Return a descriptor that appends to the log."""
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tail(self, most: int = _LOG_SHOWN) -> str:
        """Return the end of the log."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - most))
                return stream.read(most).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def turn_log(self) -> None:
        """Begin the log anew when it is long; the last one is kept."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > _LOG_KEPT:
                # Copied and emptied, not renamed: those who append to it keep their descriptors.
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)


def valid(name: str) -> bool:
    """Whether a deployment can have that name: it is that of a folder."""
    return _NAME.fullmatch(name) is not None


def boot() -> str:
    """Return what tells this start of the machine from others, where the system knows it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\0" in name:
        raise ValueError(f"{name!r} is no name for a file of a model")
    return parts


def _folder(folder: Path) -> None:
    """Make a folder for this user alone; what holds the deployments is there, or is made likewise."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(0o700, exist_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read(cls: type[R], path: Path) -> R | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return from_json(cls, json.loads(text))


def _write(path: Path, value: Any) -> None:
    """Write a file at once: who reads meanwhile gets the old one or the new one, after a power cut too."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(part, "x", encoding="utf-8", opener=_private) as stream:
            json.dump(to_json(value), stream, allow_nan=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
