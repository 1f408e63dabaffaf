"""What a model expects, as zen says it and as MLflow does.

zen says `{"columns": [{"name": …, "type": …}, …]}` for a model that was trained with a table, and `{"features": n}` for
one that knows the number of its features only. Types are those of the table's library, such as pandas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

Facts = Mapping[str, Any]
Table = Sequence[tuple[str, str]]

_TYPES = (
    (r"bool(ean)?", "boolean"),
    (r"u?int(8|16)|int32|integer", "integer"),
    (r"uint32|int64|int|long", "long"),
    (r"float(16|32)|halffloat", "float"),
    (r"(u?int|float)\d*|double|number|decimal.*", "double"),
    (r"str|string.*|large_string|text|unicode", "string"),
    (r"(datetime64|timestamp|date|time).*", "datetime"),
    (r"bytes|(large_)?binary", "binary"),
)
_EXAMPLES: dict[str, Any] = {"boolean": False, "integer": 0, "long": 0, "float": 0.0, "double": 0.0, "string": ""}
_NUMBERS = {"integer", "long", "float", "double"}
_UNNAMED = re.compile(r"(Column_|f)?\d+")  # what LightGBM and XGBoost call columns without names


def mlflow_type(told: str) -> str | None:
    """Return MLflow's name of a column's type; None for one that may hold anything, such as `object` or `category`."""
    text = told.lower().removesuffix("[pyarrow]")
    return next((name for pattern, name in _TYPES if re.fullmatch(pattern, text)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What a model expects, in MLflow's terms: its signature, and data of that form."""

    signature: ModelSignature | None = None
    example: Any = None


def form(facts: Facts | None) -> Form:
    """Return what a model expects in MLflow's terms."""
    return Form(signature=signature(facts), example=example(facts))


def signature(facts: Facts | None) -> ModelSignature | None:
    """Return MLflow's signature of a model; None when nothing is known."""
    columns, features = _table(facts), _features(facts)
    if not columns and not features:
        return None
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    if features:
        # Not a tensor: MLflow refuses tensors of any other dtype, even whole numbers for doubles.
        return ModelSignature(inputs=Schema([ColSpec(DataType.double)] * features))
    specs = []
    for name, told in columns:
        known = mlflow_type(told)
        # What may hold anything may also hold nothing, so MLflow wants such columns to be optional.
        specs.append(ColSpec(DataType[known] if known else AnyType(), name, required=known is not None))
    return ModelSignature(inputs=Schema(specs))


def example(facts: Facts | None) -> Any:
    """Return one row of the form that a model expects, of zeros and empty texts; None when that is not known."""
    columns, features = _table(facts), _features(facts)
    if features:
        import numpy as np

        return np.zeros((1, features))
    values = {name: _EXAMPLES.get(mlflow_type(told) or "") for name, told in columns}
    if not values or None in values.values():
        return None
    import pandas as pd

    dtypes = {name: _dtype(told) for name, told in columns}
    return pd.DataFrame({name: pd.Series([value], dtype=dtypes[name]) for name, value in values.items()})


def _dtype(told: str) -> str:
    numpy = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
    return numpy.get(mlflow_type(told) or "", "object")


def told(given: ModelSignature | None) -> dict[str, Any] | None:
    """Return MLflow's signature as zen says it; None for what zen has no words for, such as images."""
    inputs = given.inputs if given is not None else None
    if inputs is None:
        return None
    if inputs.is_tensor_spec():
        shapes = [tensor.shape for tensor in inputs.inputs]
        return {"features": int(shapes[0][1])} if len(shapes) == 1 and len(shapes[0]) == 2 else None
    if not inputs.has_input_names():
        return (
            {"features": len(inputs.inputs)} if {_word(column.type) for column in inputs.inputs} <= _NUMBERS else None
        )
    return {"columns": [{"name": str(column.name), "type": _word(column.type)} for column in inputs.inputs]}


def _word(kind: Any) -> str:
    return str(getattr(kind, "name", None) or kind)


def expected(model: Any, tables: Iterable[Table] = ()) -> dict[str, Any] | None:
    """Return what a model expects, as far as it says so itself.

    Args:
        model: A model that was trained.
        tables: Names and types of the columns of tables that it may have been trained with: the first one that has all
            columns that the model names says their types.
    """
    names = _feature_names(model)
    for table in tables:
        types = dict(table)
        if names and set(names) <= types.keys():
            return {"columns": [{"name": name, "type": types[name]} for name in names]}
    count = _feature_count(model)
    return {"features": count} if count and not names and _takes_numbers(model) else None


def _feature_names(model: Any) -> list[str]:
    for attribute in ("feature_names_in_", "feature_names", "feature_name", "feature_name_"):
        try:
            found = getattr(model, attribute, None)
            names = [str(name) for name in (found() if callable(found) else found if found is not None else ())]
        except Exception:  # noqa: BLE001, S112  # a model that was not trained raises what its library likes
            continue
        if names and not all(_UNNAMED.fullmatch(name) for name in names):
            return names
    return []


def _feature_count(model: Any) -> int:
    for attribute in ("n_features_in_", "num_features", "num_feature"):
        try:
            found = getattr(model, attribute, None)
            count = found() if callable(found) else found
        except Exception:  # noqa: BLE001, S112  # as above
            continue
        if count:
            return int(count)
    return 0


def _takes_numbers(model: Any) -> bool:
    """Whether a model was trained with numbers only, as far as it can be seen."""
    parts = components(model)
    if any(type(part).__name__ == "ColumnTransformer" or hasattr(part, "categories_") for part in parts):
        return False
    marks = (getattr(part, name, None) for part in parts for name in ("is_categorical_", "feature_types"))
    return not any(bool(flag) and flag not in ("float", "q", "int", "i") for mark in marks for flag in _items(mark))


def components(model: Any) -> list[Any]:
    """Return a model and the models inside of it, such as the steps of a pipeline of scikit-learn."""
    try:
        inside = list(model.get_params(deep=True).values())
    except Exception:  # noqa: BLE001  # no estimator, or somebody's own that does not keep to the rules
        return [model]
    return [model, *(part for part in inside if hasattr(part, "get_params"))]


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "tolist") else []


def _table(facts: Facts | None) -> list[tuple[str, str]]:
    return columns_of(facts or {}) or []


def columns_of(facts: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Return names and types of the columns that facts about a table or a model tell; None when they tell none."""
    found = facts.get("columns")
    if isinstance(found, Mapping):
        found = [(name, fact.get("type", "") if isinstance(fact, Mapping) else fact) for name, fact in found.items()]
    if not isinstance(found, (list, tuple)) or not found:
        return None
    pairs = [(item.get("name"), item.get("type")) if isinstance(item, Mapping) else tuple(item) for item in found]
    return [(str(pair[0]), str(pair[1])) for pair in pairs] if all(len(pair) == 2 for pair in pairs) else None


def _features(facts: Facts | None) -> int:
    count = (facts or {}).get("features")
    return count if isinstance(count, int) and count > 0 else 0
