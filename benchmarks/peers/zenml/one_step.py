"""One step: makes the store that the timed runs start from."""

from zenml import pipeline, step


@step
def greeting() -> str:
    return "hello"


@pipeline
def one_step():
    greeting()


if __name__ == "__main__":
    one_step()
