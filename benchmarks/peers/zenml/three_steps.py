"""Three steps that pass a list and a dictionary of numbers on."""

from zenml import pipeline, step


@step
def readings() -> list:
    return [number / 10 for number in range(100)]


@step
def fit(values: list) -> dict:
    center = sum(values) / len(values)
    return {"center": center, "spread": max(abs(value - center) for value in values)}


@step
def judge(model: dict) -> float:
    return model["center"] / model["spread"]


@pipeline
def three_steps():
    judge(fit(readings()))


if __name__ == "__main__":
    three_steps()
