"""Real wandb: files read back from W&B's own format, and a small server that speaks what the client needs."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import http.server
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from zen.records import CodeRef, Plan, RunRecord, StackSpec, StepRunRecord
from zen.testing.hosts import FakeHost
from zen_plugin_wandb.config import WandbConfig
from zen_plugin_wandb.tracker import WandbTracker

START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own, as somebody who never heard of W&B."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path, secrets={"env/KEY": KEY})


@pytest.fixture
def trackers(stub: Stub) -> Iterator[list[WandbTracker]]:
    """What is open, to be closed while the server is still there."""
    opened: list[WandbTracker] = []
    yield opened
    for tracker in opened:
        tracker.close()


@pytest.fixture
def make(host: FakeHost, trackers: list[WandbTracker]) -> Callable[..., WandbTracker]:
    """Open trackers of one host, each with its settings; they are closed in the end."""

    def tracker(**settings: Any) -> WandbTracker:
        trackers.append(WandbTracker(WandbConfig(**settings)))
        trackers[-1].open(host)
        return trackers[-1]

    return tracker


@pytest.fixture
def run() -> RunRecord:
    parameters = {"lr": 0.2, "layers": [64, 8], "name": "x"}
    return RunRecord(
        id="r1", name="brave-fox", pipeline="training", started_at=START, parameters=parameters, tags=("gpu", "nightly")
    )


@pytest.fixture
def plan() -> Plan:
    code = CodeRef(module="training", qualname="training")
    return Plan(pipeline="training", code=code, stack=StackSpec(name="local"))


@pytest.fixture
def step_run() -> StepRunRecord:
    return StepRunRecord(id="s1", run_id="r1", name="train")


@pytest.fixture
def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# What W&B holds of a run, in its files or on a server


@dataclass
class Logged:
    """A run as W&B has it.

    Attributes:
        media: Gives the content of a file that the history names.
        axes: The metric that is the x-axis of another.
        artifacts: Type, name, metadata and files of each.
        kinds: The kinds of records in the file.
        environment: What W&B recorded of the process, as text.
    """

    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    media: Callable[[str], bytes] = field(default=lambda path: b"")
    axes: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[str, str, dict[str, Any], dict[str, bytes]]] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    environment: str = ""
    exit_code: int | None = None

    def values(self, metric: str, index: str = "zen_step") -> list[tuple[Any, int | None]]:
        """Return the values of a metric, each with the author's index."""
        return [(row[metric], row.get(index)) for row in self.history if metric in row]

    def files(self, kind: str, step: str = "") -> dict[str, dict[str, bytes]]:
        """Return the files of the artifacts of a type, by the names that they were logged under."""
        return {
            facts["name"]: files
            for type_, _, facts, files in self.artifacts
            if type_ == kind and (not step or facts["zen"]["step"] == step)
        }

    def shown(self, *kinds: str) -> dict[str, bytes]:
        """Return images, tables or drawings that were logged, by name."""
        rows = [(name, value) for row in self.history for name, value in row.items() if isinstance(value, dict)]
        return {name: self.media(value["path"]) for name, value in rows if value.get("_type") in kinds}

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables that were logged."""
        read = {name: json.loads(content) for name, content in self.shown("table-file").items()}
        return {name: {"columns": table["columns"], "rows": table["data"]} for name, table in read.items()}


def _records(path: Path) -> Iterator[Any]:
    """Yield the records of a `.wandb` file: a header of 7 bytes, then a log as LevelDB has it, in blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0:
            return
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # full, or the last part
            yield Record.FromString(whole)
            whole = b""


def _put(target: dict[str, Any], items: Any) -> dict[str, Any]:
    for item in items:
        *path, last = list(item.nested_key) or [item.key]
        inner = target
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = json.loads(item.value_json)
    return target


def _read_run(path: Path) -> Logged:
    found = Logged(media=lambda name: (path.parent / "files" / name).read_bytes())
    for record in _records(path):
        kind = record.WhichOneof("record_type")
        body = getattr(record, kind)
        found.kinds.add(kind)
        if kind == "run":
            found.id, found.name, found.project = body.run_id, body.display_name, body.project
            found.group, found.job_type, found.notes = body.run_group, body.job_type, body.notes
            found.tags = tuple(body.tags)
            _put(found.config, body.config.update)
        elif kind in ("config", "summary"):
            _put(getattr(found, kind), body.update)
        elif kind == "history":
            found.history.append(_put({}, body.item))
        elif kind == "metric":
            found.axes[body.name] = body.step_metric
        elif kind == "artifact":
            files = {each.path: Path(each.local_path).read_bytes() for each in body.manifest.contents}
            found.artifacts.append((body.type, body.name, json.loads(body.metadata or "{}"), files))
        elif kind == "environment":
            found.environment += str(body)
        elif kind == "exit":
            found.exit_code = body.exit_code
    found.config.pop("_wandb", None)
    return found


@pytest.fixture
def offline(tmp_path: Path, read_runs: Callable[..., list[Logged]]) -> Callable[..., list[Logged]]:
    """Read the runs of this test, or of another folder."""

    def read(folder: Path = tmp_path / ".zen", *, ended: bool = True) -> list[Logged]:
        return read_runs(folder, ended=ended)

    return read


@pytest.fixture(scope="session")
def read_runs() -> Callable[..., list[Logged]]:
    """Read all runs of a folder from W&B's own files, by second and id. By default all have ended."""

    def read(folder: Path, *, ended: bool = True) -> list[Logged]:
        deadline = time.monotonic() + 60  # `finish` returns a moment before W&B's process has written the file
        while True:
            found = [_read_run(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
            if not ended or all(run.exit_code is not None for run in found) or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    return read


# A server


class Stub:
    """A W&B server as far as the client goes: keeps what it is told, and answers what the client waits for.

    Attributes:
        runs: What each run was last said to be, by id.
        history: The rows of each run.
        ended: The exit code of each run.
        uploads: The files that were sent, by path.
        artifacts: What each artifact was said to be, by id.
        keys: The credentials that came.
        resumed: The runs that the client wanted to go on with, if they were there.
        known_key: The only one that is known, encoded; all by default.
        status: The HTTP status of all answers, and with another than 200 `says`, the error.
    """

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.ended: dict[str, int] = {}
        self.uploads: dict[str, bytes] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.keys: set[str] = set()
        self.resumed: list[str] = []
        self.known_key: str | None = None
        self.status = 200
        self.says = ""
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(json.loads(stub.uploads.get(self.path, b"{}")))

            def do_PUT(self) -> None:
                stub.uploads[self.path] = self._body()
                self._send({})

            def do_POST(self) -> None:
                body = self._body()
                stub.keys.add(self.headers.get("Authorization") or "")
                streamed = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path)
                if streamed:
                    stub.stream(streamed[1], json.loads(body))
                    self._send({})
                elif self.path == "/graphql":
                    self._send({"data": stub.answer(json.loads(body), f"http://{self.headers['Host']}")})
                else:
                    self._send({})

            def _body(self) -> bytes:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

            def _send(self, answer: Any) -> None:
                data = json.dumps(answer if stub.status == 200 else {"errors": [{"message": stub.says}]}).encode()
                self.send_response(stub.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    pass  # the client went away

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # How often it looks whether it is to end: half a second by default, which each test would wait for.
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Go away: nobody listens any more, and open connections end."""
        self.server.shutdown()
        self.server.server_close()

    def logged(self) -> list[Logged]:
        """Return all runs."""
        return [self._logged(run_id) for run_id in self.runs]

    def _logged(self, run_id: str) -> Logged:
        told = self.runs[run_id]
        config = {
            name: each["value"] for name, each in json.loads(told.get("config", "{}")).items() if name != "_wandb"
        }
        artifacts = [
            (given["artifactTypeName"], given["artifactCollectionName"], *self._artifact(artifact_id, given))
            for artifact_id, given in self.artifacts.items()
            if given["runName"] == run_id
        ]
        return Logged(
            id=run_id,
            name=told.get("displayName", ""),
            project=told.get("project", ""),
            group=told.get("groupName", ""),
            job_type=told.get("jobType", ""),
            notes=told.get("notes", ""),
            tags=tuple(told.get("tags", ())),
            config=config,
            summary=json.loads(self.uploads.get(f"/runs/{run_id}/wandb-summary.json", b"{}")),
            history=self.history.get(run_id, []),
            media=lambda path: self.uploads[f"/runs/{run_id}/{path}"],
            artifacts=artifacts,
            exit_code=self.ended.get(run_id),
        )

    def _artifact(self, artifact_id: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        prefix = f"/artifacts/{artifact_id}/"
        files = {path.removeprefix(prefix): data for path, data in self.uploads.items() if path.startswith(prefix)}
        return json.loads(given.get("metadata") or "{}"), files

    def stream(self, run_id: str, told: dict[str, Any]) -> None:
        chunk = told.get("files", {}).get("wandb-history.jsonl", {"content": []})
        self.history.setdefault(run_id, []).extend(json.loads(line) for line in chunk["content"])
        if told.get("complete"):
            self.ended[run_id] = told.get("exitcode", 0)

    def answer(self, request: dict[str, Any], url: str) -> dict[str, Any]:
        match = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
        variables = request.get("variables") or {}
        method = getattr(self, f"_{match[1]}" if match else "", None)
        return method(variables, url) if method else {}

    def _Viewer(self, variables: dict[str, Any], url: str) -> dict[str, Any]:
        if self.known_key and not any(self.known_key in key for key in self.keys):
            return {"viewer": None}
        teams: dict[str, Any] = {"edges": []}
        who = {"id": "u", "username": "ada", "name": "Ada", "email": "", "entity": "ada", "flags": "{}", "teams": teams}
        return {"viewer": who}

    def _UpsertBucket(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        run_id, new = told["name"], told["name"] not in self.runs
        run = self.runs.setdefault(run_id, {})
        run.update({name: value for name, value in told.items() if value is not None})
        project = {"id": "p", "name": run.get("project", "x"), "entity": {"id": "e", "name": run.get("entity", "ada")}}
        bucket = {"id": run_id, "name": run_id, "displayName": run.get("displayName", run_id), "project": project}
        more = {"description": "", "config": run.get("config", "{}"), "sweepName": "", "historyLineCount": 0}
        return {"upsertBucket": {"bucket": {**bucket, **more}, "inserted": new}}

    def _RunResumeStatus(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        run = self.runs.get(told["name"])
        self.resumed.append(told["name"])
        if run is None:
            return {"model": None}
        counts = {"logLineCount": 0, "historyLineCount": len(self.history.get(told["name"], [])), "eventsLineCount": 0}
        tails = {"historyTail": "[]", "eventsTail": "[]", "summaryMetrics": "{}", "wandbConfig": "{}", "tags": []}
        bucket = {"id": told["name"], "name": told["name"], "displayName": "x", "config": run.get("config", "{}")}
        entity = {"id": "e", "name": "ada"}
        return {"model": {"id": "p", "name": "x", "entity": entity, "bucket": {**bucket, **counts, **tails}}}

    def _CreateRunFiles(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        run_id = told.get("run") or told.get("runName")
        files = [{"name": name, "uploadUrl": f"{url}/runs/{run_id}/{name}"} for name in told["files"]]
        return {"createRunFiles": {"runID": run_id, "uploadHeaders": [], "files": files}}

    def _ArtifactType(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        return {"project": {"artifact": None}}

    def _ArtifactByID(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        given = self.artifacts[told["id"]]
        owner = {
            "id": "p",
            "internalId": "1",
            "name": given["projectName"],
            "entity": {"id": "e", "name": given["entityName"] or "ada"},
        }
        collection = {"__typename": "ArtifactSequence", "name": given["artifactCollectionName"], "project": owner}
        counts = {"versionIndex": 0, "historyStep": 0, "size": 1, "fileCount": 1}
        texts = {"description": "", "digest": given["digest"], "commitHash": "", "createdAt": "2026-01-02T03:04:05Z"}
        more = {"ttlDurationSeconds": -1, "ttlIsInherited": False, "tags": [], "updatedAt": None, "aliases": []}
        return {
            "artifact": {
                "id": told["id"],
                "artifactSequence": {"id": "s", **collection},
                "artifactType": {"name": given["artifactTypeName"]},
                "metadata": given.get("metadata"),
                "state": "COMMITTED",
                **counts,
                **texts,
                **more,
            }
        }

    def _FetchArtifactManifest(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        manifest = {"__typename": "ArtifactManifest", "file": {"directUrl": f"{url}/manifests/{told['id']}"}}
        return {"artifact": {"currentManifest": manifest}}

    def _ServerFeaturesQuery(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def _CreateArtifact(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        given = told.get("input", told)
        artifact_id = base64.b64encode(f"Artifact:{len(self.artifacts):03}".encode()).decode()
        self.artifacts[artifact_id] = given
        sequence = {"id": "s", "latestArtifact": None}
        return {"createArtifact": {"artifact": {"id": artifact_id, "state": "PENDING", "artifactSequence": sequence}}}

    def _CreateArtifactManifest(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        upload = f"{url}/manifests/{told['artifactID']}"
        file = {"id": "f", "name": "m", "displayName": "m", "uploadUrl": upload, "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "m", "file": file}}}

    def _CreateArtifactFiles(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        given = told.get("input", told)["artifactFiles"]
        edges = [{"node": self._artifact_file(each, url)} for each in given]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _artifact_file(self, each: dict[str, Any], url: str) -> dict[str, Any]:
        name, artifact_id = each["name"], each["artifactID"]
        upload = {
            "uploadUrl": f"{url}/artifacts/{artifact_id}/{name}",
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
        }
        return {
            "id": "f",
            "name": name,
            "displayName": name,
            "storagePath": name,
            "artifact": {"id": artifact_id},
            **upload,
        }

    def _CommitArtifact(self, told: dict[str, Any], url: str) -> dict[str, Any]:
        return {"commitArtifact": {"artifact": {"id": told["artifactID"], "digest": "x"}}}


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A W&B server on this machine."""
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def online(stub: Stub) -> dict[str, Any]:
    """The settings that lead to it."""
    return {"mode": "online", "base_url": stub.url, "api_key": "${secret:env/KEY}", "finish_timeout": 20}
