"""MLflow's scoring server as a process of its own: `python -m zen_plugin_mlflow.serving`.

It answers as `mlflow models serve` does: POST /invocations, GET /ping, /health and /version. What is added is that its
place can be taken without losing a request: the next server gets the very socket that this one listens at, through a
socket in the file system. SIGUSR1 then makes this one accept nothing more, answer what it has accepted, ask clients to
connect anew with their next request, and end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

READY, LISTENER = "ready.json", "listener"
_BACKLOG = 2048

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Scoring:
    """MLflow's application; once it is `leaving`, each answer ends its connection."""

    def __init__(self, inner: Callable[..., Awaitable[None]]) -> None:
        self._inner = inner
        self.leaving = False

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        """Answer a request."""

        async def answer(message: Message) -> None:
            if self.leaving and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._inner(scope, receive, answer)


class Server(uvicorn.Server):
    """A server that says when it is ready, and that can leave."""

    def __init__(self, config: uvicorn.Config, scoring: Scoring, listener: socket.socket) -> None:
        super().__init__(config)
        self._scoring = scoring
        self._listener = listener
        self._leaving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and write the file that says so."""
        await super().startup(sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._leave)
        draft = Path(f"{READY}.part")
        draft.write_text(json.dumps({"port": self._listener.getsockname()[1], "pid": os.getpid()}))
        draft.replace(READY)

    def _leave(self) -> None:
        self._leaving = asyncio.get_running_loop().create_task(self._left())

    async def _left(self) -> None:
        for server in self.servers:
            server.close()  # this one's copy of the socket: what waits there is for the next server
        self._scoring.leaving = True
        await asyncio.sleep(0.2)  # what is accepted becomes a connection a moment later
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.05)  # idle connections end by themselves, after uvicorn's five seconds
        self.should_exit = True


def main() -> None:
    """Load a model and serve it until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m zen_plugin_mlflow.serving", description=__doc__)
    parser.add_argument("--model", required=True, help="the folder of an MLflow model")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--after", help="the folder of the server whose place is taken")
    asked = parser.parse_args()
    scoring = Scoring(_application(asked.model))
    listener = _taken(Path(asked.after)) if asked.after else _bound(asked.host, asked.port)
    threading.Thread(target=_lend, args=(listener,), name="zen-mlflow-lend", daemon=True).start()
    config = uvicorn.Config(scoring, loop="asyncio", lifespan="off", access_log=False, backlog=_BACKLOG)
    Server(config, scoring, listener).run(sockets=[listener.dup()])


def _application(model: str) -> Callable[..., Awaitable[None]]:
    from mlflow.pyfunc import load_model, scoring_server

    application: Callable[..., Awaitable[None]] = scoring_server.init(load_model(model))
    return application


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _taken(folder: Path) -> socket.socket:
    """Return the socket of another server."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(folder / LISTENER))
        _, descriptors, _, _ = socket.recv_fds(asking, 1, 1)
    return socket.socket(fileno=descriptors[0])


def _lend(listener: socket.socket) -> None:
    """Give a copy of the socket to whoever asks; only the owner of the folder can."""
    with socket.socket(socket.AF_UNIX) as lending:
        lending.bind(LISTENER)  # relative, as such a path may have 100 characters only
        os.chmod(LISTENER, 0o600)
        lending.listen()
        while True:
            asking, _ = lending.accept()
            with asking, contextlib.suppress(OSError):
                socket.send_fds(asking, [b"."], [listener.fileno()])


if __name__ == "__main__":
    main()
