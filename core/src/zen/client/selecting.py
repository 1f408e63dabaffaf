"""Choosing runs by conditions.

What stands in columns is asked of the store. What was logged is looked at a page at a time, with one query for the
metrics of all its runs.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from zen.client import metrics
from zen.client.expressions import Key, Name, Term, parse_condition, parse_name, parse_sort
from zen.identity import from_plain
from zen.records import RunRecord
from zen.storage import Database
from zen.storage.selection import Brief, Condition, Order, RunSelection

_PAGE = 500
_FIRST = 20
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Texts = str | Sequence[str]
Values = dict[Name, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Which runs, and in which order: `sort` by the first key, then by the next; else the newest first."""

    terms: tuple[Term, ...] = ()
    sort: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A page of runs.

    Attributes:
        values: For each run what was asked for, by name; nothing where it has none.
        total: How many runs there are on all pages; None when nobody asked.
    """

    records: list[RunRecord]
    values: list[Values] = field(default_factory=list)
    total: int | None = None


def query(where: Texts = (), sort: Texts = (), **filters: str | None) -> Query:
    """Return the query of some texts, and of fields with the texts that they must have.

    Raises:
        UsageError: For a text that cannot be read, with the place.
    """
    now = dt.datetime.now(dt.UTC)
    plain = [Term(Name("field", name), "==", value) for name, value in filters.items() if value is not None]
    conditions = [parse_condition(text, now) for text in _texts(where)]
    return Query(terms=(*plain, *conditions), sort=tuple(map(parse_sort, _texts(sort))))


def named_columns(query: Query, more: Sequence[str] = ()) -> list[Name]:
    """Return the metrics and parameters that a query is about, and those asked for as well, each once."""
    asked = [*(term.name for term in query.terms), *(key.name for key in query.sort), *map(parse_name, more)]
    return [name for name in dict.fromkeys(asked) if name.kind != "field"]


def choose(
    database: Database,
    query: Query,
    *,
    limit: int | None = None,
    offset: int = 0,
    names: Sequence[Name] = (),
    total: bool = False,
) -> Chosen:
    """Return a page of the runs that meet a query, with the values of `names`."""
    selection = RunSelection(database)
    conditions = [_condition(term) for term in query.terms if term.name.kind == "field"]
    logged = [term for term in query.terms if term.name.kind != "field"]
    if logged or any(key.name.kind != "field" for key in query.sort):
        enough = None if limit is None or query.sort or total else offset + limit
        found = _sorted(list(_meeting(selection, conditions, logged, query.sort, enough)), query.sort)
        page = [brief.id for brief, _ in found[offset : None if limit is None else offset + limit]]
        by_id = selection.by_id(page)
        records, count = [by_id[run] for run in page if run in by_id], len(found)
    else:
        order = [Order(key.name.key, key.descending) for key in query.sort]
        records = selection.find(conditions, order, limit=limit, offset=offset)
        count = selection.count(conditions) if total else 0
    values = _values(selection, [record.id for record in records], names)
    return Chosen(records, [values[record.id] for record in records], count if total else None)


def count(database: Database, query: Query) -> int:
    """Return how many runs meet a query."""
    conditions = [_condition(term) for term in query.terms if term.name.kind == "field"]
    logged = [term for term in query.terms if term.name.kind != "field"]
    if not logged:
        return RunSelection(database).count(conditions)
    return sum(1 for _ in _meeting(RunSelection(database), conditions, logged, (), None))


def _meeting(
    selection: RunSelection,
    conditions: Sequence[Condition],
    terms: Sequence[Term],
    sort: Sequence[Key],
    enough: int | None,
) -> Iterator[tuple[Brief, Values]]:
    """Yield the runs that meet conditions and terms, with what they are sorted by; stop when there are enough."""
    names = [
        name for name in dict.fromkeys([*(t.name for t in terms), *(k.name for k in sort)]) if name.kind != "field"
    ]
    found = selection.brief(conditions)
    met, start, size = 0, 0, _PAGE if enough is None else max(_FIRST, min(_PAGE, 2 * enough))
    while start < len(found) and (enough is None or met < enough):
        page = found[start : start + size]
        values = _values(selection, [brief.id for brief in page], names)
        for brief in page:
            if all(_meets(values[brief.id].get(term.name), term) for term in terms):
                met += 1
                yield brief, values[brief.id]
        start, size = start + size, _PAGE


def _values(selection: RunSelection, runs: Sequence[str], names: Sequence[Name]) -> dict[str, Values]:
    """Return for each run the metrics and parameters of these names that it has."""
    values: dict[str, Values] = {run: {} for run in runs}
    wanted = [name for name in names if name.kind == "metrics"]
    if wanted and runs:
        keys = dict.fromkeys(key for name in wanted for key in metrics.keys_of(name.key))
        for run, logged in selection.last_metrics(runs, list(keys)).items():
            values[run] |= {name: metrics.found(name.key, logged) for name in wanted} if logged else {}
    if runs and any(name.kind == "params" for name in names):
        for run, parameters in selection.parameters(runs).items():
            values[run] |= {name: _parameter(parameters, name.key) for name in names if name.kind == "params"}
    return values


def _parameter(parameters: Mapping[str, Any], key: str) -> Any:
    """Return a parameter, or what lies inside one: `params.model.depth`."""
    if key in parameters:
        return from_plain(parameters[key])
    first, _, rest = key.partition(".")
    inner = parameters.get(first)
    return _parameter(inner, rest) if rest and isinstance(inner, dict) else None


def _meets(value: Any, term: Term) -> bool:
    """Say whether a value meets a term. What is not there meets nothing but `== none`; true is not 1."""
    wanted = term.value
    if wanted is None or value is None:
        return wanted is None and (value is None) is (term.operator == "==")
    if term.operator == "contains":
        inside = value if isinstance(value, list | tuple | set | frozenset | dict) else _text(value)
        return wanted in inside if not isinstance(inside, str) else str(wanted) in inside
    if isinstance(wanted, float) and isinstance(value, float) and math.isnan(wanted) and math.isnan(value):
        return term.operator in ("==", "<=", ">=")
    if isinstance(wanted, str):
        value = _text(value)
    elif isinstance(wanted, bool) is not isinstance(value, bool) or not isinstance(value, int | float):
        return term.operator == "!="
    return _COMPARED[term.operator](value, wanted)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _sorted(found: list[tuple[Brief, Values]], sort: Sequence[Key]) -> list[tuple[Brief, Values]]:
    """Sort by the last key first: sorting keeps what is equal in its order. Runs that lack a value come last."""
    for key in reversed(sort):
        there = [(each, _place(_value(each, key.name))) for each in found]
        present = sorted(
            (pair for pair in there if pair[1] is not None), key=lambda pair: cast(Any, pair[1]), reverse=key.descending
        )
        found = [each for each, _ in present] + [each for each, place in there if place is None]
    return found


def _value(found: tuple[Brief, Values], name: Name) -> Any:
    return getattr(found[0], name.key) if name.kind == "field" else found[1].get(name)


def _place(value: Any) -> tuple[int, Any] | None:
    """Return what to sort by: numbers before texts before the rest; None for what is nothing or not a number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (2, str(value))


def _condition(term: Term) -> Condition:
    return Condition(term.name.key, term.operator, term.value)


def _texts(given: Texts) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
