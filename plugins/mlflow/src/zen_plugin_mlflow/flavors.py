"""Models as folders of MLflow: which of its flavors takes a model, and saving it with that."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError, MaterializerError
from zen_plugin_mlflow.signatures import Facts, Form, components, expected, form

if TYPE_CHECKING:
    from mlflow.models import Model

FULL = 'pip install "zen-plugin-mlflow[full]"'

# The flavor that saves the models of a package, by the module that a class comes from.
_OF_PACKAGE = {
    name: name
    for name in (
        *("sklearn", "xgboost", "lightgbm", "catboost", "keras", "tensorflow", "statsmodels", "prophet", "onnx"),
        *("spacy", "pmdarima", "paddle", "h2o"),
    )
} | {"torch": "pytorch"}
_PYTHON_MODEL = ("mlflow.pyfunc.model", "PythonModel")
_LOADED_MODEL = ("mlflow.pyfunc", "PyFuncModel")


def flavor_of(model: Any) -> str | None:
    """Return the name of the flavor that takes a model, `sklearn`; None when there is none. Imports nothing.

    The bases of a class count as well, the nearest first: an XGBClassifier is XGBoost's before it is scikit-learn's.
    """
    for cls in type(model).__mro__:
        if (cls.__module__, cls.__qualname__) == _PYTHON_MODEL:
            return "pyfunc"
        found = _OF_PACKAGE.get(cls.__module__.partition(".")[0])
        if found is not None:
            return found
    return None


def unwrapped(model: Any) -> Any:
    """Return the model inside of one that MLflow has loaded, as its library knows it; any other one itself."""
    if not _is_loaded(model):
        return model
    with contextlib.suppress(Exception):  # MLflow's way to say that the model inside is no PythonModel
        return model.unwrap_python_model()
    try:
        return model.get_raw_model()
    except Exception as err:  # what the wrappers of its flavors raise
        raise MaterializerError(
            f"MLflow cannot give the model inside of {model!r}: {err}", hint="keep the model that was logged instead"
        ) from err


def form_of(model: Any, facts: Facts | None = None) -> Form:
    """Return what a model expects: as one that MLflow has loaded says, as told, or as it says itself."""
    with needs_full("describe models"):
        if _is_loaded(model):
            return Form(signature=model.metadata.signature, example=getattr(model, "input_example", None))
        return form(facts or expected(model))


def _is_loaded(model: Any) -> bool:
    return any((cls.__module__, cls.__qualname__) == _LOADED_MODEL for cls in type(model).__mro__)


def save(model: Any, folder: Path, *, flavor: str, form: Form, about: Model | None = None) -> None:
    """Save a model as an MLflow model, a folder, without the seconds in which MLflow would look for its requirements.

    Args:
        model: What `flavor_of` knows.
        folder: Is made; nothing may be there.
        flavor: The name of the flavor.
        form: What the model expects.
        about: What MLflow's own description of the model begins with.

    Raises:
        ComponentError: When a package is missing, or MLflow's flavor refuses the model.
    """
    with needs_full("save models"):
        module = importlib.import_module(f"mlflow.{flavor}")
    described = {"signature": form.signature, "input_example": form.example, "mlflow_model": about}
    options = {**described, **(_without_pickle(model, module) if flavor == "sklearn" else {})}
    packages = [options["serialization_format"]] if "serialization_format" in options else []
    options["pip_requirements"] = requirements(model, module, *packages)
    if flavor == "pyfunc":
        write(module, folder, python_model=model, **options)
    else:
        write(module, folder, model, **options)


def write(module: Any, folder: Path, *model: Any, **options: Any) -> None:
    """Call a flavor's `save_model` with those of the options that this version of it has.

    Raises:
        ComponentError: When a package is missing, or it refuses the model.
    """
    known = inspect.signature(module.save_model).parameters
    options = {name: value for name, value in options.items() if name in known}
    try:
        with quiet(), needs_full("save models"):
            module.save_model(*model, path=str(folder), **options)
    except ComponentError:
        raise
    except Exception as err:  # MLflow's flavors, and the libraries below them
        name = type(model[0]).__qualname__ if model else "PythonModel"
        raise ComponentError(f"{module.__name__} could not save a {name}: {_first_line(err)}") from err


def _without_pickle(model: Any, module: Any) -> dict[str, Any]:
    """Return how scikit-learn's models are saved: by skops where MLflow and the model can, for it runs no code."""
    if "skops_trusted_types" not in inspect.signature(module.save_model).parameters:
        return {"serialization_format": "cloudpickle"}
    try:
        import skops.io

        data = skops.io.dumps(model)
        types = skops.io.get_untrusted_types(data=data)  # types of a live object of ours, recorded with the model
        skops.io.loads(data, trusted=types)
    except Exception:  # noqa: BLE001  # skops is missing, or calls the state methods of everybody's estimators
        return {"serialization_format": "cloudpickle"}
    return {"serialization_format": "skops", "skops_trusted_types": types}


def requirements(model: Any, module: Any = None, *more: str) -> list[str]:
    """Return what has to be installed to load a model, pinned: MLflow's list, and the packages of what is inside."""
    found = [f"{name}=={importlib.metadata.version(name)}" for name in more]
    if module is not None:
        with contextlib.suppress(Exception):  # it pins what it lists, and raises where an optional one is missing
            found += module.get_default_pip_requirements()
    covered = {_bare(line) for line in found}
    packages = {cls.__module__.partition(".")[0] for part in components(model) for cls in type(part).__mro__}
    packages -= {"builtins", "abc", "typing", "mlflow", "__main__"}
    if module is not None:
        packages -= {package for package, flavor in _OF_PACKAGE.items() if module.__name__ == f"mlflow.{flavor}"}
    distributions = importlib.metadata.packages_distributions() if packages else {}  # reads what is installed: slow
    for name in sorted({name for package in packages for name in distributions.get(package, ())[:1]}):
        if _bare(name) not in covered:
            found.append(f"{name}=={importlib.metadata.version(name)}")
    return found


def _bare(requirement: str) -> str:
    return requirement.partition("==")[0].strip().lower().replace("_", "-")


@contextlib.contextmanager
def needs_full(what: str) -> Iterator[None]:
    """Say what to install when a package is missing that the whole MLflow brings.

    Raises:
        ComponentError: Naming the package.
    """
    try:
        yield
    except ImportError as err:
        raise ComponentError(f"MLflow cannot {what} without {err.name or err}", hint=FULL, package=err.name) from err


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow from warning this thread of what was chosen here: formats, and pip being away."""
    me = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        return record.thread != me or record.levelno >= logging.ERROR

    handlers = list(logging.getLogger("mlflow").handlers)
    for handler in handlers:
        handler.addFilter(keep)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(keep)


def _first_line(err: BaseException) -> str:
    lines = str(err).strip().splitlines()
    return f"{type(err).__name__}: {lines[0]}" if lines else type(err).__name__
