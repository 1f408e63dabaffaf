"""Trying suites on components: correct ones, and saboteurs, which have one defect each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from zen.testing import Checks, ComponentSuite, Outcome, run_checks
from zen.testing.plugin_checks import FlavorChecks


class Trial:
    """Runs suites on classes, each time in a folder of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self._folder = tmp_path
        self._count = 0

    def outcomes(
        self, suite: type[ComponentSuite], component: Any, only: Iterable[str] | None = None
    ) -> dict[str, Outcome]:
        """Return how each check ended. They run a few at a time: most of what they do is to wait."""
        self._count += 1
        folder = self._folder / str(self._count)

        def outcome(name: str) -> Outcome:
            return run_checks(suite, component=component, tmp_path=folder, only=[name], strict=True)[name]

        names = list(suite.names()) if only is None else list(only)
        with ThreadPoolExecutor(6) as pool:
            return dict(zip(names, pool.map(outcome, names), strict=True))

    def failed(self, suite: type[ComponentSuite], component: Any, only: Iterable[str] | None = None) -> list[str]:
        """Return the checks that failed; each says what was tried, what came and what to do."""
        outcomes = self.outcomes(suite, component, only)
        failed = {name: outcome.message for name, outcome in outcomes.items() if outcome.failed}
        for message in failed.values():
            assert message.startswith("tried: ") and "\n came: " in message and "\n   do: " in message, message
        return list(failed)

    def own(self, suite: type[ComponentSuite]) -> set[str]:
        """Return the checks of the kind, without those that all kinds have."""
        return set(suite.names()) - set(ComponentSuite.names())

    def skipped(self, suite: type[ComponentSuite], component: Any) -> dict[str, str]:
        """Return the checks of the kind that a correct component skips, with the reasons; none may fail."""
        outcomes = self.outcomes(suite, component)
        assert not {name: outcome.message for name, outcome in outcomes.items() if outcome.failed}
        return {name: outcomes[name].message for name in self.own(suite) if outcomes[name].skipped}


class StoreTrial:
    """Judges suites of stores, whose kit has checks beyond the kind's own table."""

    def __init__(self, tmp_path: Path) -> None:
        self._folder = tmp_path

    @staticmethod
    def own(suite: type[ComponentSuite]) -> list[str]:
        """Return the checks of the kind, with the one of every kind that only stores can provoke."""
        of_every_kind = set(ComponentSuite.names()) - {"test_errors_of_the_tool_are_wrapped"}
        return [name for name in suite.names() if name not in of_every_kind]

    def passes(self, suite: type[ComponentSuite], component: Any) -> None:
        """See that a correct store passes all checks that need no installed plugin."""
        names = [name for name in suite.names() if name not in set(FlavorChecks.names())]
        outcomes = run_checks(suite, component=component, tmp_path=self._folder, only=names, strict=True)
        assert {name: each.message for name, each in outcomes.items() if each.failed} == {}

    def fails_only(self, suite: type[ComponentSuite], component: Any, check: str) -> None:
        """See that a saboteur fails its own check and no other, and that the message is a to-do line."""
        outcomes = run_checks(suite, component=component, tmp_path=self._folder, only=self.own(suite), strict=True)
        assert [name for name, each in outcomes.items() if each.failed] == [f"test_{check}"]
        message = outcomes[f"test_{check}"].message
        assert all(part in message for part in ("tried: ", "came: ", "do: ")), message


@pytest.fixture
def stores(tmp_path: Path) -> StoreTrial:
    """Return what judges suites of stores."""
    return StoreTrial(tmp_path)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """Return what runs suites."""
    return Trial(tmp_path / "trial")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a plugin for the test, in this process and in those that the checks start."""

    def install(kind: str, source: str, config: str = "") -> None:
        """Install the flavor `kit`: the class `Kit` of some source, and the class of its configuration."""
        site = tmp_path / "site"
        info = site / "zen_plugin_kit-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zen-plugin-kit\nVersion: 1.0\n\nFor tests.\n")
        (info / "entry_points.txt").write_text("[zen.plugins.v1]\nkit = kit_plugin\n")
        (site / "kit_component.py").write_text(source)
        (site / "kit_plugin.py").write_text(
            "from zen.plugins import Flavor, hookimpl\n@hookimpl\ndef zen_flavors():\n"
            f"    return [Flavor(kind={kind!r}, name='kit', summary='For tests', config={config!r},"
            " implementation='kit_component:Kit')]\n"
        )
        monkeypatch.syspath_prepend(str(site))
        for name in ("kit_component", "kit_plugin"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()

    return install


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that take a saboteur each of the module's `SABOTEURS`: suite → check → one or several of them."""
    if "saboteur" not in metafunc.fixturenames:
        return
    table: dict[type[Checks], dict[str, Any]] = metafunc.module.SABOTEURS
    cases = [
        pytest.param(suite, check, each, id=f"{each.__name__}-{check}")
        for suite, rows in table.items()
        for check, found in rows.items()
        for each in (found if isinstance(found, tuple) else (found,))
    ]
    metafunc.parametrize(("suite", "check", "saboteur"), cases)
