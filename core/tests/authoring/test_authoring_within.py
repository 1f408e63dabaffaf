"""What a step calls by name: logging, and artifacts beside its inputs and outputs."""

from __future__ import annotations

import math

import pytest

import zen
from zen import Client, RunFailed
from zen.errors import ArgumentTypeError, ArtifactNotFound, MaterializerError, UsageError


def in_a_step(define, body: str, returns: str = "None"):
    """Run a pipeline of one step with that body."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return define(f"@step\ndef work() -> {returns}:\n{lines}\n@pipeline\ndef flow():\n    work()\n").flow()


@pytest.mark.parametrize(
    "call",
    [
        lambda: zen.log_metrics({"a": 1}),
        lambda: zen.log_params({"a": 1}),
        lambda: zen.log_metadata({"a": 1}),
        zen.get_step_context,
    ],
)
def test_logging_outside_a_step_is_refused(home, call) -> None:
    with pytest.raises(UsageError, match="no step is running here"):
        call()


def test_steps_that_log_cannot_be_called_as_plain_functions(define) -> None:
    flow = define("@step\ndef work():\n    log_metrics({'a': 1})\n")
    with pytest.raises(UsageError, match="no step is running here"):
        flow.work()


def test_metrics_have_a_history_with_the_authors_index(define) -> None:
    run = in_a_step(
        define,
        """
for epoch in range(3):
    log_metrics({"loss": 1 / (epoch + 1), "epoch": epoch}, step=epoch)
log_metrics({"loss": 9})
log_metrics({"nan": float("nan"), "inf": float("-inf"), "flag": True})
""",
    )
    step = run.steps["work"]
    assert [(point.value, point.step) for point in step.history("loss")] == [(1, 0), (0.5, 1), (1 / 3, 2), (9, None)]
    assert math.isnan(step.metrics["nan"])
    assert step.metrics["inf"] == -math.inf
    assert (step.metrics["loss"], step.metrics["flag"], run.metrics["epoch"]) == (9, 1.0, 2)
    assert step.history("unknown") == []
    times = [point.at for point in step.history("loss")]
    assert times == sorted(times)
    assert times[0].tzinfo is not None


def test_one_metric_in_two_steps_is_told_apart(define) -> None:
    run = define("""
        @step
        def work(value: float) -> None:
            log_metrics({"loss": value, f"only{value}": value})

        @pipeline
        def flow():
            work(1.0), work(2.0)
    """).flow()
    assert run.metrics == {"work.loss": 1.0, "work_2.loss": 2.0, "only1.0": 1.0, "only2.0": 2.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("log_metrics({'a': 'b'})", "metric 'a' is 'b'"),
        ("log_metrics({'a': None})", "metric 'a' is None"),
        ("log_metrics({'a': [1]})", "metric 'a'"),
        ("log_metrics({'a': 1}, step=1.5)", "step is 1.5"),
        ("log_metrics({'a': 1}, step=True)", "step is True"),
        ("log_metrics({1: 1})", "1 cannot name"),
        ("log_metrics({'': 1})", "'' cannot name"),
        ("log_params({'x' * 300: 1})", "cannot name"),
        ("log_params({'a': object()})", "'a' cannot be logged"),
        ("log_metadata({'a': object()})", "'a' cannot be logged"),
        ("loop = []; loop.append(loop); log_params({'a': loop})", "'a' cannot be logged"),
    ],
)
def test_what_cannot_be_logged_is_refused(define, call, message) -> None:
    with pytest.raises(RunFailed) as caught:
        in_a_step(define, call)
    assert isinstance(caught.value.__cause__, ArgumentTypeError)
    assert message in str(caught.value.__cause__)


def test_params_and_metadata_are_recorded_where_they_belong(define) -> None:
    run = in_a_step(
        define,
        """
log_params({"lr": 0.1, "layers": (1, 2)})
log_params({"lr": 0.2})
log_metadata({"rows": 3, "nested": {"a": [None]}})
log_metadata({"team": "x"}, run=True)
log_metadata({"accuracy": 0.9}, artifact="model")
return 1
""",
        'Annotated[int, "model"]',
    )
    step = run.steps["work"]
    assert step.params == {"lr": 0.2, "layers": (1, 2)}
    assert step.metadata == {"rows": 3, "nested": {"a": [None]}}
    assert run.metadata == {"team": "x"}
    assert step.output.metadata["accuracy"] == 0.9


def test_metadata_of_an_output_that_does_not_exist_is_told(define) -> None:
    run = in_a_step(define, 'log_metadata({"a": 1}, artifact="modle")\nreturn 1', 'Annotated[int, "model"]')
    assert any("modle" in warning and "model" in warning for warning in run.warnings)


def test_what_a_failing_step_logged_is_kept(define) -> None:
    with pytest.raises(RunFailed) as caught:
        in_a_step(define, 'log_metrics({"loss": 2.5})\nlog_params({"a": 1})\nraise ValueError')
    step = caught.value.run.steps["work"]
    assert (step.metrics, step.params) == ({"loss": 2.5}, {"a": 1})


def test_each_attempt_has_its_own_metrics(define) -> None:
    run = define("""
        @step(retries=1)
        def work() -> None:
            attempt = get_step_context().step_run.attempt
            log_metrics({"loss": attempt})
            if attempt == 1:
                raise ValueError

        @pipeline
        def flow():
            work()
    """).flow()
    assert run.metrics == {"loss": 2.0}
    assert [point.value for point in run.steps["work"].history("loss")] == [2.0]


def test_numbers_of_other_kinds_are_metrics(define) -> None:
    run = in_a_step(
        define,
        """
import decimal, fractions
log_metrics({"d": decimal.Decimal("0.5"), "f": fractions.Fraction(1, 4)})
""",
    )
    assert run.metrics == {"d": 0.5, "f": 0.25}


def test_artifacts_saved_and_loaded_in_steps_are_lineage(define, home) -> None:
    run = define("""
        @step
        def save() -> Annotated[int, "count"]:
            view = save_artifact([1, 2], "numbers")
            save_artifact({"a": 1}, "words")
            return view.size

        @step(enable_cache=False)
        def read(count: int) -> list[int]:
            return load_artifact("numbers")

        @pipeline
        def flow():
            return read(save())
    """).flow()
    assert run.outputs[0].load() == [1, 2]
    saved = run.steps["save"].outputs
    assert list(saved) == ["count", "numbers", "words"]
    assert (saved["numbers"].step, saved["numbers"].run_id, saved["numbers"].version) == ("save", run.id, 1)
    taken = run.steps["read"].inputs
    assert {name: [each.id for each in found] for name, found in taken.items()} == {
        "count": [saved["count"].id],
        "numbers": [saved["numbers"].id],
    }


def test_what_a_failing_step_saved_is_not_recorded(define, home) -> None:
    with pytest.raises(RunFailed):
        in_a_step(define, 'save_artifact(1, "half")\nraise ValueError')
    with pytest.raises(ArtifactNotFound):
        Client(root=home).artifact("half")


def test_a_step_that_loads_by_name_is_never_taken_from_the_cache(define) -> None:
    flow = define("""
        @step
        def save(value: int) -> Annotated[int, "number"]:
            return value

        @step
        def read(done: int = 0) -> int:
            return load_artifact("number")

        @pipeline
        def flow(value: int):
            save(value)
            return read(after="save")
    """)
    assert [flow.flow(value).outputs[0].load() for value in (1, 2)] == [1, 2]
    assert flow.flow(2).steps["read"].cache.status == "uncacheable"


def test_a_saved_artifact_of_a_cached_step_is_still_its_output(define) -> None:
    flow = define("""
        @step
        def save() -> None:
            save_artifact([1], "extra")

        @pipeline
        def flow():
            save()
    """)
    first, second = flow.flow(), flow.flow()
    assert second.steps["save"].state == "cached"
    assert second.steps["save"].outputs["extra"].id == first.steps["save"].outputs["extra"].id


def test_artifacts_can_be_imported_outside_a_step(home) -> None:
    first = zen.save_artifact([1, 2], "numbers")
    second = zen.save_artifact([3], "numbers")
    assert (first.version, second.version, first.run_id) == (1, 2, "")
    assert zen.load_artifact("numbers") == [3]
    assert zen.load_artifact("numbers", version=1) == [1, 2]
    with pytest.raises(ArtifactNotFound, match="no version 9; its newest is 2"):
        zen.load_artifact("numbers", version=9)
    with pytest.raises(ArtifactNotFound) as caught:
        zen.load_artifact("nubmers")
    assert caught.value.hint == "did you mean 'numbers'?"


def test_pickles_and_bad_names_are_not_imported(home) -> None:
    with pytest.raises(MaterializerError, match="only be imported as a pickle"):
        zen.save_artifact(range(3), "numbers")
    with pytest.raises(UsageError, match="cannot name an artifact"):
        zen.save_artifact([1], "../numbers")
    assert Client().artifacts() == []


def test_a_bad_name_in_a_step_is_refused(define) -> None:
    with pytest.raises(RunFailed, match="cannot name an artifact"):
        in_a_step(define, 'save_artifact(1, "a/b")')


def test_saving_over_the_name_of_an_output_is_refused(define) -> None:
    with pytest.raises(RunFailed, match="model"):
        in_a_step(define, 'save_artifact(1, "model")\nreturn 2', 'Annotated[int, "model"]')
