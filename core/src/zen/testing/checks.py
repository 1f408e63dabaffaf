"""Checks and what they say: an expectation that was not met is told as what was tried, what came, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest

_Check = TypeVar("_Check", bound=Callable[..., object])


class NotVerified(SkipTest):
    """A check could not be made here: a service, a credential or something to look with is missing. No success.

    Args:
        reason: What is missing.
        give: What to give so that the check runs, as an instruction.
    """

    def __init__(self, reason: str = "", *, give: str = "") -> None:
        super().__init__(f"{reason}: {give}" if give else reason)


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

    def _wanted(self, method: str) -> str:
        """Return what to give where only the author's own method can see something."""
        return f"write `{method}` in {type(self).__name__}"

    def about(self) -> dict[str, Any]:
        """Return, as plain data, what is checked: shown in the report."""
        return {"kind": self.kind, "flavor": self.flavor}


def since(minor: str) -> Callable[[_Check], _Check]:
    """Mark a check with the minor version of zen-hub in which it appeared, such as `0.2`.

    With that version, a failure is a warning, so that a plugin that was green stays green while its author mends it;
    with a later one, or when the session is strict, it is a failure.

    Raises:
        ValueError: When it is not two numbers.
    """
    if not re.fullmatch(r"\d+\.\d+", minor):
        raise ValueError(f"a minor version is two numbers, such as '0.2', not {minor!r}")

    def mark(check: _Check) -> _Check:
        check.zen_since = minor  # type: ignore[attr-defined]  # a function takes attributes
        return check

    return mark


def require(condition: object, *, tried: str, came: object, do: str, cause: BaseException | None = None) -> None:
    """Fail the check unless the condition holds.

    Args:
        condition: What has to be true.
        tried: What the check did, as an author would write it.
        came: What the component answered.
        do: What its author has to do, as an instruction.
        cause: An error that the component raised, on another thread perhaps.
    """
    if not condition:
        told = came if isinstance(came, str) else _shown(came)
        raise AssertionError(f"tried: {tried}\n came: {told}\n   do: {do}") from cause


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
