"""Three steps that pass a list and a dictionary of numbers on."""

from zen import pipeline, step


@step
def readings() -> list[float]:
    return [number / 10 for number in range(100)]


@step
def fit(values: list[float]) -> dict[str, float]:
    center = sum(values) / len(values)
    return {"center": center, "spread": max(abs(value - center) for value in values)}


@step
def judge(model: dict[str, float]) -> float:
    return model["center"] / model["spread"]


@pipeline
def three_steps():
    return judge(fit(readings()))


if __name__ == "__main__":
    three_steps()
