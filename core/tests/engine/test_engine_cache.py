"""When an earlier result is taken, and when not; every decision says why."""

from __future__ import annotations

import pytest

from zen import Client
from zen.client import close_all

FLOW = """
@step
def load(n: int = 3) -> Annotated[list[int], "data"]:
    return list(range(n))

@step
def train(data: list[int], lr: float = 0.5) -> Annotated[float, "model"]:
    log_metrics({{"loss": 0.25}}, step=1)
    log_params({{"lr": lr}})
    log_metadata({{"note": "x"}})
    return {expression}

@pipeline
def training(lr: float = 0.5, n: int = 3):
    return train(load(n), lr)

@pipeline
def once():
    return train.with_options(enable_cache=False)(load())

@pipeline
def twice():
    return load(), load()

def versioned(version):
    @pipeline
    def versioned():
        return load.with_options(cache_version=version)()

    return versioned()
"""


@pytest.fixture
def flow(define):
    return define(FLOW.format(expression="sum(data) * lr"))


def statuses(run) -> list[str]:
    return [step.cache.status for step in run.steps.values()]


def test_the_same_code_and_inputs_are_a_hit(flow) -> None:
    first, second = flow.training(), flow.training()
    assert statuses(first) == ["miss", "miss"]
    assert statuses(second) == ["hit", "hit"]
    assert [step.state for step in second.steps.values()] == ["cached", "cached"]
    assert second.state == "completed"
    assert second.steps["train"].reason == f"same code and inputs as in run {first.id}"
    assert second.outputs[0].id == first.outputs[0].id
    assert second.outputs[0].load() == 1.5
    assert [each.id for each in second.steps["train"].inputs["data"]] == [first.steps["load"].output.id]


def test_a_cached_step_shows_what_its_producer_logged(flow) -> None:
    flow.training()
    run = flow.training()
    step = run.steps["train"]
    assert (run.metrics, step.metrics, step.params) == ({"loss": 0.25}, {"loss": 0.25}, {"lr": 0.5})
    assert step.metadata == {"note": "x"}
    assert [(point.value, point.step) for point in step.history("loss")] == [(0.25, 1)]


def test_a_hit_of_a_hit_names_the_producer(flow) -> None:
    runs = [flow.training() for _ in range(3)]
    assert runs[2].steps["train"].cache.source == runs[0].steps["train"].record.id


def test_other_parameters_are_a_miss_for_the_step_that_takes_them(flow) -> None:
    flow.training()
    assert statuses(flow.training(lr=0.75)) == ["hit", "miss"]
    assert statuses(flow.training(n=4)) == ["miss", "miss"]
    assert statuses(flow.training()) == ["hit", "hit"]


def test_an_equal_input_from_changed_code_is_a_hit(define) -> None:
    text = FLOW.format(expression="sum(data) * lr")
    define(text).training()
    run = define(text.replace("list(range(n))", "[index for index in range(n)]")).training()
    assert statuses(run) == ["miss", "hit"]


@pytest.mark.parametrize(
    "expression",
    ["1", "1.0", "True", '"1"', "[1]", "(1,)", "{1}", "{1: 1}", '{"1": 1}', "None", "-0.0", "0.0", "Path('1')", "b'1'"],
)
def test_values_that_look_alike_have_keys_of_their_own(define, expression) -> None:
    flow = define("""
        VALUES = [1, 1.0, True, "1", [1], (1,), {1}, {1: 1}, {"1": 1}, None, -0.0, 0.0, Path("1"), b"1"]

        @step
        def show(value) -> str:
            return repr(value)

        @pipeline
        def numbers(value):
            return show(value)
    """)
    for value in flow.VALUES:
        if repr(value) != repr(eval(expression, vars(flow))):
            flow.numbers(value)
    run = flow.numbers(eval(expression, vars(flow)))
    assert statuses(run) == ["miss"]
    assert statuses(flow.numbers(eval(expression, vars(flow)))) == ["hit"]
    assert run.outputs[0].load() == repr(eval(expression, vars(flow)))


def test_changed_code_is_a_miss(define) -> None:
    define(FLOW.format(expression="sum(data) * lr")).training()
    run = define(FLOW.format(expression="sum(data) + lr")).training()
    assert statuses(run) == ["hit", "miss"]
    assert run.outputs[0].load() == 3.5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sum(data) * lr", "sum(data) * lr  # a comment"),
        ("sum(data) * lr", "(\n        sum(data)\n        * lr\n    )"),
        ("sum(data) * lr", "sum(data)*lr"),
    ],
)
def test_comments_and_formatting_are_no_change(define, before, after) -> None:
    define(FLOW.format(expression=before)).training()
    assert statuses(define("\n\n" + FLOW.format(expression=after)).training()) == ["hit", "hit"]


HELPED = """
def helper(n):
    return n + {number}

LIST = [1]

@step
def one(n: int = 1) -> int:
    return {expression}

@pipeline
def numbers():
    return one()
"""


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("LIST.append(n) or 1", "LIST"),
        ("len(os.environ)", ""),
        ("eval('n')", "eval"),
        ("get_step_context().step_run.attempt", "get_step_context"),
        ("Client().count_runs()", "Client"),
        ("getattr(os, 'n' + 'ame') and 1", "getattr"),
    ],
)
def test_what_cannot_be_known_makes_a_step_uncacheable_and_says_so(define, expression, reason) -> None:
    flow = define(HELPED.format(number=1, expression=expression))
    flow.numbers()
    step = flow.numbers().steps["one"]
    if reason:
        assert (step.state, step.cache.status) == ("completed", "uncacheable")
        assert reason in step.cache.reason
        assert step.cache.key == ""


def test_a_changed_helper_is_never_passed_over(define) -> None:
    runs = [define(HELPED.format(number=number, expression="helper(n)")).numbers() for number in (1, 1, 2)]
    assert [run.outputs[0].load() for run in runs] == [2, 2, 3]
    assert [run.steps["one"].cache.status for run in runs] == ["miss", "hit", "miss"]


def test_the_cache_can_be_off_for_a_step_or_a_pipeline(flow) -> None:
    flow.training()
    run = flow.training.with_options(enable_cache=False)()
    assert statuses(run) == ["off", "off"]
    assert run.outputs[0].version == 2
    assert statuses(flow.once()) == ["hit", "off"]


def test_the_cache_version_of_a_step_is_part_of_its_key(flow) -> None:
    found = [statuses(flow.versioned(version)) for version in ("1", "1", "2", "1")]
    assert found == [["miss"], ["hit"], ["miss"], ["hit"]]


def test_invocations_with_one_key_in_one_run_share_a_result(flow) -> None:
    run = flow.twice()
    assert statuses(run) == ["miss", "hit"]
    assert run.outputs[0].id == run.outputs[1].id


def test_a_failed_step_is_not_remembered(define) -> None:
    flow = define("""
        @step
        def work(n: int) -> int:
            if os.path.exists("fixed"):
                return n
            raise ValueError

        @pipeline(raise_on_failure=False)
        def numbers():
            return work(1)
    """)
    flow.numbers()
    (flow.Path("fixed")).touch()
    run = flow.numbers()
    assert (run.state, run.steps["work"].state) == ("completed", "completed")


BIG = """
@step
def load() -> bytes:
    return os.urandom(8) + bytes(300_000)

@pipeline
def numbers():
    return load()
"""


@pytest.mark.parametrize("damage", ["delete", "truncate"])
def test_a_hit_needs_its_objects(define, home, damage) -> None:
    flow = define(BIG)
    first = flow.numbers()
    assert flow.numbers().outputs[0].id == first.outputs[0].id
    [stored] = [
        path for path in (home / ".zen" / "artifacts").rglob("*") if path.is_file() and path.stat().st_size > 300_000
    ]
    stored.chmod(0o600)
    stored.unlink() if damage == "delete" else stored.write_bytes(b"short")
    run = flow.numbers()
    assert (run.steps["load"].state, run.steps["load"].cache.status) == ("completed", "miss")
    assert "is gone or has another size" in run.steps["load"].cache.reason
    assert len(run.outputs[0].load()) == 300_008
    assert flow.numbers().outputs[0].id == run.outputs[0].id


def test_a_hit_needs_its_small_objects_too(flow, home) -> None:
    import sqlite3

    flow.training()
    with sqlite3.connect(home / ".zen" / "metadata.db") as connection:
        entry = Client(root=home).run().steps["load"].output.files[0]
        connection.execute("DELETE FROM object WHERE digest = ?", (entry.digest,))
    connection.close()
    run = flow.training()
    assert statuses(run) == ["miss", "hit"]
    assert run.steps["load"].output.load() == [0, 1, 2]


def test_a_cached_step_in_a_worker_needs_no_worker(script) -> None:
    done = script("""
        @step(isolate=True)
        def work() -> int:
            return os.getpid()

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            first, second = numbers(), numbers()
            print([run.steps["work"].state for run in (first, second)])
            print(first.outputs[0].load() == second.outputs[0].load() != os.getpid())
    """)
    assert done.stdout.splitlines() == ["['completed', 'cached']", "True"], done.stderr


def test_other_processes_and_scripts_share_results(script, home) -> None:
    text = FLOW.format(expression="sum(data) * lr") + (
        '\nif __name__ == "__main__":\n    print([step.state for step in training().steps.values()])\n'
    )
    assert script(text).stdout == "['completed', 'completed']\n"
    assert script(text).stdout == "['cached', 'cached']\n"


def test_hits_are_recorded_before_steps_that_run(define) -> None:
    flow = define("""
        @step
        def quick(n: int) -> int:
            return n

        @step(enable_cache=False)
        def look(given: list) -> list:
            database = Client().database
            return sorted(step.state for step in database.step_runs(get_step_context().run.id))

        @pipeline
        def numbers():
            return look([quick(n) for n in range(4)])
    """)
    assert flow.numbers().outputs[0].load() == ["completed"] * 4 + ["running"]
    assert flow.numbers().outputs[0].load() == ["cached"] * 4 + ["running"]


MENDED = """
import pickle

@step
def load(n: int) -> bytes:
    with open("journal", "a") as file:
        file.write("load ")
    return bytes(range(256)) * n

@step
def use(data: bytes) -> int:
    return len(data)

@pipeline
def flow(n: int):
    return use(load(n))
"""


@pytest.mark.parametrize("size", [1, 1000], ids=["small", "large"])
def test_damage_that_shows_when_a_hit_is_read_runs_its_producer_again(define, home, size) -> None:
    import sqlite3

    define(MENDED).flow(size)
    run = Client(root=home).run()
    [entry] = run.steps["load"].output.files
    close_all()
    if size == 1:
        with sqlite3.connect(home / ".zen" / "metadata.db") as database:
            [(data,)] = database.execute("SELECT data FROM object WHERE digest = ?", (entry.digest,)).fetchall()
            flipped = data[:9] + bytes([data[9] ^ 1]) + data[10:]
            database.execute("UPDATE object SET data = ? WHERE digest = ?", (flipped, entry.digest))
    else:
        stored = next((home / ".zen" / "artifacts").rglob(entry.digest.partition(":")[2][-40:] + "*"), None) or next(
            path
            for path in (home / ".zen" / "artifacts").rglob("*")
            if path.is_file() and path.stat().st_size == entry.size
        )
        data = stored.read_bytes()
        stored.chmod(0o600)
        stored.write_bytes(data[:9] + bytes([data[9] ^ 1]) + data[10:])
    flow = define(MENDED.replace("return len(data)", "return len(data) + 1"))
    again = flow.flow(size)
    assert (again.state, again.outputs[0].load()) == ("completed", 256 * size + 1)
    assert (home / "journal").read_text() == "load load "
    attempts = [(each.name, each.attempt, each.state) for each in again.attempts]
    assert sorted(attempts) == [
        ("load", 1, "cached"),
        ("load", 2, "completed"),
        ("use", 1, "failed"),
        ("use", 2, "completed"),
    ]
    assert "the earlier result is damaged" in again.steps["load"].cache.reason
    assert flow.flow(size).steps["use"].state == "cached"
    assert Client(root=home).run(run.id).steps["load"].output.load() == bytes(range(256)) * size
