"""A chain of as many steps as the argument says. ZenML caches by default."""

import sys

from zenml import pipeline, step


@step
def begin() -> int:
    return 0


@step
def count(number: int) -> int:
    return number + 1


@pipeline
def chain():
    number = begin()
    for _ in range(int(sys.argv[1]) - 1):
        number = count(number)


if __name__ == "__main__":
    chain()
