"""What a run records of the machine, the interpreter, what is installed, and where it was started."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from zen.engine.keeping import Kept
from zen.engine.snapshots import content_of
from zen.errors import ArtifactNotFound, RunNotFound
from zen.identity import digest_bytes, dumps
from zen.records import RunRecord
from zen.registry.inventory import Installed, installed
from zen.stacks.opening import OpenStack

OF_THE_SOURCE = ("commit", "branch", "dirty", "script", "folder")
"""The facts that go with the snapshot of a run, not with the machine that it runs on."""

_VERSION = 1


def environment(kept: Kept) -> dict[str, Any]:
    """Return the facts; what they refer to is kept, where the store does not have it yet."""
    data = _listed(installed())
    name = digest_bytes(data)
    if not kept.has(name):
        kept.put(data)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.system(),
        "machine": platform.machine(),
        "distributions": name,
    }


def distributions_of(stack: OpenStack, run: RunRecord) -> tuple[Installed, ...]:
    """Return what was installed where a run was launched.

    Raises:
        RunNotFound: When that was not recorded, or is gone.
    """
    name = str(run.environment.get("distributions", ""))
    try:
        data = json.loads(content_of(stack, name)) if name else None
    except ArtifactNotFound:
        data = None
    if data is None:
        raise RunNotFound(
            f"what was installed for run {run.name!r} is not in the store", hint="later runs record it; run it again"
        )
    return tuple(Installed(*each) for each in data["distributions"])


def requirements(distributions: tuple[Installed, ...], run: RunRecord) -> str:
    """Return the text of a `requirements.txt`; what came from no index is a comment."""
    facts = run.environment
    lines = [f"# run {run.name} ({run.id}): Python {facts.get('python')} on {facts.get('platform')}"]
    for each in distributions:
        if each.source == "index" and each.version:
            lines.append(f"{each.name}=={each.version}")
        elif each.source == "url" and each.url:
            lines.append(f"{each.name} @ {each.url}")
        else:
            how = {"editable": "editable, from", "local": "installed from"}.get(each.source, "from")
            lines.append(f"# {each.name} {each.version}: {how} {each.url or 'an unknown place'}")
    return "\n".join(lines) + "\n"


def started(script: Path | None, root: Path) -> dict[str, str]:
    """Return which script of the project was started, if one was, and from which folder below its root."""
    root = root.resolve()
    found = {}
    if script is not None and (file := script.resolve()).is_relative_to(root):
        found["script"] = file.relative_to(root).as_posix()
    try:
        here = Path.cwd().resolve()
    except OSError:  # it is gone
        return found
    if here != root and here.is_relative_to(root):
        found["folder"] = here.relative_to(root).as_posix()
    return found


def _listed(distributions: tuple[Installed, ...]) -> bytes:
    listed = [list(each) if each.source != "index" else list(each[:2]) for each in distributions]
    return dumps({"distributions": listed, "version": _VERSION}).encode("ascii")
