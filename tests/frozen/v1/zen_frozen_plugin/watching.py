from contextlib import contextmanager

from zen.interfaces import Alerter, ExperimentTracker, StepTracking
from zen_frozen_plugin.journal import note


class FrozenTracking(StepTracking):
    def __init__(self, name):
        self.name = name

    def log_params(self, params):
        note("experiment_tracker", f"params {self.name} {sorted(params.items())}")

    def log_metrics(self, metrics, *, step, at):
        assert at.tzinfo is not None
        note("experiment_tracker", f"metrics {self.name} {sorted(metrics.items())} {step}")

    def log_metadata(self, metadata):
        note("experiment_tracker", f"metadata {self.name} {sorted(metadata.items())}")

    @property
    def native(self):
        return f"native {self.name}"


class FrozenTracker(ExperimentTracker):
    def start_run(self, run, plan):
        note("experiment_tracker", f"start {plan.pipeline}")
        return {"id": run.id, "url": "https://example.org/runs"}

    @contextmanager
    def step(self, reference, run, step_run):
        assert reference["id"] == run.id == step_run.run_id
        try:
            yield FrozenTracking(step_run.name)
        finally:
            note("experiment_tracker", f"step {step_run.name}")

    def finish_run(self, reference, run):
        note("experiment_tracker", f"finish {run.state}")


class FrozenAlerter(Alerter):
    capabilities = frozenset({"ask"})

    def send(self, alert):
        token = self.host.secrets.reveal(self.config.token)
        note("alerter", f"{self.config.channel} {alert.level} {alert.title}: {alert.text} ({len(token)})")
        return "1"

    def ask(self, alert, *, timeout):
        return True
