"""Writing to one MLflow run, within the limits that MLflow sets."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import posixpath
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError, ComponentUnavailable
from zen_plugin_mlflow.connection import Connection

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_NAME_LENGTH = 250  # MLflow's limit for names of parameters, metrics and tags
_AT_ONCE = 1000  # metrics that MLflow sends in one request
_HELD = 1.0  # seconds for which metrics may wait for company
_KEPT = 50_000  # points that wait for a store that is away
_termination = threading.Lock()


class RunLog:
    """Logs to one run. Safe for threads.

    Args:
        prefix: Put before the names of parameters and metrics, `train/`.
    """

    def __init__(self, connection: Connection, run_id: str, *, prefix: str = "") -> None:
        self.run_id = run_id
        self.connection = connection
        self._prefix = prefix
        self._renamed: set[str] = set()
        self._points: list[Metric] = []
        self._sent = float("-inf")
        self._lock = threading.Lock()

    def params(self, params: Mapping[str, Any]) -> None:
        """Log parameters. MLflow never changes one: those that have another value are reported, the rest is kept.

        Raises:
            ComponentError: Naming the parameters that stand there with another value.
        """
        from mlflow.exceptions import MlflowException
        from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH

        texts = {self._name(key): self._text(key, value, MAX_PARAM_VAL_LENGTH) for key, value in params.items()}
        with self.connection.doing(f"log parameters of run {self.run_id}") as client:
            try:
                self._send_params(client, texts)
            except MlflowException as err:
                known = client.get_run(self.run_id).data.params
                changed = {key: text for key, text in texts.items() if known.get(key, text) != text}
                if not changed:
                    raise
                self._send_params(client, {key: text for key, text in texts.items() if key not in changed})
                raise _conflict(self.run_id, changed, known) from err

    def _send_params(self, client: MlflowClient, texts: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        client.log_batch(self.run_id, params=[Param(*pair) for pair in texts.items()], synchronous=True)

    def metrics(self, metrics: Mapping[str, float], *, step: int | None, at: dt.datetime) -> None:
        """Log one value of each metric.

        A value may wait up to a second for the next one, as a request for each would cost a training loop more than
        its arithmetic; `flush` sends what waits.
        """
        from mlflow.entities import Metric

        when, index = int(at.timestamp() * 1000), step or 0
        points = [Metric(self._name(key), float(value), when, index) for key, value in metrics.items()]
        with self._lock:
            self._points.extend(points)
            if len(self._points) >= _AT_ONCE or time.monotonic() - self._sent > _HELD:
                self._flush()

    def flush(self) -> None:
        """Send the metrics that wait."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        points, self._points = self._points, []
        self._sent = time.monotonic()
        try:
            if points:
                with self.connection.doing(f"log metrics of run {self.run_id}") as client:
                    client.log_batch(self.run_id, metrics=points, synchronous=True)
        except ComponentUnavailable:
            self._points = points[-_KEPT:]  # sent again later; MLflow drops points that it has
            raise

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; an older value is replaced. The prefix is not put before them."""
        from mlflow.entities import RunTag

        pairs = self.tag_texts(tags).items()
        with self.connection.doing(f"tag run {self.run_id}") as client:
            client.log_batch(self.run_id, tags=[RunTag(*pair) for pair in pairs], synchronous=True)

    def tag_texts(self, tags: Mapping[str, Any]) -> dict[str, str]:
        """Return tags as MLflow takes them."""
        from mlflow.utils.validation import MAX_TAG_VAL_LENGTH

        return {self._name(key, prefix=""): self._text(key, value, MAX_TAG_VAL_LENGTH) for key, value in tags.items()}

    def end(self, status: str, at: dt.datetime | None = None) -> None:
        """End the run: `FINISHED`, `FAILED` or `KILLED`."""
        when = int(at.timestamp() * 1000) if at else None
        with self.connection.doing(f"end run {self.run_id}") as client, _without_links():
            client.set_terminated(self.run_id, status, when)

    def _name(self, key: str, prefix: str | None = None) -> str:
        wanted = (self._prefix if prefix is None else prefix) + str(key)
        name = valid_name(wanted)
        if name != wanted and wanted not in self._renamed:
            self._renamed.add(wanted)
            self.connection.log.warning("MLflow does not take %r as a name; it is logged as %r", wanted, name)
        return name

    def _text(self, key: str, value: Any, limit: int) -> str:
        text = as_text(value)
        if len(text) <= limit:
            return text
        self.connection.log.warning(
            "the value of %r has %d characters; MLflow takes %d, so it is cut there", key, len(text), limit
        )
        return f"{text[: limit - 1]}…"


def valid_name(wanted: str) -> str:
    """Return the nearest name that MLflow takes for parameters, metrics and tags.

    Letters, digits, `_ - . : /` and spaces; never a path that could be written in two ways.
    """
    name = re.sub(r"[^\w\-.:/ ]", "_", wanted)[:_NAME_LENGTH]
    if posixpath.normpath(name) != name or name.startswith(("/", "..")) or name == ".":
        name = "/".join(part for part in name.split("/") if part.strip(".")).lstrip(".")
    return name or "_"


def as_text(value: Any) -> str:
    """Return a value as the text that MLflow keeps: strings as they are, containers as JSON."""
    container = isinstance(value, (dict, list, tuple))
    text = json.dumps(value, default=str, ensure_ascii=False) if container else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def _conflict(run_id: str, changed: Mapping[str, str], known: Mapping[str, str]) -> ComponentError:
    shown = ", ".join(f"{key} is {_brief(known[key])}, not {_brief(text)}" for key, text in sorted(changed.items()))
    return ComponentError(
        f"MLflow keeps the first value of a parameter; in run {run_id}: {shown}",
        hint="log what changes as a metric, or under another name",
        run_id=run_id,
        params=tuple(sorted(changed)),
    )


def _brief(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


@contextlib.contextmanager
def _without_links() -> Iterator[None]:
    # With a server, MLflow prints two links to standard output when a run ends, which belongs to the caller's data.
    # It can be told not to by this variable only. The lock keeps two threads from restoring each other's value; and it
    # is not taken away again, because who reads the whole environment in another thread meanwhile would stumble.
    name = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
    with _termination:
        before = os.environ.get(name, "false")
        os.environ[name] = "true"
        try:
            yield
        finally:
            os.environ[name] = before
