"""One tracker's way to MLflow: the client, made when it is first needed, and MLflow's errors as ours."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zen.errors import ComponentError, ComponentUnavailable, PermissionDenied, ZenError
from zen_plugin_mlflow.place import Place, probe

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REFUSED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"})
_AWAY = frozenset({"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED"})
_CHECK = 9.0  # seconds
_FRESH = 1.0  # seconds for which an address that answered is not asked again


class Connection:
    """Lends the client of one store. Safe for threads.

    Importing MLflow and opening its store take a second, so neither happens before something is to be written: a worker
    whose steps are all cached pays nothing.
    """

    def __init__(self, place: Place, log: logging.Logger) -> None:
        self.place = place
        self.log = log
        self._client: MlflowClient | None = None
        self._answered = float("-inf")
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[MlflowClient]:
        """Yield the client; an error inside says that `what` could not be done.

        Raises:
            ComponentUnavailable: When the store does not answer.
            PermissionDenied: When it refuses our credentials.
            ComponentError: For all else that MLflow raises, with the original as cause.
        """
        try:
            self.probe()
            yield self._connected()
        except ZenError:
            raise
        except Exception as err:  # MLflow, its stores and their drivers raise anything
            raise _translated(err, what, self.place) from err

    def probe(self) -> None:
        """Ask whether the store is there, unless it answered a moment ago."""
        if time.monotonic() - self._answered > _FRESH:
            probe(self.place)
            self._answered = time.monotonic()

    def check(self, what: str, read: Callable[[MlflowClient], object]) -> None:
        """Read something, within 9 seconds; MLflow itself would try for minutes.

        Raises:
            ComponentUnavailable: When no answer came in time.
            ComponentError: When it could not be read.
        """
        faults: list[ZenError] = []

        def reading() -> None:
            try:
                with self.doing(what) as client:
                    read(client)
            except ZenError as err:
                faults.append(err)

        reader = threading.Thread(target=reading, name="zen-mlflow-check", daemon=True)
        reader.start()
        reader.join(_CHECK)
        if reader.is_alive():
            raise ComponentUnavailable(
                f"MLflow at {self.place.label} did not answer within {_CHECK:.0f} seconds",
                hint="see whether that is an MLflow server, and what it logs",
                address=self.place.label,
            )
        if faults:
            raise faults[0]

    def _connected(self) -> MlflowClient:
        with self._lock:
            if self._client is None:
                from mlflow import MlflowClient

                if self.place.database is not None:
                    create_database(self.place.database, self.place.artifacts or "")
                # Said, as MLFLOW_REGISTRY_URI and set_registry_uri are for the user's own calls.
                registry = None if self.place.uri.startswith("databricks") else self.place.uri
                self._client = MlflowClient(self.place.uri, registry)
            return self._client

    def close(self) -> None:
        """Let go of the client."""
        with self._lock:
            self._client = None


def create_database(path: Path, artifacts: str) -> None:
    """Make an MLflow database, whole or not at all, unless it exists.

    MLflow runs all its migrations inside the new file, and two processes that do so at once break each other. So the
    file is made under another name, and linked: whoever is first wins, and both find it complete.
    """
    if path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with _silent("mlflow.store.db.utils"):
            store = SqlAlchemyStore(f"sqlite:///{part.as_posix()}", artifacts)  # type: ignore[no-untyped-call,unused-ignore]  # MLflow's gap
            store.engine.dispose()
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _translated(err: Exception, what: str, place: Place) -> ComponentError:
    said = place.without_secrets(str(err)).strip() or type(err).__name__
    message = f"MLflow at {place.label} could not {what}: {_short(said)}"
    code = getattr(err, "error_code", "")
    if code in _REFUSED:
        hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return PermissionDenied(message, hint=hint, address=place.label)
    if code in _AWAY or any(_is_absence(cause) for cause in _causes(err)):
        return ComponentUnavailable(message, hint="see whether MLflow runs and can be reached", address=place.label)
    return ComponentError(message, address=place.label)


def _short(text: str, limit: int = 400) -> str:
    first = text.splitlines()[0]
    return first if len(first) <= limit else f"{first[: limit - 1]}…"


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


def _is_absence(err: BaseException) -> bool:
    # The exceptions of `requests` are OSErrors; SQLAlchemy calls "cannot connect, locked, gone" an OperationalError.
    return isinstance(err, OSError) or type(err).__name__ == "OperationalError"
