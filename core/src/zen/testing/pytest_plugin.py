"""The pytest plugin of the conformance kit. Importing it imports nothing of zen until a fixture is used."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zen.testing.kit import Kit
    from zen.testing.outcomes import Outcome
    from zen.testing.services import S3, Postgres

_SHARED = pytest.StashKey[dict[Any, Any]]()
_PROPERTY = "zen-check"
# For what pytest calls skipped or passed: its name in the last line, its letter, and its word with -v.
_WORDS: dict[str, tuple[str, str, Any]] = {
    "warned": ("warned", "w", ("WARNED", {"yellow": True})),
    "not-verified": ("not verified", "n", ("NOT VERIFIED", {"yellow": True})),
    "does-not-apply": ("not applicable", "-", ("DOES NOT APPLY", {"green": True})),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--zen-report`, `--zen-live` and `--zen-strict`."""
    group = parser.getgroup("zen", "conformance of zen plugins")
    group.addoption("--zen-report", metavar="FILE", help="write how each check of each flavor ended to a JSON file")
    group.addoption("--zen-live", action="store_true", help="make the checks that need the live service too")
    group.addoption("--zen-strict", action="store_true", help="let checks that are new in this zen-hub fail, not warn")


def pytest_configure(config: pytest.Config) -> None:
    """Collect how checks end, in the process that has the terminal."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Session(config), "zen-session")


@pytest.fixture
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kit]:
    """Return what a check works with; what it opened is closed at the end."""
    from zen.testing.checks import Checks
    from zen.testing.kit import Kit
    from zen.testing.sharing import Sharing

    def service(name: str) -> Mapping[str, Any] | None:
        fixture = f"zen_service_{name}"
        try:
            found: Mapping[str, Any] | None = request.getfixturevalue(fixture)
        except pytest.FixtureLookupError as error:
            if error.argname != fixture:
                raise
            return None
        return found

    if not isinstance(request.instance, Checks):
        raise pytest.UsageError("the fixture `kit` is for the suites of zen.testing")
    # What is shared lies in the folder of the check that made it.
    keeps = request.config.getini("tmp_path_retention_policy") == "all"
    shared = request.config.stash.setdefault(_SHARED, {}).setdefault(request.cls, Sharing()) if keeps else None
    live = request.config.getoption("zen_live")
    made = Kit(request.instance, tmp_path, live=live, services=service, sharing=shared)
    yield made
    made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End what the checks of a suite shared with the last of them, while its fixtures are still there."""
    cls = getattr(item, "cls", None)
    if cls is not getattr(nextitem, "cls", None) and (shared := item.config.stash.get(_SHARED, {}).pop(cls, None)):
        shared.close()


# The services that come with the kit: a server for the session, and something empty on it for each check.


@pytest.fixture(scope="session")
def _zen_postgres() -> Iterator[Postgres]:
    from zen.testing.services import postgres

    with postgres() as server:
        yield server


@pytest.fixture
def zen_service_postgres(_zen_postgres: Postgres) -> Iterator[Mapping[str, Any]]:
    """Return an empty PostgreSQL database: `url`, `host`, `port`, `user`, `database`; there is no password."""
    with _zen_postgres.database() as found:
        yield found


@pytest.fixture(scope="session")
def _zen_s3() -> Iterator[S3]:
    from zen.testing.services import s3

    with s3() as server:
        yield server


@pytest.fixture
def zen_service_s3(_zen_s3: S3) -> Mapping[str, Any]:
    """Return an empty S3 bucket: `endpoint_url`, `bucket`, `region`, `access_key_id`, `secret_access_key`."""
    return _zen_s3.bucket()


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

            outcome = _outcome(instance, item, report, error)
            noted: Any = entry(instance, item.name, outcome)
            report.user_properties.append((_PROPERTY, noted))
            if report.failed and error is not None:
                _change(report, outcome, error)
    return report


def pytest_report_teststatus(report: Any) -> tuple[str, str, Any] | None:
    """Name the outcomes that pytest does not know."""
    if getattr(report, "when", "") == "teardown" or hasattr(report, "wasxfail"):
        return None
    return next((_WORDS[noted["outcome"]] for noted in _noted(report) if noted["outcome"] in _WORDS), None)


def _outcome(suite: Any, item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> Outcome:
    from zen.testing.checks import NotVerified
    from zen.testing.outcomes import judged

    if hasattr(report, "wasxfail") and report.skipped:
        error = NotVerified(f"it is expected to fail: {report.wasxfail}")
    elif report.skipped and not isinstance(error, NotVerified):
        error = NotVerified(str(error))
    elif report.failed and error is None:  # a test that was expected to fail, and did not
        error = AssertionError(str(report.longrepr))
    check = str(getattr(item, "originalname", None) or item.name)
    strict = bool(item.config.getoption("zen_strict")) or report.when != "call"
    return judged(type(suite), check, None if report.passed else error, strict=strict)


def _change(report: pytest.TestReport, outcome: Outcome, error: BaseException) -> None:
    """Let what pytest takes for a failure be what it is, and let a failure say first what is to do."""
    place: Any = getattr(report.longrepr, "reprcrash", None)
    is_ours = isinstance(error, AssertionError) or outcome.message.startswith("to do: ")
    if outcome.status == "warned":
        report.outcome, report.longrepr = "passed", None
    elif outcome.skipped:
        file, line = (place.path, place.lineno) if place else report.location[:2]
        report.outcome, report.longrepr = "skipped", (str(file), int(line or 0), outcome.message)
    elif outcome.to_do and is_ours and place:
        # What the kit itself found needs no traceback; an error of the component that it tells of does.
        if outcome.message.startswith("to do: ") or error.__cause__ is None:
            report.longrepr = shown = _plain(outcome.message)
            shown.reprcrash.path, shown.reprcrash.lineno = place.path, place.lineno
            place = shown.reprcrash
        place.message = f"to do: {outcome.to_do}"


def _plain(message: str) -> Any:
    """Return a message as pytest shows failures, without a traceback."""
    try:
        raise pytest.fail.Exception(message, pytrace=False)
    except pytest.fail.Exception as told:
        return pytest.ExceptionInfo.from_exception(told).getrepr(style="value", chain=False)


def _noted(report: Any) -> Iterator[dict[str, Any]]:
    for name, noted in getattr(report, "user_properties", ()):
        if name == _PROPERTY and isinstance(noted, dict):
            yield noted


class _Session:
    """The results of one session."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.entries: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The reports of one test may share the list of properties: what is noted with one is seen with the next too.
        self.entries += [noted for noted in _noted(report) if noted not in self.entries]

    def pytest_sessionfinish(self) -> None:
        file = self.config.getoption("zen_report")
        if file:
            from zen.testing.report import write

            write(Path(file), self.entries)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None]:
        # After all that pytest itself has to say: these lines close the session.
        yield
        if self.entries:
            from zen.testing.report import closing

            terminalreporter.ensure_newline()
            for line in closing(self.entries, every=self.config.get_verbosity() > 0):
                terminalreporter.line(line)
