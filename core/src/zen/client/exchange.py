"""Artifacts that leave a store and come into one: archives, and whose word lets what is in them be loaded."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zen.client.views import ArtifactView
from zen.engine import new_id
from zen.engine.signature import ARTIFACT_NAME, check_artifact_name
from zen.errors import RunNotFound, UsageError
from zen.identity import dumps, from_plain, to_plain
from zen.interfaces import Change
from zen.records import ArtifactRecord, FileEntry
from zen.records.artifact import IMPORTED
from zen.stacks.opening import OpenStack
from zen.storage import Label, Objects, changes
from zen.storage.archive import Limits, extracted, write_archive
from zen.storage.pins import Pin, Pins
from zen.storage.staging import StagedFile

MOST_ORIGIN = 256 * 1024
"""How many bytes of what another store knows about an artifact are kept, as JSON."""
_LONGEST_REASON = 1000


class ExchangeAccess:
    """The part of a client that exports and imports artifacts, and that vouches for them."""

    open_stack: OpenStack

    def export_artifact(self, artifact: ArtifactRecord, file: Path) -> Path:
        """Write an artifact as a zip file; see `ArtifactView.export`."""
        objects = self.open_stack.objects
        origin = _known_here(self.open_stack, artifact)
        label = Label(manifest=artifact.manifest, materializer=artifact.materializer, origin=origin)
        write_archive(file, label, objects.open)
        return file

    def import_artifact(self, file: Path | str, *, name: str = "", limits: Limits | None = None) -> ArtifactView:
        """Record what `export` has written as the next version of a named artifact. Nothing of it is loaded.

        It has no run. What the exporting store knew about it is kept for people, under `imported` of its metadata. Its
        types are found only among what is imported; if its format can run code, it loads once somebody vouches for it.

        Args:
            file: The archive.
            name: What to call the artifact; by default as it was called there.
            limits: How much the archive may hold.

        Raises:
            StorageError: When the archive is refused; `reason` says why.
            ArtifactDamaged: When its files are not those that were exported.
            UsageError: When there is no such file.
        """
        stack, path = self.open_stack, Path(file)
        with extracted(path, limits or Limits(), stack.objects.staging) as (label, files):
            artifact = ArtifactRecord(
                id=new_id(),
                name=_name(name, label, path),
                digest=label.manifest.digest(),
                manifest=label.manifest,
                materializer=label.materializer,
                created_at=dt.datetime.now(dt.UTC),
                metadata={IMPORTED: to_plain(_imported(path, label))},
            )
            kept = _stored(files, stack.objects, artifact.id)
            stack.database.write([*kept, changes.insert_artifact(artifact)])
        return ArtifactView(stack.database.artifact(artifact.id), self)  # type: ignore[arg-type]  # a client is one

    def pins(self) -> list[Pin]:
        """Return for which digests somebody vouches, oldest first: who, when and why."""
        return Pins(self.open_stack.database).list()

    def pin(self, artifact: ArtifactRecord) -> Pin | None:
        """Return who vouches for an artifact, or None."""
        return Pins(self.open_stack.database).get(artifact.manifest.digest())

    def trust_artifact(self, artifact: ArtifactRecord, reason: str) -> Pin:
        """Vouch for an artifact from elsewhere; see `ArtifactView.trust`."""
        if artifact.run_id:
            raise UsageError(f"artifact {artifact.name!r} was made by a run of this store, which needs nobody's word")
        reason = reason.strip()
        if not reason or len(reason) > _LONGEST_REASON or not reason.isprintable():
            raise UsageError(
                "a decision to trust an artifact needs its reason",
                hint=f"say in one line, of at most {_LONGEST_REASON} characters, how you know who made it",
            )
        digest = artifact.manifest.digest()
        Pins(self.open_stack.database).put(digest, who=somebody(), reason=reason)
        return next(pin for pin in self.pins() if pin.digest == digest)

    def distrust_artifact(self, artifact: ArtifactRecord) -> bool:
        """Take the word for an artifact back; say whether there was one."""
        found = self.pin(artifact)
        Pins(self.open_stack.database).remove(artifact.manifest.digest())
        return found is not None


def somebody() -> str:
    """Return who this is: `user@host`."""
    import getpass
    import platform

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in any table, as in some containers
        user = "unknown"
    return f"{user}@{platform.node()}"


def _stored(files: list[tuple[FileEntry, StagedFile]], objects: Objects, holder: str) -> list[Change]:
    """Keep unpacked files: large ones now, held for who will name them; small ones by the returned changes."""
    kept = [objects.inline(staged.digest, staged.inline) for _, staged in files if staged.inline is not None]
    large = {staged.digest: staged.path for _, staged in files if staged.inline is None and staged.path is not None}
    return [*kept, *objects.put_files(large, holder)]


def _name(given: str, label: Label, path: Path) -> str:
    name = given or label.origin.get("name", "")
    if not given and (not isinstance(name, str) or not ARTIFACT_NAME.fullmatch(name)):
        raise UsageError(f"{path} does not say what its artifact is called", hint="give it a name: --name NAME")
    check_artifact_name(name)
    return name


def _imported(path: Path, label: Label) -> dict[str, Any]:
    """Return what is recorded of an import. What the archive tells of itself is data, which nothing acts on."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    file = path.name.encode("utf-8", "backslashreplace").decode()
    return {"file": file, "by": somebody(), "at": at, "origin": _plain(label.origin)}


def _plain(origin: Mapping[str, Any]) -> dict[str, Any]:
    try:
        dumps(to_plain(dict(origin)))  # what is nested too deep fails here
        if len(json.dumps(origin, ensure_ascii=False).encode()) <= MOST_ORIGIN:  # what is no text fails here
            return dict(origin)
    except (RecursionError, TypeError, ValueError):
        pass
    return {"problem": "what the archive tells of its origin cannot be kept"}


def _known_here(stack: OpenStack, artifact: ArtifactRecord) -> dict[str, Any]:
    """Return what this store knows about an artifact, as JSON for the people of another one."""
    known = {
        "id": artifact.id,
        "name": artifact.name,
        "version": artifact.version,
        "digest": artifact.digest,
        "output": artifact.output,
        "created_at": artifact.created_at.isoformat() if artifact.created_at else "",
        "tags": list(artifact.tags),
        "metadata": {**artifact.metadata, **stack.database.facts(artifact.id)},
        **_lineage(stack, artifact),
    }
    return {key: value for key, value in json.loads(dumps(to_plain(known))).items() if value}


def _lineage(stack: OpenStack, artifact: ArtifactRecord) -> dict[str, Any]:
    if not artifact.run_id:
        return {}
    run = stack.database.run(artifact.run_id)
    lineage: dict[str, Any] = {
        "run": {"id": run.id, "name": run.name, "pipeline": run.pipeline, "snapshot": run.snapshot},
        "commit": run.environment.get("commit", ""),
    }
    try:
        step = stack.database.step_run(artifact.step_run)
    except RunNotFound:  # a literal of the pipeline
        return lineage
    found = stack.database.artifacts_by_id([each for ids in step.inputs.values() for each in ids])
    inputs = {name: [_short(found[each]) for each in ids if each in found] for name, ids in step.inputs.items()}
    return {**lineage, "step": step.name, "inputs": inputs}


def _short(artifact: ArtifactRecord) -> dict[str, Any]:
    return {"id": artifact.id, "name": artifact.name, "version": artifact.version, "digest": artifact.digest}


def origin_of_import(artifact: ArtifactRecord) -> dict[str, Any]:
    """Return what was recorded when an artifact was imported: `file`, `by`, `at`, `origin`; empty for others."""
    if not artifact.imported:
        return {}
    try:
        told = from_plain(artifact.metadata[IMPORTED])
    except (ArithmeticError, LookupError, TypeError, ValueError):  # a newer zen wrote it
        return {}
    return told if isinstance(told, dict) else {}
