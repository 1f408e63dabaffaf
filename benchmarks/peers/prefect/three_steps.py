"""Three tasks that pass a list and a dictionary of numbers on."""

from prefect import flow, task


@task
def readings() -> list:
    return [number / 10 for number in range(100)]


@task
def fit(values: list) -> dict:
    center = sum(values) / len(values)
    return {"center": center, "spread": max(abs(value - center) for value in values)}


@task
def judge(model: dict) -> float:
    return model["center"] / model["spread"]


@flow
def three_steps():
    return judge(fit(readings()))


if __name__ == "__main__":
    three_steps()
