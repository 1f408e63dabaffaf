"""Exceptions as records: the user's frames, none of ours."""

from __future__ import annotations

import os
import signal
import traceback
from types import TracebackType
from typing import TypeVar

from zen.errors import WorkerDied, ZenError
from zen.records import ErrorRecord
from zen.secrets.redaction import redactor

E = TypeVar("E", bound=BaseException)
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LONGEST = 20_000


def error_record(error: BaseException) -> ErrorRecord:
    """Return what is recorded of an exception: its type, message, and the traceback without the frames of zen.

    Secrets in it are masked.
    """
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    is_ours = isinstance(error, ZenError)
    return ErrorRecord(
        type=name,
        message=_told(error.message if isinstance(error, ZenError) else _text(error)),
        traceback="" if is_ours and not has_user_frames(error) else _told(user_traceback(error)),
        hint=_told(error.hint) if isinstance(error, ZenError) else "",
    )


def vanished(step: str, code: int | None, *, message: str = "", told: str = "") -> WorkerDied:
    """Return the error of a process that is gone.

    Args:
        step: What it executed.
        code: Its exit code, negative for a signal, where it is known.
        message: The words of whoever noticed.
        told: What the process itself said at its end, as a traceback.
    """
    hint = ""
    if code is None:
        text = f"the process of step {step!r} died"
        hint = "give the step `retries`, if it may be run again; `isolate=True` keeps it from the deaths of others'"
    elif code < 0:
        text = f"the process of step {step!r} was ended by signal {-code} ({_signal_name(-code)})"
    else:
        text = f"the process of step {step!r} vanished with exit code {code}"
        hint = "the step, or a library that it uses, ended the process (os._exit)"
    by_signal = code is not None and code < 0
    return WorkerDied(
        text + (f": {message}" if message else ""),
        hint=hint,
        signal=-code if code is not None and by_signal else None,
        code=None if by_signal else code,
        told=told,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def user_traceback(error: BaseException) -> str:
    """Return the traceback text of an exception and its causes, without the frames of zen."""
    report = traceback.TracebackException.from_exception(error)
    seen: set[int] = set()
    _strip(report, seen)
    return "".join(report.format())


def has_user_frames(error: BaseException) -> bool:
    """Say whether any frame of the exception lies outside zen."""
    return any(not _is_ours(frame.filename) for frame in traceback.extract_tb(error.__traceback__))


def without_our_frames(error: BaseException) -> BaseException:
    """Return the exception for raising it to the user: without the leading frames of zen, and secrets in it masked."""
    error = shown(error)
    frames: TracebackType | None = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return error.with_traceback(frames)


def shown(error: E) -> E:
    """Return the exception; where it tells a secret, one of the same type that does not."""
    if not redactor.active:
        return error
    from zen.secrets import raised

    return raised.shown(error)


def _strip(report: traceback.TracebackException, seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    kept = [frame for frame in report.stack if not _is_ours(frame.filename)]
    report.stack = traceback.StackSummary.from_list(kept)
    for inner in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if inner is not None:
            _strip(inner, seen)


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # the user's own __str__
        return f"<{type(error).__qualname__} whose message cannot be shown>"


def _told(text: str) -> str:
    """Return a text with its secrets masked, before it is cut: half a secret is not found any more."""
    text = redactor.text(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}\n…\n{text[-_LONGEST // 2 :]}"
