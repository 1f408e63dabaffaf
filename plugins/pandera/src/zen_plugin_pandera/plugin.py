"""What this plugin offers. Light: names only, pandera is imported when a run uses it."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the pandera data validator."""
    return [
        Flavor(
            kind="data_validator",
            name="pandera",
            summary="Check pandas and polars tables with pandera, and with schemas that were written for it",
            implementation="zen_plugin_pandera.validator:PanderaValidator",
            docs="https://pandera.readthedocs.io",
        )
    ]
