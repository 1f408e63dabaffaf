"""Real estimators: what the server answers is what they answer in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from zen.errors import ComponentError
from zen_plugin_serve.deployer import ServeDeployer

PEOPLE = pd.DataFrame(
    {
        "age": [23, 35, 61, 44, 52, 19],
        "income": [1.5, 2.5, 3.25, 0.5, 4.0, 1.0],
        "city": ["Rome", "Oslo", "Rome", "Lima", "Oslo", "Lima"],
    }
)
LEFT = ["no", "yes", "yes", "no", "yes", "no"]


def signature(frame: pd.DataFrame) -> dict[str, Any]:
    return {"columns": [{"name": name, "type": str(kind)} for name, kind in frame.dtypes.items()]}


def test_a_pipeline_gets_the_table_that_it_was_trained_with(
    deployer: ServeDeployer, pack: Callable[[Any], Any], version: Any
) -> None:
    columns = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "income"]))
    model = make_pipeline(columns, LogisticRegression()).fit(PEOPLE, LEFT)
    made = deployer.deploy("churn", version(1, signature=signature(PEOPLE)), pack(model), {})
    assert made.state == "ready", made.reason
    expected = model.predict(PEOPLE).tolist()
    assert deployer.predict("churn", PEOPLE.to_dict("records")) == expected
    shuffled = [{name: row[name] for name in reversed(row)} for row in PEOPLE.to_dict("records")]
    assert deployer.predict("churn", shuffled) == expected
    assert deployer.predict("churn", PEOPLE.values.tolist()) == expected
    assert "UserWarning" not in deployer.logs("churn")
    with pytest.raises(ComponentError, match="row 0, column 'age': expected an integer, got 'old'"):
        deployer.predict("churn", [{"age": "old", "income": 1, "city": "Rome"}])


def test_names_are_taken_from_the_estimator_when_no_signature_is_known(
    deployer: ServeDeployer, pack: Callable[[Any], Any], version: Any
) -> None:
    numbers = PEOPLE[["age", "income"]]
    model = LogisticRegression().fit(numbers, LEFT)
    deployer.deploy("churn", version(1), pack(model), {})
    assert deployer.predict("churn", numbers.to_dict("records")) == model.predict(numbers).tolist()
    with pytest.raises(ComponentError, match="row 0, column 'income': it is missing"):
        deployer.predict("churn", [{"age": 3}])


def test_missing_values_are_nan_to_a_model_that_takes_them(
    deployer: ServeDeployer, pack: Callable[[Any], Any], version: Any
) -> None:
    rows = [[float(number), None if number % 3 else 1.0] for number in range(50)]
    array = np.array(rows, dtype=np.float64)
    model = HistGradientBoostingRegressor(max_iter=5).fit(array, np.arange(50.0))
    deployer.deploy("churn", version(1, signature={"features": 2}), pack(model), {})
    assert deployer.predict("churn", rows) == model.predict(array).tolist()


def test_texts_are_rows_too(deployer: ServeDeployer, pack: Callable[[Any], Any], version: Any) -> None:
    texts = ["good", "bad", "very good", "very bad"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    deployer.deploy("churn", version(1), pack(model), {})
    assert deployer.predict("churn", texts) == [1, 0, 1, 0]


def test_arrays_of_numbers_and_arrays_of_texts_have_features(
    deployer: ServeDeployer, pack: Callable[[Any], Any], version: Any
) -> None:
    words = np.array([["Rome", 1], ["Oslo", 2], ["Rome", 2], ["Oslo", 1]], dtype=object)
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, [1, 0, 1, 0])
    deployer.deploy("churn", version(1, signature={"features": 2}), pack(model), {})
    assert deployer.predict("churn", words.tolist()) == [1, 0, 1, 0]
    numbers = LogisticRegression().fit(np.array([[1.0, 2.0], [3.0, 4.0]]), [0, 1])
    deployer.deploy("churn", version(2, signature={"features": 2}), pack(numbers), {})
    assert deployer.predict("churn", [[1, 2], [3, 4]]) == [0, 1]
    with pytest.raises(ComponentError, match="row 0, column 1: the model does not take 'x'"):
        deployer.predict("churn", [[1, "x"]])
