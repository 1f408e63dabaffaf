"""Runs as rows of a table, with their parameters and metrics: for notebooks, and for DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zen.errors import UsageError
from zen.identity import from_plain
from zen.records import RunRecord
from zen.stacks.opening import OpenStack


class TableAccess:
    """The part of a client that makes tables of runs."""

    open_stack: OpenStack

    def runs_table(
        self,
        *,
        where: str | Sequence[str] = (),
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
        pipeline: str | None = None,
        state: str | None = None,
        name: str | None = None,
        tag: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return a row for each run, with `params.NAME` and `metrics.NAME` for all that any of them has.

        Takes what `runs` takes; without a limit all runs. What a run does not have is None.
        """
        from zen.client.metrics import named
        from zen.client.selecting import choose, query
        from zen.storage.selection import RunSelection

        wanted = query(where, sort, pipeline=pipeline, state=state, name=name, tag=tag)
        database = self.open_stack.database
        records = choose(database, wanted, limit=limit, offset=offset).records
        logged = RunSelection(database).last_metrics([record.id for record in records])
        rows = [(_fields(record), _parameters(record), named(logged[record.id])) for record in records]
        parameters = dict.fromkeys(f"params.{key}" for _, given, _ in rows for key in given)
        metrics = dict.fromkeys(f"metrics.{key}" for _, _, values in rows for key in values)
        return [
            fields
            | parameters
            | metrics
            | {f"params.{key}": value for key, value in given.items()}
            | {f"metrics.{key}": value for key, value in values.items()}
            for fields, given, values in rows
        ]

    def runs_frame(self, **query: Any) -> Any:
        """Return `runs_table` as a pandas DataFrame; takes the same arguments.

        Raises:
            UsageError: When pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise UsageError(
                "runs_frame makes a pandas DataFrame, and pandas is not installed",
                hint="pip install pandas, or use runs_table, which makes a list of dictionaries",
            ) from error
        rows = self.runs_table(**query)
        return pd.DataFrame(rows, columns=list(rows[0]) if rows else list(_NO_FIELDS))


_NO_FIELDS = ("id", "name", "pipeline", "state", "stack", "started_at", "finished_at", "duration", "tags")


def _fields(record: RunRecord) -> dict[str, Any]:
    start, end = record.started_at, record.finished_at
    values = (
        record.id,
        record.name,
        record.pipeline,
        record.state,
        record.stack,
        start,
        end,
        (end - start).total_seconds() if start and end else None,
        record.tags,
    )
    return dict(zip(_NO_FIELDS, values, strict=True))


def _parameters(record: RunRecord) -> dict[str, Any]:
    return {key: from_plain(value) for key, value in record.parameters.items()}
