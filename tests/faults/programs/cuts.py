"""Power cuts: a file system of its own loses everything that was not synced, again and again, under running pipelines.

    unshare --mount --pid --fork --kill-child python cuts.py FOLDER CUTS SEED [--relaxed]

Needs root and loop devices. The namespaces are what cleans up: when this process ends, however it ends, its mount and
its loop device end with it. Prints one JSON object.

A cut is ext4's own shutdown without flushing its log: writes in flight are dropped, and nothing more gets to the disk.
That is a kernel that stops, not a disk that reorders or lies about what it has kept.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from acknowledging import answer, ended, forked, lines_of, make_project, project, run_and_tell, warm_up
from audit import Audit, age

from zen import Client
from zen.client import close_all
from zen.errors import ArtifactDamaged, ArtifactNotFound

WRITERS = 2
CUTS_OF_ONE_STORE = 5
MEGABYTES = 192
_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_WITHOUT_LOG = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH
_RELAXED = "default_stack: fast\nstacks:\n  fast:\n    settings: {durability: relaxed}\n"


class Unable(Exception):
    """This machine does not let us cut the power."""


class Disk:
    """An ext4 file system in a file."""

    def __init__(self, folder: Path) -> None:
        self.image, self.place = folder / "disk", folder / "mounted"
        self.place.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(MEGABYTES << 20)
        _call("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self) -> None:
        _call("mount", "-o", "loop", self.image, self.place)

    def cut(self) -> None:
        """Stop the file system where it is."""
        number = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(number, _SHUTDOWN, struct.pack("I", _WITHOUT_LOG))
        except OSError as error:
            raise Unable(f"this kernel does not shut ext4 down: {error}") from error
        finally:
            os.close(number)

    def remount(self) -> None:
        """Come back after a cut."""
        for _ in range(100):
            with contextlib.suppress(Unable):
                _call("umount", self.place)
                break
            time.sleep(0.05)
        self.mount()

    def keep(self) -> None:
        """Get everything to the disk."""
        _call("sync", "-f", self.place)


def _call(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unable(f"{command[0]}: {done.stderr.strip()}")


class Cuts:
    """Writers on that disk, what they have said, and what was found."""

    def __init__(self, folder: Path, seed: int, *, relaxed: bool) -> None:
        warm_up(folder / "warm")
        self.disk = Disk(folder)
        self.folder = folder
        self.chance = random.Random(seed)
        self.relaxed = relaxed
        self.stores = 0
        self.problems: list[str] = []
        self.counts = dict.fromkeys(("acknowledged", "lost", "without_bytes", "refused", "rows", "runs_after"), 0)

    def new_store(self) -> None:
        self.stores += 1
        self.root = self.disk.place / f"store-{self.stores}"
        make_project(self.root)
        if self.relaxed:
            (self.root / "zen.yaml").write_text(_RELAXED)
        self.disk.keep()
        self.acknowledged = self.folder / f"acknowledged-{self.stores}"
        self.errors = self.folder / f"errors-{self.stores}"

    def cut(self) -> None:
        """Let pipelines run for a while, cut, come back, look."""
        before = len(lines_of(self.acknowledged))
        writers = [self._writer() for _ in range(WRITERS)]
        while len(lines_of(self.acknowledged)) <= before and not self.errors.exists():
            time.sleep(0.005)
        time.sleep(self.chance.uniform(0, 0.4))
        if self.relaxed:
            self._write_back_one_file()
        # What writers say from here on is not binding: they live on for a moment, and a real cut would have ended them.
        said = self.acknowledged.read_bytes()
        self.disk.cut()
        for writer in writers:
            os.kill(writer, signal.SIGKILL)
            ended(writer)
        self.acknowledged.write_bytes(said)
        self.disk.remount()
        self._look()

    def _writer(self) -> int:
        seed = self.chance.getrandbits(32)

        def write() -> None:
            sys.dont_write_bytecode = True
            chance = random.Random(seed)
            while True:
                run_and_tell(self.root, self.acknowledged, "chain", n=chance.randrange(400), kilobytes=48)

        return forked(write, self.errors)

    def _write_back_one_file(self) -> None:
        """The kernel may write back what it likes, and in any order: here the log of the database, and nothing else."""
        with contextlib.suppress(OSError), open(self.root / ".zen" / "metadata.db-wal", "rb") as file:
            os.fsync(file.fileno())

    def _look(self) -> None:
        if self.relaxed:
            self.errors.unlink(missing_ok=True)
        if not (self.root / ".zen" / "metadata.db").exists() and not self.relaxed and lines_of(self.acknowledged):
            self.problems.append("the database is gone")
            return
        age(self.root / ".zen")
        refused = answer(self._opened_and_read, self.errors)
        strict = not self.relaxed
        said = lines_of(self.acknowledged)
        found = Audit(self.root / ".zen", said, lasting=strict, bytes_follow=strict)
        self.problems += found.problems
        for name in ("lost", "without_bytes"):
            self.counts[name] += len(getattr(found, name))
        self.counts["acknowledged"] += found.acknowledged
        self.counts["rows"] += found.rows
        self.counts["refused"] += refused
        if self.relaxed:
            self._go_on()
            self.acknowledged.unlink(missing_ok=True)  # what is lost now is lost for good

    def _opened_and_read(self) -> int:
        """Open the store as the next command does; read everything: right, or refused. Return how many were refused."""
        project(self.root)
        client, refused = Client(root=self.root), 0
        for artifact in client.artifacts(limit=100_000):
            for entry in artifact.record.manifest.files:
                try:
                    client.open_stack.objects.open(entry).close()
                except (ArtifactDamaged, ArtifactNotFound):
                    refused += 1
        close_all()
        return refused

    def _go_on(self) -> None:
        """Whatever was lost, the next runs are right: damaged results are made again, not taken from the cache."""

        def again() -> int:
            sys.dont_write_bytecode = True
            flow = project(self.root)
            right = 0
            for n in range(0, 400, 20):
                run = flow.chain(n=n)
                right += run.outputs[0].load() == {"sum": 2 * n + 1, "first": flow.first_bytes(n)}
            close_all()
            return right

        right = answer(again, self.errors)
        self.counts["runs_after"] += right
        self.problems += [f"only {right} of 20 runs after a cut were right"] if right != 20 else []


def main(folder: Path, cuts: int, seed: int, *, relaxed: bool) -> dict[str, Any]:
    try:
        storm = Cuts(folder, seed, relaxed=relaxed)
        for number in range(cuts):
            if number % CUTS_OF_ONE_STORE == 0:
                storm.new_store()
            storm.cut()
    except Unable as error:
        return {"unable": str(error)}
    return {"cuts": cuts, "seed": seed, "problems": storm.problems, **storm.counts}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cuts", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--relaxed", action="store_true")
    given = parser.parse_args()
    print(json.dumps(main(given.folder, given.cuts, given.seed, relaxed=given.relaxed)))
