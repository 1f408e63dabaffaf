"""What tables and schemas are, told by the names of their classes: nothing is imported for it."""

from __future__ import annotations

from typing import Any, Literal

Library = Literal["pandas", "polars"]


def table_library(data: Any) -> Library | None:
    """Return the library whose DataFrame this is; None for anything else."""
    for cls in type(data).__mro__:
        root = cls.__module__.partition(".")[0]
        if cls.__name__ == "DataFrame" and root in ("pandas", "polars"):
            return "pandas" if root == "pandas" else "polars"
    return None


def schema_library(suite: Any) -> Library | None:
    """Return the library for which this is a schema, or a model, of pandera; None for anything else."""
    name = "DataFrameModel" if isinstance(suite, type) else "DataFrameSchema"
    for cls in suite.__mro__ if isinstance(suite, type) else type(suite).__mro__:
        if cls is not suite and cls.__name__ == name and cls.__module__.startswith("pandera.api.p"):
            library = cls.__module__.split(".")[2]
            return "pandas" if library == "pandas" else "polars" if library == "polars" else None
    return None
