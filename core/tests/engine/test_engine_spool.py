"""Lines that outlive their process: what is in the files beside memory gets into the store, once."""

from __future__ import annotations

import pytest

from zen import Client
from zen.engine import spool
from zen.engine.spool import Spool, folder_of, recover, recover_all
from zen.interfaces import Change
from zen.storage import FileLock


@pytest.fixture
def finished(define):
    """Return a client, and the step run of a run that is over and printed one line."""
    run = define("""
        @step
        def work() -> None:
            print("stored")

        @pipeline
        def numbers():
            work()
    """).numbers()
    return Client(), run.steps["work"].record


def spooled(client: Client, step_run, first: int) -> Spool:
    kept = Spool(folder_of(client.open_stack.state), f"{step_run.run_id}.{step_run.id}")
    kept.begin(first, [])
    return kept


def texts(client: Client, step_run) -> list[str]:
    return [line.text for line in client.database.logs(step_run.id)]


def files(client: Client) -> list[str]:
    return [path.name for path in folder_of(client.open_stack.state).iterdir()]


def test_lines_are_recovered_in_order_with_the_one_without_end(finished) -> None:
    client, step_run = finished
    kept = spooled(client, step_run, 2)
    kept.append([("stdout", 1, "a"), ("stderr", 2, "b c")], [("stdout", 3, "a long unfinished line")])
    kept.append([], [("stdout", 4, "short")])
    kept.append([("stdout", 5, "done")], [])
    kept.append([], [("stdout", 6, "no end")])
    recover(client.open_stack, step_run.id)
    assert texts(client, step_run) == ["stored", "a", "b c", "done", "no end"]
    assert files(client) == []


@pytest.mark.parametrize("number", [1, 2])
def test_what_the_store_has_is_not_recovered_again(finished, number) -> None:
    """The process died between its commit and the removal of the file; of a long log the first block may be gone."""
    client, step_run = finished
    client.database.write([Change(sql="UPDATE log SET seq = ?", parameters=(number,))])
    spooled(client, step_run, 1).append([("stdout", 1, "stored")], [])
    recover(client.open_stack, step_run.id)
    assert texts(client, step_run) == ["stored"]
    assert files(client) == []


def test_an_unfinished_line_that_was_carried_on_is_there_once(finished) -> None:
    client, step_run = finished
    kept = spooled(client, step_run, 2)
    kept.append([("stdout", 1, "a")], [("stdout", 2, "begun")])
    kept.begin(3, [("stdout", 2, "begun")])
    kept.append([("stdout", 3, "begun and done")], [])
    recover(client.open_stack, step_run.id)
    assert texts(client, step_run) == ["stored", "a", "begun and done"]


def test_what_the_death_of_the_writer_tore_is_left_out(finished) -> None:
    client, step_run = finished
    kept = spooled(client, step_run, 2)
    kept.append([("stdout", 1, "whole")], [])
    [path] = folder_of(client.open_stack.state).glob("*.lines")
    path.write_bytes(path.read_bytes() + b"std")
    recover(client.open_stack, step_run.id)
    assert texts(client, step_run) == ["stored", "whole"]


def test_of_very_many_lines_the_first_and_the_last_files_are_kept(finished, monkeypatch) -> None:
    client, step_run = finished
    monkeypatch.setattr(spool, "PART", 100)
    kept = spooled(client, step_run, 2)
    for number in range(100):
        kept.append([("stdout", number, f"line {number}")], [])
    assert len(files(client)) <= 4
    recover(client.open_stack, step_run.id)
    found = texts(client, step_run)
    assert found[1] == "line 0"
    assert any("left out here" in text for text in found)
    assert found[-1] == "line 99"


def test_files_of_a_live_run_are_left_alone(finished) -> None:
    client, step_run = finished
    spooled(client, step_run, 2).append([("stdout", 1, "mine")], [])
    lock = FileLock(folder_of(client.open_stack.state) / f"{step_run.run_id}.lock")
    with lock:
        recover_all(client.open_stack)
        assert texts(client, step_run) == ["stored"]
    recover_all(client.open_stack)
    assert texts(client, step_run) == ["stored", "mine"]
    assert files(client) == []


def test_a_disk_that_takes_nothing_makes_it_do_nothing(finished, monkeypatch) -> None:
    client, step_run = finished
    monkeypatch.setattr(spool, "_write", lambda *_: (_ for _ in ()).throw(OSError("full")))
    kept = spooled(client, step_run, 2)
    kept.append([("stdout", 1, "a")], [])
    kept.append([("stdout", 1, "b")], [])
    kept.drop()
    assert files(client) == []
