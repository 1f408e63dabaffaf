"""Bad inputs, each with the answer that it gets: a message that says what, where, why and how to mend it, and no traceback.

The rows are numbered as in a fault model of 68 cases. Here are A, files (1-17), B, steps and pipelines (18-38), and the
command line with its environment. C, plugins (39-54), is in tests/test_isolation.py; D, storage, processes and clocks
(55-68), in the other files of this folder.

After every row a run that was recorded before it is still there, as it was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from zen import Client
from zen.cli.main import main
from zen.client.workspaces import close_all

EARLIER = """
from zen import pipeline, step

@step
def one() -> int:
    return 1

@pipeline
def earlier():
    return one()
"""
HEAD = """
import ctypes, os, signal, subprocess, sys, threading, time
from pathlib import Path
from typing import Annotated, Any
from zen import *
"""


class Answer(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a project with one completed run."""
    root = tmp_path_factory.mktemp("project")
    (root / "pyproject.toml").touch()
    (root / "earlier.py").write_text(EARLIER)
    before = os.getcwd()
    os.chdir(root)
    try:
        assert main(["run", "earlier.py"]) == 0
        yield root
    finally:
        os.chdir(before)
        close_all()


@pytest.fixture
def project(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return that project; the run is as it was when the test is over."""
    for name in [name for name in os.environ if name.startswith("ZEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ZEN_PROGRESS", "off")
    monkeypatch.chdir(recorded)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield recorded
    (recorded / "zen.yaml").unlink(missing_ok=True)
    close_all()
    with Client(root=recorded) as client:
        first = client.runs(sort="started", limit=1)[0]
        assert (first.pipeline, first.state, first.outputs[0].load()) == ("earlier", "completed", 1)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(recorded)):
            del sys.modules[name]


@pytest.fixture
def zen(project: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return what runs a command line in this process."""

    def call(*arguments: str) -> Answer:
        capfd.readouterr()
        code = main(list(arguments))
        shown = capfd.readouterr()
        assert "zen/engine" not in shown.err
        return Answer(code, shown.out, shown.err)

    return call


# A. Stack and configuration files: (number, zen.yaml, what the answer says). The exit code is 3: configuration.

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 106)
)
LOCAL = "stacks: {x: {orchestrator: {flavor: local, %s}}}"
STORE = "stacks: {x: {artifact_store: {flavor: local, path: %s}}}"
NAME = "stacks: {%s: {orchestrator: local}}"
FILES: list[tuple[str, bytes | str, list[str]]] = [
    ("1 empty file", "", ["zen.yaml: the file is empty", "write `stacks:` in it, or remove it"]),
    ("2 no YAML", "stacks: [a, b\n", ["zen.yaml:2:1: not YAML", "begins in line 1"]),
    ("2 indented by a tab", "stacks:\n\tx: {}\n", ["zen.yaml:2:1: not YAML", "indent with spaces; there is a tab"]),
    ("3 a key twice", "stacks: {}\nstacks: {}\n", ["zen.yaml:2:1: the key 'stacks' stands twice", "in line 1"]),
    ("4 unknown key", "stacks: {x: {artifact_sotre: local}}", ["zen.yaml:1:14", "did you mean 'artifact_store'?"]),
    ("5 a tag that calls", "stacks: !!python/object/apply:os.system [touch marker]", ["zen.yaml:1:9", "is refused"]),
    ("6 alias bomb", BOMB, ["the aliases of this file stand for more than 10,000 values"]),
    ("7 a large file", b"#" * (2 << 20), ["it is larger than 1 MiB"]),
    ("7 deep nesting", b"x: " + b"[" * 10_000 + b"]" * 10_000, ["deeper than 50 levels"]),
    ("8 `no` for a number", LOCAL % "max_parallel: no", ["expected a whole number, found the text 'no'"]),
    ("8 `1e3` for a whole number", LOCAL % "max_parallel: 1e3", ["expected a whole number, found the number 1e3"]),
    ("8 a date for a number", LOCAL % "max_parallel: 2024-01-01", ["found the text '2024-01-01'"]),
    ("9 NUL", b"default_stack: a\0b\n", ["the character U+0000 at byte offset 16"]),
    ("9 byte order mark", b"\xef\xbb\xbfstacks: {}\n", ["byte order mark at byte offset 0", "save it as UTF-8"]),
    ("9 UTF-16", "stacks: {}\n".encode("utf-16"), ["UTF-16 at byte offset 0", "save it as UTF-8"]),
    ("9 invalid UTF-8", b"default_stack: \xff\n", ["the byte 0xff at byte offset 15", "save the file as UTF-8"]),
    ("10 a flavor to import", "stacks: {x: {orchestrator: os.system}}", ["'os.system' is no flavor: it holds '.'"]),
    ("10 a target to import", LOCAL % "_target_: os.system", ["unknown key '_target_'; known: max_parallel"]),
    (
        "11 literal secret",
        "stacks: {x: {experiment_tracker: {flavor: wandb, api_key: s3cr3t-value}}}",
        ["api_key", "${secret:"],
    ),
    ("14 name ../x", NAME % "../x", ["'../x' is no name for a stack", "such as 'x'"]),
    ("14 name a/b", NAME % "a/b", ["'a/b' is no name for a stack", "such as 'a-b'"]),
    ("14 name .", NAME % "'.'", ["'.' is no name for a stack"]),
    ("14 name ..", NAME % "'..'", ["'..' is no name for a stack"]),
    ("14 name CON", NAME % "CON", ["'CON' is no name for a stack"]),
    ("14 name nul.txt", NAME % "nul.txt", ["'nul.txt' is no name for a stack"]),
    ("14 drive", NAME % r"'C:\x'", ["is no name for a stack"]),
    ("14 share", NAME % r"'\\host\share'", ["is no name for a stack"]),
    ("14 name with a dot at its end", NAME % "x.", ["'x.' is no name for a stack"]),
    ("14 name with a space at its end", NAME % "'x '", ["'x ' is no name for a stack: it holds ' '"]),
    ("14 name of 300 letters", NAME % ("x" * 300), ["(300 characters) is no name for a stack: it is too long"]),
    ("14 empty name", NAME % "''", ["'' is no name for a stack: it is empty"]),
    ("15 homoglyph", "stacks: {x: {orchestrator: lo\u0441al}}", ["U+0441 CYRILLIC SMALL LETTER ES"]),
    ("15 right-to-left", NAME % '"pr\\u202eod"', ["U+202E RIGHT-TO-LEFT OVERRIDE"]),
    ("15 zero width", NAME % '"pr\\u200bod"', ["U+200B ZERO WIDTH SPACE"]),
    ("16 names that differ by case", "stacks: {prod: {}, Prod: {}}", ["'Prod' is no name for a stack"]),
    ("17 store is /", STORE % "/", ["it is the root of the file system", "use a hidden folder"]),
    ("17 store is the project", STORE % ".", ["it is the project's own folder", "use a hidden folder"]),
    ("17 store among sources", STORE % "src", ["it lies among the project's sources"]),
    ("17 store behind a loop of links", STORE % "loop/a", ["it cannot be reached"]),
]


@pytest.mark.parametrize(("number", "text", "parts"), FILES, ids=[row[0] for row in FILES])
def test_a_bad_file_is_refused_with_its_place(zen, project, number, text, parts) -> None:
    (project / "zen.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (project / "src").mkdir(exist_ok=True)
    if not (project / "loop").is_symlink():
        (project / "loop").symlink_to("loop")
    answer = zen("run", "earlier.py", "--stack", "x")
    assert (answer.code, answer.out) == (3, "")
    assert "zen.yaml" in answer.err
    for part in parts:
        assert part in answer.err
    assert "Traceback" not in answer.err
    assert "s3cr3t-value" not in answer.err
    assert not (project / "marker").exists()


def test_a_missing_secret_fails_before_the_first_step_and_names_the_reference(zen, project) -> None:
    """12."""
    (project / "zen.yaml").write_text(
        "stacks: {x: {experiment_tracker: {flavor: wandb, api_key: '${secret:env/NOT_SET}'}}}"
    )
    (project / "marks.py").write_text(EARLIER.replace("    return 1", '    open("marker", "w")\n    return 1'))
    answer = zen("run", "marks.py", "--stack", "x")
    assert answer.code != 0
    assert "env/NOT_SET" in answer.err
    assert "Traceback" not in answer.err
    assert not (project / "marker").exists()


def test_a_secret_of_one_character_is_told(zen, project, monkeypatch, caplog) -> None:
    """13."""
    monkeypatch.setenv("SHORT", "a")
    (project / "zen.yaml").write_text(
        "stacks: {x: {experiment_tracker: {flavor: wandb, mode: disabled, api_key: '${secret:env/SHORT}'}}}"
    )
    answer = zen("run", "earlier.py", "--stack", "x")
    assert answer.code == 0
    assert "the secret 'env/SHORT' is empty or a single character" in caplog.text


# B. Steps and pipelines: (number, module text, exit code, what the answer says).

FLOW = """
@step({options})
def work({parameters}) -> {returns}:
{body}

@pipeline
def flow():
    return work({arguments})
"""


def flow(
    body: str = "return 1", *, returns: str = "int", options: str = "", parameters: str = "", arguments: str = ""
) -> str:
    """Return a pipeline of one step."""
    lines = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
    return FLOW.format(body=lines, returns=returns, options=options, parameters=parameters, arguments=arguments)


TWO = """
@step
def load() -> int:
    return 1

@step
def train(n: int = 0) -> int:
    return n

@pipeline
def flow():
    {body}
"""
STEPS: list[tuple[str, str, int, list[str]]] = [
    (
        "18 a step before itself",
        TWO.format(body='load(after="train")\n    train(after="load")'),
        2,
        ["'train'", "after"],
    ),
    (
        "19 two steps of one id",
        TWO.format(body='load(id="x")\n    train(id="x")'),
        2,
        ["already has a step 'x'", "give the second one another id"],
    ),
    ("20 unknown upstream", TWO.format(body='load()\n    train(after="laod")'), 2, ["'laod'", "did you mean 'load'?"]),
    (
        "21 a lambda apart",
        "def made():\n    @step(isolate=True)\n    def work() -> int:\n        return 1\n    return work\n\n@pipeline\ndef flow():\n    made()()\n",
        2,
        ["no other process can load", "move the step to the top level"],
    ),
    ("22 raises", flow('raise KeyError("mine")'), 1, ["KeyError: 'mine'", "in work"]),
    ("23 sys.exit(0)", flow("sys.exit(0)"), 1, ["the step called sys.exit(0)", "return instead"]),
    ("24 os._exit(0)", flow("os._exit(0)", options="isolate=True"), 1, ["vanished with exit code 0", "os._exit"]),
    ("24 segfault", flow("ctypes.string_at(0)", options="isolate=True"), 1, ["signal 11 (SIGSEGV)"]),
    ("25 None where declared", flow("pass"), 1, ["declares its output 'output' as int, and returned None"]),
    (
        "25 wrong count",
        flow("return 1, 2, 3", returns="tuple[Annotated[int, 'a'], Annotated[int, 'b']]"),
        1,
        ["declares 2 outputs (a, b), and returned 3"],
    ),
    ("25 wrong type", flow('return "1"'), 1, ["as int, and returned a str"]),
    ("26 generator", flow("yield 1"), 1, ["generator", "return a list"]),
    (
        "27 a lock",
        flow("return threading.Lock()", returns="Any"),
        1,
        ["output 'output' of step 'work' cannot be saved"],
    ),
    ("27 an open file", flow("return open(os.devnull)", returns="Any"), 1, ["cannot be saved"]),
    ("31 BaseException", flow('raise BaseException("odd")'), 1, ["BaseException: odd"]),
    ("31 RecursionError", flow("def f(): return f()\nreturn f()"), 1, ["RecursionError"]),
    ("31 MemoryError", flow("return [0] * (1 << 60)", returns="Any"), 1, ["MemoryError"]),
    (
        "32 endless loop",
        flow("while True: pass", options="timeout=0.2"),
        1,
        ["ran longer than its timeout of 0.2 s; its process group was killed", "more time"],
    ),
]


@pytest.mark.parametrize(("number", "text", "code", "parts"), STEPS, ids=[row[0] for row in STEPS])
def test_a_bad_step_is_told(zen, project, number, text, code, parts) -> None:
    name = "row_" + "".join(letter if letter.isalnum() else "_" for letter in number)
    (project / f"{name}.py").write_text(HEAD + text)
    answer = zen("run", f"{name}.py")
    assert answer.code == code, answer.err
    assert answer.out == ""
    for part in parts:
        assert part in answer.err
    with Client(root=project) as client:
        assert not [each for each in client.artifacts(limit=1000) if each.name.startswith("flow.work")]


@pytest.fixture
def define(project: Path) -> Callable[[str], Callable[..., object]]:
    """Return what makes a pipeline of a module's text."""

    def make(text: str) -> Callable[..., object]:
        import importlib

        name = f"defined_{len(list(project.glob('defined_*.py')))}"
        (project / f"{name}.py").write_text(HEAD + text)
        sys.path.insert(0, str(project))
        importlib.invalidate_caches()
        return importlib.import_module(name).flow

    return make


def test_results_of_other_steps_are_kept_when_one_raises(define) -> None:
    """22."""
    run = define(
        TWO.replace("return n", 'raise ValueError("no")').format(body="return load(), train(load(id='other'))")
    ).with_options(raise_on_failure=False)()
    assert run.steps["train"].state == "failed"
    assert run.steps["other"].output.load() == 1
    assert run.steps["load"].output.load() == 1


def test_a_large_output_is_checked_against_the_space_before_it_is_written(define, monkeypatch) -> None:
    """28."""
    from zen.storage import staging

    monkeypatch.setattr(staging, "_LARGE", 1 << 20)
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    run = define(flow("return bytes(1 << 23)", returns="bytes")).with_options(raise_on_failure=False)()
    error = run.steps["work"].error
    assert "no space left on the disk to save" in error.message
    assert "needed" in error.message
    assert "make space" in error.hint
    assert not run.outputs


def test_very_many_files_are_refused_with_advice(define, monkeypatch) -> None:
    """29."""
    from zen.builtin.materializers import paths

    monkeypatch.setattr(paths, "MOST_FILES", 3)
    body = 'Path("many").mkdir(exist_ok=True)\nfor n in range(5): Path(f"many/{n}").touch()\nreturn Path("many")'
    run = define(flow(body, returns="Path")).with_options(raise_on_failure=False)()
    error = run.steps["work"].error
    assert "holds more than 3 files" in error.message
    assert "pack them into an archive first" in error.hint


def test_a_changed_input_reaches_nobody_else(define) -> None:
    """30."""
    run = define("""
@step
def load() -> list[int]:
    return [1, 2]

@step
def spoils(given: list[int]) -> int:
    given.clear()
    return 0

@step
def reads(given: list[int]) -> list[int]:
    return given

@pipeline
def flow():
    given = load()
    return reads(given, after=spoils(given))
""")()
    assert run.outputs[0].load() == [1, 2]


def test_what_a_step_leaves_running_is_ended_and_told(project, environment) -> None:
    """33."""
    text = flow(
        'child = subprocess.Popen(["sleep", "60"])\nreturn child.pid', options="isolate=True, enable_cache=False"
    )
    (project / "leaves.py").write_text(
        HEAD + text + "\nif __name__ == '__main__':\n    print(flow().outputs[0].load())\n"
    )
    done = subprocess.run(
        [sys.executable, "leaves.py"], cwd=project, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    with Client(root=project) as client:
        run = client.run()
        assert any("processes that work started were still running" in text for text in run.warnings)
    for _ in range(500):
        if (
            not Path(f"/proc/{int(done.stdout)}").exists()
            or " Z " in Path(f"/proc/{int(done.stdout)}/stat").read_text()
        ):
            break
        time.sleep(0.01)
    else:
        pytest.fail("it still runs")


def test_hostile_output_is_kept_as_lines_that_forge_nothing(define, zen, capfd) -> None:
    """34. How much a step may print is in test_faults_logs.py."""
    define(
        flow(
            r"""
            print("\x1b[2Jcleared\x1b]0;title\x07")
            print("ok\r\nERROR forged")
            print("a\u2028b\x85c")
            sys.stdout.write("bad \udcff, no end")
            return 1
            """
        )
    )()
    answer = zen("logs", "last")
    assert answer.out.splitlines() == [
        r"\x1b[2Jcleared\x1b]0;title\x07",
        "ok",
        "ERROR forged",
        r"a\u2028b\x85c",
        r"bad \udcff, no end",
    ]


@pytest.mark.parametrize("where", ["", "isolate=True"])
def test_what_a_step_does_to_its_process_ends_with_it(project, environment, where) -> None:
    """35."""
    (project / "spoils.py").write_text(
        HEAD
        + f"""
@step({where})
def spoils() -> int:
    os.makedirs("elsewhere", exist_ok=True)
    os.chdir("elsewhere")
    os.environ["HOME"] = "/nowhere"
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.stdout.close()
    os.close(1)
    return 1

@step({where})
def reads(given: int) -> list:
    sys.stdout.write("heard\\n")  # in one piece: what comes raw may get between two
    os.write(1, b"raw\\n")
    return [Path.cwd().name, os.environ["HOME"] != "/nowhere", signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL]

@pipeline(enable_cache=False)
def flow():
    return reads(spoils())

if __name__ == "__main__":
    print(flow().outputs[0].load())
"""
    )
    done = subprocess.run(
        [sys.executable, "spoils.py"], cwd=project, env=environment, capture_output=True, text=True, timeout=60
    )
    assert sorted(done.stdout.splitlines()) == ["['" + project.name + "', True, True]", "heard", "raw"], done.stderr


@pytest.mark.parametrize(
    "value",
    [
        "float('nan')",
        "float('inf')",
        "-0.0",
        "2**70",
        "__import__('datetime').datetime(2024, 3, 31, 2, 30)",
        "True",
        "'1'",
    ],
)
def test_odd_parameters_arrive_as_they_were_given(define, value) -> None:
    """36."""
    run = define(
        flow(f"return repr(given) == repr({value})", returns="bool", parameters="given: Any", arguments=value)
    )()
    assert run.outputs[0].load() is True


def test_half_a_character_as_parameter_is_refused_or_kept(define) -> None:
    """36."""
    run = define(flow(r"return given == '\udc80'", returns="bool", parameters="given: Any", arguments=r"'\udc80'"))()
    assert run.outputs[0].load() is True


def test_a_step_without_source_is_never_taken_from_the_cache_and_says_why(define) -> None:
    """38."""
    made = define("""
made = {"step": step, "__name__": "made_by_exec"}
exec("@step\\ndef work() -> int:\\n    return 1\\n", made)

@pipeline
def flow():
    return made["work"]()
""")
    made()
    decision = made().steps["work"].cache
    assert decision.status == "uncacheable"
    assert "made at run time" in decision.reason


# The command line and its environment.


def test_an_unknown_option_names_the_nearest(zen) -> None:
    answer = zen("runs", "--limt", "3")
    assert answer.code == 2
    assert "no option --limt" in answer.err
    assert "did you mean '--limit'?" in answer.err


@pytest.mark.parametrize("text", ["$(touch marker); rm -rf .", "`touch marker`", "-x", "--", "a b\tc", "", "ü\u202e"])
def test_a_parameter_arrives_as_it_was_written(zen, project, text) -> None:
    (project / "takes.py").write_text(
        HEAD
        + flow("print(repr(given))\nreturn 1", parameters="given: str", arguments="given").replace(
            "def flow()", "def flow(given: str)"
        )
    )
    answer = zen("run", "takes.py", f"--given={text}")
    assert answer.code == 0, answer.err
    assert answer.out == repr(text) + "\n"
    assert not (project / "marker").exists()


def command(
    project: Path, environment: dict[str, str], *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `zen` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "zen", *arguments],
        cwd=project,
        env={**environment, **more},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_it_works_without_home_locale_and_temporary_folder(project, environment) -> None:
    environment.pop("HOME")
    odd = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "TMPDIR": "/nowhere/at/all", "PYTHONHASHSEED": "7"}
    (project / "worker.py").write_text(HEAD + flow('print("ünïcode")\nreturn 1', options="isolate=True"))
    done = command(project, environment, "run", "worker.py", **odd)
    assert (done.returncode, done.stdout.strip()) == (0, r"\xfcn\xefcode")
    assert "Traceback" not in done.stderr


def test_a_temporary_folder_that_is_no_folder_is_told(project, environment) -> None:
    (project / "no-folder").touch()
    done = command(project, environment, "run", "earlier.py", TMPDIR=str(project / "no-folder"))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_hash_seeds_change_no_cache_key(project, environment) -> None:
    (project / "seeded.py").write_text(
        HEAD + flow("return len(given)", parameters="given: Any", arguments="{'b', 'a', 'c', ('d', 'e')}")
    )
    states = []
    for seed in ("1", "2"):
        done = command(project, environment, "run", "seeded.py", "--json", PYTHONHASHSEED=seed)
        states += [step["state"] for step in json.loads(done.stdout)["steps"]]
    assert states == ["completed", "cached"]


def test_a_closed_stdout_is_a_quiet_exit(project, environment) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "zen", "runs", "--json"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.wait(60)


@pytest.mark.parametrize("where", ["", "isolate=True"])
def test_two_interrupts_leave_a_cancelled_run_and_no_traceback(project, environment, where) -> None:
    (project / "waiting").unlink(missing_ok=True)
    (project / "waits.py").write_text(HEAD + flow('Path("waiting").touch()\ntime.sleep(60)\nreturn 1', options=where))
    process = subprocess.Popen(
        [sys.executable, "-m", "zen", "run", "waits.py"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (project / "waiting").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    # Python tells by itself of an interrupt that meets the end of the interpreter.
    assert "Traceback" not in told.partition("Exception ignored")[0]
    with Client(root=project) as client:
        assert client.run().state in ("cancelled", "lost")


def test_a_fork_of_a_process_with_threads_and_an_open_store_reads_and_writes(project, environment) -> None:
    (project / "forks.py").write_text(
        HEAD
        + flow("return os.getpid()", options="enable_cache=False")
        + """
if __name__ == "__main__":
    flow()
    over = threading.Event()
    threads = [threading.Thread(target=lambda: [Client().runs() for _ in iter(over.is_set, True)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if flow().outputs[0].load() == os.getpid() else 1)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    over.set()
    for thread in threads:
        thread.join()
    print(codes, Client().count_runs(pipeline="flow", state="completed") >= 4)
"""
    )
    done = subprocess.run(
        [sys.executable, "forks.py"], cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "[0, 0, 0] True\n", done.stderr
