"""The conformance kit on the materializers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytest.importorskip("pandas", reason="mlflow-skinny loads no models")

from mlflow.pyfunc import PythonModel, load_model

from zen import pack, unpack
from zen.errors import MaterializerError
from zen.testing import MaterializerSuite
from zen_plugin_mlflow import flavors
from zen_plugin_mlflow.materializer import LoadedModelMaterializer, PythonModelMaterializer
from zen_plugin_mlflow.signatures import form


class Length(PythonModel):  # type: ignore[misc]  # MLflow's types are not followed
    """A model of a user."""

    def __init__(self, more: int = 0, weights: bytes = b"") -> None:
        self.more, self.weights = more, weights

    def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[int]:
        return [len(text) + self.more for text in model_input]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Length) and (self.more, self.weights) == (other.more, other.weights)

    __hash__ = None  # type: ignore[assignment]  # it is mutable


class Longer(Length):
    pass


class TestPythonModels(MaterializerSuite):
    materializer = PythonModelMaterializer
    lacks: ClassVar[Mapping[str, str]] = {"deterministic": "MLflow gives each saved model an id and a time"}

    def values(self) -> Mapping[str, Any]:
        weights = bytes(range(256)) * 8192
        return {"plain": Length(2), "empty": Length(), "large": Length(weights=weights), "subclass": Longer(1)}


class TestLoadedModels(MaterializerSuite):
    materializer = LoadedModelMaterializer
    lacks: ClassVar[Mapping[str, str]] = {
        "deterministic": "MLflow's formats of models are not: skops writes memory addresses",
        "empty": "MLflow refuses models without anything",
        "subclass": "MLflow makes all of them itself",
    }

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path

    def values(self) -> Mapping[str, Any]:
        linear_model = pytest.importorskip("sklearn.linear_model")
        ridge = linear_model.Ridge().fit([[0.0, 1.0], [1.0, 3.0], [2.0, 1.0]], [0.0, 1.0, 2.0])
        return {
            "sklearn": self.saved("sklearn", ridge, {"columns": [{"name": "a", "type": "float64"}]}),
            "python": self.saved("pyfunc", Length(3), None),
            "large": self.saved("pyfunc", Length(weights=bytes(range(256)) * 8192), None),
        }

    def saved(self, flavor: str, model: Any, facts: Any) -> Any:
        folder = Path(tempfile.mkdtemp(dir=self.path)) / "model"
        flavors.save(model, folder, flavor=flavor, form=form(facts))
        return load_model(str(folder))

    def equal(self, one: Any, other: Any) -> bool:
        inside = [vars(flavors.unwrapped(model)) for model in (one, other)]
        about = [
            (model.metadata.model_uuid, model.metadata.signature, str(model.input_example)) for model in (one, other)
        ]
        return bool(str(inside[0]) == str(inside[1]) and about[0] == about[1])


def test_description_tells_what_the_model_expects(tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    facts = {"columns": [{"name": "a", "type": "float64"}, {"name": "b", "type": "int64"}]}
    ridge = linear_model.Ridge().fit([[0.0, 1.0], [1.0, 3.0]], [0.0, 1.0])
    flavors.save(ridge, tmp_path / "model", flavor="sklearn", form=form(facts))
    described = LoadedModelMaterializer().describe(load_model(str(tmp_path / "model")))
    assert described["flavors"] == ["sklearn"]
    assert described["signature"] == {"columns": [{"name": "a", "type": "double"}, {"name": "b", "type": "long"}]}


def test_models_load_only_where_pickles_may(tmp_path: Path) -> None:
    pack(Length(2), tmp_path / "packed")
    with pytest.raises(MaterializerError, match="can run any code"):
        unpack(tmp_path / "packed")
    assert unpack(tmp_path / "packed", allow_pickle=True) == Length(2)
