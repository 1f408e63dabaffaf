"""Three nodes that pass a list and a dictionary of numbers on."""


def values() -> list:
    return [number / 10 for number in range(100)]


def model(values: list) -> dict:
    center = sum(values) / len(values)
    return {"center": center, "spread": max(abs(value - center) for value in values)}


def score(model: dict) -> float:
    return model["center"] / model["spread"]
