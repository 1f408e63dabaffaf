"""Log records of this process, masked when they are made: so every handler, anybody's, gets them so.

Installed when the first secret is resolved. It masks the message and the exception; what is passed as `extra` comes
later and is not seen.
"""

from __future__ import annotations

import logging
from typing import Any

from zen.secrets.raised import shown
from zen.secrets.redaction import redactor

_installed = False


def mask_logs() -> None:
    """Let log records be masked; once for a process."""
    global _installed
    if _installed:
        return
    _installed = True
    make = logging.getLogRecordFactory()

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if redactor.active:
            _mask(record)
        return record

    logging.setLogRecordFactory(made)


def _mask(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  # a wrong number of arguments: logging complains about it, and shows them
        record.msg, record.args = redactor.text(str(record.msg)), redactor.data(record.args)
        return
    masked = redactor.text(message)
    if masked != message:
        record.msg, record.args = masked, ()
    if record.exc_info and record.exc_info[1] is not None:
        error = shown(record.exc_info[1])
        record.exc_info = (type(error), error, record.exc_info[2])
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)
