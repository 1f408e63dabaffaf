"""`zen store` and `zen delete`: what they print, what they ask, and what they exit with."""

from __future__ import annotations

import io

import pytest

from zen.cli.counting import Counting

ROWS = 20_000  # as JSON text it is a large object


@pytest.fixture
def ran(pipelines, zen):
    """Return the id of a run that made a large object."""
    assert zen("run", "flow.py", "--rows", ROWS).code == 0
    return zen("runs", "--json").json[0]["id"]


def large(project):
    return [path for path in (project / ".zen" / "artifacts" / "objects").rglob("*") if path.is_file()]


def test_store_tells_where_the_stores_are_and_what_they_hold(ran, zen, project):
    found = zen("store", "--json").json
    assert (found["runs"], found["versions"], found["large"], found["quarantined"]) == (1, 2, 1, 0)
    assert str(project / ".zen" / "metadata.db") in zen("store").out


def test_verify_says_that_all_is_right(ran, zen):
    done = zen("store", "verify")
    assert (done.code, done.out) == (0, "")
    assert "all right" in done.err
    found = zen("store", "verify", "--sample", "50%", "--json").json
    assert (found["ok"], found["complete"]) == (True, True)


def test_verify_names_what_is_damaged_and_exits_with_1(ran, zen, project):
    [path] = large(project)
    path.chmod(0o600)
    path.write_bytes(b"x")
    done = zen("store", "verify")
    assert done.code == 1
    assert "damaged" in done.out
    assert "numbers@1" in done.out
    assert ran[:8] in done.out
    done = zen("store", "verify", "--quarantine", "--json")
    [fault] = done.json["faults"]
    assert (done.code, fault["runs"], fault["quarantined"][:11]) == (1, [ran], "quarantine/")
    assert zen("store", "verify", "--json").json["faults"][0]["problem"] == "missing"
    assert "moved aside" not in zen("store").out
    assert zen("store", "--json").json["quarantined"] == 1


def test_an_interrupted_verification_tells_what_it_has_found(ran, zen, project, monkeypatch):
    large(project)[0].unlink()

    def interrupt(self, digest, size, *, large):
        raise KeyboardInterrupt

    monkeypatch.setattr("zen.engine.verifying._Check.one", interrupt)
    done = zen("store", "verify")
    assert done.code == 130
    assert "missing" in done.out
    assert "that is not all" in done.err


def test_gc_only_tells_unless_it_is_asked_to_delete(ran, zen, project):
    assert zen("delete", ran, "--yes").code == 0
    told = zen("store", "gc", "--grace", "0")
    assert "would go" in told.out
    assert "--delete does it" in told.err
    assert len(large(project)) == 1
    assert zen("store", "gc", "--delete", "--json").json["young"]["count"] == 1
    assert len(large(project)) == 1
    assert "deleted" in zen("store", "gc", "--grace", "0", "--delete").out
    assert large(project) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gc", "--grace", "soon"), "'soon' is no span of time"),
        (("gc", "--delete", "--quarantine"), "exclude each other"),
        (("verify", "--sample", "0"), "'0' is no share"),
        (("verify", "--sample", "101%"), "'101%' is no share"),
        (("vacuum",), "no command 'vacuum'"),
    ],
)
def test_store_refuses_what_means_nothing(pipelines, zen, arguments, said):
    done = zen("store", *arguments)
    assert done.code == 2
    assert said in done.err


def test_delete_says_what_it_would_do(ran, zen):
    done = zen("delete", "last", "--dry-run", "--json")
    assert (done.code, done.json) == (0, {"would_delete": [ran], "reasons": [], "dry_run": True})
    assert zen("show", ran).code == 0


def test_delete_is_refused_with_the_reason(ran, zen):
    assert zen("run", "flow.py", "--rows", ROWS).code == 0  # takes the results of the first run
    done = zen("delete", ran, "--yes")
    assert (done.code, done.out) == (1, "")
    assert "uses its artifact 'numbers'" in done.err
    told = zen("delete", ran, "--dry-run", "--json")
    assert (told.code, told.json["would_delete"]) == (1, [])
    assert any("numbers" in reason for reason in told.json["reasons"])
    assert zen("delete", ran, "last", "--yes", "--json").json["deleted"][0] == ran


def test_delete_asks_on_a_terminal_and_nowhere_else(ran, zen, monkeypatch):
    done = zen("delete", ran)
    assert (done.code, "--yes" in done.err) == (2, True)
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert zen("delete", ran).code == 130
    assert zen("show", ran).code == 0
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert zen("delete", ran).code == 0
    assert zen("show", ran).code == 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_counting_rewrites_one_line_on_a_terminal_and_leaves_nothing(monkeypatch):
    clock = iter([0.0, 0.1, 0.5, 0.55, 0.7])
    monkeypatch.setattr("zen.cli.counting.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with Counting(stream, live=True) as counting:
        for text in ("early", "1 of 10", "too soon", "2 of 10"):
            counting.tell(text)
    assert stream.getvalue() == "\r1 of 10\r2 of 10\r       \r"
