"""Trying a plugin in a process of its own, where it may hang, eat memory or crash without harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from zen.errors import PluginError
from zen.registry.catalog import PluginEntry
from zen.registry.loading import Subject

SECONDS = 10.0
MEMORY = 1 << 30

_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from zen.registry.probe import answer; answer()"


def probe(entry: PluginEntry, *, seconds: float = SECONDS, memory: int | None = MEMORY) -> PluginError | None:
    """Load one entry in another process; return what is wrong with it.

    Args:
        entry: What to load.
        seconds: How long it may take.
        memory: How many bytes of address space it may have, where the platform can limit that; None for any number.
    """
    subject = Subject.of(entry, "the entry")
    request = {
        "entry": {name: getattr(entry, name) for name in entry.__dataclass_fields__},
        "memory": memory,
    }
    try:
        done = subprocess.run(  # our own interpreter and our own program
            [sys.executable, "-c", _PROGRAM, json.dumps([os.path.abspath(path) for path in sys.path])],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subject.fault(f"cannot be loaded: it did not finish in {seconds:g} s")
    return _understood(subject, done)


def _understood(subject: Subject, done: subprocess.CompletedProcess[bytes]) -> PluginError | None:
    try:
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
        return subject.fault(f"cannot be loaded: the process that loaded it ended with {how}")
    return PluginError(said["message"], hint=said["hint"], distribution=subject.distribution) if said else None


def answer() -> None:
    """Load the entry that stdin describes, and print what is wrong with it. The other process of `probe`."""
    from zen.registry.catalog import Catalog
    from zen.registry.registry import Registry

    request = json.load(sys.stdin)
    if request["memory"]:
        _limit(request["memory"])
    entry = PluginEntry(**request["entry"])
    error = Registry(Catalog(entries=(entry,))).check(entry)
    print(json.dumps({"message": error.message, "hint": error.hint} if error else {}), flush=True)
    # A thread that the plugin has started must not keep this process.
    os._exit(0)


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
