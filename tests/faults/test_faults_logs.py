"""What a step printed is there however its process ended, once and in order, within bounds, and while it runs.

Law: a line whose `print` has returned is in the log, once, in its place; so is the beginning of a line without an end.
Memory and rows are bounded, whatever is printed. Who follows from another process sees what the log has.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from zen import Client

FULL = os.environ.get("ZEN_FAULTS") == "full"
KILLS = 200 if FULL else 6
PRINTED = (1024 if FULL else 50) * 1024 * 1024
LINES = 20_000 if FULL else 2_000
PATIENCE = 120

HEAD = """
import atexit, ctypes, os, signal, sys, threading, time
from pathlib import Path
from zen import *

def note_peak():  # not ru_maxrss: that begins with the size of whoever started the process
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    with open("peaks", "a") as file:
        file.write(line.split()[1] + "\\n")

atexit.register(note_peak)

def saw(number):
    with open("acknowledged", "a") as file:
        file.write(f"{number}\\n")
"""
PLACES = {"in-process": "enable_cache=False", "worker": "enable_cache=False, isolate=True"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project."""
    for name in [name for name in os.environ if name.startswith("ZEN_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def start(project: Path, environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Return what starts a pipeline of one step with that body in a process of its own."""

    def begin(body: str, where: str = "in-process") -> subprocess.Popen[str]:
        step = f"@step({PLACES[where]})\ndef work() -> None:\n" + "".join(
            f"    {line}\n" for line in dedent(body).strip().splitlines()
        )
        text = f"{HEAD}\n{step}\n@pipeline(raise_on_failure=False)\ndef flow():\n    work()\n\nif __name__ == '__main__':\n    flow()\n"
        (project / "flow.py").write_text(text)
        (project / "acknowledged").touch()
        return subprocess.Popen(
            [sys.executable, "flow.py"],
            cwd=project,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    return begin


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def texts(project: Path, step: str = "work") -> list[str]:
    """Return the lines in the log of the last run."""
    with Client(root=project) as client:
        return [line.text for line in client.run().logs(step)]


CRASHES = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "segfault": "ctypes.string_at(0)",
    "os._exit": "os._exit(3)",
    "abort": "os.abort()",
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("crash", CRASHES if FULL else ["SIGKILL", "segfault"])
def test_the_last_words_before_a_crash_are_kept(start, project, where, crash) -> None:
    before = 'print("first")\nprint("second", file=sys.stderr)\nsys.stdout.write("last, without end")\n'
    start(before + CRASHES[crash], where).wait(PATIENCE)
    assert sorted(texts(project)[:3]) == ["first", "last, without end", "second"]
    with Client(root=project) as client:
        assert client.run().state == ("failed" if where == "worker" else "lost")
    assert list((project / ".zen" / "runs").iterdir()) == []


def test_what_c_code_and_children_say_last_in_a_worker_is_kept(start, project) -> None:
    start(
        """
        os.system("echo from a child; echo and its errors >&2")
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
        os.write(2, b"bad byte \\\\xff, no end")
        os.kill(os.getpid(), signal.SIGSEGV)
        """,
        "worker",
    ).wait(PATIENCE)
    assert sorted(texts(project)) == ["and its errors", r"bad byte \xff, no end", "from C", "from a child"]


@pytest.mark.parametrize("where", PLACES)
def test_no_acknowledged_line_is_lost_when_the_launching_process_is_killed(
    start, project, where, record_property
) -> None:
    """SIGKILL at random moments of a step that prints all the time; the side file says what `print` had returned for."""
    kills = lost = 0
    moments = random.Random(1)
    for _ in range(KILLS // len(PLACES)):
        (project / "acknowledged").unlink(missing_ok=True)
        process = start("for number in range(10**9):\n    print(number)\n    saw(number)", where)
        wait_for(lambda: (project / "acknowledged").exists() and (project / "acknowledged").stat().st_size)
        time.sleep(moments.uniform(0, 0.9))
        process.kill()
        process.wait()
        kills += 1
        acknowledged = (project / "acknowledged").read_text().split()
        found = texts(project)
        assert found == [str(number) for number in range(len(found))], "each once, in order"
        # A worker may have gone on for a moment after its launcher was gone: then nobody read what it wrote.
        if where == "in-process":
            lost += max(0, len(acknowledged) - len(found))
        assert found
    record_property("kills", kills)
    record_property("lost_lines", lost)
    assert lost == 0


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("shape", ["lines", "no line end", "one write", "carriage returns"])
def test_much_output_ends_with_bounded_memory_and_rows(start, project, where, shape, record_property) -> None:
    bodies = {
        "lines": f'for number in range({PRINTED} // 2048):\n    print(f"{{number:011}}" + "x" * 2036)',
        "no line end": f'for number in range({PRINTED} // 65536):\n    sys.stdout.write("x" * 65536)\nprint("end")',
        "one write": f'text = ("x" * 511 + chr(10)) * ({PRINTED} // 8 // 512)\nprint(text)\ndel text\nprint("end")',
        "carriage returns": f'for number in range({PRINTED} // 2048):\n    sys.stdout.write(chr(13) + f"{{number}}" + "#" * 2000)\nprint("end")',
    }
    before = 'print("begin")\n'
    launcher = start(before + bodies[shape] + "\nnote_peak()", where)
    assert launcher.wait(PATIENCE) == 0
    peaks = [int(line) for line in (project / "peaks").read_text().split()]
    assert len(peaks) >= 2
    with Client(root=project) as client:
        lines = client.run().logs()
        ((stored,),) = client.database.read("SELECT COALESCE(SUM(LENGTH(lines)), 0) FROM log")
    record_property("printed_bytes", PRINTED)
    record_property("peak_kib", max(peaks))
    record_property("stored_bytes", stored)
    given = PRINTED // 8 * 3 if shape == "one write" else 0  # the text itself, and its copy where it is cut
    assert max(peaks) * 1024 < 200 * 1024 * 1024 + given
    assert stored < 16 * 1024 * 1024
    assert lines[0].text == "begin"
    if shape == "lines":
        assert lines[-1].text.startswith(f"{PRINTED // 2048 - 1:011}x")
        assert sum("left out here" in line.text for line in lines) == 1
    elif shape == "carriage returns":
        assert [len(line.text) for line in lines[1:]] == [len(str(PRINTED // 2048 - 1)) + 2003]
    else:
        assert lines[-1].text.endswith("end")


def follower(project: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Start `zen logs --follow` in a process of its own."""
    command = [sys.executable, "-m", "zen", "logs", "last", "--follow", *options]
    return subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def has_run(project: Path) -> bool:
    """Say whether a run has begun."""
    if not (project / ".zen" / "metadata.db").exists():
        return False
    with Client(root=project) as client:
        return bool(client.runs())


@pytest.mark.parametrize("where", PLACES)
def test_who_follows_sees_every_line_once_and_in_order(start, project, environment, where, record_property) -> None:
    process = start(
        f"""
        for number in range({LINES}):
            print(number, file=sys.stderr if number % 3 else sys.stdout)
            if number % 500 == 0:
                time.sleep(0.2)
        sys.stdout.write("the end")
        """,
        where,
    )
    wait_for(lambda: has_run(project))
    reading = follower(project, environment, "--json")
    out, told = reading.communicate(timeout=PATIENCE)
    process.wait(PATIENCE)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["text"] for line in lines] == [*map(str, range(LINES)), "the end"]
    assert {(line["step"], line["attempt"]) for line in lines} == {("work", 1)}
    assert reading.returncode == 0
    assert "is completed" in told
    record_property("followed_lines", len(lines))


def test_who_follows_a_run_that_is_killed_gets_its_last_line_and_its_end(start, project, environment) -> None:
    process = start('print("begin")\nsaw(1)\ntime.sleep(1)\nprint("last")\nsaw(2)\ntime.sleep(60)')
    wait_for(lambda: (project / "acknowledged").read_text())
    reading = follower(project, environment)
    wait_for(lambda: (project / "acknowledged").read_text().split() == ["1", "2"])
    process.kill()
    process.wait()
    out, told = reading.communicate(timeout=PATIENCE)
    assert out == "work | begin\nwork | last\n"
    assert "is lost" in told


def test_a_line_is_followed_while_its_step_computes_silently(start, project, environment) -> None:
    process = start(
        'print("one line")\nend = time.monotonic() + 30\n'
        'while not Path("seen").exists() and time.monotonic() < end:\n    time.sleep(0.01)'
    )
    wait_for(lambda: has_run(project))
    reading = follower(project, environment)
    assert reading.stdout is not None
    assert reading.stdout.readline() == "work | one line\n"
    with Client(root=project) as client:
        assert client.run().state == "running"
    (project / "seen").touch()
    process.wait(PATIENCE)
    assert reading.wait(PATIENCE) == 0


def test_an_interrupt_ends_following_quietly(start, project, environment) -> None:
    process = start('print("begin")\ntime.sleep(60)')
    wait_for(lambda: has_run(project))
    reading = follower(project, environment)
    assert reading.stdout is not None
    assert reading.stdout.readline() == "work | begin\n"
    reading.send_signal(signal.SIGINT)
    _, told = reading.communicate(timeout=PATIENCE)
    process.kill()
    process.wait()
    assert reading.returncode == 130
    assert "Traceback" not in told


def test_a_full_disk_beside_the_log_fails_no_step(start, project) -> None:
    """The folder of the files beside memory cannot be written: the step runs, and its end stores what it printed."""
    process = start(
        'import shutil\nPath(".zen/runs").chmod(0o500) if os.getuid() else None\nprint("one")\nprint("two")'
    )
    process.wait(PATIENCE)
    assert texts(project) == ["one", "two"]
