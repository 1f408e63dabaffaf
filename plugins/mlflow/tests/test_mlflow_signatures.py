from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zen_plugin_mlflow import flavors
from zen_plugin_mlflow.scoring import body
from zen_plugin_mlflow.signatures import columns_of, expected, form, mlflow_type, told


@pytest.mark.parametrize(
    ("told_type", "name"),
    [
        ("bool", "boolean"),
        ("int8", "integer"),
        ("int32", "integer"),
        ("Int64", "long"),
        ("int64[pyarrow]", "long"),
        ("float32", "float"),
        ("float64", "double"),
        ("uint64", "double"),
        ("number", "double"),
        ("str", "string"),
        ("string[python]", "string"),
        ("datetime64[ns, UTC]", "datetime"),
        ("object", None),
        ("category", None),
    ],
)
def test_types_of_tables_have_names_in_mlflow(told_type: str, name: str | None) -> None:
    assert mlflow_type(told_type) == name


def test_columns_are_read_in_every_form_that_tables_are_described_in() -> None:
    pairs = [("a", "int64"), ("b", "str")]
    for columns in (
        [["a", "int64"], ["b", "str"]],
        [{"name": "a", "type": "int64"}, {"name": "b", "type": "str"}],
        {"a": "int64", "b": {"type": "str", "nulls": 0}},
    ):
        assert columns_of({"columns": columns}) == pairs
    empty: tuple[dict[str, Any], ...] = ({}, {"columns": []}, {"columns": 3}, {"columns": ["a", "b", "c"]})
    assert [columns_of(nothing) for nothing in empty] == [None] * 4


def test_features_take_whole_numbers_as_well() -> None:
    pytest.importorskip("pandas")
    made = form({"features": 2})
    assert [column.type.name for column in made.signature.inputs.inputs] == ["double", "double"]  # type: ignore[union-attr]  # known
    assert made.example.tolist() == [[0.0, 0.0]]
    assert told(made.signature) == {"features": 2}


def test_columns_become_a_signature_and_an_example() -> None:
    pytest.importorskip("pandas")
    columns = [{"name": "age", "type": "int64"}, {"name": "city", "type": "str"}, {"name": "vip", "type": "bool"}]
    made = form({"columns": columns})
    assert told(made.signature) == {
        "columns": [
            {"name": "age", "type": "long"},
            {"name": "city", "type": "string"},
            {"name": "vip", "type": "boolean"},
        ]
    }
    assert made.example.to_dict("list") == {"age": [0], "city": [""], "vip": [False]}


def test_column_that_may_hold_anything_takes_anything() -> None:
    pytest.importorskip("pandas")
    made = form({"columns": [{"name": "odd", "type": "object"}]})
    assert (str(made.signature.inputs.inputs[0].type), made.example) == ("Any", None)  # type: ignore[union-attr]  # known


@pytest.mark.parametrize("facts", [None, {}, {"features": 0}, {"columns": []}, {"classes": [0, 1]}])
def test_nothing_known_is_no_signature(facts: Any) -> None:
    made = form(facts)
    assert (made.signature, made.example) == (None, None)


def test_models_say_what_they_expect() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [1, 2]})
    named = linear_model.Ridge().fit(frame, [0, 1])
    unnamed = linear_model.Ridge().fit(frame.to_numpy(), [0, 1])
    table = [("b", "int64"), ("a", "float64"), ("label", "int64")]
    wanted = {"columns": [{"name": "a", "type": "float64"}, {"name": "b", "type": "int64"}]}
    assert expected(named, [[("a", "float64")], table]) == wanted
    assert expected(named) is None
    assert expected(unnamed, [table]) == {"features": 2}
    assert expected(linear_model.Ridge()) is None
    assert expected(object()) is None


def test_models_of_texts_and_categories_are_not_said_to_take_numbers() -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    data = [["x", "u"], ["y", "v"]]
    assert expected(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(data, [0, 1])) is None


def test_boosters_say_what_they_expect() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    numpy = pytest.importorskip("numpy")
    data = numpy.arange(40.0).reshape(20, 2)
    train = lightgbm.Dataset(data, data.sum(axis=1))
    assert expected(lightgbm.train({"verbose": -1}, train, 1)) == {"features": 2}


def foreign(module: str, name: str, *bases: type) -> Any:
    return type(name, bases or (object,), {"__module__": module})


def test_flavor_is_found_by_the_nearest_base() -> None:
    network = foreign("torch.nn.modules.module", "Module")
    estimator = foreign("sklearn.base", "BaseEstimator")
    assert flavors.flavor_of(foreign("project.nets", "Net", network)()) == "pytorch"
    assert flavors.flavor_of(foreign("xgboost.sklearn", "XGBClassifier", estimator)()) == "xgboost"
    assert flavors.flavor_of(foreign("project", "Own", estimator)()) == "sklearn"
    assert flavors.flavor_of(foreign("mlflow.pyfunc.model", "PythonModel")()) == "pyfunc"
    assert flavors.flavor_of({"a": 1}) is None


@pytest.mark.parametrize("name", ["forest", "boosted", "lambda"])
def test_models_come_back_from_their_flavor(tmp_path: Path, name: str) -> None:
    pytest.importorskip("sklearn")
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    data = np.arange(40.0).reshape(20, 2)
    labels = (data[:, 0] > 20).astype(int)
    forest = RandomForestClassifier(3, random_state=0)
    model = {"forest": lambda: forest, "lambda": lambda: make_pipeline(FunctionTransformer(lambda x: x), forest)}
    if name == "boosted":
        lightgbm = pytest.importorskip("lightgbm")
        model["boosted"] = lambda: make_pipeline(lightgbm.LGBMClassifier(n_estimators=2, verbose=-1))
    fitted = model[name]().fit(data, labels)
    flavors.save(fitted, tmp_path / "model", flavor="sklearn", form=flavors.form_of(fitted))
    loaded = pyfunc.load_model(str(tmp_path / "model"))
    assert loaded.predict(data).tolist() == fitted.predict(data).tolist()
    assert type(flavors.unwrapped(loaded)) is type(fitted)
    required = {line.partition("==")[0] for line in (tmp_path / "model" / "requirements.txt").read_text().split()}
    inside = {"forest": "scikit-learn", "boosted": "lightgbm", "lambda": "cloudpickle"}[name]
    assert {"mlflow", "scikit-learn", inside} <= required


@pytest.mark.parametrize(
    ("data", "columns", "sent"),
    [
        ([[1, 2]], (), {"inputs": [[1, 2]]}),
        ([[1, 2]], ("a", "b"), {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}),
        ([[1, 2]], ("a",), {"inputs": [[1, 2]]}),
        ([{"a": 1}], ("a",), {"dataframe_records": [{"a": 1}]}),
        ({"a": 1}, (), {"dataframe_records": [{"a": 1}]}),
        ({"a": [1, 2]}, (), {"dataframe_split": {"columns": ["a"], "data": [(1,), (2,)]}}),
        ({"inputs": "x"}, ("a",), {"inputs": "x"}),
        ([], ("a",), {"inputs": []}),
        ("text", (), {"inputs": "text"}),
    ],
)
def test_data_becomes_a_request(data: Any, columns: tuple[str, ...], sent: Any) -> None:
    assert body(data, columns) == sent


def test_requirements_name_the_packages_of_what_is_inside() -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import Ridge

    model = SimpleNamespace(get_params=lambda deep: {"inner": Ridge()})
    assert any(line.startswith("scikit-learn==") for line in flavors.requirements(model))
