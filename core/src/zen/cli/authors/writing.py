"""Writing the project of a new plugin into a folder, all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zen.cli.authors.naming import Names, choose_names
from zen.cli.authors.scaffold import kinds, project_files
from zen.errors import UsageError, listing, nearest
from zen.registry import BUILTIN, scan

__all__ = ["known_kinds", "write_project"]


def write_project(name: str, chosen: Sequence[str], folder: Path | None) -> tuple[Names, Path, list[Path]]:
    """Write a project and return its names, its folder and the files.

    Raises:
        UsageError: For a name or a kind that cannot be, and where one of the files exists: nothing is written then.
    """
    catalog = scan()
    names = choose_names(name, catalog)
    where = folder or Path(names.distribution)
    oldest = next((entry.version for entry in catalog.entries if entry.distribution == BUILTIN), "0.1")
    texts = project_files(names, known_kinds(chosen), oldest=oldest.partition("+")[0])
    taken = [path for path in texts if (where / path).exists()]
    if taken:
        raise UsageError(
            f"{where} has already: {listing(taken)}", hint="choose another place with --folder; nothing was written"
        )
    for path, text in texts.items():
        _write(where / path, text)
    return names, where, [where / path for path in texts]


def known_kinds(chosen: Sequence[str]) -> list[str]:
    """Return the kinds, each once, in the order in which they were given; `-` counts as `_`.

    Raises:
        UsageError: For one that does not exist, with the nearest.
    """
    given = list(dict.fromkeys(kind.replace("-", "_") for kind in chosen))
    for kind in given:
        if kind not in kinds():
            raise UsageError(
                f"no kind {kind!r} to write a plugin for; there are: {listing(kinds(), most=20)}",
                hint=nearest(kind, kinds()),
            )
    return given


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="choose another --folder") from error
