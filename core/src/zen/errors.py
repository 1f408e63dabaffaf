"""Every error that zen raises on purpose.

    ZenError
    ├── UsageError                 a call that cannot mean anything        (ValueError)
    │   ├── TracingError           a step output used as a value           (TypeError)
    │   ├── ArgumentTypeError      an argument against its annotation      (TypeError)
    │   ├── DuplicateStepName
    │   ├── UnknownStep                                                    (LookupError)
    │   └── CyclicPlan
    ├── ConfigError                zen.yaml, a run configuration           (ValueError)
    │   ├── StackFileError         all faults of one file, with places
    │   ├── StackNotFound                                                  (LookupError)
    │   └── SecretNotFound                                                 (LookupError)
    ├── PluginError
    │   ├── FlavorNotFound                                                 (LookupError)
    │   ├── AmbiguousFlavor
    │   ├── PluginLoadError                                                (ImportError)
    │   └── PluginIncompatible
    ├── ComponentError             a component said no
    │   ├── ComponentUnavailable                                           (ConnectionError)
    │   └── PermissionDenied                                               (PermissionError)
    ├── StorageError
    │   ├── ArtifactNotFound                                               (LookupError)
    │   ├── ArtifactDamaged
    │   ├── MaterializerError      a value that cannot be saved or loaded  (TypeError)
    │   ├── WriteConflict          a compare-and-set that lost
    │   ├── StoreBusy                                                      (TimeoutError)
    │   ├── StoreDamaged
    │   └── SchemaTooNew
    └── RunError
        ├── RunFailed              carries the run
        ├── RunCancelled
        ├── CodeChanged            a plan whose code is no longer there
        ├── RunNotFound                                                    (LookupError)
        ├── StepOutputError        outputs against their declaration       (TypeError)
        ├── ValidationFailed       data that breaks its checks             (ValueError)
        ├── StepTimeout                                                    (TimeoutError)
        ├── StepExited             sys.exit in a step
        └── WorkerDied             the process of a step vanished

A message says what, which one, what exists; `hint` says what to do. The facts are attributes, so that nobody has to
parse the text. `exit_code` is what the command line exits with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "AmbiguousFlavor",
    "ArgumentTypeError",
    "ArtifactDamaged",
    "ArtifactNotFound",
    "CodeChanged",
    "ComponentError",
    "ComponentUnavailable",
    "ConfigError",
    "CyclicPlan",
    "DuplicateStepName",
    "Fault",
    "FlavorNotFound",
    "MaterializerError",
    "PermissionDenied",
    "PluginError",
    "PluginIncompatible",
    "PluginLoadError",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunNotFound",
    "SchemaTooNew",
    "SecretNotFound",
    "StackFileError",
    "StackNotFound",
    "StepExited",
    "StepOutputError",
    "StepTimeout",
    "StorageError",
    "StoreBusy",
    "StoreDamaged",
    "TracingError",
    "UnknownStep",
    "UsageError",
    "ValidationFailed",
    "WorkerDied",
    "WriteConflict",
    "ZenError",
    "listing",
    "nearest",
]


class ZenError(Exception):
    """The root of all errors of zen.

    Args:
        message: What happened, to which one, and what exists instead. One sentence, no trailing advice.
        hint: What to do about it, as an instruction.
        facts: Become attributes of the error.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no fact {name!r}") from None

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.facts)


def _rebuild(cls: type[ZenError], message: str, hint: str, facts: dict[str, Any]) -> ZenError:
    error = cls.__new__(cls)
    ZenError.__init__(error, message, hint=hint, **facts)
    return error


class UsageError(ZenError, ValueError):
    """A call that cannot mean anything."""

    exit_code = 2


class TracingError(UsageError, TypeError):
    """A step output was used as a value while the pipeline was being traced."""


class ArgumentTypeError(UsageError, TypeError):
    """An argument does not fit its annotation."""


class DuplicateStepName(UsageError):
    """Two invocations in one pipeline were given the same name."""


class UnknownStep(UsageError, LookupError):
    """A step name that the plan does not hold."""


class CyclicPlan(UsageError):
    """The steps of a plan wait for each other; `cycle` lists them."""


class ConfigError(ZenError, ValueError):
    """Something in a configuration is wrong."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault of a file: where, what, and what to do.

    `line` and `column` count from 1; 0 means that the fault belongs to the whole file.
    """

    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.message}" + (f"\n    {self.hint}" if self.hint else "")


class StackFileError(ConfigError):
    """All faults of a configuration file at once, in the order of the file (`faults`)."""

    def __init__(self, faults: Sequence[Fault], *, hint: str = "") -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        file = faults[0].file if faults else "the stack file"
        body = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{count} in {file}\n{body}", hint=hint, faults=tuple(faults))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.facts)


class StackNotFound(ConfigError, LookupError):
    """No stack has that name."""


class SecretNotFound(ConfigError, LookupError):
    """A secret reference that nobody answers; carries `reference`, never a value."""


class PluginError(ZenError):
    """Something about an installed plugin."""

    exit_code = 4


class FlavorNotFound(PluginError, LookupError):
    """No installed plugin offers that flavor for that kind."""


class AmbiguousFlavor(PluginError):
    """Two distributions offer one flavor, and the stack does not say which."""


class PluginLoadError(PluginError, ImportError):
    """A plugin's module, configuration or implementation could not be loaded; the original is the cause."""


class PluginIncompatible(PluginError):
    """A plugin was written for another major version of the plugin API."""


class ComponentError(ZenError):
    """A component could not do what it was asked."""

    exit_code = 5


class ComponentUnavailable(ComponentError, ConnectionError):
    """The service behind a component cannot be reached or used."""


class PermissionDenied(ComponentError, PermissionError):
    """The service behind a component refuses the credentials."""


class StorageError(ZenError):
    """Something about stored artifacts or metadata."""

    exit_code = 6


class ArtifactNotFound(StorageError, LookupError):
    """No artifact, or no stored object, answers to that reference."""


class ArtifactDamaged(StorageError):
    """Stored bytes do not have the digest that was recorded for them."""


class MaterializerError(StorageError, TypeError):
    """A value that cannot be saved, or bytes that cannot become a value again."""


class WriteConflict(StorageError):
    """A change touched another number of rows than expected; nothing of its batch was kept (`index` of the change)."""


class StoreBusy(StorageError, TimeoutError):
    """Another process held the store for too long."""


class StoreDamaged(StorageError):
    """The metadata store is not a database that zen can read."""


class SchemaTooNew(StorageError):
    """The store was written by a newer zen."""


class RunError(ZenError):
    """Something about a run."""


class RunFailed(RunError):
    """The run ended as failed; `run` is its record, the step's own exception is the cause where there is one."""


class RunCancelled(RunError):
    """The run was cancelled."""

    exit_code = 130


class CodeChanged(RunError):
    """A run cannot go on because the code of its `steps` is not what its plan says."""

    exit_code = 2


class RunNotFound(RunError, LookupError):
    """No run answers to that reference."""

    exit_code = 2


class StepOutputError(RunError, TypeError):
    """A step returned something else than it declares."""


class ValidationFailed(RunError, ValueError):
    """Data breaks its checks; `result` says which, with counts and samples."""


class StepTimeout(RunError, TimeoutError):
    """A step ran longer than its timeout."""


class StepExited(RunError):
    """A step called `sys.exit`; `code` is what it passed."""


class WorkerDied(RunError):
    """The process that ran a step ended before it reported (`signal` or `code`)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the known name closest to `name`, or an empty string."""
    from difflib import get_close_matches

    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""


def listing(names: Iterable[str], *, none: str = "none", most: int = 12) -> str:
    """Return names as ``a, b, c``, cut after `most`, for the 'what exists' part of a message."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:most])
    return (shown + (f" and {len(ordered) - most} more" if len(ordered) > most else "")) or none
