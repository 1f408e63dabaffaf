"""Tables as Great Expectations is given them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError

if TYPE_CHECKING:
    import pandas as pd


def accepts(data: Any) -> bool:
    """Say whether this is a pandas DataFrame or a list of dicts; pandas is not imported for the answer."""
    if isinstance(data, list):
        return all(isinstance(row, Mapping) for row in data)
    return any(
        cls.__name__ == "DataFrame" and cls.__module__.partition(".")[0] == "pandas" for cls in type(data).__mro__
    )


def frame(data: Any) -> pd.DataFrame:
    """Return a table as a DataFrame of our own, with texts as labels and rows that are numbered.

    Numbers are shared, not copied. Columns of objects are copied: the tool makes floats of decimals where they are, and
    before pandas 3 that would be in the table of the caller.

    Raises:
        ComponentError: For what is no table.
    """
    if not accepts(data):
        raise ComponentError(
            f"a {type(data).__module__}.{type(data).__qualname__} is no table that Great Expectations checks here",
            hint="give a pandas DataFrame or a list of dicts",
        )
    import pandas as pd

    table = _of_rows(data) if isinstance(data, list) else data.copy(deep=False)
    table.columns = pd.Index([str(label) for label in table.columns], dtype=object)
    table.index = pd.RangeIndex(len(table))
    for place, dtype in enumerate(table.dtypes):
        if pd.api.types.is_object_dtype(dtype):
            table.isetitem(place, table.iloc[:, place].copy())
    return table


def _of_rows(rows: list[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return rows as a frame whose values have the types that they had; pandas itself would make 1 and None floats."""
    import pandas as pd

    columns = {
        label: pd.Series([row.get(label) for row in rows], dtype=object)
        for label in dict.fromkeys(label for row in rows for label in row)
    }
    for label, values in columns.items():
        if pd.api.types.infer_dtype(values, skipna=False) in ("boolean", "floating", "integer"):
            with contextlib.suppress(OverflowError):  # integers beyond 64 bits stay as they are
                columns[label] = values.infer_objects()
    return pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(len(rows)))
