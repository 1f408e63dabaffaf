"""Checks and what they say: an expectation that was not met is told as what was tried, what came, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from unittest import SkipTest


class NotVerified(SkipTest):
    """A check could not be made here: a service, a credential or an installed plugin is missing. No success."""


class DoesNotApply(NotVerified):
    """A check is about something that this component does not have, such as secrets in its configuration."""


class Checks:
    """A collection of checks: the methods whose names start with `test_`; the docstring says what is promised."""

    kind: ClassVar[str] = ""
    flavor: ClassVar[str] = ""

    @classmethod
    def names(cls) -> Iterator[str]:
        """Yield the names of the checks, in the order in which they are written, those of the bases first."""
        seen = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
        yield from (name for name in seen if name.startswith("test_") and callable(getattr(cls, name)))

    @classmethod
    def promise(cls, name: str) -> str:
        """Return what a check promises: its docstring on one line."""
        return " ".join((getattr(cls, name).__doc__ or name.removeprefix("test_").replace("_", " ")).split())

    def about(self) -> dict[str, Any]:
        """Return, as plain data, what is checked: shown in the report."""
        return {"kind": self.kind, "flavor": self.flavor}


def require(condition: object, *, tried: str, came: object, do: str) -> None:
    """Fail the check unless the condition holds.

    Args:
        condition: What has to be true.
        tried: What the check did, as an author would write it.
        came: What the component answered.
        do: What its author has to do, as an instruction.
    """
    if not condition:
        raise AssertionError(f"tried: {tried}\n came: {came if isinstance(came, str) else _shown(came)}\n   do: {do}")


def refusal(
    expected: type[BaseException] | tuple[type[BaseException], ...],
    action: Callable[[], Any],
    *,
    tried: str,
    do: str,
) -> BaseException:
    """Return the error of the expected kind that an action raises; fail the check when there is another, or none."""
    try:
        answer = action()
    except expected as error:
        return error
    except Exception as error:
        came = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
        raise AssertionError(f"tried: {tried}\n came: {came}\n   do: {do}") from error
    raise AssertionError(f"tried: {tried}\n came: no error, but {_shown(answer)}\n   do: {do}")


def _shown(value: object, most: int = 300) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
