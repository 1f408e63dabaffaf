"""The endpoints of a server: FastAPI, without pages that would load anything from elsewhere."""

from __future__ import annotations

import asyncio
import platform
import uuid
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

import zen
from zen_plugin_serve.generation import Generation, NobodyFree
from zen_plugin_serve.journal import note
from zen_plugin_serve.process import Ended, TooLate

__all__ = ["Serving", "application"]

_MORE = 64 * 2**20
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_REFUSALS = {
    "400": "The body is no JSON.",
    "408": "The body did not arrive in time.",
    "413": "The body is too long, or has too many rows.",
    "415": "The body is not said to be JSON.",
    "422": "The data are not what the model takes; `faults` says where.",
    "500": "The model failed; the log says why, under `id`.",
    "503": "Too many requests wait, or the model is being loaded.",
    "504": "The prediction took too long.",
}


class Serving(Protocol):
    """Who knows what is served now."""

    @property
    def name(self) -> str:
        """The name of the deployment."""

    @property
    def current(self) -> Generation | None:
        """What answers."""

    @property
    def pid(self) -> int:
        """The process of the server."""


class _Refused(Exception):
    def __init__(self, status: int, error: str, **facts: Any) -> None:
        super().__init__(error)
        self.status = status
        self.content = {"error": error, **facts}


def application(serving: Serving) -> FastAPI:
    """Return the application of a server."""
    app = FastAPI(title=serving.name, docs_url=None, redoc_url=None)
    endpoints = _Endpoints(serving)
    app.get("/health", summary="Whether the model answers")(endpoints.health)
    app.get("/metadata", summary="What is served")(endpoints.metadata)
    app.post("/predict", summary="Predict rows")(endpoints.predict)
    app.add_exception_handler(_Refused, _refused)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _not_found)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: _openapi(app, serving)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


class _Endpoints:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._admitted = 0

    async def health(self) -> JSONResponse:
        current = self._serving.current
        if current is None:
            return JSONResponse({"state": "starting"}, 503)
        version = current.order.version
        ready = bool(current.pids)
        state = "ready" if ready else "failed" if current.reason else "starting"
        facts = {"state": state, "model": version.model, "version": version.version, "reason": current.reason}
        return JSONResponse(facts, 200 if ready else 503)

    async def metadata(self) -> JSONResponse:
        current = _current(self._serving)
        order = current.order
        facts = {
            "deployment": self._serving.name,
            "model": order.version.model,
            "version": order.version.version,
            "run_id": order.version.run_id,
            "artifact": order.version.artifact,
            "signature": order.version.metadata.get("signature"),
            "deployed_at": order.created_at.isoformat(),
            "zen": zen.__version__,
            "python": platform.python_version(),
            "limits": {name: order.settings[name] for name in ("max_bytes", "max_rows", "request_timeout")},
            "process": self._serving.pid,
            "processes": current.pids,
        }
        return JSONResponse(facts)

    async def predict(self, request: Request) -> Response:
        settings = _current(self._serving).order.settings
        if self._admitted >= settings["max_waiting"] + settings["replicas"]:
            raise _Refused(503, f"{self._admitted} requests wait already; try again in a moment")
        self._admitted += 1
        try:
            body = await _body(request, settings["max_bytes"], settings["request_timeout"])
            # Asked for now and not before: while the body arrived another version may have taken over.
            status, answer = await _asked(_current(self._serving), body)
        finally:
            self._admitted -= 1
        return Response(answer, status, media_type="application/json")


def _current(serving: Serving) -> Generation:
    if serving.current is None:
        raise _Refused(503, "the model is being loaded; try again in a moment")
    return serving.current


async def _asked(generation: Generation, body: bytes) -> tuple[int, bytes]:
    try:
        return await generation.ask(body)
    except NobodyFree as error:
        raise _Refused(503, f"{error}; try again in a moment") from error
    except TooLate as error:
        raise _Refused(504, str(error)) from error
    except Ended as error:
        number = uuid.uuid4().hex[:12]
        note(f"error {number}: {error}")
        raise _Refused(500, "the model failed; the log says why", id=number) from error


async def _body(request: Request, most: int, seconds: float) -> bytes:
    """Return the body of a request, if it is not too long and comes in time."""
    body = bytearray()
    in_time = True
    if len(request.headers.get("content-length", "")) > len(str(most + _MORE)):
        raise _Refused(413, f"the body is too long; at most {most} bytes are read")
    try:
        async with asyncio.timeout(seconds):
            await _read(request, most, body)
    except TimeoutError:
        in_time = False
    if len(body) > most:
        raise _Refused(413, f"the body is too long; at most {most} bytes are read")
    if not in_time:
        raise _Refused(408, f"the body did not arrive in {seconds:g} s")
    return bytes(body)


async def _read(request: Request, most: int, body: bytearray) -> None:
    """Read a body, at most one byte too many of it. The rest is dropped: who is still sending sees no answer."""
    dropped = 0
    more = True
    while more and dropped <= _MORE:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "the connection ended before the body did")
        part = message.get("body", b"")
        room = most + 1 - len(body)
        body += part[:room]
        dropped += max(0, len(part) - room)
        more = message.get("more_body", False)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, _Refused)
    headers = {"Retry-After": "1"} if error.status == 503 else None
    return JSONResponse(error.content, error.status, headers)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException) or hasattr(error, "status_code")
    told = (
        f"{request.method} {request.url.path[:80]} is nothing here; there are GET /health, GET /metadata, POST /predict"
    )
    return JSONResponse({"error": told}, error.status_code, getattr(error, "headers", None))


async def _failed(request: Request, error: Exception) -> Response:
    number = uuid.uuid4().hex[:12]
    note(f"error {number}: {type(error).__name__}: {error}; its traceback follows")
    return JSONResponse({"error": "the server failed; the log says why", "id": number}, 500)


def _openapi(app: FastAPI, serving: Serving) -> dict[str, Any]:
    """Return the OpenAPI document of what is served now, with the model's own rows."""
    current = _current(serving)
    version = current.order.version
    made = get_openapi(title=f"{serving.name}: {version.model}", version=str(version.version), routes=app.routes)
    data = {"type": "object", "properties": {"data": current.facts.get("rows", {})}, "required": ["data"]}
    answer = {
        "type": "object",
        "properties": {"predictions": {}, "model": {"type": "string"}, "version": {"type": "integer"}},
        "required": ["predictions", "model", "version"],
    }
    refusals = {status: _response(told, _ERROR) for status, told in _REFUSALS.items()}
    made["paths"]["/predict"]["post"] |= {
        "requestBody": {"required": True, "content": _content({**data, "additionalProperties": False})},
        "responses": {"200": _response("What the model says.", answer), **refusals},
    }
    return made


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": _content(schema)}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
