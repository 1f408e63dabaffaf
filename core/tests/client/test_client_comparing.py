"""Comparing runs: what they were given, what came out, and what they ran on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zen import Client, save_artifact
from zen.client.comparison import MISSING, differ, row
from zen.errors import RunNotFound, UsageError
from zen.identity import dumps
from zen.records import ComponentSpec, Plan
from zen.storage import changes

FLOW = """
RATE = 1

@step
def load(n: int = 3) -> Annotated[list[int], "numbers"]:
    return list(range(n))

@step
def train(numbers: list[int], lr: float, way: dict) -> Annotated[float, "model"]:
    log_params({"optimizer": "adam", "lr": lr})
    for epoch in range(3):
        log_metrics({"loss": lr / (epoch + 1), "accuracy": 1 - lr, "rows": len(numbers)}, step=epoch * 10)
    return lr * RATE

@step
def check(model: float) -> None:
    if model > 0.8:
        raise ValueError("too much")
    log_metrics({"f1": 0.5})

@pipeline(raise_on_failure=False)
def flow(lr: float = 0.1, n: int = 3, way: dict = {"deep": {"x": 1}, "y": 2}):
    check(train(load(n), lr, way))
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


@pytest.fixture
def client(flow, home):
    return Client(root=home)


def by_name(rows) -> dict:
    return {row.name: row for row in rows}


def differing(rows) -> list[str]:
    return [row.name for row in rows if row.differs]


def test_parameters_that_differ_are_found_inside_dictionaries(flow, client) -> None:
    first, second = flow.flow(), flow.flow(0.2, way={"deep": {"x": 1.0}, "z": 3})
    found = client.compare(first.id, second)
    assert differing(found.parameters) == ["lr", "way.deep.x", "way.y", "way.z"]
    rows = by_name(found.parameters)
    assert rows["lr"].values == (0.1, 0.2) and rows["n"].values == (3, 3)
    assert (rows["way.y"].values, rows["way.y"].missing) == ((2, None), (1,))
    assert differing(found.step_parameters) == []
    assert by_name(found.step_parameters)["train.optimizer"].values == ("adam", "adam")
    assert "train.lr" not in by_name(found.step_parameters), "it repeats a parameter of the pipeline"


def test_what_steps_were_given_differs_where_the_pipeline_was_changed(define, home) -> None:
    define(FLOW).flow()
    define(FLOW.replace("load(n)", "load(5)")).flow()
    found = Client(root=home).compare("last~1", "last")
    assert differing(found.parameters) == []
    assert by_name(found.step_parameters)["load.n"].values == (3, 5)


def test_metrics_have_differences_and_the_best_is_marked(flow, client) -> None:
    flow.flow(), flow.flow(0.4), flow.flow(0.9)
    found = by_name(client.compare("last~2", "last~1", "last").metrics)
    loss, accuracy, rows, f1 = (found[name] for name in ("loss", "accuracy", "rows", "f1"))
    assert loss.deltas == pytest.approx((0, 0.1, 0.8 / 3))
    assert (loss.higher_is_better, loss.best) == (False, (0,))
    assert (accuracy.higher_is_better, accuracy.best) == (True, (0,))
    assert (rows.higher_is_better, rows.best, rows.differs) == (None, (), False)
    assert (f1.values, f1.missing, f1.deltas, f1.best) == ((0.5, 0.5, None), (2,), (0.0, 0.0, None), (0, 1))


def test_the_direction_can_be_given(flow, client) -> None:
    flow.flow(), flow.flow(0.4)
    found = by_name(client.compare("last~1", "last", higher_is_better={"loss": True, "rows": False}).metrics)
    assert found["loss"].best == (1,) and found["rows"].best == ()
    with pytest.raises(UsageError, match="no metric 'lss'"):
        client.compare("last~1", "last", higher_is_better={"lss": True})


def test_values_that_are_no_numbers_are_never_best(define, home) -> None:
    flow = define(
        """
        @step
        def score(x: str) -> None:
            log_metrics({"loss": float(x)})

        @pipeline
        def flow(x: str):
            score(x)
        """
    )
    runs = [flow.flow(x) for x in ("nan", "1", "inf", "nan")]
    found = Client(root=home).compare(*runs).metric("loss")
    assert found.best == (1,) and found.deltas == (None, None, None, None) and found.differs
    assert Client(root=home).compare(runs[0], runs[3]).metric("loss").best == ()
    with pytest.raises(KeyError):
        Client(root=home).compare(*runs).metric("lss")


def test_keys_that_several_steps_logged_in_one_run_bear_the_step_in_all(define, home) -> None:
    text = """
    @step
    def score(x: float) -> None:
        log_metrics({"loss": x})

    @pipeline
    def flow(x: float):
        score(x)
    """
    define(text).flow(0.1)
    define(text.replace("        score(x)", "        score(x)\n        score(x * 2, id='more')")).flow(0.1)
    found = Client(root=home).compare("last~1", "last")
    assert {row.name: row.values for row in found.metrics} == {"score.loss": (0.1, 0.1), "more.loss": (None, 0.2)}


def test_curves_are_those_of_the_author_also_when_the_step_was_cached(flow, client) -> None:
    flow.flow(), flow.flow(0.2), flow.flow(0.2)
    assert client.run("last").steps["train"].state == "cached"
    loss = client.compare("last~2", "last").metric("loss")
    assert [[(x, y) for x, _, y in curve.points] for curve in loss.curves] == [
        [(0, 0.1), (10, 0.05), (20, pytest.approx(0.1 / 3))],
        [(0, 0.2), (10, 0.1), (20, pytest.approx(0.2 / 3))],
    ]
    assert all(curve.points[0][1] == 0 and curve.points[-1][1] > 0 for curve in loss.curves)
    assert client.compare("last~2", "last").metric("f1").curves == (None, None), "one value is no curve"
    assert client.compare("last~2", "last", curves=False).metric("loss").curves == (None, None)


def test_artifacts_are_the_same_or_not(flow, client) -> None:
    flow.flow(), flow.flow(0.2)
    found = by_name(client.compare("last~1", "last").artifacts)
    assert (found["load.numbers"].differs, found["train.model"].differs) == (False, True)
    first, second = found["train.model"].artifacts
    assert (first["name"], first["version"], second["version"]) == ("model", 1, 2)
    assert found["train.model"].values[0] == client.artifact("model", 1).digest


def test_artifacts_from_elsewhere_are_compared(define, home) -> None:
    flow = define(
        """
        @step
        def use(data: list) -> int:
            return len(data)

        @pipeline
        def flow(version: int = 1):
            use(Client().artifact("raw", version))
        """
    )
    save_artifact([1, 2], "raw"), save_artifact([1, 2, 3], "raw")
    flow.flow(), flow.flow(2)
    found = by_name(Client(root=home).compare("last~1", "last").artifacts)
    taken = found["use.data"]
    assert (taken.role, taken.differs, [each["version"] for each in taken.artifacts]) == ("input", True, [1, 2])


def test_tables_say_what_differs_in_their_columns(define, home) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("zen_plugin_pandas")
    flow = define(
        """
        import pandas as pd

        @step
        def load(more: bool) -> Annotated[pd.DataFrame, "people"]:
            frame = pd.DataFrame({"age": [20, 30, 40], "city": ["Ulm", "Bonn", "Ulm"], "same": [1, 1, 1]})
            if more:
                frame = pd.concat([frame, pd.DataFrame({"age": [50.0], "city": [None], "same": [1], "new": ["x"]})])
            return frame

        @pipeline
        def flow(more: bool = False):
            load(more)
        """
    )
    flow.flow(), flow.flow(True)
    [people] = Client(root=home).compare("last~1", "last").artifacts
    facts = by_name(people.facts)
    assert facts["rows"].values == (3, 4)
    age = by_name(people.columns["age"])
    assert (age["type"].values, age["mean"].values, age["max"].values) == (
        ("int64", "float64"),
        (30.0, 35.0),
        (40, 50.0),
    )
    assert {"q25", "q50", "q75"} <= set(age) and "min" in age and "nulls" not in age
    city = by_name(people.columns["city"])
    assert city["nulls"].values == (0, 1) and "top" not in city
    assert by_name(people.columns["new"])["type"].missing == (0,)
    assert list(people.columns) == ["age", "city", "new"], "a column that is the same is not told"
    assert pd is not None


def test_code_differs_by_step_and_by_file(define, home) -> None:
    define(FLOW).flow()
    define(FLOW.replace("RATE = 1", "RATE = 2")).flow()
    found = Client(root=home).compare("last~1", "last")
    steps = by_name(found.steps)
    assert (steps["load"].code, steps["train"].code, steps["train"].differs) == (False, True, True)
    assert steps["train"].functions == ("flow:train", "flow:train")
    [source] = found.sources
    assert [(file.name, file.added, file.removed) for file in source.files] == [("flow.py", 1, 1)]
    assert "-RATE = 1\n+RATE = 2" in source.files[0].diff


def test_states_times_and_reasons_are_told(flow, client) -> None:
    flow.flow(), flow.flow(0.9)
    found = client.compare("last~1", "last")
    steps = by_name(found.steps)
    assert steps["check"].values == ("completed", "failed") and steps["check"].reasons[1] == "ValueError: too much"
    assert steps["load"].values == ("completed", "cached") and steps["load"].durations[1] is None
    assert steps["train"].durations[0] >= 0
    assert [run.state for run in found.runs] == ["completed", "failed"]
    error = found.runs[1].error
    assert (error["step"], error["type"], error["message"]) == ("check", "ValueError", "too much")
    assert "raise ValueError" in error["traceback"] and found.runs[0].error is None


def test_runs_of_other_pipelines_are_compared_as_far_as_they_go(flow, client, define, home) -> None:
    flow.flow()
    define("@step\ndef only() -> int:\n    return 1\n\n@pipeline\ndef other():\n    only()\n", "other").other()
    found = client.compare("last~1", "last")
    steps = by_name(found.steps)
    assert (steps["only"].missing, steps["load"].missing) == ((0,), (1,))
    assert steps["only"].differs and steps["only"].code is False, "code that only one run has did not change"
    assert by_name(found.artifacts)["only.output"].missing == (0,)
    assert by_name(found.metrics)["loss"].missing == (1,)


def test_a_run_whose_plan_cannot_be_read_is_compared_without_it(flow, client, monkeypatch) -> None:
    flow.flow(), flow.flow(0.2)

    def newer(data):
        raise UsageError("plan version 99 cannot be read")

    monkeypatch.setattr(Plan, "from_json", newer)
    found = client.compare("last~1", "last")
    assert differing(found.parameters) == ["lr"] and found.metric("loss").differs
    assert by_name(found.steps)["train"].values == ("completed", "completed") and found.stack == ()


def recorded(client, run, name: str, *, plan=None, **fields) -> str:
    """Record a run like another, with something else in it."""
    record = replace(run.record, id=name * 8, name=name, plan=f"plan-{name}", **fields)
    body = dumps((plan or run.plan).to_json())
    client.database.write(changes.insert_run(record, run.plan, body, token="t"), durable=False)
    return record.id


def test_environments_are_compared(flow, client) -> None:
    run = flow.flow()
    steps = tuple(replace(step, code=replace(step.code, distributions={"numpy": "2.0"})) for step in run.plan.steps)
    environment = {**run.record.environment, "python": "3.13.1", "commit": "b" * 40, "distributions": {"pandas": "2.2"}}
    other = recorded(client, run, "aa", plan=replace(run.plan, steps=steps), environment=environment)
    found = client.compare(run, other)
    rows = by_name(found.environment)
    assert set(differing(found.environment)) == {"python", "commit"} and rows["python"].values[1] == "3.13.1"
    versions = by_name(found.distributions)
    assert versions["numpy"].values[1] == "2.0" and versions["pandas"].values[1] == "2.2"
    assert versions["pandas"].missing == (0,)


def test_stacks_are_compared_by_component_and_setting(flow, client) -> None:
    run = flow.flow()
    stack = run.plan.stack
    store = replace(stack.of("artifact_store")[0], config={"path": "elsewhere", "deep": {"x": {"$secret": "env/X"}}})
    tracker = ComponentSpec(kind="experiment_tracker", flavor="mlflow", distribution="zen-plugin-mlflow", version="0.1")
    rest = tuple(each for each in stack.components if each.kind != "artifact_store")
    changed = replace(stack, name="other", components=(store, *rest, tracker), settings={"durability": "relaxed"})
    found = client.compare(run, recorded(client, run, "bb", plan=replace(run.plan, stack=changed)))
    rows = {each.name: each.values for each in found.stack if each.differs}
    assert rows == {
        "name": ("local", "other"),
        "artifact_store.path": (None, "elsewhere"),
        "artifact_store.deep.x.$secret": (None, "env/X"),
        "experiment_tracker": (None, "mlflow"),
        "experiment_tracker package": (None, "zen-plugin-mlflow 0.1"),
        "settings.durability": (None, "relaxed"),
    }


def test_everything_is_json(flow, client) -> None:
    flow.flow(), flow.flow(0.9, way={"deep": float("nan")})
    found = client.compare("last~1", "last").to_json()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["parameters"][0]["name"] == "lr"
    assert set(found) == {
        *("runs", "parameters", "step_parameters", "metrics", "steps", "artifacts", "sources"),
        *("environment", "distributions", "stack"),
    }
    assert found["metrics"][0].keys() >= {"values", "deltas", "best", "curves", "missing", "differs"}


def test_fewer_than_two_runs_cannot_be_compared(flow, client) -> None:
    flow.flow()
    for refs in ((), ("last",)):
        with pytest.raises(UsageError, match="cannot be compared"):
            client.compare(*refs)
    with pytest.raises(RunNotFound):
        client.compare("last", "nobody")


def test_a_comparison_takes_the_same_queries_however_many_steps_there_are(define, home, monkeypatch) -> None:
    flow = define(
        """
        @step
        def one(n: int) -> int:
            log_metrics({"n": n})
            return n

        @pipeline(enable_cache=False)
        def flow(count: int):
            for n in range(count):
                one(n)
        """
    )
    flow.flow(2), flow.flow(2), flow.flow(30), flow.flow(30)
    client = Client(root=home)
    store, asked = client.database.store, []
    read = store.read
    monkeypatch.setattr(store, "read", lambda sql, parameters=(): asked.append(sql) or read(sql, parameters))
    counts = []
    for refs in (("last~3", "last~2"), ("last~1", "last")):
        records = [client.run(ref) for ref in refs]
        asked.clear()
        client.compare(*records)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_values_differ_by_type_and_nothing_is_only_nothing() -> None:
    assert differ([1, 1.0]) and differ([1, True]) and differ([None, MISSING]) and differ(["1", 1])
    assert not differ([float("nan"), float("nan")]) and not differ([MISSING, MISSING]) and not differ([object, object])
    assert row("x", [MISSING, 1]).values == (None, 1)


def test_a_comparison_shows_itself(flow, client) -> None:
    flow.flow.with_options(run_name="<b>")(), flow.flow.with_options(run_name="two")(0.2)
    found = client.compare("last~1", "last")
    assert repr(found) == "<comparison of <b>, two: 4 metrics, 3 steps>"
    shown = found._repr_html_()
    assert "&lt;b&gt;" in shown and "<b>&" not in shown and "0.1 | 0.2" in shown
