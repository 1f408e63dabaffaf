"""What this plugin offers. Light: names only, FastAPI is imported by the server's own process."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the local model deployer."""
    return [
        Flavor(
            kind="model_deployer",
            name="serve",
            summary="Serve any model with `predict` over HTTP, from a process on this machine",
            config="zen_plugin_serve.config:ServeConfig",
            implementation="zen_plugin_serve.deployer:ServeDeployer",
        )
    ]
