from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from zen_plugin_serve.signature import Invalid, Signature, derived, parsed


def columns(**types: str) -> Signature:
    return parsed({"columns": [{"name": name, "type": kind} for name, kind in types.items()]})


def faults(signature: Signature, data: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        signature.check(data)
    return [str(fault) for fault in refused.value.faults]


GOOD = {
    "int64": [0, -5, 3.0, 2**63 - 1],
    "uint8": [0, 255],
    "Int64": [1, None],
    "int64[pyarrow]": [1, None],
    "float64": [1, 2.5, None, 10**300],
    "double": [1.5],
    "bool": [True, False],
    "boolean": [True, None],
    "str": ["a", None],
    "string[python]": ["a"],
    "datetime64[ns]": ["2026-01-31", "2026-01-31T12:00:00Z", None],
    "datetime64[ns, UTC]": ["2026-01-31T12:00:00+02:00"],
    "object": [1, "a", None, [1]],
    "category": ["a", 1],
    "something else": [1, "a"],
}
BAD = {
    "int64": [1.5, "1", None, True, 2**63, [1], {}],
    "uint8": [-1, 256],
    "float64": ["1.5", True, [], 10**400],
    "bool": [0, "true", None],
    "str": [1, True],
    "datetime64[ns]": ["yesterday", 5],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in GOOD.items() for value in values])
def test_values_of_their_type_are_taken(kind: str, value: Any) -> None:
    signature = columns(x=kind)
    assert signature.check([{"x": value}, [value]]) == {"x": [value, value]}
    if value != 3.0:
        jsonschema.validate([{"x": value}, [value]], signature.rows())


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in BAD.items() for value in values])
def test_values_of_another_type_are_refused(kind: str, value: Any) -> None:
    [told] = faults(columns(x=kind), [{"x": value}])
    assert told.startswith("row 0, column 'x': expected ")
    assert len(told) < 250


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([{"age": 1, "sex": "f"}, {"age": 1}], "row 1, column 'sex': it is missing"),
        ([{"age": 1, "sexx": "f"}], "row 0, column 'sex': it is missing, but there is 'sexx'"),
        ([{"age": 1, "sex": "f", "agee": 2}], "row 0, column 'agee': there is no such column; did you mean 'age'?"),
        ([[1]], "row 0: expected 2 values (['age', 'sex']), got 1"),
        (["x"], "row 0: expected an object with a value for each column, or a list of values, got 'x'"),
        ({"age": 1}, "`data` has to be a list of rows, not {'age': 1}"),
        (None, "`data` has to be a list of rows, not null"),
    ],
)
def test_rows_that_do_not_fit_are_told(data: Any, told: str) -> None:
    assert faults(columns(age="int64", sex="str"), data) == [told]


def test_all_faults_are_told_in_order_up_to_twenty() -> None:
    data = [{"age": "x", "sex": 1} for _ in range(50)]
    told = faults(columns(age="int64", sex="str"), data)
    assert len(told) == 20
    assert told[:3] == [
        "row 0, column 'age': expected an integer, got 'x'",
        "row 0, column 'sex': expected a text or null, got 1",
        "row 1, column 'age': expected an integer, got 'x'",
    ]


def test_categories_are_the_only_values() -> None:
    signature = parsed({"columns": [{"name": "x", "type": "category", "categories": ["a", "b"], "nullable": False}]})
    assert signature.check([["a"]]) == {"x": ["a"]}
    assert faults(signature, [["c"], [None]])[0] == "row 0, column 'x': expected one of ['a', 'b'], got 'c'"


def test_features_are_counted_and_numbers() -> None:
    signature = parsed({"features": 2, "type": "float64"})
    assert signature.check([[1, 2.5], [None, 0]]) == [[1, 2.5], [None, 0]]
    assert faults(signature, [[1], [1, "x"], {"a": 1}]) == [
        "row 0: expected a list of 2 values, got 1 values",
        "row 1, column 1: expected a number, got 'x'",
        "row 2: expected a list of 2 values, got {'a': 1}",
    ]
    jsonschema.validate([[1, None]], signature.rows())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([[1, 2, 3]], signature.rows())


def test_features_of_unknown_type_take_texts_and_suspect_them() -> None:
    signature = parsed({"features": 2})
    assert signature.check([[1, "x"]]) == [[1, "x"]]
    assert [str(fault) for fault in signature.suspects([[1, None], [2.5, "x"]])] == [
        "row 1, column 1: the model does not take 'x'"
    ]
    assert Signature().suspects([["x"]]) == []


def test_without_a_signature_any_list_is_taken() -> None:
    assert Signature().check(["a", {"b": 1}, 3]) == ["a", {"b": 1}, 3]
    assert faults(Signature(), "text") == ["`data` has to be a list of rows, not 'text'"]


@pytest.mark.parametrize("signature", [{"columns": [{"type": "int"}]}, {"features": -1}, [1], "int", {"colums": []}])
def test_a_malformed_signature_is_refused(signature: Any) -> None:
    with pytest.raises(ValueError, match="the version's signature is"):
        parsed(signature)


def test_fitted_estimators_say_what_they_take() -> None:
    named = derived(SimpleNamespace(feature_names_in_=["a", "b"], n_features_in_=2))
    assert [(column.name, column.form) for column in named.columns] == [("a", "any"), ("b", "any")]
    assert derived(SimpleNamespace(n_features_in_=3)).features == 3
    assert derived(SimpleNamespace()) == Signature()
