"""One task: makes the database that the timed runs start from."""

from redun import task

redun_namespace = "one_step"


@task()
def main() -> str:
    return "hello"
