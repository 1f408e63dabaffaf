"""The suite of every kind of component, and how to run one without pytest."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zen.testing.checks import Checks, DoesNotApply, NotVerified
from zen.testing.config_checks import ConfigChecks
from zen.testing.kit import Kit
from zen.testing.life_checks import LifeChecks
from zen.testing.plugin_checks import FlavorChecks

if TYPE_CHECKING:
    from zen.interfaces import Component
    from zen.registry import Registry

__all__ = ["ComponentSuite", "Kit", "Outcome", "run_checks"]


class ComponentSuite(LifeChecks, ConfigChecks, FlavorChecks):
    """What holds for a component of any kind. An author subclasses the suite of the kind.

        class TestAcme(AlerterSuite):
            flavor = "acme"
            lacks = {"ask": "Acme has no answers"}

            def config(self, kit):
                return {"url": "http://localhost:8080"}

    Attributes:
        kind: The kind of component; set by the suite of the kind.
        flavor: What a stack file calls it, `acme` or `acme@zen-plugin-acme`; set by the author.
        lacks: The capabilities that it does not have, each with the reason.
        unreachable: Settings that lead nowhere, such as a port that nobody listens on; None for a local component.
    """

    kind: ClassVar[str]
    flavor: ClassVar[str]
    lacks: ClassVar[Mapping[str, str]] = {}
    unreachable: ClassVar[Mapping[str, Any] | None] = None

    def config(self, kit: Kit) -> Mapping[str, Any]:
        """Return the settings to check with, as a stack file has them; `kit.host.secrets.values` takes secrets."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a check ended.

    Attributes:
        status: `skipped` is no success: it was not verified, or does not apply.
        applies: False for a skipped check that is about something that the component does not have.
    """

    status: Literal["passed", "failed", "skipped"]
    message: str = ""
    applies: bool = True

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.status == "passed"

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.status == "failed"

    @property
    def skipped(self) -> bool:
        """Whether it was skipped."""
        return self.status == "skipped"


def run_checks(
    suite: type[Checks],
    *,
    component: type[Component] | None = None,
    config: Any = None,
    tmp_path: Path,
    only: Iterable[str] | None = None,
    registry: Registry | None = None,
    live: bool = False,
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
    """
    outcomes = {}
    for name in suite.names() if only is None else only:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        kit = Kit(suite(), folder, registry=registry, component=component, config=config, live=live)
        outcomes[name] = _outcome(getattr(kit.suite, name), kit)
    return outcomes


def _outcome(check: Callable[[Kit], None], kit: Kit) -> Outcome:
    try:
        check(kit)
    except DoesNotApply as reason:
        return Outcome(status="skipped", message=str(reason), applies=False)
    except NotVerified as reason:
        return Outcome(status="skipped", message=str(reason))
    except AssertionError as error:
        return Outcome(status="failed", message=str(error))
    except Exception as error:  # noqa: BLE001  # the component is somebody else's code
        return Outcome(status="failed", message=_unexpected(check, error))
    finally:
        kit.close()
    return Outcome(status="passed")


def _unexpected(check: Callable[[Kit], None], error: Exception) -> str:
    promise = " ".join((check.__doc__ or check.__name__).split())
    came = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    where = "".join(traceback.format_exception(error))
    return f"tried: {promise}\n came: {came}\n   do: raise nothing here; it comes from:\n{where}"
