"""Suites that were written with Great Expectations itself: known without importing it, run where they belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError, listing, nearest

if TYPE_CHECKING:
    import pandas as pd

    from zen_plugin_great_expectations.session import Session

_TOOL = "great_expectations"
_KINDS = ("ExpectationSuite", "Expectation", "ValidationDefinition", "Checkpoint")
_STORES = {"suite": "suites", "validation": "validation_definitions", "checkpoint": "checkpoints"}


def kind(suite: Any) -> str:
    """Return which kind of object of the tool this is, or nothing."""
    for cls in type(suite).__mro__:
        if cls.__module__.partition(".")[0] == _TOOL and cls.__name__ in _KINDS:
            return cls.__name__
    return ""


def run(session: Session, table: pd.DataFrame, suite: Any) -> list[Any]:
    """Check a table with a suite and return the tool's results, one for each suite in it.

    Raises:
        ComponentError: For what is no suite, a name that the project does not have, or a checkpoint that reads its data
            by itself.
    """
    if isinstance(suite, str) and session.folder is not None:
        return session.in_project(lambda context: _run(session, table, _named(context, suite)))
    if not kind(suite):
        raise ComponentError(
            f"a {type(suite).__qualname__} is no suite of Great Expectations",
            hint=f"give an object of one of: {', '.join(_KINDS)}; or, with context: file, the name of one",
        )
    return _run(session, table, suite)


def _run(session: Session, table: pd.DataFrame, suite: Any) -> list[Any]:
    given = {"dataframe": table}
    match kind(suite):
        case "ValidationDefinition":
            _takes_tables(suite, suite.name)
            run: Callable[[], list[Any]] = lambda: [  # noqa: E731
                suite.run(batch_parameters=given, result_format=session.format)
            ]
            return session.launch(run)
        case "Checkpoint":
            for each in suite.validation_definitions:
                _takes_tables(each, suite.name)
            return session.launch(lambda: list(suite.run(batch_parameters=given).run_results.values()))
    return [session.run(table, lambda: suite)]


def _takes_tables(definition: Any, name: str) -> None:
    asset = definition.asset
    if type(asset).__name__ != "DataFrameAsset":
        raise ComponentError(
            f"{name!r} checks {asset.name!r}, which Great Expectations reads by itself (a {type(asset).__name__}), and"
            " not the table that was given",
            hint="give the suite alone, or let it check an asset of add_dataframe_asset",
        )


def _named(context: Any, name: str) -> Any:
    """Return the suite, validation definition or checkpoint of that name; `checkpoint:daily` says which is meant."""
    chosen, _, rest = name.rpartition(":")
    stores = {chosen: _STORES[chosen]} if chosen in _STORES else _STORES
    wanted = rest if chosen in _STORES else name
    there = {
        store: {each.name: each for each in getattr(context, attribute).all()} for store, attribute in stores.items()
    }
    found = {store: named[wanted] for store, named in there.items() if wanted in named}
    if len(found) > 1:
        raise ComponentError(
            f"{wanted!r} is the name of a {' and of a '.join(found)}", hint=f"write {next(iter(found))}:{wanted}"
        )
    if not found:
        names = sorted({each for named in there.values() for each in named})
        raise ComponentError(
            f"no suite, validation definition or checkpoint {wanted!r} in the project of Great Expectations; it has:"
            f" {listing(names)}",
            hint=nearest(wanted, names),
        )
    return next(iter(found.values()))
