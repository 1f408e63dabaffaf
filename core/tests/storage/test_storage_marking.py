"""Which objects are named: no column of the schema is forgotten, and paging forgets no row."""

from __future__ import annotations

import pytest

from zen.records import FileEntry, Manifest
from zen.storage import changes, marking
from zen.storage.marking import NAMING, Names, named, small_objects

# Columns of text that name no object: ids, names and states; fingerprints of plans; what people printed.
NAMING_NOTHING = {
    "alias_event": {"id", "model"},
    "artifact": {"id", "name", "digest", "type", "materializer", "run", "step_run", "output"},
    "cache_entry": {"key", "step_run"},
    "condemned": {"digest", "owner"},
    "counter": {"name"},
    "edge": {"step_run", "direction", "slot", "artifact"},
    "fact": {"owner", "key"},
    "hold": {"digest", "run"},
    "log": {"step_run", "lines"},
    "metric": {"step_run", "key", "value"},
    "model_alias": {"model", "alias"},
    "model_version": {"id", "model", "artifact", "run"},
    "object": {"digest"},
    "param": {"step_run", "key"},
    "plan": {"digest"},
    "run": {"id", "name", "pipeline", "state", "stack", "plan", "token", "stop"},
    "run_tag": {"run", "tag"},
    "serving": {"id", "name", "model", "reason"},
    "step_run": {"id", "run", "name", "state", "token", "cache_key"},
    "trust": {"digest", "who"},
}


def digest(letter):
    return "sha256:" + letter * 64


def test_every_column_of_text_is_looked_at_or_names_nothing(vault):
    """Who adds a column decides: what it names is kept, or it never names an object."""
    tables = [row[0] for row in vault.metadata.read("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = {row[1] for row in vault.metadata.read(f"PRAGMA table_info({table})") if row[2] == "TEXT"}
        if not table.startswith(("sqlite_", "zen_")):
            assert columns == set(NAMING.get(table, ())) | NAMING_NOTHING.get(table, set()), table


def test_what_records_name_is_found_on_every_page(vault, monkeypatch):
    monkeypatch.setattr(marking, "_PAGE", 2)
    vault.run("0a", snapshot=digest("a"), environment={"distributions": digest("b")})
    for number in range(5):
        manifest = Manifest(format="json", files=(FileEntry(name="data", digest=digest(str(number)), size=1),))
        vault.write(changes.insert_artifact(vault.artifact(f"a{number}", manifest=manifest, digest=digest("f"))))
    vault.write(changes.facts("a1", {"further": {"deep": [digest("c")]}}))
    assert named(vault.database) == {digest(letter) for letter in "ab01234c"}


def test_small_objects_are_listed_on_every_page(vault, monkeypatch):
    monkeypatch.setattr(marking, "_PAGE", 2)
    for number in range(5):
        vault.write(vault.objects.put_bytes(bytes(number))[1])
    assert sorted(size for _, size in small_objects(vault.database)) == [0, 1, 2, 3, 4]


def test_names_tell_which_artifacts_and_runs_an_object_belongs_to(vault):
    vault.run("0a", snapshot=digest("a"), parameters={"x": digest("e")})
    manifest = Manifest(format="json", files=(FileEntry(name="data", digest=digest("1"), size=7),))
    vault.write(changes.insert_artifact(vault.artifact("a1", manifest=manifest, run_id="0a")))
    names = Names(vault.database)
    names.add_snapshot(digest("a"), [FileEntry(name="x.py", digest=digest("2"), size=3)])
    assert names.sizes == {digest("1"): 7, digest("a"): None, digest("2"): 3}
    assert names.artifacts(digest("1")) == ("model@1 (a1)",)
    assert [names.runs(digest(letter)) for letter in "1a2e"] == [("0a",), ("0a",), ("0a",), ()]


@pytest.mark.parametrize("key", ["objects/sha256/ab/cd", "objects/sha256/" + "a" * 64, "staging/x", "objects/md5/aa/b"])
def test_what_is_no_object_is_left_alone(key):
    from zen.storage.objects import digest_of

    assert digest_of(key) == ""
