"""A step operator that runs a job as a child process of this one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import IO, ClassVar

from zen.interfaces import StepJob, StepOperator
from zen.records import StepExit

_POLL = 0.02


class SubprocessStepOperator(StepOperator):
    """Runs jobs on this machine, each in a process of its own."""

    capabilities: ClassVar[frozenset[str]] = frozenset()

    def run(self, job: StepJob) -> StepExit:
        """Run the job's command to its end."""
        command = job.command
        try:
            process = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env={**os.environ, **command.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            return StepExit(cause="never-started", message=str(error))
        readers = [
            threading.Thread(target=_hand_on, args=(process.stdout, "stdout", job), daemon=True),
            threading.Thread(target=_hand_on, args=(process.stderr, "stderr", job), daemon=True),
        ]
        for reader in readers:
            reader.start()
        while process.poll() is None:
            if job.ending():
                self.end(process)
            time.sleep(_POLL)
        for reader in readers:
            reader.join()
        code = process.returncode
        return StepExit(cause="killed", code=-code) if code < 0 else StepExit(code=code)

    def end(self, process: subprocess.Popen[str]) -> None:
        """Kill a process and those that it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _hand_on(source: IO[str] | None, stream: str, job: StepJob) -> None:
    for line in source or ():
        job.output(stream, line)
