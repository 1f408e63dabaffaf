"""A host in memory: what a component is lent in tests."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from zen.errors import ArtifactNotFound, RunNotFound, SecretNotFound, listing
from zen.records import ArtifactRecord, RunRecord, StepRunRecord
from zen.secrets import Secret


class FakeSecrets:
    """Answers references from a dictionary, `values`, and remembers in `asked` what it was asked for."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})
        self.asked: list[str] = []

    def get(self, reference: str) -> str:
        """Return the value behind a reference."""
        self.asked.append(reference)
        if reference not in self.values:
            raise SecretNotFound(
                f"the fake host has no secret {reference!r}; it has: {listing(self.values)}",
                hint=f"kit.host.secrets.values[{reference!r}] = …, in the suite's `config`",
                reference=reference,
            )
        return self.values[reference]

    def reveal(self, secret: Secret | str) -> str:
        """Return the text of a secret with its references resolved."""
        return secret.resolve(self.get) if isinstance(secret, Secret) else secret


class FakeRecords:
    """Reads runs, step runs and artifacts from dictionaries that a test fills."""

    def __init__(self) -> None:
        self.runs: dict[str, RunRecord] = {}
        self.steps: dict[str, list[StepRunRecord]] = {}
        self.artifact_records: dict[str, ArtifactRecord] = {}

    def run(self, run_id: str) -> RunRecord:
        """Return a run by its id."""
        if run_id not in self.runs:
            raise RunNotFound(f"the fake host has no run {run_id!r}; it has: {listing(self.runs)}")
        return self.runs[run_id]

    def step_runs(self, run_id: str) -> list[StepRunRecord]:
        """Return the step runs of a run."""
        self.run(run_id)
        return list(self.steps.get(run_id, ()))

    def artifact(self, artifact_id: str) -> ArtifactRecord:
        """Return an artifact by its id."""
        if artifact_id not in self.artifact_records:
            raise ArtifactNotFound(
                f"the fake host has no artifact {artifact_id!r}; it has: {listing(self.artifact_records)}"
            )
        return self.artifact_records[artifact_id]


class FakeArtifacts:
    """Gives values from the dictionary `values`, and files from folders: `folders[artifact_id]`."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.folders: dict[str, Path] = {}

    def load(self, artifact_id: str) -> Any:
        """Return the value of an artifact."""
        if artifact_id not in self.values:
            raise ArtifactNotFound(
                f"the fake host has no value for {artifact_id!r}; it has: {listing(self.values)}",
                hint="kit.host.artifacts.values[…] = …",
            )
        return self.values[artifact_id]

    def files(self, artifact_id: str) -> Iterable[tuple[str, Path]]:
        """Yield the name and the path of each file of an artifact."""
        if artifact_id not in self.folders:
            raise ArtifactNotFound(
                f"the fake host has no files for {artifact_id!r}; it has: {listing(self.folders)}",
                hint="kit.host.artifacts.folders[…] = a folder",
            )
        folder = self.folders[artifact_id]
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path


class FakeHost:
    """A host that keeps everything in memory, and its folders in `tmp_path`.

    Attributes:
        root: The project root, `tmp_path` itself.
        state: `.zen` in it.
        secrets: Answers from `secrets.values`.
        records: Answers from its dictionaries.
        artifacts: Answers from its dictionaries.
        log: A logger of its own; `messages` is what it was told.
    """

    def __init__(self, tmp_path: Path, *, secrets: Mapping[str, str] | None = None) -> None:
        self.root = tmp_path
        self.state = tmp_path / ".zen"
        self.state.mkdir(parents=True, exist_ok=True)
        self.secrets = FakeSecrets(secrets)
        self.records = FakeRecords()
        self.artifacts = FakeArtifacts()
        self.messages: list[str] = []
        # Not one of `logging.getLogger`: what other tests configure there does not reach it.
        self.log = logging.Logger("zen.testing", logging.DEBUG)
        self.log.addHandler(_Remembering(self.messages))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a host belongs to its process and is never pickled: let flavor and configuration travel")


class _Remembering(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(self.format(record))
