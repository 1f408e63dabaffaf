import os
import subprocess
import threading

from zen.interfaces import Launcher, Orchestrator, StepJob, StepOperator
from zen.records import Plan, StepExit
from zen_frozen_plugin.journal import note


class FrozenOrchestrator(Orchestrator):
    def run(self, plan: Plan, launcher: Launcher) -> None:
        order = plan.graph()
        for step in plan.steps:
            assert set(order[step.name]) == set(step.upstream())
            assert launcher.items(step.name) == []
            assert launcher.command(step.name).argv
            record = launcher.execute(step.name)
            note("orchestrator", f"{step.name} {record.state}")
        note("orchestrator", f"run {type(launcher.run_id).__name__}")


class FrozenOperator(StepOperator):
    def run(self, job: StepJob) -> StepExit:
        command = job.command
        process = subprocess.Popen(
            command.argv,
            env={**os.environ, **command.env},
            cwd=command.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ended = threading.Thread(target=self._watch, args=(job, process), daemon=True)
        ended.start()
        for line in process.stdout:
            job.output("stdout", line)
        code = process.wait()
        note("step_operator", f"{job.step.name} {code}")
        return StepExit(cause="exited", code=code) if code >= 0 else StepExit(cause="killed", message=f"signal {-code}")

    def _watch(self, job, process):
        while process.poll() is None:
            if job.ending():
                process.kill()
                return
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
