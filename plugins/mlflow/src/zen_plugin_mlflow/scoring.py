"""Plain data as requests to MLflow's scoring server, and its answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from zen.errors import ComponentError, ComponentUnavailable

_FORMS = frozenset({"dataframe_split", "dataframe_records", "instances", "inputs"})


def body(data: Any, columns: Sequence[str] = ()) -> Any:
    """Return data in a form that MLflow takes.

    A request that names one of MLflow's forms stays as it is. Rows with names (`[{"age": 3}, …]`, or one), columns
    (`{"age": [3, …]}`), and rows without names of a model that has some become a table; everything else is `inputs`.
    """
    if isinstance(data, Mapping):
        if _FORMS & data.keys():
            return data
        if all(isinstance(values, (list, tuple)) for values in data.values()):
            return {"dataframe_split": {"columns": list(data), "data": list(zip(*data.values(), strict=True))}}
        return {"dataframe_records": [data]}
    rows = data if isinstance(data, (list, tuple)) else ()
    if rows and all(isinstance(row, Mapping) for row in rows):
        return {"dataframe_records": data}
    if columns and rows and all(isinstance(row, (list, tuple)) and len(row) == len(columns) for row in rows):
        return {"dataframe_split": {"columns": list(columns), "data": data}}
    return {"inputs": data}


def ask(name: str, url: str, data: Any, *, timeout: float) -> Any:
    """Send a request and return the predictions.

    Args:
        name: Of the deployment, for messages.
        url: Of the scoring endpoint.
        data: What `body` returned.
        timeout: Seconds.

    Raises:
        ComponentUnavailable: When it does not answer.
        ComponentError: When it refuses the data, or its model fails.
    """
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    try:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request("POST", address.path, json.dumps(data), headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as err:
        raise ComponentUnavailable(
            f"deployment {name!r} does not answer at {url}: {err or type(err).__name__}",
            hint=f"zen deployment logs {name}",
            deployment=name,
        ) from err
    finally:
        connection.close()
    if answer.status != 200:
        raise ComponentError(
            f"deployment {name!r} answered {answer.status}: {_message(text)}", deployment=name, status=answer.status
        )
    return _predictions(text)


def _predictions(text: str) -> Any:
    answer = json.loads(text)
    return answer["predictions"] if isinstance(answer, dict) and "predictions" in answer else answer


def _message(text: str) -> str:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    said = str(answer.get("message") or text) if isinstance(answer, dict) else text
    return " ".join(said.split())[:600]
