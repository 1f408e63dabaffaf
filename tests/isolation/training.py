from zen import pipeline, step


@step
def load() -> list[float]:
    return [1.0, 2.0, 3.0]


@step(isolate=True)
def mean(values: list[float]) -> float:
    print("three values")
    return sum(values) / len(values)


@pipeline(enable_cache=False)
def training():
    return mean(load())


if __name__ == "__main__":
    training()
