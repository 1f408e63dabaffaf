"""The process that has the model: it answers one question after the other, and ends when the server does."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
import uuid
from pathlib import Path
from typing import Any, BinaryIO

from zen_plugin_serve import answers, frames
from zen_plugin_serve.place import Order
from zen_plugin_serve.signature import Fault, Invalid, Signature, derived, parsed
from zen_plugin_serve.tables import given

__all__ = ["Model"]

_TO_END = 2.0
_LONGEST = 300
_OK, _BAD, _TOO_LARGE, _INVALID, _FAILED = 200, 400, 413, 422, 500


class Model:
    """A loaded model, and how it answers.

    Args:
        value: Has a method `predict`.
    """

    def __init__(self, value: Any, order: Order, signature: Signature) -> None:
        self._value = value
        self._order = order
        self.signature = signature

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a request's body."""
        try:
            return _OK, answers.body(self._answered(body))
        except Invalid as error:
            return _INVALID, answers.body(_told(error))
        except _TooLarge as error:
            return _TOO_LARGE, answers.body({"error": str(error)})
        except answers.NotReadable as error:
            return _BAD, answers.body({"error": f"the body is no JSON that can be read: {error}"})
        except answers.NotWritable as error:
            return _FAILED, answers.body({"error": str(error)} | _failed())
        except BaseException:  # noqa: BLE001  # a model is somebody else's code, and may even call sys.exit
            return _FAILED, answers.body({"error": "the model failed; the log says why"} | _failed())

    def _answered(self, body: bytes) -> dict[str, Any]:
        data = self._checked(body)
        predictions = self._predicted(data)
        version = self._order.version
        return {"predictions": answers.plain(predictions), "model": version.model, "version": version.version}

    def _predicted(self, data: Any) -> Any:
        table = self._given(data)
        try:
            return self._value.predict(table)
        except (TypeError, ValueError) as error:
            suspects = self.signature.suspects(data)
            if suspects:
                traceback.print_exc()
                raise Invalid(suspects) from error
            raise

    def _checked(self, body: bytes) -> Any:
        question = answers.question(body)
        if not isinstance(question, dict) or question.keys() != {"data"}:
            raise Invalid([Fault(message='the body has to be an object with one name, data: {"data": [row, …]}')])
        most = self._order.settings["max_rows"]
        if isinstance(question["data"], list) and len(question["data"]) > most:
            raise _TooLarge(f"the request has {len(question['data'])} rows; at most {most} are taken at once")
        return self.signature.check(question["data"])

    def _given(self, data: Any) -> Any:
        try:
            return given(self.signature, data)
        except Exception as error:  # pandas and NumPy raise what they like for what they cannot hold
            message = f"the rows cannot become a table: {type(error).__name__}: {error}"
            raise Invalid([Fault(message=message[:_LONGEST])]) from error


class _TooLarge(Exception):
    pass


def main(folder: str) -> int:
    """Load the model of a folder as the first message orders, then answer questions until there are no more."""
    questions, output = _channels()
    faulthandler.enable()
    order = questions.get()
    if order is None:
        return 1
    try:
        model = _load(Path(folder), _order(order))
    except BaseException as error:  # noqa: BLE001  # loading runs the model's code; the server says why it failed
        traceback.print_exc()
        output.write(frames.encode(frames.FAILED, _reason(error).encode()))
        output.flush()
        return 1
    facts = {"rows": model.signature.rows()}
    output.write(frames.encode(frames.READY, json.dumps(facts).encode()))
    output.flush()
    while (question := questions.get()) is not None:
        output.write(frames.encode(*model.answer(question)))
        output.flush()
    return 0


def _channels() -> tuple[queue.Queue[bytes | None], BinaryIO]:
    """Take standard input and output for messages; what the model prints goes to the log."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]  # real files
    questions: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_listen, args=(source, questions), daemon=True).start()
    return questions, target


def _listen(source: BinaryIO, questions: queue.Queue[bytes | None]) -> None:
    """Read questions; when the server is gone, end, even in the midst of a prediction that does not."""
    while (message := frames.decode(source)) is not None:
        questions.put(message[1])
    questions.put(None)
    time.sleep(_TO_END)
    os._exit(1)


def _load(folder: Path, order: Order) -> Model:
    import zen

    signature = parsed(order.version.metadata.get("signature"))
    value = zen.unpack(folder, root=order.root, allow_pickle=order.settings["allow_pickle"])
    if not callable(getattr(value, "predict", None)):
        raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} has no method `predict`")
    return Model(value, order, signature if signature != Signature() else derived(value))


def _order(text: bytes) -> Order:
    from zen.records import from_json

    return from_json(Order, json.loads(text))


def _reason(error: BaseException) -> str:
    from zen.errors import ZenError

    return str(error) if isinstance(error, ZenError) else f"{type(error).__name__}: {error}"


def _told(error: Invalid) -> dict[str, Any]:
    faults = [
        {"row": fault.row, "column": fault.column, "expected": fault.expected or None, "message": str(fault)}
        for fault in error.faults
    ]
    told = [{name: item for name, item in each.items() if item is not None} for each in faults]
    return {"error": str(error), "faults": told}


def _failed() -> dict[str, Any]:
    """Write a traceback to the log, and return the id under which it stands there."""
    number = uuid.uuid4().hex[:12]
    print(f"error {number}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
    return {"id": number}


def _die_with_the_server() -> None:
    """Ask Linux to end this process with the server, even if it hangs in code that Python cannot interrupt."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    _die_with_the_server()
    sys.exit(main(*sys.argv[1:]))
