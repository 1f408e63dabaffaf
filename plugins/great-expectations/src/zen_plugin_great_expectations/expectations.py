"""Expectations that Great Expectations does not have as `zen.expect` means them. Importing this imports the tool.

`ExpectColumnValuesToBeOfType` looks at the dtype of most columns as a whole, and takes True for an integer;
`ExpectColumnValuesToMatchRegex` asks pandas, whose regular expressions are RE2's in some versions; quantiles are taken
to meet a bound that they miss by 0.01 %; values of several types cannot be compared with bounds; and the distance of
two distributions is measured by their divergence, which is infinite as soon as a new value appears.
"""

from __future__ import annotations

from typing import Any

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics import (
    ColumnAggregateMetricProvider,
    ColumnMapMetricProvider,
    column_aggregate_value,
    column_condition_partial,
)

from zen_plugin_great_expectations import measures

_ROUNDING = 1e-9


class _OfType(ColumnMapMetricProvider):  # type: ignore[misc]  # the tool's types are not read
    condition_metric_name = "column_values.zen_of_type"
    condition_value_keys = ("type_name",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def _pandas(self, column: Any, type_name: str, **kwargs: Any) -> Any:
        return measures.of_type(column, type_name)


class _InRange(ColumnMapMetricProvider):  # type: ignore[misc]  # the tool's types are not read
    condition_metric_name = "column_values.zen_in_range"
    condition_value_keys = ("low", "high")

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def _pandas(self, column: Any, low: Any = None, high: Any = None, **kwargs: Any) -> Any:
        return measures.in_range(column, low, high)


class _MatchWhole(ColumnMapMetricProvider):  # type: ignore[misc]  # the tool's types are not read
    condition_metric_name = "column_values.zen_match_whole"
    condition_value_keys = ("pattern",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def _pandas(self, column: Any, pattern: str, **kwargs: Any) -> Any:
        return measures.matches(column, pattern)


class _Statistic(ColumnAggregateMetricProvider):  # type: ignore[misc]  # the tool's types are not read
    metric_name = "column.zen_statistic"
    value_keys = ("quantile",)

    @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def _pandas(self, column: Any, quantile: float | None = None, **kwargs: Any) -> Any:
        return measures.statistic(column, quantile)


class _Shares(ColumnAggregateMetricProvider):  # type: ignore[misc]  # the tool's types are not read
    metric_name = "column.zen_shares"

    @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def _pandas(self, column: Any, **kwargs: Any) -> Any:
        return measures.shares(column)


class ExpectColumnValuesToHaveType(ColumnMapExpectation):  # type: ignore[misc]  # the tool's types are not read
    """Expect that each value has a type of Python: int, float, str, bool or datetime; True is no int."""

    type_name: str
    map_metric = "column_values.zen_of_type"
    success_keys = ("type_name", "mostly")


class ExpectColumnValuesToLieWithin(ColumnMapExpectation):  # type: ignore[misc]  # the tool's types are not read
    """Expect that each value lies within bounds; what cannot be compared with them does not."""

    low: Any = None  # whole numbers stay whole: as floats, large ones become others
    high: Any = None
    map_metric = "column_values.zen_in_range"
    success_keys = ("low", "high", "mostly")


class ExpectColumnValuesToMatchWholePattern(ColumnMapExpectation):  # type: ignore[misc]  # as above
    """Expect that the text of each value matches a regular expression of Python from start to end."""

    pattern: str
    map_metric = "column_values.zen_match_whole"
    success_keys = ("pattern", "mostly")


class ExpectColumnStatisticToLieWithin(ColumnAggregateExpectation):  # type: ignore[misc]  # as above
    """Expect that a quantile, interpolated linearly, or the mean lies within bounds; both are included."""

    quantile: float | None = None
    low: Any = None  # whole numbers stay whole: as floats, large ones become others
    high: Any = None
    metric_dependencies = ("column.zen_statistic",)
    success_keys = ("quantile", "low", "high")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: Any = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        found = metrics["column.zen_statistic"]
        if found["strangers"]:
            return {"success": False, "result": measures.strangers(found)}
        value = found["value"]
        above = self.low is None or value >= self.low
        below = self.high is None or value <= self.high
        return {"success": bool(above and below), "result": {"observed_value": value}}


class ExpectColumnSharesToBeNear(ColumnAggregateExpectation):  # type: ignore[misc]  # as above
    """Expect that the total variation distance of a column's values from given shares is at most so large."""

    shares: dict[str, float]
    most: float
    metric_dependencies = ("column.zen_shares",)
    success_keys = ("shares", "most")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: Any = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        distance, differences = measures.distance(metrics["column.zen_shares"], self.shares)
        result = {"observed_value": distance, "details": {"differences": differences}}
        return {"success": distance <= self.most + _ROUNDING, "result": result}
