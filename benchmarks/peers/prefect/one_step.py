"""One task: makes the database that the timed runs start from."""

from prefect import flow, task


@task
def greeting() -> str:
    return "hello"


@flow
def one_step():
    return greeting()


if __name__ == "__main__":
    one_step()
