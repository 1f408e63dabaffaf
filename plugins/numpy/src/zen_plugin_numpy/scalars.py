"""Scalars as .npy files of zero dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen_plugin_numpy.npy import open_mapped, write


class ScalarMaterializer(Materializer):
    """Saves `numpy.generic`: the very bits, with their type and unit."""

    format: ClassVar[str] = "numpy-scalar"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the scalar."""
        if not isinstance(value, np.generic):
            raise MaterializerError(f"a {type(value).__qualname__} is not a NumPy scalar")
        array = np.asarray(value)
        if isinstance(value, np.character) and array[()] != value:
            raise MaterializerError(
                "NumPy drops the NUL characters at the end of a string", hint="return it as str or bytes: .item()"
            )
        write(array, writer)

    def load(self, reader: ArtifactReader) -> Any:
        """Return the scalar."""
        array = open_mapped(reader.path())
        if array.shape:
            raise MaterializerError(f"the stored file holds an array of shape {array.shape}, not a scalar")
        return array.copy()[()]

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the dtype, and numbers and truth values themselves."""
        plain = value.item()
        return {"dtype": str(value.dtype)} | ({"value": plain} if type(plain) in (bool, int, float) else {})
