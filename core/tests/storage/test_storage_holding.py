"""Holds: one batch for all that is saved together, proven by what names it, and refused while an object is collected."""

from __future__ import annotations

import datetime as dt

import pytest

from zen.errors import StoreBusy, WriteConflict
from zen.interfaces import Change
from zen.storage import Uploads, holding, save
from zen.storage.collecting import Collector, Seen, held
from zen.storage.holding import Owner
from zen.storage.staging import INLINE_LIMIT

LARGE = b"large" * INLINE_LIMIT


class Counting:
    """Counts the batches of a metadata store."""

    def __init__(self, store):
        self.store, self.batches = store, []

    def __getattr__(self, name):
        return getattr(self.store, name)

    def write(self, batch, *, durable=True):
        self.batches.append((len(batch), durable))
        self.store.write(batch, durable=durable)


def collector(vault):
    return Collector(vault.database, vault.store, vault.state)


def test_many_large_files_are_held_in_one_batch_without_a_sync(vault):
    files = {f"part-{number}": LARGE + b"%d" % number for number in range(30)}
    counting = vault.database.store = Counting(vault.metadata)
    with Uploads(vault.objects, "0a") as uploads:
        for part in (dict(list(files.items())[:10]), dict(list(files.items())[10:])):
            save(part, vault.files, "m.T", vault.objects, uploads)
        assert counting.batches == []
        assert len(uploads.put()) == 1
    assert counting.batches == [(30, False)]
    assert vault.staged() == []


def test_small_files_are_not_held(vault):
    counting = vault.database.store = Counting(vault.metadata)
    saved = save({"data": b"small"}, vault.files, "m.T", vault.objects)
    assert counting.batches == []
    assert len(saved.changes) == 1


def test_uploads_that_fail_leave_no_file(vault):
    with pytest.raises(RuntimeError), Uploads(vault.objects, "0a") as uploads:
        save({"data": LARGE}, vault.files, "m.T", vault.objects, uploads)
        assert len(vault.staged()) == 1
        raise RuntimeError
    assert vault.staged() == []


def test_a_hold_counts_while_its_run_is_open(vault):
    run = vault.run("0a")
    vault.objects.put_files({}, "0a")
    holding.Holds(vault.database, vault.state).take(["sha256:1"], "0a")
    vault.write(Change(sql="UPDATE hold SET at = 0"))
    assert held(vault.database) == {"sha256:1"}
    vault.write(Change(sql="UPDATE run SET state = 'completed' WHERE id = ?", parameters=(run.id,)))
    assert held(vault.database) == set()


def test_a_hold_without_a_run_counts_for_a_day(vault):
    holding.Holds(vault.database, vault.state).take(["sha256:1"], "import")
    assert held(vault.database) == {"sha256:1"}
    vault.write(Change(sql="UPDATE hold SET at = at - 86400000000"))
    assert held(vault.database) == set()
    with collector(vault) as collecting:
        collecting.forget_holds()
    assert vault.metadata.read("SELECT * FROM hold") == []


def test_a_proof_fails_once_the_hold_is_gone(vault):
    holding.Holds(vault.database, vault.state).take(["sha256:1", "sha256:2"], "import")
    vault.write(holding.proof(["sha256:1", "sha256:2"], "import"))
    vault.write(Change(sql="DELETE FROM hold WHERE digest = 'sha256:2'"))
    with pytest.raises(WriteConflict):
        vault.write(holding.proof(["sha256:1", "sha256:2"], "import"))


def test_what_a_collector_of_another_machine_condemned_is_waited_for(vault, monkeypatch):
    monkeypatch.setattr(holding, "PATIENCE", 0.0)
    owner = Owner(id="1", host="elsewhere", pid=7, state="/elsewhere/.zen")
    condemned = Change(sql="INSERT INTO condemned VALUES ('sha256:1', ?, ?)", parameters=(str(owner), micros(0)))
    vault.write(condemned)
    with pytest.raises(StoreBusy, match="process 7 on elsewhere is removing"):
        holding.Holds(vault.database, vault.state).take(["sha256:1"], "import")
    with collector(vault):
        assert len(vault.metadata.read("SELECT * FROM condemned")) == 1
    vault.write(Change(sql="UPDATE condemned SET at = at - 86400000001"))
    with collector(vault):
        assert vault.metadata.read("SELECT * FROM condemned") == []
    holding.Holds(vault.database, vault.state).take(["sha256:1"], "import")


def micros(seconds):
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return round(now.timestamp() * 1_000_000)


def test_an_owner_is_read_as_it_was_written(tmp_path):
    owner = Owner.here("1", tmp_path / "a folder with spaces")
    assert Owner.parse(str(owner)) == owner
    assert owner.is_of(tmp_path / "a folder with spaces")
    assert not Owner.parse("what is that").is_of(tmp_path)


def test_a_suspended_collector_removes_nothing_more(vault, monkeypatch):
    found = vault.objects.put_bytes(LARGE)[0]
    vault.write(Change(sql="DELETE FROM hold"))
    times = iter([0.0, 13 * 3600.0])
    with collector(vault) as collecting:
        seen = Seen.now(vault.database)
        assert collecting.condemn([found], seen.unchanged(), seen.at) == [found]
        monkeypatch.setattr("zen.storage.collecting.time.time", lambda: next(times))
        with pytest.raises(StoreBusy, match="suspended"):
            collecting.remove_large([found])
    assert vault.object_file(found).exists()
