"""The model deployer: models over HTTP, from processes on this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from zen.errors import ComponentError, ComponentUnavailable, UsageError, listing, nearest
from zen.interfaces import ModelDeployer
from zen.records import Deployment, ModelVersion
from zen_plugin_serve import asking, starting
from zen_plugin_serve.config import ServeConfig, ports
from zen_plugin_serve.place import Order, Place, Status, boot, valid

__all__ = ["ServeDeployer"]

# Beyond what loading may take: starting the server itself on a busy machine, and one version that is loaded before.
_MARGIN = 60.0
# With a server that does not answer.
_PATIENCE = 2.0


class ServeDeployer(ModelDeployer):
    """Serves each deployment from a server process of its own, on a port that it keeps."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"scale", "swap"})
    config: ServeConfig

    def check(self) -> None:
        """See that the folder of the deployments can be written to."""
        try:
            self._folder.mkdir(0o700, exist_ok=True)
            readable = os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)
        except OSError as error:
            raise ComponentUnavailable(f"{self._folder} cannot be made: {error.strerror}") from error
        if not readable:
            raise ComponentUnavailable(f"may not write to {self._folder}", hint="give this user the right to")

    def deploy(
        self, name: str, version: ModelVersion, files: Mapping[str, Path], settings: Mapping[str, Any]
    ) -> Deployment:
        """Serve a version; the port stays the same for as long as the deployment is there."""
        if not valid(name):
            raise UsageError(
                f"{name!r} is no name for a deployment", hint="use up to 63 letters, digits, '-', '_' and '.'"
            )
        config = self._config(name, settings)
        place = Place(self._folder / name)
        with self._exclusive(place, make=True) as lock:
            before = self._running(place)
            _check_place(name, before, config)
            order = self._order(place, version, config)
            try:
                place.copy(order.generation, files)
            except (OSError, ValueError) as error:
                self._clear(place)
                raise ComponentError(f"the files of {name!r} could not be copied: {error}") from error
            place.write_order(order)
            if before is None:
                starting.start(place, order.root, lock or 0)
            return self._awaited(place, order)

    def get(self, name: str) -> Deployment | None:
        """Return a deployment; a server that lives is asked how it is."""
        if not valid(name):
            return None
        place = Place(self._folder / name)
        order = place.order()
        if order is None:
            return None
        if not place.is_alive():
            return _dead(place, order)
        status = place.status()
        served = status.serving or order
        if status.serving is None:
            return _deployment(served, state="starting", status=status)
        said = asking.health(status)
        if said is None and not place.is_alive():  # it ended just now
            return _dead(place, order)
        if said is None:
            return _deployment(served, state="failed", reason=f"the server, process {status.pid}, does not answer")
        state = said["state"] if said.get("state") in ("ready", "starting") else "failed"
        return _deployment(served, state=state, status=status, reason=str(said.get("reason", "")))

    def list(self) -> Sequence[Deployment]:
        """Return all deployments."""
        names = sorted(path.parent.name for path in self._folder.glob("*/deployment.json"))
        return [found for name in names if (found := self.get(name)) is not None]

    def predict(self, name: str, data: Any) -> Any:
        """Send rows to the server, and return its predictions."""
        place = Place(self._folder / name) if valid(name) else None
        status = place.status() if place is not None and place.is_alive() else Status()
        if status.serving is None:
            raise ComponentUnavailable(f"deployment {name!r} does not serve", hint=f"zen deployment show {name}")
        # Its turn, the prediction itself, and the way there and back.
        seconds = 2 * status.serving.settings["request_timeout"] + 5
        return asking.predict(name, status, data, seconds)

    def logs(self, name: str) -> str:
        """Return the end of what the server and its model printed."""
        return self._known(name).tail()

    def stop(self, name: str) -> None:
        """Stop the server; requests that are under way are answered, for `stop_timeout` seconds."""
        place = self._known(name)
        with self._exclusive(place):
            order = place.order()
            if order is not None:
                place.write_order(replace(order, stopped=True, port=place.status().port or order.port))
                starting.end(place, seconds=order.settings.get("stop_timeout", self.config.stop_timeout))

    def delete(self, name: str) -> None:
        """Stop the server and remove its folder."""
        place = Place(self._folder / name) if valid(name) else None
        if place is None or not place.folder.is_dir():
            return
        with self._exclusive(place) as lock:
            if lock is not None:
                starting.end(place)
                place.remove()

    @property
    def _folder(self) -> Path:
        return Path(self.host.state).resolve() / "deployments"

    def _known(self, name: str) -> Place:
        place = Place(self._folder / name)
        if not valid(name) or place.order() is None:
            known = [path.parent.name for path in self._folder.glob("*/deployment.json")]
            raise ComponentError(f"no deployment {name!r}; there are: {listing(known)}", hint=nearest(name, known))
        return place

    @contextlib.contextmanager
    def _exclusive(self, place: Place, *, make: bool = False) -> Iterator[int | None]:
        with contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context(place.exclusive(2 * (self.config.startup_timeout + _MARGIN), make=make))
            except TimeoutError as error:
                raise ComponentError(
                    f"another process is changing deployment {place.name!r}", hint="wait until it is done"
                ) from error
            except OSError as error:
                raise ComponentUnavailable(f"{place.folder} cannot be used: {error.strerror}") from error
            yield lock

    def _config(self, name: str, settings: Mapping[str, Any]) -> ServeConfig:
        from pydantic import ValidationError

        try:
            return ServeConfig.model_validate({**self.config.model_dump(), **settings})
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise UsageError(
                f"the settings of deployment {name!r} cannot be used: {faults}",
                hint=f"it takes: {listing(ServeConfig.model_fields)}",
            ) from error

    def _order(self, place: Place, version: ModelVersion, config: ServeConfig) -> Order:
        last = place.order()
        return Order(
            name=place.name,
            generation=place.next_generation(),
            version=version,
            settings=config.model_dump(),
            python=sys.executable,
            root=str(Path(self.host.root).resolve()),
            created_at=dt.datetime.now(dt.UTC),
            port=place.status().port or (last.port if last else 0),
        )

    def _running(self, place: Place) -> Status | None:
        """Return what the server of a deployment says, if it has one; one that does not answer is ended."""
        if not place.is_alive():
            return None
        status = place.status()
        if status.serving is not None and asking.health(status) is not None:
            return status
        self.host.log.warning("the server of deployment %r does not answer; it is replaced", place.name)
        starting.end(place, seconds=_PATIENCE)
        return None

    def _awaited(self, place: Place, order: Order) -> Deployment:
        """Wait until the server knows whether the version can be served."""
        limit = order.settings["startup_timeout"] + _MARGIN
        starting.until(lambda: place.status().judged >= order.generation or not place.is_alive(), limit)
        status = place.status()
        if status.judged >= order.generation and not status.reason:
            self._tell_port(order, status)
            return _deployment(order, state="ready", status=status)
        reason = status.reason if status.judged >= order.generation else ""
        if status.serving is None:
            reason = reason or _last_words(place) or f"the server did not get ready in {limit:g} s"
            starting.end(place)
            place.write_status(replace(status, judged=order.generation, reason=reason))
            place.drop_before(order.generation + 1)
        return _deployment(order, state="failed", status=Status(), reason=reason or "the server did not react")

    def _tell_port(self, order: Order, status: Status) -> None:
        if order.port and order.port != status.port:
            self.host.log.warning(
                "port %d of deployment %r is taken by another program; it has %d now",
                order.port,
                order.name,
                status.port,
            )

    def _clear(self, place: Place) -> None:
        if place.order() is None:
            place.remove()


def _check_place(name: str, running: Status | None, config: ServeConfig) -> None:
    """See that a running server listens where it is wanted: it cannot move."""
    if running is None:
        return
    allowed = ports(config.port)
    if running.host != config.host or (allowed.stop > 1 and running.port not in allowed):
        raise ComponentError(
            f"deployment {name!r} serves on {running.host}:{running.port}, not on {config.host}:{config.port}",
            hint="stop it first, then deploy it again",
        )


def _dead(place: Place, order: Order) -> Deployment:
    """Return a deployment that has no server: stopped, failed at once, or ended by something else."""
    status = place.status()
    if order.stopped:
        return _deployment(status.serving or order, state="stopped")
    if status.serving is None and status.reason:
        return _deployment(order, state="failed", reason=status.reason)
    if not status.pid:
        return _deployment(order, state="failed", reason="deploying it was broken off; deploy it again")
    served = status.serving or order
    if status.boot != boot():
        return _deployment(served, state="stopped", reason="the machine was restarted; deploy it again")
    reason = f"the server, process {status.pid}, ended unexpectedly; deploy it again"
    return _deployment(served, state="failed", reason=f"{reason}\n{_last_words(place)}".strip())


def _deployment(order: Order, *, state: Any, status: Status | None = None, reason: str = "") -> Deployment:
    serves = status is not None and status.serving is not None and state != "failed"
    host = f"[{status.host}]" if status is not None and ":" in status.host else status.host if status else ""
    metadata = {"replicas": order.settings["replicas"], "generation": order.generation}
    if status is not None and serves:
        metadata |= {"process": status.pid}
        if status.reason:
            metadata |= {"last_failure": status.reason}
    return Deployment(
        name=order.name,
        model=order.version.model,
        version=order.version.version,
        state=state,
        url=f"http://{host}:{status.port}" if status is not None and serves else "",
        reason=reason,
        created_at=order.created_at,
        metadata=metadata,
    )


def _last_words(place: Place) -> str:
    return "\n".join(place.tail().strip().splitlines()[-5:])
