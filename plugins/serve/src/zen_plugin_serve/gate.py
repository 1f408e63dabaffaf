"""The outermost layer of the server: who may ask at all, and how much.

Browsers are the danger on a loopback address: a page from anywhere may send requests to it, and a name that the page
owns may be made to mean 127.0.0.1. So the Host has to be this server's, an Origin too, a body has to be JSON (which a
page cannot send to another origin without asking, and nobody answers), and no header ever allows another origin.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Gate", "answer"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_FOREIGN = frozenset({b"cross-site", b"same-site"})
_SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_FORBIDDEN, _UNSUPPORTED = 403, 415


class Gate:
    """Lets requests through to the application.

    Args:
        app: The application.
        port: Where the server listens.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        hosts = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = frozenset(f"{host}:{port}".encode() for host in hosts)
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await answer(send, *refusal)
            return

        async def safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_SAFE]
            await send(message)

        await self._app(scope, receive, safely)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = _all(headers, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return _FORBIDDEN, "the Host of the request is not this server's: ask 127.0.0.1 or localhost, with the port"
        if any(origin.lower() not in self._origins for origin in _all(headers, b"origin")):
            return _FORBIDDEN, "pages from elsewhere may not ask this server"
        if any(site.lower() in _FOREIGN for site in _all(headers, b"sec-fetch-site")):
            return _FORBIDDEN, "pages from elsewhere may not ask this server"
        return self._unreadable(headers) if scope["method"] == "POST" else None

    def _unreadable(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        kinds = [kind.lower().replace(b" ", b"") for kind in _all(headers, b"content-type")]
        if kinds not in ([b"application/json"], [b"application/json;charset=utf-8"]):
            return _UNSUPPORTED, "the request needs the header Content-Type: application/json"
        if any(coding.lower() != b"identity" for coding in _all(headers, b"content-encoding")):
            return _UNSUPPORTED, "compressed bodies are not read; send the JSON as it is"
        return None


async def answer(send: Send, status: int, error: str) -> None:
    """Send an error."""
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_SAFE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]
