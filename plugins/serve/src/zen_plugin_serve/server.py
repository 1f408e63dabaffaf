"""The server of a deployment: a process of its own that holds the port, whatever version is served behind it.

It never loads a model. Models are loaded by processes that it starts, and a new version takes over between two
requests: connections of clients stay with the server, so none is cut, and a model that hangs or crashes can be ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen_plugin_serve.config import ports
from zen_plugin_serve.generation import Generation
from zen_plugin_serve.journal import note
from zen_plugin_serve.place import Order, Place, Status, boot
from zen_plugin_serve.process import LoadFailed

if TYPE_CHECKING:
    import uvicorn

__all__ = ["Server"]

_TICK = 0.1
_GRACE = 5
_KEEP_ALIVE = 75
_LAST_LINES = 5


class Server:
    """Serves what its folder's order says, until that says stop.

    Attributes:
        current: What answers; None until the first one is loaded.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.name = place.name
        self.pid = os.getpid()
        self.current: Generation | None = None
        self._status = Status(pid=self.pid, boot=boot())
        self._over = False
        self._swap: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        order = self._place.order()
        if order is None or order.stopped:
            return
        try:
            listener = _listener(order)
        except OSError as error:
            self._judge(order, reason=str(error.strerror or error))
            return
        self._tell(host=order.settings["host"], port=listener.getsockname()[1])
        self._swap = asyncio.create_task(self._serve(order))
        web = self._web(listener)
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        try:
            while not (serving.done() or self._over):
                await asyncio.sleep(_TICK)
                self._look()
        finally:
            web.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            await self._close()

    def _web(self, listener: socket.socket) -> uvicorn.Server:
        # Imported while the model is being loaded, by another process.
        import uvicorn

        from zen_plugin_serve.app import application
        from zen_plugin_serve.gate import Gate

        config = uvicorn.Config(
            Gate(application(self), listener.getsockname()[1]),
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        return uvicorn.Server(config)

    def _look(self) -> None:
        """Do what the order says, once the last one is done."""
        self._place.turn_log()
        order = self._place.order()
        if order is None or order.stopped:
            self._over = True
        elif self._swap is not None and not self._swap.done():
            return
        elif order.generation > self._status.judged:
            self._swap = asyncio.create_task(self._serve(order))
        elif self.current is None:
            self._over = True  # the first one failed, and there is nothing to serve

    async def _serve(self, order: Order) -> None:
        """Load a version beside the one that serves, and let it take over."""
        told = f"version {order.version.version} of {order.version.model}"
        note(f"loading {told}")
        fresh = Generation(order, self._place.generation(order.generation))
        before = self._place.log.stat().st_size
        try:
            await fresh.start()
        except (LoadFailed, OSError) as error:
            reason = f"{error}{self._last_words(before)}" if getattr(error, "silent", False) else str(error)
            note(f"{told} cannot be served: {reason}")
            self._place.drop(order.generation)
            self._judge(order, reason=reason)
            return
        old, self.current = self.current, fresh
        self._judge(order)
        note(f"serving {told}")
        if old is not None:
            task = asyncio.create_task(self._retire(old))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _retire(self, old: Generation) -> None:
        await old.retire()
        if self.current is not None:
            self._place.drop_before(self.current.order.generation)

    def _last_words(self, before: int) -> str:
        size = self._place.log.stat().st_size
        lines = self._place.tail(max(0, size - before)).splitlines()[-_LAST_LINES:]
        return "".join(f"\n  {line}" for line in lines)

    def _judge(self, order: Order, *, reason: str = "") -> None:
        facts: dict[str, Any] = {"judged": order.generation, "reason": reason}
        self._tell(**facts if reason else {**facts, "serving": order})

    def _tell(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        self._place.write_status(self._status)

    def _end(self, number: int, frame: Any) -> None:
        self._over = True

    async def _close(self) -> None:
        note("ending")
        if self._swap is not None and not self._swap.done():
            self._swap.cancel()
            await asyncio.gather(self._swap, return_exceptions=True)
        if self.current is not None:
            await self.current.close()
        for task in self._retiring:
            task.cancel()


def _listener(order: Order) -> socket.socket:
    """Return the listening socket: on the port that the deployment had, if that is still allowed and free."""
    allowed = ports(order.settings["port"])
    any_free = not allowed.stop - 1
    known = [order.port] if order.port and (any_free or order.port in allowed) else []
    taken = ""
    for port in [*known, *allowed]:
        try:
            return _bound(order.settings["host"], port)
        except OSError as error:
            taken = f"port {port} of {order.settings['host']} cannot be used: {error.strerror}"
            note(taken)
    if len(allowed) > 1:
        taken = f"no port of {order.settings['port']} is free"
    raise OSError(taken)


def _bound(host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off for what is accepted: that is 40 ms a request.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


def main(folder: str, lock: str) -> int:
    """Become a server that nothing but its own end ends; returns at once in the process that was called.

    Args:
        folder: That of the deployment.
        lock: The descriptor of the lock of who deploys, to be held until all can see that there is a server.
    """
    place = Place(Path(folder))
    if not place.hold():
        note("another server holds this deployment")
        return 1
    # The server's lock goes over to the child: whoever started this sees a held lock or a dead server, nothing between.
    told, tell = os.pipe()
    child = os.fork()
    if child:
        place.write_status(Status(pid=child, boot=boot()))
        os._exit(0)
    os.close(tell)
    os.close(int(lock))
    os.read(told, 1)  # until the parent is gone: what it wrote must not come after what is written here
    os.close(told)
    os.setsid()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Server(place).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
