"""What can be installed: flavors, and types of values, that are known to have a plugin.

Only error messages use this: a plugin that is not listed works in the same way. Nothing stands here that this project
does not keep itself: a name that is recommended before it exists could be anybody's. Each flavor name stands with the
kinds that its plugin offers, so that all that a stack lacks can be put into one `pip install` line.
"""

from __future__ import annotations

from collections.abc import Iterable

from zen.registry.catalog import fold

PREFIX = "zen-plugin-"

KNOWN_FLAVORS: dict[str, tuple[str, ...]] = {
    "great_expectations": ("data_validator",),
    "mlflow": ("experiment_tracker", "model_registry", "model_deployer"),
    "pandera": ("data_validator",),
    "postgres": ("metadata_store",),
    "serve": ("model_deployer",),
    "wandb": ("experiment_tracker",),
}
"""Flavor name → the kinds that `zen-plugin-<name>` offers under it."""

KNOWN_TYPES: dict[str, str] = {
    "mlflow": "mlflow",
    "numpy": "numpy",
    "pandas": "pandas",
    "sklearn": "sklearn",
}
"""Top-level package of a type → the tool in `zen-plugin-<tool>` that saves its values in a safe format."""


def plugin_for(kind: str, flavor: str) -> str | None:
    """Return the distribution that is known to offer a flavor; None when nobody is."""
    for name, kinds in KNOWN_FLAVORS.items():
        if fold(name) == fold(flavor) and kind in kinds:
            return PREFIX + fold(name)
    return None


def known_flavors(kind: str) -> list[str]:
    """Return the names of the known flavors of a kind."""
    return [name for name, kinds in KNOWN_FLAVORS.items() if kind in kinds]


def plugin_for_type(cls: type) -> str | None:
    """Return the distribution that is known to save values of a type, or of a type that it is derived from."""
    for base in cls.__mro__:
        tool = KNOWN_TYPES.get(base.__module__.partition(".")[0])
        if tool:
            return PREFIX + tool
    return None


def known_distributions() -> set[str]:
    """Return the names of all plugins in the two tables."""
    return {PREFIX + fold(tool) for tool in (*KNOWN_FLAVORS, *KNOWN_TYPES.values())}


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`; None when none is like it."""
    from difflib import get_close_matches

    matches = get_close_matches(name, list(known), n=1)
    return matches[0] if matches else None


def pip_install(distributions: Iterable[str]) -> str:
    """Return the one line that installs all of them; empty for none."""
    names = sorted(set(distributions))
    return f"`pip install {' '.join(names)}`" if names else ""
