"""A chain of as many tasks as `--length` says. redun caches by default."""

from redun import task

redun_namespace = "chain"


@task()
def begin() -> int:
    return 0


@task()
def count(number: int) -> int:
    return number + 1


@task()
def main(length: int) -> int:
    number = begin()
    for _ in range(length - 1):
        number = count(number)
    return number
