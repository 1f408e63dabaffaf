"""What the host lends to a component: small protocols, so that a fake of each is a few lines."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from zen.records import ArtifactRecord, RunRecord, StepRunRecord
from zen.secrets import Secret


class Secrets(Protocol):
    """Answers references to secrets."""

    def get(self, reference: str) -> str:
        """Return the value behind `env/NAME`, `file/PATH`, or a name of the stack's secret store.

        Raises:
            SecretNotFound: Naming the reference, never a value.
        """

    def reveal(self, secret: Secret | str) -> str:
        """Return the text of a secret with its references resolved; a plain string is returned as it is."""


class Records(Protocol):
    """Reads what is recorded. Everything that it returns is a value."""

    def run(self, run_id: str) -> RunRecord:
        """Return a run by its full id."""

    def step_runs(self, run_id: str) -> list[StepRunRecord]:
        """Return the step runs of a run, every attempt, oldest first."""

    def artifact(self, artifact_id: str) -> ArtifactRecord:
        """Return an artifact by its full id."""


class Artifacts(Protocol):
    """Reads and writes values as artifacts, with zen's materializers."""

    def load(self, artifact_id: str) -> Any:
        """Return the value of an artifact, its bytes verified first."""

    def files(self, artifact_id: str) -> Iterable[tuple[str, Path]]:
        """Yield the name and a local, verified copy of each file of an artifact. The copies are read-only."""


class Host(Protocol):
    """What a component is lent when it is opened.

    Attributes:
        root: The project root.
        state: A folder for local state (`.zen`); it exists.
        secrets: Answers secret references.
        records: Reads what is recorded of runs, steps and artifacts.
        artifacts: Reads the values and the files of artifacts.
        log: Where the component says what people should know.
    """

    @property
    def root(self) -> Path: ...

    @property
    def state(self) -> Path: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def records(self) -> Records: ...

    @property
    def artifacts(self) -> Artifacts: ...

    @property
    def log(self) -> logging.Logger: ...
