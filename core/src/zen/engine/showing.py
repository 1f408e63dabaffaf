"""What a step shows: figures, tables, files and models, kept as artifacts and forwarded to every tracker."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zen.errors import ArgumentTypeError, UsageError
from zen.interfaces import Materializer
from zen.storage import FolderWriter
from zen.storage.filenames import file_name

MOST_ROWS = 10_000
"""How many rows of a table trackers are shown; the artifact has all."""
_IMAGES = (".png", ".svg", ".jpg", ".jpeg")


@contextlib.contextmanager
def figure_file(figure: Any, name: str) -> Iterator[Path]:
    """Give the image of a figure: of matplotlib, plotly, PIL, or a file that holds one already.

    Raises:
        ArgumentTypeError: For something that cannot be drawn.
    """
    if isinstance(figure, str | os.PathLike):
        yield _image(Path(figure))
        return
    with tempfile.TemporaryDirectory(prefix="zen-figure-") as folder:
        path = Path(folder) / f"{file_name(name)}.png"
        for method in ("savefig", "write_image", "save"):
            draw = getattr(figure, method, None)
            if callable(draw):
                draw(path)
                break
        else:
            raise ArgumentTypeError(
                f"{name!r} is a {type(figure).__qualname__}, which is no figure",
                hint="give a figure of matplotlib or plotly, an image of PIL, or the path of a PNG or SVG file",
            )
        yield _image(path)


@contextlib.contextmanager
def text_file(text: str, name: str) -> Iterator[Path]:
    """Give a file with that text."""
    with tempfile.TemporaryDirectory(prefix="zen-text-") as folder:
        path = Path(folder) / file_name(name)
        path.write_text(text, encoding="utf-8")
        yield path


def existing(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file or folder that is there.

    Raises:
        UsageError: When nothing is.
    """
    found = Path(path)
    if not found.exists():
        raise UsageError(f"there is no file {str(found)!r} to log", hint=f"the working folder is {os.getcwd()}")
    return found


def rows_of(table: Any, name: str) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and the first rows of a table, with cells that every tool can show.

    Args:
        table: A frame of pandas or polars, a list of mappings, or a mapping of columns.
        name: What errors call it.

    Raises:
        ArgumentTypeError: For something that is no table.
    """
    if hasattr(table, "iter_rows") and hasattr(table, "columns"):  # polars
        head = table.head(MOST_ROWS)
        return [str(column) for column in table.columns], [_cells(row) for row in head.iter_rows()]
    if hasattr(table, "itertuples") and hasattr(table, "columns"):  # pandas
        head = table.head(MOST_ROWS)
        return [str(column) for column in table.columns], [_cells(row) for row in head.itertuples(index=False)]
    if isinstance(table, Mapping) and all(isinstance(column, Sequence) for column in table.values()):
        columns = [str(column) for column in table]
        return columns, [_cells(row) for row in zip(*(column[:MOST_ROWS] for column in table.values()), strict=True)]
    if isinstance(table, list) and all(isinstance(row, Mapping) for row in table):
        names = list(dict.fromkeys(key for row in table for key in row))
        return [str(key) for key in names], [_cells([row.get(key) for key in names]) for row in table[:MOST_ROWS]]
    raise ArgumentTypeError(
        f"{name!r} is a {type(table).__qualname__}, which is no table",
        hint="give a data frame, a list of mappings, or a mapping of columns",
    )


@contextlib.contextmanager
def model_files(model: Any, materializer: Materializer, type_name: str) -> Iterator[dict[str, Path]]:
    """Give the files that a materializer saves a model as."""
    with tempfile.TemporaryDirectory(prefix="zen-model-") as folder:
        writer = FolderWriter(Path(folder))
        materializer.save(model, writer)
        writer.close(materializer, type_name)
        yield {name: Path(folder) / name for name in writer.names}


def _cells(row: Sequence[Any]) -> list[Any]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if value is not None and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _image(path: Path) -> Path:
    if path.suffix.lower() not in _IMAGES or not path.is_file():
        raise ArgumentTypeError(f"{str(path)!r} is no image file", hint=f"give one of {', '.join(_IMAGES)}")
    return path
