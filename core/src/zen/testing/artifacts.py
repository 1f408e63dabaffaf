"""Artifacts in a folder: what a materializer is tested with, without a store.

    def test_frame_comes_back():
        assert round_trip(FrameMaterializer(), frame).equals(frame)
        assert round_trip(FrameMaterializer(), frame, fresh_process=True).equals(frame)

The writer and the reader are as strict as the real ones may be: streams go forward only, names are checked, and the
files are read-only once they are saved.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from zen.errors import MaterializerError
from zen.interfaces import Materializer
from zen.stacks.materialization import resolve_type
from zen.storage import packed


class FolderWriter(packed.FolderWriter):
    """An `ArtifactWriter` that keeps the files in a folder.

    Raises:
        MaterializerError: When a file is written twice, or its name is not a relative POSIX path.
    """

    def finish(self, materializer: Materializer, value: Any) -> FolderReader:
        """Finish the artifact and return a reader of it; the files can be written no more.

        Raises:
            MaterializerError: When a path was asked for and no regular file was written there.
        """
        self.close(materializer, f"{type(value).__module__}.{type(value).__qualname__}")
        return FolderReader(self.folder)


class FolderReader(packed.FolderReader):
    """An `ArtifactReader` of what a `FolderWriter` has finished."""

    def __init__(self, folder: Path) -> None:
        # What a materializer makes of damaged bytes is tested as well.
        super().__init__(folder, _resolved, verify=False)


def save(materializer: Materializer, value: Any, folder: Path | None = None) -> FolderReader:
    """Save a value as the files of a folder (by default one that is removed when this process ends)."""
    writer = FolderWriter(_new_folder() if folder is None else folder)
    materializer.save(value, writer)
    return writer.finish(materializer, value)


def round_trip(materializer: Materializer, value: Any, *, fresh_process: bool = False) -> Any:
    """Save a value, load it again, and return what came back.

    Args:
        materializer: With `fresh_process`, one that is made without arguments.
        value: With `fresh_process`, of a type that another process can import.
        fresh_process: Load the value in another process, which has imported nothing yet, save it again there, and
            return what this process loads of that: it proves that the files say everything that loading needs.

    Raises:
        MaterializerError: From the materializer; from the fresh process with the end of what it said.
    """
    reader = save(materializer, value)
    return materializer.load(_saved_again(materializer, reader) if fresh_process else reader)


def _resolved(type_name: str) -> type:
    return resolve_type(type_name, importlib.import_module)


_FRESH = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from zen.testing.artifacts import _again; _again()"


def _saved_again(materializer: Materializer, reader: FolderReader) -> FolderReader:
    cls, folder = type(materializer), _new_folder()
    arguments = [json.dumps(sys.path), cls.__module__, cls.__qualname__, str(reader.folder), str(folder)]
    done = subprocess.run([sys.executable, "-c", _FRESH, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MaterializerError(f"a fresh process could not load and save the value again:\n{done.stderr[-2000:]}")
    return FolderReader(folder)


def _again() -> None:
    """Load and save in the fresh process."""
    module, qualname, source, target = sys.argv[2:]
    materializer = functools.reduce(getattr, qualname.split("."), cast(Any, importlib.import_module(module)))()
    save(materializer, materializer.load(FolderReader(Path(source))), Path(target))


_numbers = itertools.count(1)


@functools.cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="zen-testing-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _new_folder() -> Path:
    return _scratch() / str(next(_numbers))
