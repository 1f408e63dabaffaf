"""What a model takes: its signature, checked row by row, and as JSON Schema."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Column", "Fault", "Invalid", "Signature", "derived", "parsed"]

Form = Literal["integer", "number", "boolean", "text", "time", "any"]

_MOST_FAULTS = 20
_MOST_SHOWN = 80
_BITS = 64
_LARGEST_FLOAT = 1.7976931348623157e308
# Names of types as pandas, NumPy, Arrow, SQL and people write them; what stands in brackets is looked at elsewhere.
_FORMS: Sequence[tuple[re.Pattern[str], Form]] = (
    (re.compile(r"u?int(eger)?\d*|long|short|bigint"), "integer"),
    (re.compile(r"b?float\d*|double|half|number|numeric|decimal\d*|real"), "number"),
    (re.compile(r"bool(ean)?"), "boolean"),
    (re.compile(r"str(ing)?|(large_)?string|text|varchar|utf8"), "text"),
    (re.compile(r"datetime(64)?|timestamp|date(32|64)?"), "time"),
)
_TOLD: dict[Form, str] = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "text": "a text",
    "time": "a time such as 2026-01-31T12:00:00",
    "any": "any value",
}
_SCHEMAS: dict[Form, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "any": {},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong at one place of a request; rows count from 0, as in the request."""

    message: str
    row: int | None = None
    column: str | int | None = None
    expected: str = ""

    def __str__(self) -> str:
        row = "" if self.row is None else f"row {self.row}"
        column = "" if self.column is None else f"column {self.column!r}"
        return ": ".join(filter(None, [", ".join(filter(None, [row, column])), self.message]))


class Invalid(Exception):
    """Data that the model does not take; all faults, the first twenty of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(str(faults[0]))
        self.faults = tuple(faults[:_MOST_FAULTS])


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column: its name, its type as the training data had it, and what of JSON that is.

    Attributes:
        nullable: Whether `null` can stand for a missing value.
        categories: The only values; empty when any will do.
    """

    name: str
    type: str
    form: Form
    nullable: bool
    categories: tuple[Any, ...] = ()

    @property
    def expected(self) -> str:
        """What a value has to be, for people."""
        if self.categories:
            return f"one of {_shown(list(self.categories))}"
        return _TOLD[self.form] + (" or null" if self.nullable and self.form != "any" else "")

    def accepts(self, value: Any) -> bool:
        """Whether a value of JSON can stand in this column."""
        if value is None:
            return self.nullable
        if self.categories:
            return any(type(value) is type(each) and value == each for each in self.categories)
        return _CHECKS[self.form](value, self.type)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a value."""
        if self.categories:
            return {"enum": [*self.categories, *([None] if self.nullable else [])]}
        own = dict(_SCHEMAS[self.form])
        if self.nullable and "type" in own:
            own["type"] = [own["type"], "null"]
        return own


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What a model takes. Without columns and features it takes any list.

    Attributes:
        features: How many values a row has, for rows without names.
        form: Of what kind these values are.
    """

    columns: tuple[Column, ...] = ()
    features: int = 0
    form: Form = "any"

    def check(self, data: Any) -> dict[str, list[Any]] | list[Any]:
        """Return the data: by column for a model with columns, as they are for another.

        Raises:
            Invalid: With the places of what is wrong.
        """
        if not isinstance(data, list):
            raise Invalid([Fault(message=f"`data` has to be a list of rows, not {_shown(data)}")])
        if self.columns:
            return self._by_column(data)
        if self.features:
            self._check_rows(data)
        return data

    def suspects(self, data: Any) -> list[Fault]:
        """Return the values that may be why a model failed: texts and the like, where only the count is known."""
        if not self.features or self.form != "any" or not isinstance(data, list):
            return []
        return [
            Fault(row=row, column=column, message=f"the model does not take {_shown(value)}", expected=_TOLD["number"])
            for row, values in enumerate(data)
            for column, value in enumerate(values)
            if value is not None and not _is_number(value, "")
        ]

    def rows(self) -> dict[str, Any]:
        """Return the JSON Schema of `data`."""
        if self.columns:
            named = {
                "type": "object",
                "properties": {column.name: column.schema() for column in self.columns},
                "required": [column.name for column in self.columns],
                "additionalProperties": False,
            }
            values = [column.schema() for column in self.columns]
            count = len(values)
            listed = {"type": "array", "prefixItems": values, "minItems": count, "maxItems": count}
            return {"type": "array", "items": {"anyOf": [named, listed]}}
        if self.features:
            value = {"type": ["number", "null"]} if self.form == "number" else _SCHEMAS[self.form]
            row = {"type": "array", "items": value, "minItems": self.features, "maxItems": self.features}
            return {"type": "array", "items": row}
        return {"type": "array", "items": {}}

    def _by_column(self, data: list[Any]) -> dict[str, list[Any]]:
        names = [column.name for column in self.columns]
        known = frozenset(names)
        faults = [fault for number, row in enumerate(data) if (fault := _misfit(number, row, names, known))]
        if faults:
            raise Invalid(faults)
        table = {}
        for position, column in enumerate(self.columns):
            name = column.name
            values = [row[name] if type(row) is dict else row[position] for row in data]
            accepts = column.accepts
            faults += [_wrong(row, column, value) for row, value in enumerate(values) if not accepts(value)]
            table[name] = values
        if faults:
            raise Invalid(sorted(faults, key=lambda fault: fault.row or 0))
        return table

    def _check_rows(self, data: list[Any]) -> None:
        accepts = _CHECKS[self.form]
        faults = []
        for number, row in enumerate(data):
            if not isinstance(row, list) or len(row) != self.features:
                found = f"{len(row)} values" if isinstance(row, list) else _shown(row)
                message = f"expected a list of {self.features} values, got {found}"
                faults.append(Fault(row=number, message=message, expected=f"a list of {self.features} values"))
                continue
            for position, value in enumerate(row):
                if not (accepts(value, "") or (value is None and self.form == "number")):
                    told = f"expected {_TOLD[self.form]}, got {_shown(value)}"
                    faults.append(Fault(row=number, column=position, message=told, expected=_TOLD[self.form]))
        if faults:
            raise Invalid(faults)


def parsed(signature: Any) -> Signature:
    """Return the signature that a version was registered with.

    Raises:
        ValueError: When it is none.
    """
    if not signature:
        return Signature()
    columns = signature.get("columns") if isinstance(signature, Mapping) else None
    if isinstance(columns, Sequence) and columns and all(map(_is_column, columns)):
        return Signature(columns=tuple(_column(each) for each in columns))
    features = signature.get("features") if isinstance(signature, Mapping) else None
    if type(features) is int and features > 0:
        return Signature(features=features, form=_form(str(signature.get("type", ""))))
    raise ValueError(
        f"the version's signature is {_shown(signature)}, and not"
        ' {"columns": [{"name": …, "type": …}]} or {"features": n}'
    )


def derived(model: Any) -> Signature:
    """Return what a fitted estimator, as scikit-learn and its kin have them, says of its input."""
    names = getattr(model, "feature_names_in_", None)
    if names is not None and len(names):
        return Signature(columns=tuple(_column({"name": str(name), "type": "any"}) for name in names))
    count = getattr(model, "n_features_in_", None)
    return Signature(features=int(count)) if isinstance(count, int) and count > 0 else Signature()


def _is_column(column: Any) -> bool:
    return isinstance(column, Mapping) and isinstance(column.get("name"), str)


def _column(facts: Mapping[str, Any]) -> Column:
    kind = str(facts.get("type", "any"))
    form = _form(kind)
    # What pandas writes with a capital letter, and what Arrow has, knows missing values; a bare int64 or bool does not.
    nullable = form not in ("integer", "boolean") or kind[:1] in "IUB" or kind == "boolean" or "pyarrow" in kind
    categories = tuple(facts.get("categories") or ())
    nullable = bool(facts.get("nullable", nullable))
    return Column(name=facts["name"], type=kind, form=form, nullable=nullable, categories=categories)


def _form(kind: str) -> Form:
    bare = re.split(r"[\[(<]", kind.strip().lower())[0]
    return next((form for pattern, form in _FORMS if pattern.fullmatch(bare)), "any")


def _misfit(number: int, row: Any, names: Sequence[str], known: frozenset[str]) -> Fault | None:
    """Return what is wrong with the columns of a row."""
    if type(row) is list:
        if len(row) == len(names):
            return None
        message = f"expected {len(names)} values ({_shown(names)}), got {len(row)}"
        return Fault(row=number, message=message, expected=f"{len(names)} values")
    if type(row) is not dict:
        told = "an object with a value for each column, or a list of values"
        return Fault(row=number, message=f"expected {told}, got {_shown(row)}", expected=told)
    if row.keys() == known:
        return None
    missing = next((name for name in names if name not in row), None)
    strange = next((name for name in row if name not in known), None)
    if missing is None and strange is not None:
        near = difflib.get_close_matches(strange, names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; the columns are {_shown(names)}"
        return Fault(row=number, column=strange[:_MOST_SHOWN], message=f"there is no such column{hint}")
    told = "" if strange is None else f", but there is {_shown(strange)}"
    return Fault(row=number, column=missing, message=f"it is missing{told}")


def _wrong(row: int, column: Column, value: Any) -> Fault:
    message = f"expected {column.expected}, got {_shown(value)}"
    return Fault(row=row, column=column.name, message=message, expected=column.expected)


def _is_integer(value: Any, kind: str) -> bool:
    if type(value) is float:
        return value.is_integer() and abs(value) <= 2**53
    if type(value) is not int:
        return False
    bits = int((re.findall(r"\d+", kind.partition("[")[0]) or [_BITS])[0])
    if kind.lower().startswith("u"):
        return value in range(2**bits)
    return value in range(-(2 ** (bits - 1)), 2 ** (bits - 1))


def _is_number(value: Any, kind: str) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= _LARGEST_FLOAT)


def _is_boolean(value: Any, kind: str) -> bool:
    return type(value) is bool


def _is_text(value: Any, kind: str) -> bool:
    return type(value) is str


def _is_time(value: Any, kind: str) -> bool:
    if type(value) is not str:
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_any(value: Any, kind: str) -> bool:
    return True


_CHECKS: dict[Form, Callable[[Any, str], bool]] = {
    "integer": _is_integer,
    "number": _is_number,
    "boolean": _is_boolean,
    "text": _is_text,
    "time": _is_time,
    "any": _is_any,
}


def _shown(value: Any) -> str:
    """Return a value as messages show it: short, and in the words of JSON."""
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= 10**20:  # printing a longer one may be refused
        return "a number of more than 20 digits"
    try:
        text = repr(value[:_MOST_SHOWN] if isinstance(value, (str, list)) else value)
    except RecursionError:
        return "something nested deeply"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
