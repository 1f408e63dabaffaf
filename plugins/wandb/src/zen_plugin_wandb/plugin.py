"""What this plugin offers. Light: names only, wandb is imported when a run uses it."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the Weights & Biases experiment tracker."""
    return [
        Flavor(
            kind="experiment_tracker",
            name="wandb",
            summary="Track runs and steps in Weights & Biases: offline files, W&B's service or a server of your own",
            config="zen_plugin_wandb.config:WandbConfig",
            implementation="zen_plugin_wandb.tracker:WandbTracker",
            docs="https://docs.wandb.ai/guides/track/",
        )
    ]
