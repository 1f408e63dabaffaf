"""Estimators as skops files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import skops.io
from sklearn.base import BaseEstimator

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen_plugin_sklearn.archive import canonical, read_schema
from zen_plugin_sklearn.trust import trusted_types

MOST_FEATURES = 1000
MOST_CLASSES = 20
MOST_TEXT = 200


class EstimatorMaterializer(Materializer):
    """Saves any estimator of scikit-learn, fitted or not, without pickle. What it would not load it does not save."""

    format: ClassVar[str] = "skops"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the estimator; equal estimators give equal bytes with the same version of skops."""
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        try:
            data = canonical(skops.io.dumps(value))
            trusted_types(data, read_schema(data))
        except MaterializerError:
            raise
        except Exception as error:  # skops calls the state methods of everybody's estimators
            raise MaterializerError(
                f"skops cannot save a {name}: {type(error).__name__}: {error}",
                hint="return the part of it that is needed, or write a materializer for its class",
                type=name,
            ) from error
        writer.write(data)

    def load(self, reader: ArtifactReader) -> Any:
        """Return the estimator; scikit-learn warns when it was saved with another version."""
        data = reader.read()
        try:
            loaded = skops.io.loads(data, trusted=trusted_types(data, read_schema(data)))
        except MaterializerError:
            raise
        except Exception as error:  # skops raises what the constructors of the types raise
            raise MaterializerError(
                f"the stored {reader.type or 'estimator'} cannot be loaded: {type(error).__name__}: {error}",
                hint="load it with the versions of scikit-learn and skops that saved it",
                type=reader.type,
            ) from error
        if not isinstance(loaded, BaseEstimator):
            raise MaterializerError(f"the stored file holds a {type(loaded).__qualname__}, not an estimator")
        return loaded

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the class, the plain parameters, and what a fitted estimator says of its input and classes."""
        facts: dict[str, Any] = {"class": f"{type(value).__module__}.{type(value).__qualname__}"}
        facts["params"] = {name: item for name, item in value.get_params(deep=False).items() if _is_plain(item)}
        count = getattr(value, "n_features_in_", None)
        if count is not None:
            facts["n_features_in"] = int(count)
        names: Any = getattr(value, "feature_names_in_", None)
        if getattr(names, "ndim", 0) == 1 and len(names) <= MOST_FEATURES:
            facts["features"] = [str(name) for name in names]
        classes: Any = getattr(value, "classes_", None)
        if getattr(classes, "ndim", 0) == 1 and len(classes) <= MOST_CLASSES:
            facts["classes"] = [item for item in classes.tolist() if _is_plain(item)]
        return facts


def _is_plain(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= MOST_TEXT
    return value is None or type(value) in (bool, int, float)
