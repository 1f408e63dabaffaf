"""Files of one MLflow run: figures, tables, files and folders, each under the name that it was logged with."""

from __future__ import annotations

import json
import math
import posixpath
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.run_log import valid_name

_tables = threading.Lock()  # the list of tables is a tag, which is read, added to and written


class RunFiles:
    """Logs files to one run.

    Args:
        folder: Put before the names of files, `train`; empty for none.
    """

    def __init__(self, connection: Connection, run_id: str, *, folder: str = "") -> None:
        self._connection = connection
        self._run_id = run_id
        self._folder = folder

    def figure(self, name: str, path: Path) -> None:
        """Log an image; the suffix of its file is added to a name that has none."""
        self.file(name if name.lower().endswith(path.suffix.lower()) else f"{name}{path.suffix}", path)

    def file(self, name: str, path: Path) -> None:
        """Log a file, or a folder with all that is in it."""
        place = self._place(name)
        with self._connection.doing(f"log the file {name!r} to run {self._run_id}") as client:
            if path.is_dir():
                client.log_artifacts(self._run_id, str(path), place)
                return
            folder, last = posixpath.split(place)
            with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as renamed:
                source = path if path.name == last else _under_name(path, Path(renamed) / last)
                client.log_artifact(self._run_id, str(source), folder or None)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table as MLflow does, so that its pages show it and `mlflow.load_table` reads it.

        It is written here, as MLflow's own function needs pandas, turns whole numbers beside missing ones into
        fractions, and adds to a table of the same name instead of replacing it.
        """
        place = self._place(name if name.endswith(".json") else f"{name}.json")
        content = {"columns": list(columns), "data": [[_cell(value) for value in row] for row in rows]}
        with self._connection.doing(f"log the table {name!r} to run {self._run_id}") as client:
            client.log_text(self._run_id, json.dumps(content, ensure_ascii=False), place)
        self._list_table(place)

    def _list_table(self, place: str) -> None:
        from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

        entry = {"path": place, "type": "table"}
        with _tables, self._connection.doing(f"list the tables of run {self._run_id}") as client:
            listed = json.loads(client.get_run(self._run_id).data.tags.get(MLFLOW_LOGGED_ARTIFACTS, "[]"))
            if entry not in listed:
                client.set_tag(self._run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps([*listed, entry]))

    def _place(self, name: str) -> str:
        return posixpath.join(self._folder, valid_name(name))


def _under_name(path: Path, renamed: Path) -> Path:
    """Return the file under the name that it shall have: MLflow keeps the names of files."""
    try:
        renamed.symlink_to(path.absolute())
    except OSError:  # Windows, where this needs a right of its own
        shutil.copy2(path, renamed)
    return renamed


def _cell(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
