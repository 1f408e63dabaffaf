"""The smallest orchestrator, and one with every capability."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any, ClassVar

from zen.interfaces import Launcher, Orchestrator
from zen.records import Plan


class SequentialOrchestrator(Orchestrator):
    """Executes the steps one after the other, in the order of the plan."""

    def run(self, plan: Plan, launcher: Launcher) -> None:
        """Execute every step."""
        for step in plan.steps:
            launcher.execute(step.name)


class DetachedOrchestrator(Orchestrator):
    """Runs items itself, and submitted runs on a thread; their states are files, which every process finds."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"detached", "map"})

    def run(self, plan: Plan, launcher: Launcher) -> None:
        """Execute every step, after its items."""
        for step in plan.steps:
            self._execute(step.name, launcher)

    def submit(self, plan: Plan, launcher: Launcher) -> dict[str, Any]:
        """Start the run on a thread."""
        reference = {"run": uuid.uuid4().hex}
        self._folder(reference).mkdir(parents=True)
        self._keep(reference, "running")
        threading.Thread(target=self._conduct, args=(plan, launcher, reference), daemon=True).start()
        return reference

    def status(self, reference: dict[str, Any]) -> str:
        """Return the state of a submitted run."""
        state: str = json.loads((self._folder(reference) / "state.json").read_text())
        return state

    def cancel(self, reference: dict[str, Any]) -> None:
        """Let the run stop before its next step."""
        (self._folder(reference) / "cancel").touch()

    def _conduct(self, plan: Plan, launcher: Launcher, reference: dict[str, Any]) -> None:
        try:
            for step in plan.steps:
                if (self._folder(reference) / "cancel").exists():
                    self._keep(reference, "cancelled")
                    return
                self._execute(step.name, launcher)
        except Exception:  # noqa: BLE001  # whatever the launcher raises, the run has failed
            self._keep(reference, "failed")
        else:
            self._keep(reference, "completed")

    def _execute(self, name: str, launcher: Launcher) -> None:
        for item in launcher.items(name):
            launcher.execute(item)
        launcher.execute(name)

    def _keep(self, reference: dict[str, Any], state: str) -> None:
        part = self._folder(reference) / "part"
        part.write_text(json.dumps(state))
        part.replace(part.with_name("state.json"))

    def _folder(self, reference: dict[str, Any]) -> Path:
        return Path(self.host.state) / "memory-runs" / str(reference["run"])
