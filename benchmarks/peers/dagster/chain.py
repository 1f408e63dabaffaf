"""A chain of as many ops as CHAIN_LENGTH says: the job is loaded a second time, without this script's arguments."""

import os

from dagster import in_process_executor, job, op
from execution import execute


@op
def begin() -> int:
    return 0


@op
def count(number: int) -> int:
    return number + 1


@job(executor_def=in_process_executor)
def chain():
    number = begin()
    for place in range(1, int(os.environ["CHAIN_LENGTH"])):
        number = count.alias(f"count_{place}")(number)


if __name__ == "__main__":
    execute(chain)
