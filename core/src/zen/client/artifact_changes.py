"""How the artifacts of runs differ: the same bytes or others, and what that means for the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from zen.client.comparison import MISSING, ArtifactRow, Row, differ, row
from zen.client.recorded import Recorded
from zen.identity import from_plain
from zen.records import ArtifactRecord

STATISTICS = "statistics"
_LONGEST = 500  # characters of a fact: more is data, not a fact about it
_MOST_FREQUENT = 5
_FACTS = ("type", "nulls", "min", "max", "mean", "std", "distinct")


def artifact_rows(runs: Sequence[Recorded]) -> tuple[ArtifactRow, ...]:
    """Return what runs took from elsewhere, and what their steps made."""
    return (*_rows(runs, "input", Recorded.inputs), *_rows(runs, "output", Recorded.outputs))


def _rows(runs: Sequence[Recorded], role: Literal["input", "output"], which: Any) -> list[ArtifactRow]:
    given = [{name: run.artifacts[id_] for name, id_ in which(run) if id_ in run.artifacts} for run in runs]
    names = dict.fromkeys(name for each in given for name in each)
    return [_row(name, role, [each.get(name) for each in given]) for name in names]


def _row(name: str, role: Literal["input", "output"], records: Sequence[ArtifactRecord | None]) -> ArtifactRow:
    digests = row(name, [record.digest if record else MISSING for record in records])
    metadata = [_metadata(record) for record in records] if digests.differs else []
    statistics = [each.pop(STATISTICS, None) or {} for each in metadata]
    return ArtifactRow(
        name=name,
        values=digests.values,
        missing=digests.missing,
        differs=digests.differs,
        role=role,
        artifacts=tuple(_known(record) for record in records),
        facts=_facts(metadata, statistics, records),
        columns=_columns(statistics, records),
    )


def _known(record: ArtifactRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "id": record.id,
        "name": record.name,
        "version": record.version,
        "type": record.manifest.type,
        "format": record.manifest.format,
        "size": record.size,
    }


def _metadata(record: ArtifactRecord | None) -> dict[str, Any]:
    if record is None:
        return {}
    try:
        return {key: from_plain(value) for key, value in record.metadata.items()}
    except ValueError:  # a newer zen wrote it
        return dict(record.metadata)


def _facts(
    metadata: Sequence[dict[str, Any]],
    statistics: Sequence[Mapping[str, Any]],
    records: Sequence[ArtifactRecord | None],
) -> tuple[Row, ...]:
    """Return what differs in what is known of the values as a whole."""
    if not metadata:
        return ()
    is_table = any(statistics)
    facts = [
        {
            **({"rows": told["rows"]} if "rows" in told else {}),
            # The columns are told one by one.
            **{key: value for key, value in each.items() if not (is_table and key in ("rows", "columns"))},
        }
        for each, told in zip(metadata, statistics, strict=True)
    ]
    return _differing(facts, records)


def _columns(
    statistics: Sequence[Mapping[str, Any]], records: Sequence[ArtifactRecord | None]
) -> dict[str, tuple[Row, ...]]:
    """Return what differs in the columns of tables, for those that differ."""
    tables = [told.get("columns") or {} for told in statistics]
    names = dict.fromkeys(name for columns in tables for name in columns)
    found = {}
    for name in names:
        rows = _differing([_column(columns.get(name)) for columns in tables], records)
        if rows:
            found[name] = rows
    return found


def _column(facts: Any) -> dict[str, Any]:
    """Return the facts of a column that people compare; quantiles one by one, the most frequent values as one."""
    if not isinstance(facts, Mapping):
        return {}
    found = {name: facts[name] for name in _FACTS if name in facts}
    quantiles = facts.get("quantiles")
    if isinstance(quantiles, Mapping):
        found |= {f"q{_percent(at)}": value for at, value in quantiles.items()}
    top = facts.get("top")
    if isinstance(top, list | tuple) and top:
        pairs = [each for each in top[:_MOST_FREQUENT] if isinstance(each, list | tuple) and len(each) == 2]
        found["top"] = {str(label): share for label, share in pairs}
    return found


def _percent(at: Any) -> str:
    try:
        return f"{float(at) * 100:g}"
    except (TypeError, ValueError):
        return str(at)


def _differing(facts: Sequence[Mapping[str, Any]], records: Sequence[ArtifactRecord | None]) -> tuple[Row, ...]:
    """Return the rows that differ among the runs that have the artifact at all."""
    there = [index for index, record in enumerate(records) if record is not None]
    found = []
    for name in dict.fromkeys(name for each in facts for name in each):
        values = [each.get(name, MISSING) for each in facts]
        if differ([values[index] for index in there]):
            found.append(row(name, [_short(value) for value in values]))
    return tuple(found)


def _short(value: Any) -> Any:
    text = "" if isinstance(value, int | float) else str(value)
    return value if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
