"""Arrays as .npy files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen_plugin_numpy.npy import open_mapped, write

MAPPED_FROM = 16 * 1024 * 1024


class ArrayMaterializer(Materializer):
    """Saves `numpy.ndarray` without pickle. Large arrays are mapped when they are loaded; changes stay in memory."""

    format: ClassVar[str] = "npy"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the array; equal arrays of one dtype and order give equal bytes."""
        if type(value) not in (np.ndarray, np.memmap):
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise MaterializerError(
                f"a {kind} is more than a plain array, and the .npy format would lose that",
                hint="return its parts, such as .data and .mask of a masked array, or numpy.asarray(…) of it",
                type=kind,
            )
        write(value, writer)

    def load(self, reader: ArtifactReader) -> np.ndarray[Any, Any]:
        """Return the array; it can be changed."""
        mapped = open_mapped(reader.path())
        return mapped if mapped.nbytes >= MAPPED_FROM else mapped.copy(order="K")

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return shape and dtype."""
        return {"shape": list(value.shape), "dtype": str(value.dtype)}
