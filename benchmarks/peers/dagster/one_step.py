"""One op: makes the databases that the timed runs start from."""

from dagster import in_process_executor, job, op
from execution import execute


@op
def greeting() -> str:
    return "hello"


@job(executor_def=in_process_executor)
def one_step():
    greeting()


if __name__ == "__main__":
    execute(one_step)
