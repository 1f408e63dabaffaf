"""The materializers for frames, series and indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen_plugin_pandas.profile import MOST_COLUMNS, profile
from zen_plugin_pandas.tables import FrameReader, FrameWriter


class FrameMaterializer(Materializer):
    """Saves `pandas.DataFrame` as Parquet: values, dtypes, row index, column labels and `attrs`, or a refusal."""

    format: ClassVar[str] = "parquet"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the frame; equal frames give equal bytes with the same version of pyarrow."""
        _check_class(value, pd.DataFrame)
        FrameWriter(writer).frame(value)

    def load(self, reader: ArtifactReader) -> pd.DataFrame:
        """Return the frame."""
        return _loaded(FrameReader(reader).frame)

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the number of rows, the dtypes by column (of the first 200), and statistics of these."""
        dtypes = [[str(label), str(dtype)] for label, dtype in zip(value.columns, value.dtypes, strict=True)]
        facts = {"rows": len(value), "column_count": len(dtypes), "columns": dtypes[:MOST_COLUMNS]}
        return facts | {"statistics": profile(value)}


class SeriesMaterializer(Materializer):
    """Saves `pandas.Series` as a frame of one column."""

    format: ClassVar[str] = "parquet-series"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the series."""
        _check_class(value, pd.Series)
        frame = value.to_frame("value" if value.name is None else value.name)
        plain = value.name is None or isinstance(value.name, (str, bool, int, float))
        frame.columns = pd.Index([value.name], dtype=object if plain else None)
        frame.attrs = value.attrs
        FrameWriter(writer).frame(frame)

    def load(self, reader: ArtifactReader) -> pd.Series:
        """Return the series."""
        frame = _loaded(FrameReader(reader).frame)
        series = frame.iloc[:, 0]
        series.attrs = frame.attrs
        return series

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the number of rows and the dtype."""
        return {"rows": len(value), "dtype": str(value.dtype)}


class IndexMaterializer(Materializer):
    """Saves `pandas.Index` and the kinds of it that pandas has."""

    format: ClassVar[str] = "parquet-index"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the index."""
        _check_class(value, pd.Index)
        FrameWriter(writer).index(value)

    def load(self, reader: ArtifactReader) -> pd.Index:
        """Return the index."""
        return _loaded(FrameReader(reader).index)

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the number of rows and the dtype."""
        return {"rows": len(value), "dtype": str(value.dtype)}


def _check_class(value: Any, cls: type) -> None:
    """Refuse classes that other packages derive from those of pandas: they keep more than a plain frame does."""
    kind = type(value)
    if not isinstance(value, cls) or not f"{kind.__module__}.".startswith("pandas."):
        raise MaterializerError(
            f"a {kind.__module__}.{kind.__qualname__} is not a {cls.__qualname__} of pandas itself",
            hint=f"return pandas.{cls.__qualname__}(…) of it, or install the plugin of its package",
            type=f"{kind.__module__}.{kind.__qualname__}",
        )


def _loaded(load: Any) -> Any:
    try:
        return load()
    except MaterializerError:
        raise
    except Exception as error:  # pandas and pyarrow raise what they like for data of other versions
        raise MaterializerError(
            f"the stored table cannot become a pandas object: {type(error).__name__}: {error}",
            hint=f"this is pandas {pd.__version__}; load it with the version that saved it",
        ) from error
