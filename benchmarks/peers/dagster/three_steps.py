"""Three ops that pass a list and a dictionary of numbers on."""

from dagster import in_process_executor, job, op
from execution import execute


@op
def readings() -> list:
    return [number / 10 for number in range(100)]


@op
def fit(values: list) -> dict:
    center = sum(values) / len(values)
    return {"center": center, "spread": max(abs(value - center) for value in values)}


@op
def judge(model: dict) -> float:
    return model["center"] / model["spread"]


@job(executor_def=in_process_executor)
def three_steps():
    judge(fit(readings()))


if __name__ == "__main__":
    execute(three_steps)
