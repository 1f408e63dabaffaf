"""The flavors of the embedded default."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the built-in flavors."""
    return [
        Flavor(
            kind="orchestrator",
            name="local",
            summary="Run the steps on this machine",
            config="zen.builtin.local_orchestrator:LocalOrchestratorConfig",
            implementation="zen.builtin.local_orchestrator:LocalOrchestrator",
        ),
        Flavor(
            kind="artifact_store",
            name="local",
            summary="Keep artifacts in a local folder",
            config="zen.builtin.local_files:LocalFilesConfig",
            implementation="zen.builtin.local_files:LocalArtifactStore",
        ),
        Flavor(
            kind="metadata_store",
            name="sqlite",
            summary="Keep metadata in a SQLite file",
            config="zen.builtin.sqlite:SQLiteConfig",
            implementation="zen.builtin.sqlite:SQLiteStore",
        ),
        Flavor(
            kind="secret_store",
            name="local",
            summary="Read secrets from environment variables and files",
            config="zen.builtin.secret_files:LocalSecretsConfig",
            implementation="zen.builtin.secret_files:LocalSecretStore",
        ),
        Flavor(
            kind="alerter",
            name="console",
            summary="Write alerts to the terminal",
            implementation="zen.builtin.console:ConsoleAlerter",
        ),
    ]
