"""Versions of models as MLflow keeps them: what zen knows more is in tags."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zen.records import ModelVersion

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MLflowVersion

RUN, VERSION, ARTIFACT, ORIGIN = "zen.run_id", "zen.model_version", "zen.artifact", "zen.uri"
_METADATA = "zen.metadata"
_LONGEST = 4000  # MLflow's databases take 5000 characters and more


def tags_of(version: ModelVersion) -> dict[str, str]:
    """Return the tags that a version is registered with: its own, the links, and its metadata as JSON."""
    links = {RUN: version.run_id, ARTIFACT: version.artifact, ORIGIN: version.uri}
    numbered = {VERSION: f"{version.model}/{version.version}"} if version.version else {}
    return {**version.tags, **{name: value for name, value in links.items() if value}, **numbered, **_in_tags(version)}


def _in_tags(version: ModelVersion) -> dict[str, str]:
    text = json.dumps(version.metadata, default=str) if version.metadata else ""
    parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    return {f"{_METADATA}.{number}" if number else _METADATA: part for number, part in enumerate(parts)}


def from_mlflow(found: MLflowVersion, aliases: Iterable[str]) -> ModelVersion:
    """Return a version as zen knows it; one that somebody else has registered has no links."""
    tags = dict(found.tags or {})
    return ModelVersion(
        model=found.name,
        version=int(found.version),
        artifact=tags.get(ARTIFACT, ""),
        run_id=tags.get(RUN, ""),
        uri=f"models:/{found.name}/{found.version}",
        description=found.description or "",
        aliases=tuple(sorted(aliases)),
        tags={name: value for name, value in tags.items() if not is_ours(name)},
        metadata=_metadata(tags),
        created_at=dt.datetime.fromtimestamp(found.creation_timestamp / 1000, dt.UTC),
    )


def is_ours(name: str) -> bool:
    """Whether a tag is one of those that zen keeps a version in."""
    return name in {RUN, VERSION, ARTIFACT, ORIGIN, _METADATA} or name.startswith(f"{_METADATA}.")


def _metadata(tags: Mapping[str, str]) -> dict[str, Any]:
    text = tags.get(_METADATA, "")
    number = 1
    while f"{_METADATA}.{number}" in tags:
        text += tags[f"{_METADATA}.{number}"]
        number += 1
    try:
        found = json.loads(text) if text else {}
    except ValueError:  # somebody has changed a tag
        return {}
    return found if isinstance(found, dict) else {}
