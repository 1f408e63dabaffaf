"""The data validator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zen.errors import ComponentError
from zen.expect import RULES, Expectation
from zen.interfaces import DataValidator
from zen.records import ValidationResult
from zen_plugin_pandera.kinds import schema_library, table_library


class PanderaValidator(DataValidator):
    """Checks DataFrames of pandas and polars with pandera, which is imported when the first one comes."""

    rules: ClassVar[frozenset[str]] = frozenset(RULES)
    capabilities: ClassVar[frozenset[str]] = frozenset({"native", "profile", "report"})

    def accepts(self, data: Any) -> bool:
        """Say whether this is a DataFrame of pandas or polars."""
        return table_library(data) is not None

    def validate(self, data: Any, expectations: Sequence[Expectation]) -> ValidationResult:
        """Check a table.

        Raises:
            ComponentError: For data that is no DataFrame, an unknown rule, or a pattern that is none.
        """
        self._take(data)
        from zen_plugin_pandera import checks, frames

        checks.refuse_what_cannot_be_checked(expectations, self.rules)
        names = dict.fromkeys(name for each in expectations for name in checks.columns_named(each))
        frame, repeated = frames.columns_of(data, names)
        results = checks.judge(frame, repeated, expectations)
        return ValidationResult(results=tuple(results), statistics=_size(data))

    def profile(self, data: Any) -> Mapping[str, Any]:
        """Return rows, and by column type, missing values, and facts about numbers, times or other values."""
        self._take(data)
        from zen_plugin_pandera.profile import profile

        return profile(data)

    def report(self, result: ValidationResult) -> str:
        """Return a page that shows all checks, those that failed first."""
        from zen_plugin_pandera.page import page

        return page(result)

    def accepts_suite(self, suite: Any) -> bool:
        """Say whether this is a DataFrameSchema or a DataFrameModel class of pandera, for pandas or polars."""
        return schema_library(suite) is not None

    def validate_suite(self, data: Any, suite: Any) -> ValidationResult:
        """Check a table with a schema or model; a result for each of its checks, in the order of the schema.

        Raises:
            ComponentError: For data that is no DataFrame, or not of the library that the schema is for, and for a
                schema that is none.
        """
        library = self._take(data)
        wanted = schema_library(suite)
        if wanted is None:
            raise ComponentError(
                f"a {type(suite).__qualname__} is no schema of pandera", hint="give a DataFrameSchema or DataFrameModel"
            )
        if wanted != library:
            raise ComponentError(
                f"the schema is one of pandera.{wanted}, and the table a DataFrame of {library}",
                hint=f"import pandera.{library} for the schema, or convert the table",
            )
        from zen_plugin_pandera.native import judge

        return ValidationResult(results=tuple(judge(data, suite)), statistics=_size(data))

    def _take(self, data: Any) -> str:
        library = table_library(data)
        if library is None:
            raise ComponentError(
                f"a {type(data).__module__}.{type(data).__qualname__} is no table that pandera checks here",
                hint="give a DataFrame of pandas or polars",
            )
        return library


def _size(data: Any) -> dict[str, Any]:
    return {"rows": len(data), "columns": len(data.columns)}
