"""A chain of as many steps as the argument says; each adds one to the number of the step before it."""

import sys

from zen import pipeline, step


@step
def begin() -> int:
    return 0


@step
def count(number: int) -> int:
    return number + 1


@pipeline
def chain(length: int = 100):
    number = begin()
    for _ in range(length - 1):
        number = count(number)
    return number


if __name__ == "__main__":
    chain(int(sys.argv[1]))
