"""Data validators: tools that check tables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zen.expect import Expectation
from zen.interfaces.component import Component
from zen.records import ValidationResult


class DataValidator(Component):
    """Checks tables against expectations that were written once, in `zen.expect`.

    Attributes:
        rules: The rules of `zen.expect.RULES` that it compiles to its tool.
    """

    kind: ClassVar[str] = "data_validator"
    rules: ClassVar[frozenset[str]]
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "profile": "describes a table: rows, columns, types, missing values",
        "report": "shows a result as one HTML page that needs nothing from elsewhere",
        "native": "takes suites that were written with its own tool: accepts_suite, validate_suite",
    }

    @abstractmethod
    def accepts(self, data: Any) -> bool:
        """Say, without looking at the values, whether it can check this kind of table."""

    @abstractmethod
    def validate(self, data: Any, expectations: Sequence[Expectation]) -> ValidationResult:
        """Check a table; one result for each expectation, in order. The table is not changed.

        Raises:
            ComponentError: For a table, or a rule, that it cannot check.
        """

    def profile(self, data: Any) -> Mapping[str, Any]:
        """Capability `profile`: return facts about a table, as plain data."""
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'profile'")

    def report(self, result: ValidationResult) -> str:
        """Capability `report`: return a result as an HTML page that stands alone."""
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'report'")

    def accepts_suite(self, suite: Any) -> bool:
        """Capability `native`: say, importing no tool, whether this is a suite (a schema, a checkpoint) of its tool."""
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'native'")

    def validate_suite(self, data: Any, suite: Any) -> ValidationResult:
        """Capability `native`: check a table with a suite of its tool; a result for each of the suite's checks."""
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'native'")
