"""What is recorded of an artifact."""

from __future__ import annotations

import datetime as dt
from dataclasses import field
from typing import Any

from zen.identity import digest
from zen.records.codec import record, to_json

IMPORTED = "imported"
"""The fact about an artifact that came from an archive: which one, who imported it, when, what it was there."""


@record()
class FileEntry:
    """One file of an artifact: a relative POSIX name, its bytes by digest (`sha256:…`), its size in bytes."""

    name: str
    digest: str
    size: int


@record()
class Manifest:
    """What an artifact consists of; its digest is the artifact's identity.

    Attributes:
        format: Name of the format; never guessed from a file name.
        version: Version of that format.
        type: `module.qualname` of the saved value's type.
        unsafe: Loading runs code that the bytes name (pickle).
    """

    format: str
    version: int = 1
    type: str = ""
    files: tuple[FileEntry, ...] = ()
    unsafe: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def digest(self) -> str:
        """Return the digest over format, type and files."""
        return digest("artifact/1", to_json(self))


@record()
class ArtifactRecord:
    """A version of a named artifact.

    Attributes:
        id: Unique; made by the caller that saved it.
        version: 1, 2, … for each name.
        digest: Digest of the manifest: equal digests are equal bytes in the same format.
        materializer: `module:Class` that wrote it.
        run_id: The run that produced it; empty for an import.
        step_run: The step run that produced it.
        metadata: What the materializer told about the value (rows, columns, …) and what was logged for it; of an
            import also, under `imported`, where it came from.
    """

    id: str
    name: str
    version: int = 0
    digest: str
    manifest: Manifest
    materializer: str = ""
    run_id: str = ""
    step_run: str = ""
    output: str = ""
    created_at: dt.datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return self.manifest.size

    @property
    def imported(self) -> bool:
        """Whether it came from an archive, so that nothing here vouches for what it says."""
        return not self.run_id and IMPORTED in self.metadata
