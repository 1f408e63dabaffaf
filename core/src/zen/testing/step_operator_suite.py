"""The suite of step operators; `zen.testing.runs` says which rows of the usual list do not apply."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zen.records import StepExit
from zen.testing.checks import DoesNotApply, require
from zen.testing.fakes.job import FakeJob
from zen.testing.life_checks import in_threads
from zen.testing.pipelines import as_text, run_pipeline
from zen.testing.suite import ComponentSuite
from zen.testing.waiting import where, within

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_ODD = """{"a": "größe 模型", "b": "$HOME 'x' \\"y\\" %PATH% `z`"}"""
_MEMORY = 128 * 1024**2
_MOMENT = 0.2

# Says something, and waits for some seconds to be heard.
_TALK = """
import pathlib, sys, time
print("anybody?", flush=True)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not pathlib.Path("heard").exists():
    time.sleep(0.02)
print("heard" if pathlib.Path("heard").exists() else "alone", flush=True)
"""
_STREAMS = "import sys; print('to out', flush=True); print('to err', file=sys.stderr, flush=True)"
_SAY = "import sys; [print(sys.argv[1], flush=True) for _ in range(50)]"
# A process that starts another one; both would go on for a minute, and end when nobody cares any more.
_FAMILY = """
import pathlib, subprocess, sys, time
child = '''
import pathlib, time
for _ in range(1200):
    if pathlib.Path("over").exists():
        break
    with open("beats", "a") as beats:
        beats.write("x")
    time.sleep(0.05)
'''
subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(1200):
    if pathlib.Path("over").exists():
        break
    time.sleep(0.05)
"""
_PIPELINE = """
def measured(text: str) -> list:
    return [len(text), text.upper()]

@step
def here(text: str) -> list:
    return measured(text)

@step(step_operator="kit")
def there(text: str) -> list:
    return measured(text)

@step(step_operator="kit")
def place(value: list) -> list:
    return [platform.node(), os.getpid()]

@step
def home(value: list) -> list:
    return [platform.node(), os.getpid()]

@pipeline
def flow(text: str = "größe 模型"):
    value = there(text)
    home(here(text))
    place(value)
"""
_FAILING = """
@step(step_operator="kit")
def boom() -> int:
    raise RuntimeError("boom of the kit")

@pipeline
def flow():
    boom()
"""


class StepOperatorSuite(ComponentSuite):
    """What holds for every step operator. Its jobs run with this Python and see the kit's folder.

    Attributes:
        seconds: How long a job that does nothing may take, from its start to its end.
    """

    kind: ClassVar[str] = "step_operator"
    seconds: ClassVar[float] = 60.0

    def use(self, component: Any) -> None:
        """Run a job."""
        component.run(FakeJob([sys.executable, "-c", "print(1)"], cwd=Path(component.host.root)))

    def test_a_process_that_succeeds_has_code_zero(self, kit: Kit) -> None:
        """A process that ends by itself, without an error, is told as exited with code 0."""
        ended = self._run(kit, self._python(kit, "pass"))
        require((ended.cause, ended.code) == ("exited", 0), tried="run(job)", came=ended, do="return StepExit()")

    def test_exit_codes_are_told(self, kit: Kit) -> None:
        """A process that exits with a code of its own is told with that code."""
        ended = self._run(kit, self._python(kit, "raise SystemExit(3)"))
        require(
            (ended.cause, ended.code) == ("exited", 3),
            tried="run(job) of a process that exits with 3",
            came=ended,
            do="return StepExit(code=3)",
        )

    def test_output_comes_in_order(self, kit: Kit) -> None:
        """What a process prints is handed on whole and in order before `run` returns."""
        job = self._python(kit, "for number in range(500): print('line', number, 'größe')")
        self._run(kit, job)
        wanted = "".join(f"line {number} größe\n" for number in range(500))
        require(
            job.text() == wanted,
            tried="run(job) of a process that prints 500 lines",
            came=f"{len(job.text().splitlines())} lines: {job.text()[:60]!r} … {job.text()[-60:]!r}",
            do="call job.output for each piece, with its line ends, from one thread for each stream; then return",
        )

    def test_streams_are_told_apart(self, kit: Kit) -> None:
        """What goes to stdout and to stderr is handed on as `stdout` and `stderr`."""
        job = self._python(kit, _STREAMS)
        self._run(kit, job)
        found = {stream: job.text(stream).strip() for stream, _ in job.said}
        require(
            found == {"stdout": "to out", "stderr": "to err"},
            tried="run(job) of a process that prints to both",
            came=found,
            do="name the stream in job.output(stream, text)",
        )

    def test_output_is_handed_on_while_the_process_runs(self, kit: Kit) -> None:
        """What a process prints is handed on while it runs, not at its end."""
        job = self._python(kit, _TALK, f"{self.seconds / 2:g}", on_output=(kit.tmp_path / "heard").touch)
        self._run(kit, job)
        require(
            job.text().split()[-1:] == ["heard"],
            tried="run(job) of a process that prints a line and waits until it was handed on",
            came=job.text() or "no output",
            do="read and hand on line by line",
        )

    def test_the_environment_reaches_the_process(self, kit: Kit) -> None:
        """Each variable of `command.env` reaches the process as it is, beside what the process needs anyway."""
        job = self._python(kit, "import os; print(os.environ['ZEN_TESTING'])", env=self._utf8(ZEN_TESTING=_ODD))
        self._require_printed(kit, job, _ODD, "an environment variable with quotes and other scripts", "pass it on")

    def test_arguments_reach_the_process(self, kit: Kit) -> None:
        """Each argument reaches the process as it is: no shell takes it apart."""
        job = self._python(kit, "import json, sys; print(json.dumps(sys.argv[1:]))", _ODD, "", "a b")
        wanted = json.dumps([_ODD, "", "a b"])
        self._require_printed(kit, job, wanted, "arguments with quotes, blanks and nothing", "pass argv as a list")

    def test_the_folder_is_that_of_the_command(self, kit: Kit) -> None:
        """The process starts in `command.cwd`."""
        (kit.tmp_path / "work").mkdir()
        (kit.tmp_path / "work" / "here.txt").write_text("found")
        job = self._python(kit, "print(open('here.txt').read())", cwd=kit.tmp_path / "work")
        self._require_printed(kit, job, "found", "a file in the folder of the command", "start in command.cwd")

    def test_ending_ends_every_process(self, kit: Kit) -> None:
        """When `job.ending()` turns true, the process and those that it started are ended, and `run` returns."""
        beats = kit.tmp_path / "beats"
        component, job = kit.component, self._python(kit, _FAMILY, ends=beats.exists)
        tried = "run(job) of a process with a child, and job.ending() turns true"
        do = "ask job.ending() every moment, and end the process group (start_new_session, os.killpg)"
        try:
            ended, error = within(self.seconds, lambda: component.run(job))
            require(ended, tried=tried, came=f"run() did not return in {self.seconds:g} s", do=do)
            require(error is None, tried=tried, came=repr(error), do=do)
            before = _size(beats)
            time.sleep(_MOMENT)
            require(_size(beats) == before, tried=tried, came="the child went on", do=do)
        finally:
            (kit.tmp_path / "over").touch()

    def test_a_program_that_does_not_exist_is_told(self, kit: Kit) -> None:
        """A program that cannot be started is told as never started, or as an exit code that is not 0."""
        ended = self._run(kit, FakeJob(["/zen/testing/no-such-program"], cwd=kit.tmp_path))
        require(
            ended.cause == "never-started" or (ended.cause == "exited" and ended.code),
            tried="run(job) of a program that does not exist",
            came=ended,
            do="return StepExit(cause='never-started', message=…)",
        )

    def test_a_killed_process_is_told(self, kit: Kit) -> None:
        """A process that a signal ended is told as killed."""
        if os.name == "nt":
            raise DoesNotApply("Windows has no signals")
        ended = self._run(kit, self._python(kit, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
        require(
            ended.cause == "killed",
            tried="run(job) of a process that SIGKILL ends",
            came=ended,
            do="return StepExit(cause='killed', code=…)",
        )

    def test_jobs_at_once_stay_apart(self, kit: Kit) -> None:
        """Two jobs at once on one component get the output of their own process each."""
        component = kit.component
        jobs = {name: self._python(kit, _SAY, name) for name in ("one", "two")}
        errors = in_threads(*[_running(component, job) for job in jobs.values()], timeout=self.seconds)
        found = {name: sorted(set(job.text().split())) for name, job in jobs.items()}
        require(
            not errors and found == {name: [name] for name in jobs},
            tried="run(job) on two threads",
            came=errors or found,
            do="keep nothing of a job in the component",
        )

    def test_memory_is_limited_as_asked(self, kit: Kit) -> None:
        """Capability `resources`: a process that takes far more memory than its step asks for does not succeed."""
        self._declares(kit, "resources")
        program = f"import time; time.sleep(0.2); data = b'x' * {4 * _MEMORY}; print(len(data))"
        ended = self._run(kit, self._python(kit, program, resources={"memory": _MEMORY}))
        require(
            ended.cause == "out-of-memory" or (ended.cause == "exited" and ended.code),
            tried=f"run(job) with resources={{'memory': {_MEMORY}}} and a process that takes four times as much",
            came=ended,
            do="limit it to step.resources['memory'] bytes, and return StepExit(cause='out-of-memory')",
        )

    def test_a_step_gives_the_same_there(self, kit: Kit) -> None:
        """A step of a real pipeline that names the operator gives the same output as here, from another process."""
        found = run_pipeline(kit, _PIPELINE, seconds=3 * self.seconds, name="kit")
        outputs = {name: list(step["outputs"].values()) for name, step in found["steps"].items()}
        require(
            found["state"] == "completed"
            and outputs["here"] == outputs["there"] == [[8, "GRÖSSE 模型"]]
            and outputs["place"] != outputs["home"],
            tried="a pipeline, run by zen, with the same step here and on this step operator",
            came=as_text(found),
            do="run job.command as it is, with its environment",
        )

    def test_a_failing_step_fails_there(self, kit: Kit) -> None:
        """A step of a real pipeline that raises on the operator fails with its own error."""
        found = run_pipeline(kit, _FAILING, seconds=3 * self.seconds, name="kit")
        step = found["steps"]["boom"]
        require(
            found["state"] == step["state"] == "failed" and "boom of the kit" in step["error"],
            tried="a pipeline, run by zen, with a step that raises on this step operator",
            came=as_text(found),
            do="return how the process ended; what the step did is recorded by the process",
        )

    def _python(self, kit: Kit, program: str, *arguments: str, cwd: Path | None = None, **facts: Any) -> FakeJob:
        facts.setdefault("env", self._utf8())
        return FakeJob([sys.executable, "-c", program, *arguments], cwd=cwd or kit.tmp_path, **facts)

    def _utf8(self, **variables: str) -> Mapping[str, str]:
        return {"PYTHONIOENCODING": "utf-8", **variables}

    def _run(self, kit: Kit, job: FakeJob) -> StepExit:
        component, answers = kit.component, []
        ended, error = within(self.seconds, lambda: answers.append(component.run(job)))
        shown = " ".join(job.command.argv[:3])
        late = f"it did not return in {self.seconds:g} s"
        require(ended, tried=f"run(job) of {shown}", came=late, do="return when the process has ended")
        if error is not None:
            raise AssertionError(
                f"tried: run(job) of {shown}\n came: {where(error)}\n   do: return a StepExit"
            ) from error
        [answer] = answers
        assert isinstance(answer, StepExit), f"run(job) returned {answer!r}: return a StepExit"
        return answer

    def _require_printed(self, kit: Kit, job: FakeJob, wanted: str, what: str, do: str) -> None:
        ended = self._run(kit, job)
        came = f"{job.text('stdout').strip()!r}, then {ended}; on stderr: {job.text('stderr')[-200:]}"
        require(wanted in job.text(), tried=f"run(job) of a process that prints {what}", came=came, do=do)


def _running(component: Any, job: FakeJob) -> Callable[[], object]:
    return lambda: component.run(job)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
