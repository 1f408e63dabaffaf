"""Guarded loading: somebody else's module is imported so that, whatever it does, the fault has a name and a fix.

A plugin may raise anything, call `sys.exit`, print, or never return. Each becomes a `PluginLoadError` that names the
distribution, the entry point, the cause and what to do. What it prints while it loads goes to stderr, because stdout is
for data.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, TypeVar

from zen.errors import PluginLoadError
from zen.forks import freed_by_fork
from zen.registry.catalog import BUILTIN, PluginEntry

T = TypeVar("T")

LIGHT_SECONDS = 10.0
"""How long a light module may take; it imports the standard library and zen.plugins only."""

_reference = re.compile(r"\s*([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\])?\s*")
_loading = freed_by_fork(threading.RLock())
_missing = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is being loaded, in the words of an error message.

    Attributes:
        distribution: Whose code it is.
        version: The version of that distribution.
        entry: The entry point that led to it.
        part: What of it is loaded: `the plugin`, `the configuration`, `the materializer`.
    """

    distribution: str
    version: str
    entry: str
    part: str

    @classmethod
    def of(cls, entry: PluginEntry, part: str) -> Subject:
        """Return the subject for an entry point."""
        return cls(distribution=entry.distribution, version=entry.version, entry=entry.name, part=part)

    @property
    def is_builtin(self) -> bool:
        """Whether this is zen's own code, which needs no deadline."""
        return self.distribution == BUILTIN

    def __str__(self) -> str:
        return f"{self.part} {self.entry!r} of {self.distribution} {self.version}".rstrip()

    def fault(self, what: str, *, hint: str = "", **facts: Any) -> PluginLoadError:
        """Return the error that says what is wrong with it."""
        return PluginLoadError(
            f"{self} {what}",
            hint=f"{hint}; or {self.way_out}" if hint else self.way_out,
            distribution=self.distribution,
            version=self.version,
            entry=self.entry,
            **facts,
        )

    @property
    def way_out(self) -> str:
        """What helps with any broken plugin."""
        return (
            f"report it to the author of {self.distribution}; until it is fixed, `pip uninstall {self.distribution}` or"
            f" set ZEN_DISABLE_PLUGINS={self.distribution}"
        )


def split_reference(reference: str) -> tuple[str, str]:
    """Return the module and the attribute path of ``module:attribute``; the attribute may be empty.

    Raises:
        ValueError: When it is no such reference.
    """
    found = _reference.fullmatch(reference)
    if not found:
        raise ValueError(f"{reference!r} is not 'module:attribute'")
    return found[1], found[2] or ""


def load(reference: str, subject: Subject, *, light: bool = False) -> Any:
    """Import what `reference` (``module`` or ``module:attribute``) names, under guard.

    Args:
        reference: What to import.
        subject: Whose it is.
        light: It promises to import nothing heavy, so it is given up after `LIGHT_SECONDS`. Without that, an import
            may take its time, and is named on the log when it does.

    Raises:
        PluginLoadError: For everything that the import raises but KeyboardInterrupt.
    """
    module_name, attribute = _split(reference, subject)
    with guard(subject, module_name):
        found = call(lambda: import_module(module_name), subject) if light else _import(module_name, subject)
    return _attribute(found, attribute, subject) if attribute else found


def call(action: Callable[[], T], subject: Subject) -> T:
    """Return what somebody else's light code returns, given up after `LIGHT_SECONDS`. To be called under `guard`."""
    return action() if subject.is_builtin else within(LIGHT_SECONDS, action, subject)


def _import(module: str, subject: Subject) -> Any:
    with _patience(subject, module):
        return import_module(module)


def load_class(reference: str, subject: Subject) -> type:
    """Import the class that `reference` names, under guard.

    Raises:
        PluginLoadError: When it cannot be loaded or is no class.
    """
    found = load(reference, subject)
    if not isinstance(found, type):
        raise subject.fault(f"names {reference!r}, which is no class but {type(found).__name__}")
    return found


def _split(reference: str, subject: Subject) -> tuple[str, str]:
    try:
        return split_reference(reference)
    except (TypeError, ValueError):
        raise subject.fault(f"names {reference!r}, which is not 'module:attribute'") from None


def _attribute(found: Any, path: str, subject: Subject) -> Any:
    module = found.__name__
    for name in path.split("."):
        with guard(subject):
            found = getattr(found, name, _missing)
        if found is _missing:
            raise subject.fault(
                f"names {module}:{path}, but {module} has no {path!r}",
                hint=f"reinstall it: `pip install --force-reinstall {subject.distribution}`",
            )
    return found


@contextmanager
def guard(subject: Subject, module: str = "") -> Iterator[None]:
    """Turn everything that somebody else's code raises, but KeyboardInterrupt, into a PluginLoadError.

    Args:
        subject: What the error is about.
        module: The module whose import this is; it decides between "is missing" and "needs something missing".
    """
    try:
        with _loading, _quiet(subject):
            yield
    except PluginLoadError:
        raise
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"(while loading {subject})")
        raise
    except BaseException as cause:  # noqa: BLE001  # a plugin may raise anything, SystemExit too
        raise_fault(subject, module, cause)


def raise_fault(subject: Subject, module: str, cause: BaseException) -> NoReturn:
    """Raise the PluginLoadError for an exception that came out of a plugin."""
    what, hint = _explain(subject, module, cause)
    raise subject.fault(what, hint=hint) from cause


def _explain(subject: Subject, module: str, cause: BaseException) -> tuple[str, str]:
    """Return what went wrong and, where it is known, the fix."""
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        if module == cause.name or module.startswith(f"{cause.name}."):
            again = f"its installation is incomplete or stale: `pip install --force-reinstall {subject.distribution}`"
            return f"cannot be loaded: its module {module} does not exist (no {cause.name!r})", again
        tool = cause.name.partition(".")[0]
        return (
            f"cannot be loaded: it needs the module {cause.name!r}, which is not installed",
            f"`pip install --upgrade {subject.distribution}` installs what it declares; else install {tool!r} yourself",
        )
    if isinstance(cause, SystemExit):
        return f"cannot be loaded: it called sys.exit({cause.code!r}) while it was loaded", ""
    if isinstance(cause, SyntaxError):
        version = ".".join(map(str, sys.version_info[:2]))
        return (
            f"cannot be loaded: {describe(cause)} ({cause.filename}:{cause.lineno})",
            f"check that {subject.distribution} supports Python {version}",
        )
    return f"cannot be loaded: {describe(cause)}", ""


def describe(cause: BaseException, *, most: int = 300) -> str:
    """Return the type and the first line of an exception, cut after `most` characters."""
    try:
        text = str(cause).strip()
    except Exception:  # noqa: BLE001  # the exception is somebody else's, and so is its __str__
        text = "(its text cannot be shown)"
    first = text.splitlines()[0] if text else ""
    shown = f"{first[:most]}…" if len(first) > most else first
    return f"{type(cause).__name__}: {shown}" if shown else type(cause).__name__


@contextmanager
def _quiet(subject: Subject) -> Iterator[None]:
    """Send what a plugin prints to stderr. Restores stdout only if nobody else has replaced it meanwhile."""
    if subject.is_builtin:
        yield
        return
    before, replacement = sys.stdout, sys.stderr
    sys.stdout = replacement
    try:
        yield
    finally:
        if sys.stdout is replacement:
            sys.stdout = before


@contextmanager
def _patience(subject: Subject, module: str) -> Iterator[None]:
    """Say what is being imported when it takes long: heavy tools do, and people should know whom they wait for."""
    if subject.is_builtin or module in sys.modules:
        yield
        return
    timer = threading.Timer(LIGHT_SECONDS, _say_slow, (subject, module, LIGHT_SECONDS))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say_slow(subject: Subject, module: str, seconds: float) -> None:
    import logging

    logging.getLogger("zen").warning("%s: %s is still being imported after %.0f s", subject, module, seconds)


def within(seconds: float, action: Callable[[], T], subject: Subject) -> T:
    """Return what `action` returns, or give it up at the deadline: its thread is left behind.

    Raises:
        PluginLoadError: When the deadline has passed.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(action())
        except BaseException as error:  # noqa: BLE001  # handed to the waiting thread, which raises it
            failure.append(error)

    thread = threading.Thread(target=work, name=f"zen loads {subject.entry}", daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise subject.fault(f"cannot be loaded: it did not finish in {seconds:.0f} s")
    return outcome[0]
