"""The pytest plugin of the conformance kit. Importing it imports nothing of zen until a fixture is used."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_PROPERTY = "zen-check"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--zen-report` and `--zen-live`."""
    group = parser.getgroup("zen", "conformance of zen plugins")
    group.addoption("--zen-report", metavar="FILE", help="write how each check of each flavor ended to a JSON file")
    group.addoption("--zen-live", action="store_true", help="make the checks that need the live service too")


def pytest_configure(config: pytest.Config) -> None:
    """Collect how checks end, in the process that has the terminal."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Session(config), "zen-session")


@pytest.fixture
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kit]:
    """Return what a check works with; what it opened is closed at the end."""
    from zen.testing.checks import Checks
    from zen.testing.kit import Kit

    if not isinstance(request.instance, Checks):
        raise pytest.UsageError("the fixture `kit` is for the suites of zen.testing")
    made = Kit(request.instance, tmp_path, live=request.config.getoption("zen_live"))
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how a check ended where the session finds it, also that of another process."""
    # pytest turns the reason of a skipped check into its own kind of exception.
    error = call.excinfo.value if call.excinfo else None
    report = yield
    instance = getattr(item, "instance", None)
    if "kit" in getattr(item, "fixturenames", ()) and (report.when == "call" or not report.passed):
        from zen.testing.checks import Checks

        if isinstance(instance, Checks):
            from zen.testing.report import entry

            noted: Any = entry(instance, item.name, report.outcome, error)
            report.user_properties.append((_PROPERTY, noted))
    return report


class _Session:
    """The results of one session."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.entries: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The reports of one test share the list of properties: what is noted with one is seen with the next too.
        for name, noted in report.user_properties:
            if name == _PROPERTY and isinstance(noted, dict) and noted not in self.entries:
                self.entries.append(noted)

    def pytest_sessionfinish(self) -> None:
        file = self.config.getoption("zen_report")
        if file:
            from zen.testing.report import write

            write(Path(file), self.entries)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.entries:
            return
        from zen.testing.report import unverified

        lines = unverified(self.entries)
        if lines:
            terminalreporter.section("zen: not verified")
            for line in lines:
                terminalreporter.line(line)
