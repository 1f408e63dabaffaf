"""What an artifact has to do with other stores: leaving for one, having come from one, and who vouches for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zen.records import ArtifactRecord

if TYPE_CHECKING:
    from zen.storage.pins import Pin


class Exchange(Protocol):
    """What does it: a client."""

    def export_artifact(self, artifact: ArtifactRecord, file: Path) -> Path: ...

    def pin(self, artifact: ArtifactRecord) -> Pin | None: ...

    def trust_artifact(self, artifact: ArtifactRecord, reason: str) -> Pin: ...

    def distrust_artifact(self, artifact: ArtifactRecord) -> bool: ...


class Exchanged:
    """The part of an artifact that is about other stores."""

    record: ArtifactRecord
    _client: Exchange

    def export(self, file: Path | str) -> Path:
        """Write it as a zip file, with what is known about where it came from, for `Client.import_artifact`.

        Raises:
            UsageError: When there is something at the path.
            MaterializerError: When it has files whose names other systems do not have.
        """
        return self._client.export_artifact(self.record, Path(file))

    @property
    def imported(self) -> bool:
        """Whether it came from an archive; `metadata["imported"]` says which, by whom, and what it was there."""
        return self.record.imported

    @property
    def pin(self) -> Pin | None:
        """Who vouches for it, when and why; None for nobody."""
        return self._client.pin(self.record)

    def trust(self, reason: str) -> Pin:
        """Vouch for these bytes, which somebody else made: from now on they load here, although they can run any code.

        Raises:
            UsageError: When a run of this store made it, or without a reason.
        """
        return self._client.trust_artifact(self.record, reason)

    def distrust(self) -> bool:
        """Take that back; say whether anybody had vouched for it."""
        return self._client.distrust_artifact(self.record)
