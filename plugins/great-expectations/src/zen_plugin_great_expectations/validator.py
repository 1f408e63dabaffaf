"""The data validator: zen's rules and native suites, checked by Great Expectations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zen.errors import ComponentError, ComponentUnavailable
from zen.expect import Expectation
from zen.interfaces import DataValidator, Host
from zen.records import CheckResult, ValidationResult
from zen_plugin_great_expectations import suites, tables
from zen_plugin_great_expectations.config import GreatExpectationsConfig
from zen_plugin_great_expectations.sentences import RULES, TABLE_RULES

if TYPE_CHECKING:
    import pandas as pd

    from zen_plugin_great_expectations.results import Json
    from zen_plugin_great_expectations.session import Session

_FILE = "great_expectations.yml"
DETAILS = "great_expectations"
"""The statistic under which the tool's own results are kept, for the page."""


class GreatExpectationsValidator(DataValidator):
    """Checks pandas DataFrames and lists of dicts.

    The tool takes seconds to import, so that does not happen before the first check. One context serves all checks of a
    component; threads take turns in it.
    """

    rules: ClassVar[frozenset[str]] = RULES
    capabilities: ClassVar[frozenset[str]] = frozenset({"native", "profile", "report"})

    config: GreatExpectationsConfig

    def __init__(self, config: GreatExpectationsConfig) -> None:
        super().__init__(config)
        self._session: Session | None = None

    def open(self, host: Host) -> None:
        """Find the tool's project, if the configuration names one.

        Raises:
            ComponentUnavailable: When there is none.
        """
        from zen_plugin_great_expectations.session import Session

        super().open(host)
        self._session = Session(self._folder(), self.config.sample)

    def check(self) -> None:
        """Find out whether the tool's project is still there."""
        self._folder()

    def close(self) -> None:
        """Let go of the contexts."""
        if self._session is not None:
            self._session.close()

    def accepts(self, data: Any) -> bool:
        """Say whether this is a pandas DataFrame or a list of dicts."""
        return tables.accepts(data)

    def validate(self, data: Any, expectations: Sequence[Expectation]) -> ValidationResult:
        """Check a table; the tool's own results are kept among the statistics."""
        table = tables.frame(data)
        for each in expectations:
            if each.rule not in RULES:
                raise ComponentError(
                    f"Great Expectations has no rule {each.rule!r}; there are: {', '.join(sorted(RULES))}"
                )
        told = self._told(table, expectations)
        labels = list(table.columns)
        return _result(
            [_judged(each, told.get(index), labels, len(table)) for index, each in enumerate(expectations)],
            rows=len(table),
            told=list(told.values()),
            suite="zen",
        )

    def profile(self, data: Any) -> Mapping[str, Any]:
        """Return `rows`, and `columns` by name: type, missing and distinct values, and how they are distributed."""
        from zen_plugin_great_expectations.profiles import profile

        return profile(tables.frame(data))

    def report(self, result: ValidationResult) -> str:
        """Return Data Docs' page of the result, with all that it needs in it."""
        from zen_plugin_great_expectations.pages import page

        return page(result, result.statistics.get(DETAILS), self.host.log)

    def accepts_suite(self, suite: Any) -> bool:
        """Say whether this is a suite, an expectation, a validation definition or a checkpoint, or may be named so."""
        if isinstance(suite, str):
            return self.config.context == "file" and bool(suite)
        return bool(suites.kind(suite))

    def validate_suite(self, data: Any, suite: Any) -> ValidationResult:
        """Check a table with a suite of the tool's; a checkpoint also does what its actions say."""
        from zen_plugin_great_expectations.results import as_json, of_tool

        table = tables.frame(data)
        found = suites.run(self._opened(), table, suite)
        results = [each for suite_result in found for each in getattr(suite_result, "results", [suite_result])]
        told = [as_json(each, self.config.sample) for each in results]
        names = dict.fromkeys(getattr(each, "suite_name", None) or "" for each in found)
        return _result(
            [of_tool(each, len(table)) for each in told],
            rows=len(table),
            told=told,
            suite=", ".join(filter(None, names)) or "one expectation",
        )

    def _told(self, table: pd.DataFrame, expectations: Sequence[Expectation]) -> dict[int, Json]:
        """Return the tool's result for each expectation by its place, where the tool can be asked."""
        labels = list(table.columns)
        asked = {index: each for index, each in enumerate(expectations) if _can_be_asked(each, labels)}
        if not asked:
            return {}
        from zen_plugin_great_expectations.results import as_json

        def suite() -> Any:
            from great_expectations import ExpectationSuite

            from zen_plugin_great_expectations.compiling import compiled

            return ExpectationSuite(
                name="zen", expectations=[compiled(each, table, {"zen": index}) for index, each in asked.items()]
            )

        found = self._opened().run(table, suite).results
        told = {each.expectation_config.meta["zen"]: as_json(each, self.config.sample) for each in found}
        return {index: told[index] for index in sorted(told)}

    def _opened(self) -> Session:
        if self._session is None:
            raise ComponentError("this validator of Great Expectations was not opened", hint="call open(host) first")
        return self._session

    def _folder(self) -> Path | None:
        """Return the folder of the tool's project."""
        if self.config.context == "ephemeral":
            return None
        root = self.host.root / Path(self.config.project).expanduser()
        places = [root, root / "gx", root / "great_expectations"]
        found = next((place for place in places if (place / _FILE).is_file()), None)
        if found is None:
            raise ComponentUnavailable(
                f"no project of Great Expectations in {root}: neither {_FILE} nor gx/{_FILE} is there",
                hint="set `project` to the folder that has it, or make one: gx.get_context(mode='file',"
                " project_root_dir=…)",
            ) from FileNotFoundError(root / "gx" / _FILE)
        return found


def _can_be_asked(expectation: Expectation, labels: list[str]) -> bool:
    """Say whether the tool can: it takes no empty name of a column, and not two columns of one name."""
    return expectation.rule in TABLE_RULES or (bool(expectation.column) and labels.count(expectation.column) < 2)


def _judged(expectation: Expectation, told: Json | None, labels: list[str], rows: int) -> CheckResult:
    from zen_plugin_great_expectations.results import of_rule, unusable

    return unusable(expectation, labels, rows) if told is None else of_rule(expectation, told, labels, rows)


def _result(checks: Sequence[CheckResult], *, rows: int, told: Sequence[Json], suite: str) -> ValidationResult:
    statistics: dict[str, Any] = {"rows": rows}
    if told:
        from great_expectations import __version__

        statistics[DETAILS] = {"version": __version__, "suite": suite, "results": list(told)}
    return ValidationResult(results=tuple(checks), statistics=statistics)
