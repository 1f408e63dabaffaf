"""A chain of as many tasks as the argument says. Without the policy a second run would find nothing cached."""

import sys

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE

KEPT = INPUTS + TASK_SOURCE


@task(cache_policy=KEPT)
def begin() -> int:
    return 0


@task(cache_policy=KEPT)
def count(number: int) -> int:
    return number + 1


@flow
def chain(length: int):
    number = begin()
    for _ in range(length - 1):
        number = count(number)
    return number


if __name__ == "__main__":
    chain(int(sys.argv[1]))
