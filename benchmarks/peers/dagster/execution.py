"""Runs a job in this process, with its record in the instance's SQLite and its outputs in files.

`job.execute_in_process()` would keep the outputs in memory; the default executor starts a process per op.
"""

from dagster import DagsterInstance, execute_job, reconstructable


def execute(job):
    with DagsterInstance.get() as instance, execute_job(reconstructable(job), instance=instance) as result:
        if not result.success:
            raise SystemExit(f"run {result.run_id} failed")
