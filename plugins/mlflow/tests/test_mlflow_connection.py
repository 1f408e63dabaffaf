from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from zen.errors import ComponentError, ComponentUnavailable, PermissionDenied
from zen_plugin_mlflow.connection import Connection, _translated, create_database
from zen_plugin_mlflow.place import Place

LOG = logging.getLogger("zen.test")
PLACE = Place(uri="http://zen:hunter2@h", label="http://h")


def test_database_is_made_once_by_several_processes(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "mlflow.db"
    code = (
        "import sys, pathlib; from zen_plugin_mlflow.connection import create_database; "
        "create_database(pathlib.Path(sys.argv[1]), sys.argv[2]); from mlflow import MlflowClient; "
        "MlflowClient('sqlite:///' + sys.argv[1]).create_experiment(sys.argv[3])"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path)]
    processes = [subprocess.Popen([*command, f"experiment {number}"]) for number in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert [file.name for file in path.parent.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize("seen", [True, False])
def test_database_that_is_there_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, seen: bool) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"mine")
    exists = Path.exists  # not seen: another process makes it meanwhile
    monkeypatch.setattr(Path, "exists", lambda self: exists(self) and (seen or self != path))
    create_database(path, str(tmp_path))
    assert path.read_bytes() == b"mine"


def test_store_that_is_no_database_is_reported_with_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"no database at all" * 100)
    connection = Connection(Place(uri=f"sqlite:///{path}", label="here", database=path), LOG)
    with (
        pytest.raises(ComponentError, match="MLflow at here could not list runs") as caught,
        connection.doing("list runs"),
    ):
        pass
    assert caught.value.__cause__ is not None


def test_errors_become_ours() -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE, UNAUTHENTICATED

    gone = MlflowException("API request failed")
    gone.__context__ = ConnectionResetError("reset")
    cases = {
        PermissionDenied: [MlflowException("no", PERMISSION_DENIED), MlflowException("who", UNAUTHENTICATED)],
        ComponentUnavailable: [MlflowException("later", TEMPORARILY_UNAVAILABLE), gone, TimeoutError()],
        ComponentError: [MlflowException("bad"), ValueError("bad")],
    }
    for expected, errors in cases.items():
        assert {type(_translated(error, "do it", PLACE)) for error in errors} == {expected}


def test_errors_are_short_and_show_no_password() -> None:
    error = _translated(
        ValueError("API request to http://zen:hunter2@h/api failed" + "x" * 1000 + "\nmore"), "do it", PLACE
    )
    assert "hunter2" not in str(error)
    assert str(error).startswith("MLflow at http://h could not do it: API request to http://h/api failed")
    assert len(str(error)) < 500
    assert "more" not in str(error)
