"""The three pipelines. Kedro makes all of them for each command: the chain has no length unless CHAIN_LENGTH is set."""

import os

from kedro.pipeline import Pipeline, node, pipeline


def greeting():
    return "hello"


def readings():
    return [number / 10 for number in range(100)]


def fit(values):
    center = sum(values) / len(values)
    return {"center": center, "spread": max(abs(value - center) for value in values)}


def judge(model):
    return model["center"] / model["spread"]


def begin():
    return 0


def count(number):
    return number + 1


def chain(length: int) -> Pipeline:
    nodes = [node(begin, None, "number_1", name="count_1")] if length else []
    for place in range(2, length + 1):
        nodes.append(node(count, f"number_{place - 1}", f"number_{place}", name=f"count_{place}"))
    return pipeline(nodes)


def register_pipelines() -> dict[str, Pipeline]:
    one = pipeline([node(greeting, None, "hello")])
    three = pipeline([node(readings, None, "values"), node(fit, "values", "model"), node(judge, "model", "score")])
    made = {"one_step": one, "three_steps": three, "chain": chain(int(os.environ.get("CHAIN_LENGTH", "0")))}
    return {**made, "__default__": three}
