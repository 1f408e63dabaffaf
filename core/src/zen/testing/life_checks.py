"""Checks of a component's life: made, opened, checked, used, closed."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from zen.errors import ComponentUnavailable, ZenError
from zen.testing.checks import Checks, DoesNotApply, NotVerified, refusal, require

if TYPE_CHECKING:
    from zen.interfaces import Component
    from zen.testing.kit import Kit

CHECK_SECONDS = 10.0
_UNREACHABLE = "unreachable"


class LifeChecks(Checks):
    """Checks of what all components have in common."""

    lacks: ClassVar[Mapping[str, str]] = {}
    unreachable: ClassVar[Mapping[str, Any] | None] = None

    def use(self, component: Any) -> None:
        """Do something ordinary with the component; the suite of each kind says what."""
        component.check()

    def provoke(self, component: Any) -> None:
        """Let the tool itself fail, so that the error is seen; by default there is no way that every kind has."""
        raise NotImplementedError

    def test_capabilities_are_declared_or_lacked(self, kit: Kit) -> None:
        """Each optional feature of the kind is declared in `capabilities`, or stands in `lacks` with the reason."""
        cls = kit.component_class
        known, declared = cls.known_capabilities, cls.capabilities
        for name, meaning in known.items():
            require(
                name in declared or self.lacks.get(name, "").strip(),
                tried=f"the capability {name!r} ({meaning})",
                came="it is neither declared nor lacked",
                do=f"say which: `capabilities = frozenset({{{name!r}}})` in {cls.__qualname__}, or"
                f' `lacks = {{{name!r}: "why"}}` in {type(self).__qualname__}',
            )
            require(
                not (name in declared and name in self.lacks),
                tried=f"the capability {name!r} ({meaning})",
                came="it is declared, and it is lacked",
                do=f"take it out of `capabilities` of {cls.__qualname__}, or out of `lacks`",
            )
        strange = sorted({*declared, *(set(self.lacks) - {_UNREACHABLE})} - set(known))
        require(
            not strange,
            tried=f"the capabilities of {cls.__qualname__}: {sorted(declared)}",
            came=f"a {self.kind} knows no {', '.join(strange)}",
            do=f"it knows: {', '.join(known) or 'none'}",
        )

    def test_constructor_does_no_io(self, kit: Kit) -> None:
        """Making a component keeps its configuration and does nothing: no socket, no process, no file."""
        from zen.testing.auditing import ForbiddenIO, no_io

        cls, config = kit.component_class, kit.build()
        with no_io() as attempts:
            try:
                component = cls(config)
            except ForbiddenIO:
                component = None
        require(
            not attempts,
            tried=f"{cls.__qualname__}(config)",
            came="; ".join(attempts),
            do="do that in `open`",
        )
        require(
            component is not None and component.config is config,
            tried=f"{cls.__qualname__}(config).config",
            came=getattr(component, "config", "no attribute `config`"),
            do="call super().__init__(config)",
        )

    def test_check_succeeds(self, kit: Kit) -> None:
        """A component that was opened with the suite's configuration says that it can be used, in 10 s."""
        component = kit.make()
        seconds, error = _timed(component.check)
        require(
            error is None,
            tried="open(host), then check()",
            came=f"{type(error).__name__}: {error}",
            do="if the service is there, let check() return; if it is not, give the suite a `config` that reaches one",
            cause=error,
        )
        _require_in_time("check()", seconds)

    def test_unreachable_service_is_told_in_time(self, kit: Kit) -> None:
        """With nobody at the address, open() or check() raises ComponentUnavailable in under 10 s."""
        component = kit.new(**self._unreachable())
        seconds, error = _timed(lambda: _open(component, kit))
        try:
            _require_in_time(f"open(host) and check() with {dict(self._unreachable())}", seconds)
            require(
                isinstance(error, ComponentUnavailable),
                tried=f"open(host) and check() with {dict(self._unreachable())}",
                came="no error" if error is None else f"{type(error).__name__}: {error}",
                do="raise zen.errors.ComponentUnavailable with what was tried and what to do",
                cause=error,
            )
        finally:
            with contextlib.suppress(Exception):  # closing is a check of its own
                component.close()

    def test_errors_of_the_tool_are_wrapped(self, kit: Kit) -> None:
        """What the tool raises arrives as an error of zen that has the original as its cause."""
        do = "catch the tool's errors where it is called: `raise ComponentError(…) from error`"
        if type(self).provoke is LifeChecks.provoke:
            tried = f"open(host) and check() with {dict(self._unreachable())}"
            component = kit.new(**self._unreachable())
            error = refusal(ZenError, lambda: _open(component, kit), tried=tried, do=do)
        else:
            component, tried = kit.component, "to let the tool fail"
            error = refusal(ZenError, lambda: self.provoke(component), tried=tried, do=do)
        cause = error.__cause__
        require(
            cause is not None and not isinstance(cause, ZenError),
            tried=f"{tried}; then the cause of {type(error).__name__}",
            came=cause,
            do=do,
        )

    def test_close_twice_is_harmless(self, kit: Kit) -> None:
        """Closing a component again, and closing one that was never opened, does nothing."""
        never = kit.new()
        component = kit.make()
        for told, target in (("close()", component), ("close() again", component), ("close() without open", never)):
            _, error = _timed(target.close)
            require(
                error is None,
                tried=told,
                came=f"{type(error).__name__}: {error}",
                do="let close() look whether there is something to close, and forget it",
                cause=error,
            )

    def test_two_threads_can_use_it(self, kit: Kit) -> None:
        """Two threads use the component at once."""
        component = kit.component
        barrier = threading.Barrier(2)

        def work() -> None:
            barrier.wait(10)
            for _ in range(3):
                self.use(component)

        errors = in_threads(work, work)
        require(
            not errors,
            tried="use of the component by two threads at once",
            came="; ".join(f"{type(error).__name__}: {error}" for error in errors),
            do="make a connection for each thread, or guard the one with a lock",
            cause=errors[0] if errors else None,
        )

    def test_live_component_does_not_travel(self, kit: Kit) -> None:
        """An open component is not pickled with what it holds; flavor and configuration travel in its place."""
        component = kit.component
        try:
            copy = pickle.loads(pickle.dumps(component))
        except Exception:  # noqa: BLE001  # that it refuses is what is wanted, in whatever words
            return
        extra = sorted(set(_attributes(copy)) - set(_attributes(kit.new())))
        require(
            not extra,
            tried="pickle the open component",
            came=f"a copy with {', '.join(extra)}",
            do="leave pickling alone, or return the class and the configuration from __reduce__",
        )

    def _unreachable(self) -> Mapping[str, Any]:
        if self.unreachable is not None:
            return self.unreachable
        reason = self.lacks.get(_UNREACHABLE, "").strip()
        if reason:
            raise DoesNotApply(f"it lacks `{_UNREACHABLE}`: {reason}")
        raise NotVerified(
            "the suite gives no settings that lead nowhere",
            give=f"write `unreachable = {{…}}` in {type(self).__name__}, such as a port that nobody listens on; or"
            ' `lacks = {"unreachable": "why"}` if it needs no service',
        )

    def _declares(self, kit: Kit, capability: str) -> None:
        """Leave the check, as one that does not apply, unless the component declares a capability."""
        if capability not in kit.component_class.capabilities:
            reason = self.lacks.get(capability, "").strip()
            raise DoesNotApply(
                f"it lacks `{capability}`: {reason}" if reason else f"it does not declare `{capability}`"
            )


def in_threads(*actions: Callable[[], object], timeout: float = 60.0) -> list[BaseException]:
    """Run actions at once, each on a thread, and return what they raised."""
    errors: list[BaseException] = []

    def guarded(action: Callable[[], object]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # told by the check
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,), daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        errors.append(TimeoutError(f"a thread did not end in {timeout:g} s"))
    return errors


def _open(component: Component, kit: Kit) -> None:
    component.open(kit.host)
    component.check()


def _timed(action: Callable[[], object]) -> tuple[float, BaseException | None]:
    """Run an action on a thread, given up after the deadline; return how long it took and what it raised."""
    start = time.monotonic()
    errors = in_threads(action, timeout=CHECK_SECONDS + 1)
    return time.monotonic() - start, errors[0] if errors else None


def _require_in_time(tried: str, seconds: float) -> None:
    require(
        seconds < CHECK_SECONDS,
        tried=tried,
        came=f"it took {seconds:.1f} s or more",
        do="give the tool a timeout of a few seconds and no retries there",
    )


def _attributes(component: Any) -> dict[str, Any]:
    return dict(vars(component))
