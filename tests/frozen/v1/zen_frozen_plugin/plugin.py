from zen.plugins import Flavor, hookimpl

COMPONENTS = {
    "orchestrator": "zen_frozen_plugin.running:FrozenOrchestrator",
    "step_operator": "zen_frozen_plugin.running:FrozenOperator",
    "artifact_store": "zen_frozen_plugin.stores:FrozenArtifacts",
    "metadata_store": "zen_frozen_plugin.stores:FrozenMetadata",
    "secret_store": "zen_frozen_plugin.stores:FrozenSecrets",
    "experiment_tracker": "zen_frozen_plugin.watching:FrozenTracker",
    "alerter": "zen_frozen_plugin.watching:FrozenAlerter",
    "data_validator": "zen_frozen_plugin.data:FrozenValidator",
    "feature_store": "zen_frozen_plugin.data:FrozenFeatures",
    "model_registry": "zen_frozen_plugin.models:FrozenRegistry",
    "model_deployer": "zen_frozen_plugin.models:FrozenDeployer",
}
CONFIGS = {
    "artifact_store": "zen_frozen_plugin.config:FolderConfig",
    "alerter": "zen_frozen_plugin.config:AlerterConfig",
}


@hookimpl
def zen_flavors():
    return [
        Flavor(
            kind=kind,
            name="frozen",
            summary=f"A {kind} of the first release",
            config=CONFIGS.get(kind, ""),
            implementation=implementation,
            docs="https://example.org/frozen",
        )
        for kind, implementation in COMPONENTS.items()
    ]


@hookimpl
def zen_run_started(run, plan):
    _note("run_started", f"{run.pipeline} {len(plan.steps)}")


@hookimpl
def zen_step_started(run, step_run):
    _note("step_started", step_run.name)


@hookimpl
def zen_step_finished(run, step_run):
    _note("step_finished", f"{step_run.name} {step_run.state}")


@hookimpl
def zen_run_finished(run):
    _note("run_finished", run.state)


def _note(event, what):
    from zen_frozen_plugin.journal import note

    note("observer", f"{event} {what}")
