"""The suite of every kind of component, and how to run one without pytest."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zen.testing.checks import Checks, since
from zen.testing.config_checks import ConfigChecks
from zen.testing.kit import Kit
from zen.testing.life_checks import LifeChecks
from zen.testing.outcomes import Outcome, judged, unwritten
from zen.testing.plugin_checks import FlavorChecks

if TYPE_CHECKING:
    from zen.interfaces import Component
    from zen.registry import Registry

__all__ = ["ComponentSuite", "Kit", "Outcome", "run_checks", "since"]


class ComponentSuite(LifeChecks, ConfigChecks, FlavorChecks):
    """What holds for a component of any kind. An author subclasses the suite of the kind.

        class TestAcme(AlerterSuite):
            flavor = "acme"
            lacks = {"ask": "Acme has no answers"}
            unreachable = {"url": "http://127.0.0.1:9"}

            def config(self, kit):
                return {"url": "http://localhost:8080"}

    Attributes:
        kind: The kind of component; set by the suite of the kind.
        flavor: What a stack file calls it, `acme` or `acme@zen-plugin-acme`; set by the author.
        lacks: The capabilities that it does not have, each with the reason; `unreachable` for one without a service.
        unreachable: Settings that lead nowhere, such as a port that nobody listens on.
    """

    kind: ClassVar[str]
    flavor: ClassVar[str]
    lacks: ClassVar[Mapping[str, str]] = {}
    unreachable: ClassVar[Mapping[str, Any] | None] = None

    def config(self, kit: Kit) -> Mapping[str, Any]:
        """Return the settings to check with, as a stack file has them.

        `kit.host.secrets.values` takes secrets; `kit.service(name)` says where a service is.
        """
        return {}

    def about(self) -> dict[str, Any]:
        """Return what is checked, whose it is, and what it declares."""
        from zen.errors import ZenError
        from zen.registry import Registry

        facts: dict[str, Any] = {**super().about(), "lacks": dict(self.lacks)}
        try:
            registry = Registry()
            loaded = registry.flavor(self.kind, self.flavor)
            facts |= {"distribution": loaded.distribution, "version": loaded.version}
            facts["capabilities"] = sorted(registry.component_class(loaded).capabilities)
        except ZenError as error:
            facts["problem"] = str(error)
        return facts


def run_checks(
    suite: type[Checks],
    *,
    component: type[Component] | None = None,
    config: Any = None,
    tmp_path: Path,
    only: Iterable[str] | None = None,
    registry: Registry | None = None,
    live: bool = False,
    strict: bool = False,
    services: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Outcome]:
    """Run the checks of a suite, each with a kit of its own, and return how each ended.

    Args:
        suite: Whose checks.
        component: A class to check in place of what the suite's flavor names.
        config: With `component`: the class of its configuration, which gets the suite's settings; or a configuration.
        tmp_path: Where each check gets a folder.
        only: The names of the checks to run; all by default.
        registry: What is installed; by default what is.
        live: Whether checks may use the live service.
        strict: Whether checks that are new in this version of zen-hub fail; otherwise they warn.
        services: What `kit.service(name)` answers.
    """
    outcomes = {}
    for name in suite.names() if only is None else only:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        lookup = dict(services or {}).get
        kit = Kit(suite(), folder, registry=registry, component=component, config=config, live=live, services=lookup)
        outcomes[name] = _outcome(kit, name, strict)
    return outcomes


def _outcome(kit: Kit, name: str, strict: bool) -> Outcome:
    found: Exception | None = None
    try:
        getattr(kit.suite, name)(kit)
    except Exception as error:  # noqa: BLE001  # the component is somebody else's code
        found = error
    finally:
        kit.close()
    outcome = judged(type(kit.suite), name, found, strict=strict)
    if found is None or outcome.skipped or isinstance(found, AssertionError) or unwritten(found):
        return outcome
    # pytest would show where it comes from.
    comes_from = "".join(traceback.format_exception(found))
    return replace(outcome, message=f"{outcome.message}; it comes from:\n{comes_from}")
