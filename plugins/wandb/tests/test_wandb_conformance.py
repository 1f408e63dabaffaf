"""The conformance kit on the tracker: offline with W&B's own files as the witness, online with what a server was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from zen.testing import ExperimentTrackerSuite, Kit

pytestmark = pytest.mark.slow

STATES = {0: "completed", 1: "failed", 255: "cancelled", None: "running"}
KEY = "0123456789abcdef0123456789abcdef01234567"


class TestOffline(ExperimentTrackerSuite):
    flavor: ClassVar[str] = "wandb"
    unreachable: ClassVar[Mapping[str, Any]] = {
        "mode": "online",
        "base_url": "http://127.0.0.1:9",
        "api_key": "${secret:env/KEY}",
    }

    @pytest.fixture(autouse=True)
    def reader(self, offline: Callable[..., Any]) -> None:
        self.offline = offline

    def config(self, kit: Kit) -> Mapping[str, Any]:
        kit.host.secrets.values["env/KEY"] = KEY
        return {}

    def runs(self, kit: Kit) -> list[Any]:
        return list(self.offline(Path(kit.host.state)))

    def read(self, kit: Kit, component: Any, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
        runs = self.runs(kit)
        (parent,) = [run for run in runs if run.id == reference["run_id"]]
        steps = {run.config["zen"]["step"]: run for run in runs if run.id.startswith(f"{reference['run_id']}-")}
        return {"state": STATES[parent.exit_code], "steps": {name: step_of(run) for name, run in steps.items()}}


class TestOneRun(TestOffline):
    """All steps in one W&B run."""

    def config(self, kit: Kit) -> Mapping[str, Any]:
        return {**super().config(kit), "steps": "single"}

    def read(self, kit: Kit, component: Any, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
        (run,) = self.runs(kit)
        names = [name.removesuffix("/zen_state") for name in run.summary if name.endswith("/zen_state")]
        steps = {name: {**step_of(run, f"{name}/", name), "state": run.summary[f"{name}/zen_state"]} for name in names}
        return {"state": STATES[run.exit_code], "steps": steps}


class TestOnline(TestOffline):
    """The same, to a server."""

    @pytest.fixture(autouse=True)
    def server(self, stub: Any, online: Mapping[str, Any]) -> None:
        self.stub, self.online = stub, online

    def config(self, kit: Kit) -> Mapping[str, Any]:
        return {**super().config(kit), **self.online}

    def runs(self, kit: Kit) -> list[Any]:
        return list(self.stub.logged())


def step_of(run: Any, prefix: str = "", step: str = "") -> Mapping[str, Any]:
    """Return what a run holds of a step, whose names start with a prefix."""

    def own(names: Mapping[str, Any]) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in names.items() if name.startswith(prefix)}

    params = {name: str(value) for name, value in own(run.config).items() if name not in ("pipeline", "zen")}
    metrics = {name for row in run.history for name in own(row) if not name.startswith(("_", "zen_"))}
    files = run.files("file", step)
    return {
        "state": STATES[run.exit_code],
        "params": params,
        "metrics": {name: run.values(f"{prefix}{name}", f"{prefix}zen_step") for name in metrics},
        "files": {path_of(name, file): data for name, inside in files.items() for file, data in inside.items()},
        "figures": [*own(run.shown("image-file", "html-file"))],
        "tables": own(run.tables()),
        "models": run.files("model", step),
    }


def path_of(name: str, file: str) -> str:
    return name if file == Path(name).name else f"{name}/{file}"
