"""Steps in processes of their own: timeouts, vanished processes, and what the script around them has to be."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zen import Client


def alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Wait until a process is gone."""
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_workers_end_as_their_steps_do(script, home) -> None:
    """One run for everything that ends a worker's process; one step at a time, so that there is one worker to reuse."""
    (home / "zen.yaml").write_text(
        "stacks: {one: {orchestrator: {flavor: local, max_parallel: 1}}}\ndefault_stack: one"
    )
    done = script("""
        import ctypes

        @step(isolate=True)
        def leaves() -> int:
            os._exit(0)

        @step(isolate=True)
        def segfaults() -> int:
            print("before the fault", flush=True)
            ctypes.string_at(0)

        @step(isolate=True)
        def killed() -> int:
            os.kill(os.getpid(), signal.SIGKILL)

        @step(isolate=True)
        def exits() -> int:
            sys.exit(0)

        @step(isolate=True)
        def raises() -> int:
            return deeper()

        def deeper():
            raise KeyError("mine")

        @step(isolate=True)
        def fine() -> list:
            print("from the worker")
            log_metrics({"loss": 0.5})
            return [os.getpid(), __name__]

        @step(isolate=True)
        def again(given: list) -> int:
            return os.getpid()

        @pipeline(raise_on_failure=False)
        def numbers():
            for each in (leaves, segfaults, killed, exits, raises):
                each()
            given = fine()
            return given, again(given)

        if __name__ == "__main__":
            run = numbers()
            print(os.getpid(), run.outputs[0].load())
    """)
    assert done.returncode == 0, done.stderr
    run = Client(root=home).run("last")
    errors = {name: step.error for name, step in run.steps.items()}
    states = {name: step.state for name, step in run.steps.items()}
    failing = ["leaves", "segfaults", "killed", "exits", "raises"]
    assert states == {**dict.fromkeys(failing, "failed"), "fine": "completed", "again": "completed"}
    assert errors["leaves"].message == "the process of step 'leaves' vanished with exit code 0"
    assert "signal 11 (SIGSEGV)" in errors["segfaults"].message
    assert "signal 9 (SIGKILL)" in errors["killed"].message
    assert errors["exits"].message == "the step called sys.exit(0)"
    assert (errors["raises"].type, errors["raises"].message) == ("KeyError", "'mine'")
    assert "in deeper" in errors["raises"].traceback
    assert "zen/engine" not in errors["raises"].traceback
    assert "in segfaults" in errors["segfaults"].traceback
    assert [line.text for line in run.logs("segfaults")] == ["before the fault"]
    main, (pid, module) = int(done.stdout.split()[-3]), run.outputs[0].load()
    assert "from the worker" in done.stdout
    assert (module, run.metrics) == ("flow", {"loss": 0.5})
    assert pid != main
    assert run.outputs[1].load() == pid, "an idle worker takes the next step"
    assert gone(pid)


def test_a_timeout_kills_the_whole_process_group(script, home) -> None:
    done = script("""
        @step(timeout=1.0)
        def hangs() -> None:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            Path("pids").write_text(f"{os.getpid()} {child.pid}")
            print("working")
            time.sleep(600)

        @step(timeout=60)
        def quick() -> int:
            return 3

        @pipeline(raise_on_failure=False)
        def numbers():
            hangs()
            return quick()

        if __name__ == "__main__":
            run = numbers()
            print(run.state, run.outputs[0].load())
    """)
    assert done.stdout.splitlines()[-1] == "failed 3", done.stderr
    step = Client(root=home).run().steps["hangs"]
    assert step.error.message == "step 'hangs' ran longer than its timeout of 1 s; its process group was killed"
    assert step.duration >= 1.0
    assert [line.text for line in step.logs()] == ["working"]
    assert all(gone(int(pid)) for pid in (home / "pids").read_text().split())


def test_a_timeout_does_not_count_what_the_worker_needs_to_start(script) -> None:
    done = script("""
        if os.environ.get("SLOW") == str(os.getppid()):
            time.sleep(0.8)
        os.environ["SLOW"] = str(os.getpid())

        @step(timeout=0.5)
        def quick() -> int:
            return 3

        @pipeline
        def numbers():
            return quick()

        if __name__ == "__main__":
            print(numbers().outputs[0].load())
    """)
    assert done.stdout == "3\n", done.stderr


def test_a_vanished_worker_is_noticed_though_its_child_keeps_the_pipe(script, home) -> None:
    done = script("""
        @step(isolate=True)
        def vanishes() -> None:
            if child := os.fork():
                Path("child").write_text(str(child))
                os._exit(7)
            time.sleep(600)

        @pipeline(raise_on_failure=False)
        def numbers():
            vanishes()

        if __name__ == "__main__":
            print(numbers().steps["vanishes"].error.message)
    """)
    with contextlib.suppress(ProcessLookupError):
        os.kill(int((home / "child").read_text()), signal.SIGKILL)
    assert done.stdout == "the process of step 'vanishes' vanished with exit code 7\n", done.stderr


def test_an_unguarded_script_with_steps_in_workers_works(script) -> None:
    done = script("""
        print("loaded")

        @step(isolate=True)
        def work(n: int) -> int:
            return n + 1

        @pipeline
        def numbers():
            return work(work(1))

        run = numbers()
        print(run.outputs[0].load())
    """)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line != "loaded"] == ["3"]


def test_an_unguarded_script_with_the_step_below_the_call_gets_an_error(script, home) -> None:
    done = script("""
        @step
        def early() -> int:
            return 1

        @pipeline
        def numbers():
            return early(), late()

        try:
            numbers()
        except NameError:
            pass

        @step(isolate=True)
        def late() -> int:
            return 2

        numbers.with_options(raise_on_failure=False)()
    """)
    assert done.returncode == 0, done.stderr
    error = Client(root=home).run().steps["late"].error
    assert "no 'late'" in error.message
    assert "above the pipeline call" in error.hint


@pytest.mark.parametrize("where", ["isolate=True", "timeout=5"])
def test_a_local_step_that_asks_for_a_process_is_refused_before_anything_runs(define, home, where) -> None:
    flow = define(f"""
        def made():
            @step({where})
            def work() -> int:
                return 1
            return work

        @step
        def first() -> None:
            pass

        @pipeline
        def numbers():
            first()
            made()()
    """)
    with pytest.raises(ValueError, match="asks for a process of its own, and no other process can load"):
        flow.numbers()
    runs = Client(root=home).runs()
    assert [step.name for run in runs for step in run.attempts if step.state == "running"] == []


def test_steps_in_workers_run_beside_each_other(script, home) -> None:
    (home / "zen.yaml").write_text(
        "stacks: {two: {orchestrator: {flavor: local, max_parallel: 2}}}\ndefault_stack: two"
    )
    done = script("""
        @step(isolate=True)
        def work(n: int) -> int:
            time.sleep(1)
            return n

        @pipeline
        def numbers():
            work(1), work(2)

        if __name__ == "__main__":
            numbers()
    """)
    assert done.returncode == 0, done.stderr
    first, second = Client(root=home).run().steps.values()
    assert min(first.finished_at, second.finished_at) > max(first.started_at, second.started_at)


def test_a_chain_costs_no_process(script) -> None:
    done = script("""
        @step
        def work(earlier: list) -> list:
            return [*earlier, os.getpid()]

        @pipeline
        def numbers():
            found = work([])
            for _ in range(6):
                found = work(found)
            return found

        if __name__ == "__main__":
            print(set(numbers().outputs[0].load()) == {os.getpid()})
    """)
    assert done.stdout == "True\n", done.stderr


def test_a_step_in_a_worker_reads_nothing_from_the_terminal_and_may_write_bytes(script, home) -> None:
    done = script("""
        @step(isolate=True)
        def work() -> str:
            os.write(1, b"raw bytes\\n")
            subprocess.run([sys.executable, "-c", "print('from a child')"])
            return sys.stdin.read()

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            print(repr(numbers().outputs[0].load()))
    """)
    assert done.stdout == "raw bytes\nfrom a child\n''\n", done.stderr
    assert [(line.stream, line.text) for line in Client(root=home).run().logs()] == [
        ("stdout", "raw bytes"),
        ("stdout", "from a child"),
    ]


def test_modules_beside_the_script_are_found_in_workers(script, home) -> None:
    (home / "deep").mkdir()
    (home / "deep" / "helper.py").write_text("def value():\n    return 5\n")
    done = script(
        """
        import helper

        @step(isolate=True)
        def work() -> list:
            return [helper.value(), __name__]

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            print(numbers().outputs[0].load())
        """,
        name="deep/flow.py",
    )
    assert done.stdout == "[5, 'deep.flow']\n", done.stderr


def test_workers_end_when_the_launching_process_is_killed(script, home) -> None:
    import subprocess
    import sys

    text = """
import os, sys, time
from pathlib import Path
from zen import *

@step(isolate=True)
def work() -> None:
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)

@pipeline
def numbers():
    work()

if __name__ == "__main__":
    numbers()
"""
    (home / "flow.py").write_text(text)
    process = subprocess.Popen([sys.executable, "flow.py"], cwd=home, env=dict(os.environ))
    while not (home / "pid").exists() or not (home / "pid").read_text():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(int((home / "pid").read_text()))
    run = Client(root=home).run()
    assert (run.state, run.steps["work"].state) == ("lost", "lost")


def test_a_step_that_prints_without_end_is_timed_out(script, home) -> None:
    done = script("""
        @step(timeout=1.0)
        def talks() -> None:
            while True:
                print("x" * 200)

        @pipeline(raise_on_failure=False)
        def numbers():
            talks()

        if __name__ == "__main__":
            run = numbers()
            print("\\n" + run.steps["talks"].error.message)
    """)
    assert "longer than its timeout" in done.stdout.splitlines()[-1], done.stderr[-1000:]


@pytest.mark.parametrize("where", ["", "isolate=True"])
def test_forks_of_a_step_print_and_record_nothing_twice(script, home, where) -> None:
    done = script(f"""
        import multiprocessing

        def talk(number):
            for line in range(600):
                print(f"{{number}}-{{line}}")
            time.sleep(1.1)
            print("end", number)
            return number

        @step({where})
        def work() -> list[int]:
            print("before")
            # Not a Pool: ending one can deadlock in Python itself, under load and once in some hundred times.
            forks = [multiprocessing.get_context("fork").Process(target=talk, args=(number,)) for number in (1, 2)]
            for fork in forks:
                fork.start()
            for fork in forks:
                fork.join()
            print("after")
            return [number for number, fork in enumerate(forks, start=1) if fork.exitcode == 0]

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            print(numbers().outputs[0].load())
    """)
    assert done.stdout.splitlines()[-1] == "[1, 2]", done.stderr[-2000:]
    lines = [line.text for line in Client(root=home).run().logs()]
    assert (lines[0], lines[-1]) == ("before", "after")
    # Of a worker, what its forks write to its descriptors is kept; of this process it is only shown.
    # Two that write at once may get into each other's lines, so no certain one is looked for.
    assert any(line.startswith(("1-", "2-")) for line in lines) == bool(where)
    shown = (done.stdout + done.stderr).splitlines()
    assert [shown.count(line) for line in ("before", "after")] == [1, 1]
    assert "1-1" in done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_worker_whose_launcher_was_killed_ends_quietly_and_leaves_no_file(define, home) -> None:
    define(
        """
        @step(isolate=True)
        def speaks() -> int:
            while True:
                print("said")
                Path("reached").touch()

        @pipeline
        def flow():
            speaks()
        """
    )
    folder = home / "temporary"
    folder.mkdir()
    with open(home / "said", "w") as said:
        launcher = subprocess.Popen(
            [sys.executable, "-c", "import flow; flow.flow()"],
            cwd=home,
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    deadline = time.monotonic() + 60
    while not (home / "reached").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(folder.iterdir())
    launcher.kill()
    launcher.wait()
    while list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(folder.iterdir()) == []
    assert (home / "said").read_text() == ""
