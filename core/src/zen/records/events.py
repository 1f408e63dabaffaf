"""What components tell people and zen: alerts, results of data checks, how a step ended elsewhere."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from zen.records.codec import record

AlertLevel = Literal["info", "warning", "error"]


@record()
class Alert:
    """Something that people should know.

    Attributes:
        title: One line.
        text: Plain text; whatever looks like markup in it is to be shown as it is.
        facts: More, by name: `run`, `stack`, `pipeline`.
        url: Where to look.
    """

    title: str
    text: str = ""
    level: AlertLevel = "info"
    facts: dict[str, str] = field(default_factory=dict)
    url: str = ""


@record()
class CheckResult:
    """The outcome of one data check.

    Attributes:
        rule: The name of the rule, such as `not_null`.
        column: The column, or empty for a rule about the whole table.
        unexpected: How many rows break the rule, where it is about rows.
        total: How many rows were looked at.
        sample: A few of the values that break it, as plain data.
        message: One sentence, for people.
    """

    rule: str
    passed: bool
    column: str = ""
    unexpected: int = 0
    total: int = 0
    sample: tuple[Any, ...] = ()
    message: str = ""


@record()
class ValidationResult:
    """The outcome of the checks of one table."""

    results: tuple[CheckResult, ...] = ()
    statistics: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)


@record()
class StepExit:
    """How the process of a step ended that a step operator ran.

    Attributes:
        cause: `exited` by itself with `code`, `killed` from outside, `out-of-memory`, or `never-started` (no image, no
            capacity).
        message: The operator's own words.
    """

    cause: Literal["exited", "killed", "out-of-memory", "never-started"] = "exited"
    code: int = 0
    message: str = ""
