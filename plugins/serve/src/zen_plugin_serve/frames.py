"""Messages between a server and the processes that predict: a kind and a length, then that many bytes."""

from __future__ import annotations

import asyncio
import struct
from typing import BinaryIO

__all__ = ["ASK", "FAILED", "READY", "decode", "encode", "receive"]

ASK, READY, FAILED = 0, 1, 2
"""Kinds: a question, and how loading went. An answer's kind is its HTTP status."""

_HEAD = struct.Struct("!HI")


def encode(kind: int, body: bytes) -> bytes:
    """Return a message as bytes."""
    return _HEAD.pack(kind, len(body)) + body


def decode(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Return the next message of a blocking stream; None at its end."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    body = stream.read(length)
    return (kind, body) if len(body) == length else None


async def receive(stream: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the next message.

    Raises:
        asyncio.IncompleteReadError: When the stream ends before.
    """
    kind, length = _HEAD.unpack(await stream.readexactly(_HEAD.size))
    return kind, await stream.readexactly(length)
