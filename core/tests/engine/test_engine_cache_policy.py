"""Cache policies: for how long a result may be taken, what counts for it, and what is trusted."""

from __future__ import annotations

import pytest

from zen import CachePolicy
from zen.errors import UsageError

FLOW = """
@step
def work(n: int = 1, note: str = "") -> int:
    return n

@step
def hidden(n: int = 1) -> int:
    return getattr(n, "re" + "al")

@pipeline
def flow(n: int = 1, note: str = ""):
    work(n, note)

@pipeline
def hiding(n: int = 1):
    hidden(n)

def states(pipeline, *calls):
    return [next(iter(pipeline(**call).steps.values())).state for call in calls]

def policed(policy, step=work):
    chosen = step.with_options(cache_policy=policy)

    @pipeline
    def lone(n: int = 1, note: str = ""):
        chosen(n, note) if step is work else chosen(n)

    return lone
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


def test_ignored_parameters_do_not_count(flow) -> None:
    lone = flow.policed(CachePolicy(ignore=("note",)))
    assert flow.states(lone, {"note": "a"}, {"note": "b"}, {"n": 2}) == ["completed", "cached", "completed"]


def test_files_patterns_folders_and_variables_count(flow, home, monkeypatch) -> None:
    (home / "queries").mkdir()
    (home / "queries" / "one.sql").write_text("select 1")
    policy = CachePolicy(depends_on=("queries/*.sql", "data", "rates.csv", "env:REGION"))
    lone = flow.policed(policy)
    assert flow.states(lone, {}, {}) == ["completed", "cached"]
    changes = [
        lambda: (home / "queries" / "one.sql").write_text("select 2"),
        lambda: (home / "queries" / "two.sql").write_text("select 3"),
        lambda: ((home / "data").mkdir(), (home / "data" / "x").touch()),
        lambda: (home / "rates.csv").write_text("1"),
        lambda: monkeypatch.setenv("REGION", "eu"),
        lambda: monkeypatch.setenv("REGION", ""),
    ]
    for change in changes:
        change()
        assert flow.states(lone, {}, {}) == ["completed", "cached"]


def test_a_path_out_of_the_project_is_refused(flow) -> None:
    with pytest.raises(UsageError, match="depends on '../x', which is not in the project"):
        flow.policed(CachePolicy(depends_on=("../x",)))()


def test_a_result_expires(flow) -> None:
    assert flow.states(flow.policed(CachePolicy(expires=3600)), {}, {}) == ["completed", "cached"]
    assert flow.states(flow.policed(CachePolicy(expires=-1)), {}) == ["completed"]


def test_a_version_of_ones_own_counts(flow) -> None:
    one, two = (flow.policed(CachePolicy(version=version)) for version in ("1", "2"))
    assert flow.states(one, {}, {}) + flow.states(two, {}, {}) == ["completed", "cached", "completed", "cached"]


def test_code_that_cannot_be_seen_is_cached_when_it_is_trusted(flow) -> None:
    step = flow.hiding().steps["hidden"]
    assert (step.cache.status, "getattr with a computed name" in step.cache.reason) == ("uncacheable", True)
    for policy in (CachePolicy(trust=True), CachePolicy(depends_on=("settings.toml",))):
        assert flow.states(flow.policed(policy, flow.hidden), {}, {}, {"n": 2}) == ["completed", "cached", "completed"]


def test_what_can_be_seen_of_trusted_code_still_counts(flow, define) -> None:
    policy = CachePolicy(trust=True)
    assert flow.states(flow.policed(policy, flow.hidden), {}) == ["completed"]
    changed = define(FLOW.replace('"re" + "al"', '"re" + "a" + "l"'))
    assert changed.states(changed.policed(policy, changed.hidden), {}, {}) == ["completed", "cached"]


def test_a_policy_of_the_pipeline_is_for_steps_without_one(flow) -> None:
    off = flow.flow.with_options(cache_policy=CachePolicy(enabled=False))
    assert flow.states(off, {}, {}) == ["completed", "completed"]
    assert flow.states(flow.flow, {}, {}) == ["completed", "cached"]


@pytest.mark.parametrize(
    ("policy", "message"),
    [("never", "give a zen.CachePolicy"), (CachePolicy(ignore="note"), "ignore of the cache policy")],
)
def test_a_policy_that_means_nothing_is_refused(flow, policy, message) -> None:
    with pytest.raises(UsageError, match=message):
        flow.policed(policy)


CLASSES = """
class Scaler:
    def __init__(self, by): self.by = by
    def scale(self, n): return n * self.by

@step
def make(by: int) -> Any:
    return Scaler(by)

@step
def use(scaler: Any) -> int:
    return scaler.scale(10)

@pipeline
def flow(by: int = 2):
    return use(make(by))
"""


def test_a_changed_class_of_an_input_is_a_miss(define) -> None:
    def states(text: str) -> tuple[list[str], int]:
        run = define(text).flow()
        return [step.state for step in run.steps.values()], run.outputs[0].load()

    assert states(CLASSES) == (["completed", "completed"], 20)
    assert states(CLASSES) == (["cached", "cached"], 20)
    changed, value = states(CLASSES.replace("n * self.by", "n * self.by + 1"))
    assert (changed[1], value) == ("completed", 21)
