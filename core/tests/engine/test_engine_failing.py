"""Steps that fail in this process: what is recorded, what is raised, what becomes of the other steps."""

from __future__ import annotations

import pytest

from zen import Client, RunFailed
from zen.errors import StepExited, StepOutputError


@pytest.fixture
def failed(define):
    """Run a pipeline of one step with that body, which must fail; return the run and what was raised."""

    def run(body: str, returns: str = "None", head: str = ""):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        flow = define(f"{head}\n@step\ndef work() -> {returns}:\n{lines}\n@pipeline\ndef numbers():\n    work()\n")
        with pytest.raises(RunFailed) as caught:
            flow.numbers()
        return caught.value.run, caught.value

    return run


def test_a_failing_step_fails_the_run_from_the_users_exception(failed) -> None:
    run, error = failed('raise KeyError("mine")')
    step = run.steps["work"]
    assert (run.state, step.state, step.error.type, step.error.message) == ("failed", "failed", "KeyError", "'mine'")
    assert run.error.message == "step 'work': 'mine'"
    assert type(error.__cause__) is KeyError
    assert error.run.id == run.id
    assert run.id[:8] in error.hint


def test_the_traceback_has_the_users_frames_and_none_of_ours(failed) -> None:
    run, error = failed(
        "outer()",
        head='def inner():\n    return {}["x"]\n\ndef outer():\n    try:\n        inner()\n    except KeyError as e:\n        raise ValueError("b") from e',
    )
    text = run.steps["work"].error.traceback
    assert [
        line for line in ("in work", "in outer", "in inner", "direct cause", "ValueError: b") if line not in text
    ] == []
    assert "zen/engine" not in text
    assert 'return {}["x"]' in text
    frames = []
    frame = error.__cause__.__traceback__
    while frame is not None:
        frames.append(frame.tb_frame.f_code.co_name)
        frame = frame.tb_next
    assert frames == ["work", "outer"]


def test_results_of_other_steps_are_kept(define) -> None:
    run = define("""
        @step
        def good(n: int) -> int:
            return n

        @step
        def bad(n: int) -> int:
            return n // 0

        @step
        def use(n: int) -> int:
            return n + 1

        @pipeline
        def numbers():
            first = good(1)
            second = bad(first)
            third = use(second)
            return use(third, id="fourth"), use(first, id="fifth")
    """).numbers.with_options(raise_on_failure=False)()
    assert {name: step.state for name, step in run.steps.items()} == {
        "good": "completed",
        "bad": "failed",
        "use": "skipped",
        "fourth": "skipped",
        "fifth": "completed",
    }
    assert [each.load() for each in run.outputs] == [2]
    assert run.steps["use"].reason == "'bad' failed"
    assert run.steps["fourth"].reason == "'use' was skipped"


@pytest.mark.parametrize("argument", ["", "0", "3", "'told'"])
def test_sys_exit_fails_the_step_whatever_its_code(failed, argument) -> None:
    run, error = failed(f"sys.exit({argument})")
    assert (run.state, run.steps["work"].error.type) == ("failed", f"{StepExited.__module__}.StepExited")
    assert "sys.exit" in run.steps["work"].error.message
    assert isinstance(error.__cause__, SystemExit)


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ("class Own(BaseException):\n    pass\nraise Own", "Own"),
        ("def again():\n    again()\nagain()", "RecursionError"),
        ("raise MemoryError", "MemoryError"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise ExceptionGroup('both', [ValueError('a'), KeyError('b')])", "ExceptionGroup"),
        ("raise StopIteration", "StopIteration"),
    ],
)
def test_other_exceptions_fail_the_step(failed, body, type) -> None:
    run, _ = failed(body)
    assert run.steps["work"].error.type.endswith(type)
    assert "in work" in run.steps["work"].error.traceback
    assert len(run.steps["work"].error.traceback) < 30_000


def test_an_exception_that_cannot_be_shown_is_recorded(failed) -> None:
    run, _ = failed("class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Odd")
    assert "cannot be shown" in run.steps["work"].error.message


def test_texts_that_no_database_takes_are_recorded_escaped(failed) -> None:
    run, _ = failed("raise ValueError('a\\udc80b\\0c')")
    assert run.steps["work"].error.message.startswith("a")
    assert run.steps["work"].state == "failed"


def test_a_long_message_is_cut(failed) -> None:
    run, _ = failed("raise ValueError('x' * 10_000_000)")
    assert len(run.steps["work"].error.message) < 30_000


@pytest.mark.parametrize(
    ("returns", "value", "message"),
    [
        ("int", "None", "declares its output 'output' as int, and returned None"),
        ("int", "'a'", "and returned a str"),
        ("None", "3", "declares that it returns None, and returned a int"),
        ("list[int]", "['a']", "as list"),
        ("Annotated[float, 'loss']", "'a'", "its output 'loss' as float"),
        ("tuple[int, int]", "1", "declares 2 outputs (output_0, output_1), and returned a int"),
        ("tuple[int, int]", "None", "declares 2 outputs (output_0, output_1), and returned None"),
        ("tuple[int, int]", "(1, 2, 3)", "and returned 3"),
        ("tuple[int, int]", "(1,)", "and returned 1"),
        ("tuple[Annotated[int, 'a'], Annotated[str, 'b']]", "(1, 2)", "its output 'b' as str"),
        ("Annotated[int, Field(gt=0)]", "-1", "its output 'output' as int"),
        ("list[int]", "(n for n in [1])", "returned a generator"),
        ("Any", "(n for n in [1])", "returned a generator"),
    ],
)
def test_wrong_outputs_fail_the_step_and_leave_no_artifact(failed, home, returns, value, message) -> None:
    run, error = failed(f"return {value}", returns, "from pydantic import Field")
    assert isinstance(error.__cause__, StepOutputError)
    assert message in run.steps["work"].error.message
    assert run.steps["work"].error.hint
    assert Client(root=home).artifacts() == []


@pytest.mark.parametrize("code", ["yield 1", "yield 1\nraise ValueError"])
def test_generator_functions_are_refused_before_they_run(failed, code) -> None:
    run, error = failed(f"print('ran')\n{code}", "list")
    assert isinstance(error.__cause__, StepOutputError)
    assert run.logs() == []


@pytest.mark.parametrize(
    ("value", "type"),
    [("threading.Lock()", "lock"), ("open(__file__)", "TextIOWrapper"), ("[threading.Lock()]", ""), ("lambda: 1", "")],
)
def test_a_value_that_cannot_be_saved_is_named(failed, home, value, type) -> None:
    run, _ = failed(f"return 1, {value}", "tuple[Annotated[int, 'number'], Annotated[Any, 'thing']]")
    assert "'thing'" in run.steps["work"].error.message
    assert type in run.steps["work"].error.message
    assert Client(root=home).artifacts() == []


def test_an_object_whose_pickling_fails_is_a_failed_step(failed) -> None:
    head = "class Odd:\n    def __reduce__(self):\n        raise RuntimeError('not me')"
    run, _ = failed("return Odd()", "Odd", head)
    assert "not me" in run.steps["work"].error.message or "not me" in run.steps["work"].error.traceback


def test_a_step_whose_input_cannot_be_loaded_fails_and_calls_its_hooks(define) -> None:
    flow = define("""
        called = []

        class Odd:
            def __setstate__(self, state):
                raise RuntimeError("cannot wake up")
            def __getstate__(self):
                return {"a": 1}

        def told(error):
            called.append(str(error))

        @step
        def make() -> Odd:
            return Odd()

        @step(on_failure=told)
        def use(odd: Odd) -> int:
            return 1

        @pipeline
        def numbers():
            use(make())
    """)
    run = flow.numbers.with_options(raise_on_failure=False)()
    assert run.steps["use"].state == "failed"
    assert "cannot wake up" in str(flow.called)


def test_the_process_is_as_before_after_a_step(define, home) -> None:
    flow = define("""
        import signal, tempfile, shutil

        @step
        def mess() -> None:
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            shutil.rmtree(folder)
            os.environ["MESS"] = "1"
            os.environ["HOME"] = "/nowhere"
            del os.environ["PATH"]
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, lambda *_: None)
            sys.stdout = sys.stderr = None

        @step
        def look(fail: bool = False) -> list:
            if fail:
                os.chdir("/")
                os.environ["MESS"] = "2"
                raise ValueError
            return [os.getcwd(), os.environ.get("MESS"), "PATH" in os.environ, sys.stdout is not None]

        @pipeline
        def numbers():
            look(True, after=mess())
            return look(after="look")
    """)
    import os
    import signal
    import sys

    before = [os.getcwd(), dict(os.environ), sys.stdout, sys.stderr, signal.getsignal(signal.SIGINT)]
    usr1, term = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGTERM)
    flow.numbers.with_options(raise_on_failure=False)()
    assert [os.getcwd(), dict(os.environ), sys.stdout, sys.stderr, signal.getsignal(signal.SIGINT)] == before
    assert (signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGTERM)) == (usr1, term)


def test_the_next_step_finds_the_process_as_before(define, home) -> None:
    run = define("""
        @step
        def mess() -> None:
            os.chdir("/")
            os.environ["MESS"] = "1"

        @step
        def look() -> list:
            return [os.getcwd(), os.environ.get("MESS")]

        @pipeline
        def numbers():
            return look(after=mess())
    """).numbers()
    assert run.outputs[0].load() == [str(home), None]


def test_a_step_that_closes_the_streams_does_not_close_them_for_others(define, capsys) -> None:
    run = define("""
        @step
        def close() -> None:
            sys.stdout.close()
            sys.stderr.close()

        @step
        def talk() -> None:
            print("still here")

        @pipeline
        def numbers():
            talk(after=close())
    """).numbers()
    assert [line.text for line in run.logs("talk")] == ["still here"]
    print("and here")
    assert capsys.readouterr().out == "still here\nand here\n"


def test_warnings_of_steps_are_warnings_of_the_run(define) -> None:
    run = define("""
        def broken():
            raise RuntimeError("hook")

        @step(on_success=broken)
        def work() -> int:
            return 1

        @pipeline
        def numbers():
            work()
    """).numbers()
    assert run.warnings == ("the hook flow:broken failed: RuntimeError: hook",)
    assert run.steps["work"].record.warnings == run.warnings


def test_a_failing_step_in_a_worker_has_no_live_exception_but_its_record(script) -> None:
    done = script("""
        @step(isolate=True)
        def work() -> None:
            raise KeyError("mine")

        @pipeline
        def numbers():
            work()

        if __name__ == "__main__":
            try:
                numbers()
            except RunFailed as error:
                print(error.__cause__, error.run.steps["work"].error.type, "step 'work': 'mine'" in str(error))
    """)
    assert done.stdout == "None KeyError True\n", done.stderr


def test_an_unguarded_script_that_starts_processes_by_spawn_does_not_run_again(script, home) -> None:
    done = script("""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        @step
        def work() -> int:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                return pool.submit(abs, -3).result()

        @pipeline(raise_on_failure=False)
        def numbers():
            work()

        numbers()
    """)
    assert 'put the call under `if __name__ == "__main__":`' in done.stderr
    assert [run.steps["work"].error.type for run in Client(root=home).runs()] == [
        "concurrent.futures.process.BrokenProcessPool"
    ]


def test_a_step_that_nobody_ended_is_lost_when_the_run_ends(define, home) -> None:
    import sqlite3

    flow = define("""
        @step
        def leave(path: str) -> None:
            import sqlite3
            run = get_step_context().run.id
            with sqlite3.connect(path) as database:
                database.execute(
                    "INSERT INTO step_run (id, run, name, attempt, state, token, detail)"
                    " VALUES ('f' || substr(?, 2), ?, 'ghost', 1, 'running', 't', '{}')", (run, run))

        @pipeline
        def flow():
            leave(".zen/metadata.db")
    """)
    run = flow.flow()
    with sqlite3.connect(home / ".zen" / "metadata.db") as database:
        found = dict(database.execute("SELECT name, state FROM step_run WHERE run = ?", (run.id,)))
    assert found == {"leave": "completed", "ghost": "lost"}
