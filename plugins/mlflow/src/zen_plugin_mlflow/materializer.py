"""MLflow's own model objects as artifacts: the folders that MLflow saves and loads."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from zen import pack
from zen.errors import ComponentError, MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen_plugin_mlflow import flavors, packed
from zen_plugin_mlflow.signatures import Form, told


class LoadedModelMaterializer(Materializer):
    """Saves what `mlflow.pyfunc.load_model` has returned, with its signature, input example and identity.

    Most flavors keep pickles, and MLflow imports what the description of a model names, hence `unsafe`.
    """

    format: ClassVar[str] = "mlflow-model"
    unsafe: ClassVar[bool] = True

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the model with the flavor of what is inside of it."""
        with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as name:
            folder = Path(name) / "model"
            _explained(value, lambda: self._write(value, folder, Path(name) / "packed"))
            _copy(folder, writer)

    def _write(self, value: Any, folder: Path, apart: Path) -> None:
        model, form, about = flavors.unwrapped(value), flavors.form_of(value), _identity(value)
        flavor = flavors.flavor_of(model)
        if flavor is not None:
            flavors.save(model, folder, flavor=flavor, form=form, about=about)
        else:
            pack(model, apart)
            packed.save(model, apart, folder, form=form, about=about)

    def load(self, reader: ArtifactReader) -> Any:
        """Return the model, as `mlflow.pyfunc.load_model` does."""
        return _loaded(reader)

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return flavors, signature, and where the model is from."""
        about = value.metadata
        facts = {
            "flavors": sorted(name for name in about.flavors if name != "python_function"),
            "signature": told(about.signature),
            "model_uuid": about.model_uuid,
            "mlflow_run_id": about.run_id,
            "mlflow_version": about.mlflow_version,
        }
        return {name: fact for name, fact in facts.items() if fact}


class PythonModelMaterializer(Materializer):
    """Saves instances of the user's own subclasses of `mlflow.pyfunc.PythonModel`; MLflow pickles them."""

    format: ClassVar[str] = "mlflow-python-model"
    unsafe: ClassVar[bool] = True

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the model."""
        with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as name:
            folder = Path(name) / "model"
            twin = copy.copy(value)  # MLflow notes type hints in the object that it saves
            _explained(value, lambda: flavors.save(twin, folder, flavor="pyfunc", form=Form()))
            _copy(folder, writer)

    def load(self, reader: ArtifactReader) -> Any:
        """Return the model."""
        reader.resolve(reader.type)  # its module may be the project's, which pickle would not find
        return _loaded(reader).unwrap_python_model()


def _identity(value: Any) -> Any:
    """Return what makes a saved model the same one: its ids and times."""
    from mlflow.models import Model

    known = value.metadata
    return Model(
        artifact_path=known.artifact_path,
        run_id=known.run_id,
        utc_time_created=known.utc_time_created,
        model_uuid=known.model_uuid,
        metadata=known.metadata,
        model_id=known.model_id,
    )


def _explained(value: Any, save: Any) -> None:
    try:
        save()
    except ComponentError as err:
        raise MaterializerError(
            f"a {type(value).__qualname__} cannot be saved: {err.message}", hint=err.hint, type=type(value).__qualname__
        ) from err


def _copy(folder: Path, writer: ArtifactWriter) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as source, writer.open(path.relative_to(folder).as_posix()) as target:
                shutil.copyfileobj(source, target)


def _loaded(reader: ArtifactReader) -> Any:
    try:
        with flavors.needs_full("load models"), flavors.quiet():
            from mlflow.pyfunc import load_model

            return load_model(str(reader.tree()))
    except ComponentError as err:
        raise MaterializerError(err.message, hint=err.hint) from err
    except MaterializerError:
        raise
    except Exception as err:  # MLflow's flavors, and the libraries below them
        raise MaterializerError(
            f"MLflow cannot load the stored model: {type(err).__name__}: {err}",
            hint="load it with the versions that its requirements.txt names",
            type=reader.type,
        ) from err
