"""How a check ended, and what is said of it: the same with pytest and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from zen.testing.checks import Checks, DoesNotApply, NotVerified

TO_DO = "to do: "
"""What the message of a `NotImplementedError` starts with where a method is still to be written."""

_UNWRITTEN = re.compile(
    r"""NotImplementedError(?:: (to do: .+?)(?=; NotImplementedError: |$)|\((["'])(to do: .*)\2\))""", re.MULTILINE
)
_DO = re.compile(r"^ +do: (.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a check ended.

    Attributes:
        status: `passed`; `failed`; `warned`: it failed, and is too new to count; `not-verified`: it could not be made
            here, which is no success; `does-not-apply`: it is about something that the component does not have.
        message: What was tried, what came and what to do; or why the check was not made.
        since: For a warning, the minor version of zen-hub in which the check appeared.
    """

    status: Literal["passed", "failed", "warned", "not-verified", "does-not-apply"]
    message: str = ""
    since: str = ""

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.status == "passed"

    @property
    def failed(self) -> bool:
        """Whether it failed; a warning is no failure."""
        return self.status == "failed"

    @property
    def skipped(self) -> bool:
        """Whether the check was not made: it could not be verified, or does not apply."""
        return self.status in ("not-verified", "does-not-apply")

    @property
    def to_do(self) -> str:
        """What the author has to do about a failure, on one line; nothing when the message does not say."""
        if self.passed or self.skipped:
            return ""
        if self.message.startswith(TO_DO):
            return self.message.removeprefix(TO_DO)
        found = _DO.search(self.message)
        return found[1] if found else ""


def judged(suite: type[Checks], check: str, error: BaseException | None, *, strict: bool = False) -> Outcome:
    """Return how a check ended.

    Args:
        suite: Whose check it is.
        check: Its name.
        error: What it raised.
        strict: Whether new checks fail at once.
    """
    if error is None:
        return Outcome(status="passed")
    # A check may have taken it for an error of the component, when the configuration asked for a service too late.
    missing = next((each for each in chain(error) if isinstance(each, NotVerified)), None)
    if missing is not None:
        applies = not isinstance(missing, DoesNotApply)
        return Outcome(status="not-verified" if applies else "does-not-apply", message=str(missing))
    told = str(error) if isinstance(error, AssertionError) else _unexpected(suite, check, error)
    message = unwritten(error) or told
    minor = _appeared(suite, check)
    if minor and not strict and _is_new(minor):
        return Outcome(status="warned", message=message, since=minor)
    return Outcome(status="failed", message=message)


def unwritten(error: BaseException) -> str:
    """Return the to-do line of the method because of which a check failed; nothing when all of them are written."""
    for each in chain(error):
        if isinstance(each, NotImplementedError) and str(each).startswith(TO_DO):
            return str(each)
    # From another thread or process it comes as text.
    found = _UNWRITTEN.search(str(error))
    return (found[1] or found[3]) if found else ""


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _unexpected(suite: type[Checks], check: str, error: BaseException) -> str:
    came = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    return f"tried: {suite.promise(check)}\n came: {came}\n   do: raise nothing here"


def _appeared(suite: type[Checks], check: str) -> str:
    """Return the minor version that a check is marked with, by the kit or by who overrides it; nothing without one."""
    minors = (getattr(vars(base).get(check), "zen_since", "") for base in suite.__mro__)
    return next(filter(None, minors), "")


def _is_new(minor: str) -> bool:
    """Whether a check of that minor version is new to the installed zen-hub, or written for the next one."""
    import zen

    return _numbers(minor) >= _numbers(zen.__version__)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
