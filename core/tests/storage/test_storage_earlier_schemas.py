"""Stores that earlier commits wrote, with a killed run and its log: each opens, and everything in it reads back.

`tools/earlier_stores.py` made them; a new schema adds the last commit of the one before.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from zen.client import Client, close_all
from zen.errors import StorageError
from zen.interfaces import Change
from zen.storage import Models, schema

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("schema-*.tar.xz"))
TABLES = {
    1: {"plan", "run", "run_tag", "step_run", "artifact", "edge", "object", "cache_entry", "param", "metric", "fact"},
    2: {"model_version", "model_alias", "alias_event", "serving"},
    3: set(),
}


def number(name: str) -> int:
    return int(name.split("-")[1])


@pytest.fixture(params=FIXTURES, ids=lambda file: file.name.removesuffix(".tar.xz"))
def earlier(request, tmp_path):
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path / ".zen", filter="data")
    (tmp_path / "pyproject.toml").touch()
    yield tmp_path
    close_all()


@pytest.fixture
def client(earlier):
    return Client(root=earlier)


def rows(database: Path, columns: dict[str, str] | None = None) -> dict[str, tuple[str, list[tuple]]]:
    """Return the columns and the rows of every table, or those columns of those tables."""
    with closing(sqlite3.connect(database)) as connection:
        if columns is None:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            known = {name: connection.execute(f"SELECT * FROM {name} LIMIT 0").description for name in names}
            columns = {name: ", ".join(each[0] for each in known[name]) for name in names if name != "zen_schema"}
        return {
            name: (held, sorted(connection.execute(f"SELECT {held} FROM {name}"))) for name, held in columns.items()
        }


def test_there_is_a_store_of_every_earlier_schema() -> None:
    assert {number(file.name) for file in FIXTURES} == set(range(1, len(schema.migrations("sqlite"))))


def test_every_row_is_still_there(earlier, tmp_path) -> None:
    database = earlier / ".zen" / "metadata.db"
    # SQLite would tidy up the log of the original.
    before = rows(Path(shutil.copytree(earlier / ".zen", tmp_path / "copy")) / database.name)
    with Client(root=earlier) as client:
        assert len(client.runs()) == 5
    assert rows(database, {name: columns for name, (columns, _) in before.items()}) == before
    held = {name for name, (_, found) in before.items() if found}
    [backup] = database.parent.glob("metadata.db.v*.backup")
    known = number(f"-{backup.name.split('.')[2].removeprefix('v')}")
    missing = set().union(*(TABLES[each] for each in range(1, known + 1))) - held
    assert missing == set()
    assert rows(backup) == before


def test_schema_is_that_of_a_new_store(earlier, client, vault) -> None:
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    assert client.database.read(sql) == vault.database.read(sql)
    assert client.database.read("PRAGMA integrity_check") == [("ok",)]


def test_runs_read_back(client) -> None:
    runs = client.runs()
    killed, *over = [run.state for run in runs]
    # It ran on another machine, so that whether it is dead is a matter of time.
    assert killed in ("running", "lost") and over == ["cancelled", "failed", "completed", "completed"]
    cached, first = runs[3:]
    assert first.steps["train"].output.load() == 3.0
    assert len(first.steps["describe"].output.load()) == 44000
    assert first.steps["train"].inputs["numbers"][0].load() == [0, 1, 2, 3]
    assert {name: step.state for name, step in cached.steps.items()} == dict.fromkeys(first.steps, "cached")
    assert cached.steps["train"].output.id == first.steps["train"].output.id
    assert first.parameters == {"rows": 4, "how": "well"} and first.tags == ("fixture",)


def test_what_a_step_said_reads_back(client) -> None:
    failed, first = client.runs()[2], client.runs()[4]
    train = first.steps["train"]
    assert (train.metrics, train.params["how"], train.metadata["note"]) == ({"loss": 0.25}, "well", "größer")
    assert [line.text for line in first.logs()] == ["loading 4", "training well"]
    assert failed.steps["train"].error.message == "how is badly"
    assert first.plan.steps and first.duration > 0


def test_lineage_and_cache_decisions_read_back(client) -> None:
    artifact = client.runs()[4].steps["train"].output
    lineage = client.lineage(artifact.id)
    assert {"model", "numbers", "large"} == {node.label.removesuffix(" v1") for node in lineage.of("artifact")}
    assert [each.step for each in client.why(client.runs()[3].id)] == ["load", "describe", "train"]


def test_models_read_back(earlier, client) -> None:
    if not client.models():
        assert not rows(earlier / ".zen" / "metadata.db")["model_version"][1]
        return
    version = client.model("churn@champion")
    assert (version.version, version.load(), version.tags) == (1, 3.0, {"team": "risk"})
    assert [event.reason for event in client.model_history("churn")][-1] == "by hand"
    assert [serving.name for serving in Models(client.database).serving()] == ["front"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE run SET state = 'failed' WHERE state = 'completed'",
        "UPDATE step_run SET detail = '{}' WHERE state = 'failed'",
        "UPDATE edge SET slot = 'other'",
        "UPDATE artifact SET digest = 'sha256:0'",
    ],
)
def test_what_is_recorded_does_not_change_any_more(client, sql) -> None:
    with pytest.raises(StorageError, match="change|goes on"):
        client.database.write([Change(sql=sql)])


def test_the_same_pipeline_runs_again(earlier, client, script) -> None:
    """Keys have changed since, so nothing may come from the cache; nothing fails because of what is there."""
    text = """
    @step
    def load(rows: int) -> Annotated[list[int], "numbers"]:
        return list(range(rows))

    @pipeline
    def flow(rows: int):
        load(rows)

    for _ in range(2):
        flow(rows=4)
    """
    done = script(text, cwd=earlier)
    assert done.returncode == 0, done.stderr
    assert [run.state for run in client.runs()][:2] == ["completed", "completed"]
    assert client.artifact("numbers").version == 2
    assert client.runs()[0].steps["load"].state == "cached"
