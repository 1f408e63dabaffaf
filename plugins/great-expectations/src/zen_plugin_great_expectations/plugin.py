"""What this plugin offers. Light: names only, Great Expectations is imported when a table is checked."""

from __future__ import annotations

from zen.plugins import Flavor, hookimpl


@hookimpl
def zen_flavors() -> list[Flavor]:
    """Return the Great Expectations validator."""
    return [
        Flavor(
            kind="data_validator",
            name="great_expectations",
            summary="Check tables with Great Expectations: zen's rules, native suites and checkpoints, Data Docs",
            config="zen_plugin_great_expectations.config:GreatExpectationsConfig",
            implementation="zen_plugin_great_expectations.validator:GreatExpectationsValidator",
            docs="https://docs.greatexpectations.io/docs/core/introduction/",
        )
    ]
