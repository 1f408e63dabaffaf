"""The kit: what a check is given, from the installed flavor to an open component."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from zen.secrets import REFERENCE, Secret
from zen.testing.checks import Checks, NotVerified, require
from zen.testing.hosts import FakeHost

if TYPE_CHECKING:
    from zen.interfaces import Component
    from zen.registry import LoadedFlavor, Registry
    from zen.testing.sharing import Sharing

T = TypeVar("T")


class Kit:
    """What one check works with. A fixture of pytest, `kit`; `run_checks` makes one for each check.

    Attributes:
        suite: The author's suite.
        tmp_path: A folder for this check alone.
        host: What components are lent; the suite's `config` may add secrets to it.
        live: Whether checks may use the live service (`--zen-live`).

    Args:
        component: The class to check, in place of what the flavor names.
        config: The class of its configuration, or a configuration.
        services: Looks up what `service` returns; its None means that there is no such service.
        sharing: What checks of the suite share; None where each has its own.
    """

    def __init__(
        self,
        suite: Checks,
        tmp_path: Path,
        *,
        registry: Registry | None = None,
        component: type[Component] | None = None,
        config: Any = None,
        live: bool = False,
        services: Callable[[str], Mapping[str, Any] | None] | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self.suite = suite
        self.tmp_path = tmp_path
        self.host = FakeHost(tmp_path)
        self.live = live
        self._services = services
        self._sharing = sharing
        self._registry = registry
        self._component_class = component
        self._given = config
        self._opened: list[Component] = []
        self._asked: list[str] = []  # services

    # What is installed

    @cached_property
    def registry(self) -> Registry:
        """The registry of installed plugins."""
        from zen.registry import Registry

        return self._registry or Registry()

    @property
    def is_installed(self) -> bool:
        """Whether the flavor of an installed plugin is checked, not a class that was handed in."""
        return self._component_class is None

    @cached_property
    def loaded(self) -> LoadedFlavor:
        """The flavor, as its light module describes it."""
        if not self.is_installed:
            raise NotVerified("a class was handed in, and this is about the installed plugin", give="install it")
        if not self.suite.flavor:
            raise AssertionError(f'{type(self.suite).__qualname__} names no flavor: write `flavor = "…"` in it')
        return self.registry.flavor(self.suite.kind, self.suite.flavor)

    @cached_property
    def component_class(self) -> type[Component]:
        """The class that implements the flavor."""
        return self._component_class or self.registry.component_class(self.loaded)

    @cached_property
    def config_class(self) -> type | None:
        """The class of its configuration; None for a component that takes none."""
        if self.is_installed:
            return self.registry.config_class(self.loaded)
        return self._given if self._given is None or isinstance(self._given, type) else type(self._given)

    # Configurations and components

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The suite's configuration as JSON data, as `zen.stacks` records it."""
        if self._given is not None and not isinstance(self._given, type):
            from zen.stacks.config import dump

            return dump(self._given)
        config: Callable[[Kit], Mapping[str, Any]] | None = getattr(self.suite, "config", None)
        return {name: _recorded(value) for name, value in (config(self) if config else {}).items()}

    def build(self, **changes: Any) -> Any:
        """Return the suite's configuration with these settings changed."""
        from zen.stacks.config import build

        changed = {name: _recorded(value) for name, value in changes.items()}
        return build(self.config_class, {**self.settings, **changed}, f"{self.suite.kind} {self.suite.flavor!r}")

    def new(self, **changes: Any) -> Component:
        """Return a component that was not opened; nobody closes it."""
        return self.component_class(self.build(**changes))

    def make(self, **changes: Any) -> Any:
        """Return another opened component, with these settings changed; it is closed at the end of the check."""
        component = self.new(**changes)
        self._opened.append(component)
        component.open(self.host)
        return component

    @cached_property
    def component(self) -> Any:
        """The component, opened; it is closed at the end of the check."""
        return self.make()

    def close(self) -> None:
        """Close what was opened, the last one first."""
        while self._opened:
            # Whether closing works is a check of its own; here it must not hide what the other checks found.
            with contextlib.suppress(Exception):
                self._opened.pop().close()

    def lend(self, name: str, make: Callable[[Kit, contextlib.ExitStack], T]) -> contextlib.AbstractContextManager[T]:
        """Lend a check what the checks of a suite share: what `make` returns, of a kit that lasts as long.

        It is the check's own where nothing can be shared: without pytest, where pytest removes the folders of checks,
        and with a service, which may be empty for each check.
        """
        from zen.testing.sharing import Sharing

        settings = self.settings

        def made(stack: contextlib.ExitStack) -> T:
            kit = copy.copy(self)
            kit.__dict__.pop("component", None)
            kit.settings, kit._opened = settings, []
            stack.callback(kit.close)
            return make(kit, stack)

        @contextlib.contextmanager
        def lent() -> Iterator[T]:
            sharing = Sharing() if self._sharing is None or self._asked else self._sharing
            fine = False
            try:
                yield sharing.lend(name, made)
                fine = True
            finally:
                if not fine or self._asked or sharing is not self._sharing:
                    sharing.end(name)

        return lent()

    # Other processes, and services

    def fresh_process(self, target: str | Callable[..., Any], *arguments: Any, timeout: float = 60.0) -> Any:
        """Run something in a new process, which shares only `sys.path`, the folders and the host's secrets.

        Args:
            target: A function at the top level of a module, called as `function(component, *arguments)` with a
                component that was built from flavor and configuration and opened there; its result, plain data, is
                returned. Or the source of a program, which gets the arguments as `sys.argv[1:]`; what it prints is
                returned.
            arguments: Plain data.
            timeout: Seconds.

        Raises:
            AssertionError: When the process fails, with the end of what it said.
        """
        from zen.testing.processes import call_component, run_program

        if isinstance(target, str):
            return run_program(target, *arguments, timeout=timeout)
        return call_component(self, target, arguments, timeout=timeout)

    def need_live(self, what: str) -> None:
        """Leave the check as not verified unless the session has `--zen-live`.

        Raises:
            NotVerified: Without that option.
        """
        if not self.live:
            raise NotVerified(f"needs {what}", give="run with --zen-live")

    def service(self, name: str) -> Mapping[str, Any]:
        """Return where a service is that checks need, and what it is to be asked with; the first who asks starts it.

        A service is a fixture of pytest, `zen_service_NAME`, that returns a mapping. `postgres` and `s3` come with the
        kit (`zen.testing.services`); an author writes others, or replaces these, in `conftest.py`.

        Raises:
            NotVerified: When it cannot run here; the check is not verified, with the reason.
            AssertionError: When there is no such fixture.
        """
        self._asked.append(name)
        found = self._services(name) if self._services else None
        require(
            isinstance(found, Mapping),
            tried=f"kit.service({name!r})",
            came="there is no such service" if found is None else found,
            do=f"write a fixture `zen_service_{name}` in conftest.py that returns a mapping; the kit has postgres, s3",
        )
        assert found is not None
        return found


def _recorded(value: Any) -> Any:
    """Return a setting in the form in which it is recorded; a text with `${secret:…}` in it is a secret."""
    if isinstance(value, str) and REFERENCE.search(value):
        return Secret(value).to_json()
    if isinstance(value, Secret):
        return value.to_json()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _recorded(item) for name, item in value.items()}
    return [_recorded(item) for item in value] if isinstance(value, (list, tuple)) else value
