"""Reading what a worker process says: its messages, and what anything in it writes to descriptors 1 and 2."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable, Mapping
from typing import IO, Any

from zen.engine.capture import Stream

END = object()
"""What is handed on when nothing can come any more."""

_CHUNK = 64 * 1024


class Pipes:
    """The read ends of a worker's pipes. This process reads them: a worker may be stuck, or dead.

    Args:
        messages: JSON, a line each.
        raw: The pipes behind the worker's own descriptors 1 and 2; none where they are not to be had.
        hand_on: Takes each message; `{"output": [stream, text]}` is made of what comes raw. It may block, which
            makes the worker wait as well.
    """

    def __init__(self, messages: IO[bytes], raw: Mapping[IO[bytes], Stream], hand_on: Callable[[Any], None]) -> None:
        self._messages = messages
        self._raw = {
            pipe.fileno(): (pipe, stream, codecs.getincrementaldecoder("utf-8")("backslashreplace"))
            for pipe, stream in raw.items()
        }
        self._hand_on = hand_on
        self._begun = b""

    def read(self) -> None:
        """Hand on what comes, until the pipe of the messages is closed at its other end.

        What was written to a descriptor before a message was sent is handed on before that message.
        """
        if not self._raw:
            for line in self._messages:
                self._hand_on(json.loads(line))
            self._hand_on(END)
            return
        import selectors

        number = self._messages.fileno()
        with selectors.DefaultSelector() as chooser:
            for each in (number, *self._raw):
                chooser.register(each, selectors.EVENT_READ)
            is_open = True
            while is_open:
                ready = [key.fd for key, _ in chooser.select()]
                said = os.read(number, _CHUNK) if number in ready else None
                self._read_raw(chooser)
                is_open = said != b""
                self._hand_on_lines(said or b"")
            self._read_raw(chooser)
        for pipe, _, _ in self._raw.values():
            pipe.close()
        self._hand_on(END)

    def _hand_on_lines(self, said: bytes) -> None:
        *lines, self._begun = (self._begun + said).split(b"\n")
        output: Any = None  # of a step that prints fast, many pieces at once
        for message in map(json.loads, lines):
            if output and "output" in message and message["output"][0] == output["output"][0]:
                output["output"][1] += message["output"][1]
                continue
            if output:
                self._hand_on(output)
            output = message if "output" in message else None
            if output is None:
                self._hand_on(message)
        if output:
            self._hand_on(output)

    def _read_raw(self, chooser: Any) -> None:
        """Hand on what is in the raw pipes now, at most what fits into them: a step may write without end."""
        for _ in range(2):
            ready = [key.fd for key, _ in chooser.select(timeout=0) if key.fd in self._raw]
            for number in ready:
                _, stream, decoder = self._raw[number]
                data = os.read(number, _CHUNK)
                if not data:
                    chooser.unregister(number)
                text = decoder.decode(data, final=not data)
                if text:
                    self._hand_on({"output": [stream, text]})
            if not ready:
                return
