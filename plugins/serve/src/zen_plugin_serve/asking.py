"""Requests to servers on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import Any

from zen.errors import ComponentError, ComponentUnavailable, UsageError
from zen_plugin_serve.place import Status

__all__ = ["health", "predict"]

_HEALTHY_IN = 5.0
_OK, _CLIENT_ERRORS, _BUSY = 200, range(400, 500), 503


def health(status: Status) -> dict[str, Any] | None:
    """Return what a server says of itself; None when it says nothing."""
    try:
        return _ask(status, "GET", "/health", None, _HEALTHY_IN)[1]
    except (OSError, http.client.HTTPException, ValueError):
        return None


def predict(name: str, status: Status, data: Any, seconds: float) -> Any:
    """Return the predictions for plain data.

    Raises:
        UsageError: For data that JSON cannot hold.
        ComponentUnavailable: When the server cannot be reached, or is too busy.
        ComponentError: With what the server said against it.
    """
    try:
        body = json.dumps({"data": data}, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"the data for deployment {name!r} cannot be sent as JSON: {error}",
            hint="give a list of rows of plain values, and None for a missing one",
        ) from error
    try:
        code, answer = _ask(status, "POST", "/predict", body, seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ComponentUnavailable(
            f"deployment {name!r} did not answer: {error or type(error).__name__}",
            hint=f"zen deployment show {name} tells how it is",
        ) from error
    if code == _OK:
        return answer["predictions"]
    raise _refusal(name, code, answer)


def _refusal(name: str, code: int, answer: dict[str, Any]) -> ComponentError:
    said = f"deployment {name!r}: {answer.get('error', f'status {code}')}"
    if code == _BUSY:
        return ComponentUnavailable(said, hint="try again in a moment", status=code)
    number = answer.get("id")
    hint = f"zen deployment logs {name}, at {number}" if number else ""
    return ComponentError(said, hint=hint, status=code, answer=answer)


def _ask(status: Status, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(status.host, status.port, timeout=seconds)
    headers = {"Content-Type": "application/json", "Connection": "close"}
    try:
        # A server that refuses a long body may answer before it has read it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise ValueError("the answer is no object")
    return response.status, answer
