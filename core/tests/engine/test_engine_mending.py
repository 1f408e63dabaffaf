"""Damage that shows when a cached input is read: who makes it again, what is recorded, and what it costs the step."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zen import Client
from zen.client import close_all

FLOW = """
def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

def note(text):
    with open("journal", "a") as file:
        file.write(text + " ")

def hooked(error):
    note(f"hook:{type(error).__name__}")

@step(cache_policy=CachePolicy(trust=True))
def load(salt: int = 0) -> bytes:
    note("load")
    return Path("source").read_bytes()

@step(on_failure=hooked, retries=RETRIES, cache_policy=CachePolicy(trust=True))
def use(data: bytes) -> str:
    note("use")
    return data[:1].decode() + "VERSION"

@pipeline(raise_on_failure=False)
def flow(salt: int = 0):
    return use(load(salt))
"""


@pytest.fixture
def flow(define, home):
    """Return the pipeline in another version of its consumer; the input that it takes from the cache is damaged."""

    def made(text: str = FLOW, *, retries: int = 0, version: str = "2"):
        (home / "source").write_bytes(b"a" * 40_000)
        text = text.replace("RETRIES", str(retries))
        run = define(text.replace("VERSION", "1")).flow()
        assert run.state == "completed", run.error
        damage(home)
        (home / "journal").write_text("")
        return define(text.replace("VERSION", version))

    return made


def damage(home) -> None:
    """Flip a byte of each large object."""
    close_all()
    files = [path for path in (home / ".zen" / "artifacts").rglob("*") if path.is_file() and path.stat().st_size > 9000]
    for path in files:
        path.chmod(0o600)
        path.write_bytes(b"\0" + path.read_bytes()[1:])
    assert files


def attempts(run) -> list[tuple[str, int, str, bool]]:
    return sorted((each.name, each.attempt, each.state, each.counted) for each in run.attempts)


def test_an_attempt_that_found_a_damaged_input_calls_no_hook_and_says_why(flow, home) -> None:
    run = flow().flow()
    assert (run.state, run.outputs[0].load()) == ("completed", "a2")
    assert (home / "journal").read_text() == "load use "
    assert attempts(run) == [
        ("load", 1, "cached", True),
        ("load", 2, "completed", True),
        ("use", 1, "failed", False),
        ("use", 2, "completed", True),
    ]
    [first] = [each for each in run.attempts if (each.name, each.attempt) == ("use", 1)]
    assert first.reason == "an input is damaged or gone; the attempt does not count"
    assert first.error.type == "zen.errors.ArtifactDamaged"
    assert "the earlier result is damaged" in run.steps["load"].cache.reason


def test_retries_are_not_used_up_by_damage(flow, home) -> None:
    text = FLOW.replace(
        'note("use")\n', 'note("use")\n    if Path("journal").read_text().count("use") < 3: raise OSError\n'
    )
    (home / "journal").write_text("use use ")
    run = flow(text, retries=2).flow()
    assert run.state == "completed"
    assert [each.state for each in run.attempts if each.name == "use"] == ["failed", "failed", "failed", "completed"]


def test_a_damaged_input_that_nobody_can_make_again_fails_the_step_with_its_hooks(flow, home) -> None:
    broken = flow(FLOW.replace('note("load")\n', 'note("load")\n    assert not Path("gone").exists()\n'))
    (home / "gone").touch()
    run = broken.flow()
    assert (run.state, run.steps["load"].state, run.steps["use"].state) == ("failed", "failed", "failed")
    assert (home / "journal").read_text() == "load hook:ArtifactDamaged "


def test_what_is_made_again_may_be_another_value_and_its_result_has_another_key(flow, home) -> None:
    module = flow()
    (home / "source").write_bytes(b"b" * 40_000)
    assert module.flow().outputs[0].load() == "b2"
    (home / "source").write_bytes(b"a" * 40_000)
    assert module.flow(salt=1).outputs[0].load() == "a2"


MANY = FLOW.replace(
    "return use(load(salt))", "data = load(salt)\n    return [use(data), also(data), third(data)]"
).replace(
    "@pipeline",
    """
@step(isolate=True, cache_policy=CachePolicy(trust=True))
def also(data: bytes) -> str:
    return data[:1].decode() + "also VERSION"

@step(isolate=True, cache_policy=CachePolicy(trust=True))
def third(data: bytes) -> str:
    return data[:1].decode() + "third VERSION"

@pipeline""",
)


@pytest.mark.parametrize("parallel", [1, 3])
def test_every_step_that_takes_a_damaged_input_goes_on_when_one_has_made_it_again(flow, home, parallel) -> None:
    (home / "zen.yaml").write_text(
        f"stacks: {{one: {{orchestrator: {{flavor: local, max_parallel: {parallel}}}}}}}\ndefault_stack: one\n"
    )
    run = flow(MANY).flow()
    assert [each.load() for each in run.outputs] == ["a2", "aalso 2", "athird 2"], (run.error, attempts(run))
    assert (home / "journal").read_text().count("load") == 1


WAITING = (
    FLOW.replace(
        'note("load")\n',
        """note("load")
    if "other" in sys.argv:
        Path("remaking").touch()
        own = get_step_context().run.id
        until(lambda: any(each.name == "use" and each.finished for run in Client().runs() if run.state == "running" and run.id != own for each in run.attempts))
""",
    )
    .replace(
        "@pipeline",
        """
@step(enable_cache=False)
def gate() -> int:
    Path("gated").touch()
    if "other" not in sys.argv and Path("wait").exists():
        until(Path("remaking").exists)
    return 0

@pipeline""",
    )
    .replace("return use(load(salt))", "data = load(salt)\n    return use(data, after=[gate(after=[data])])")
)


def test_what_another_run_is_making_again_is_awaited_and_taken(flow, home) -> None:
    module = flow(WAITING)
    # It is launched when this run has taken the damaged result; it finds the damage first, and makes the input again.
    code = "import flow; flow.until(flow.Path('gated').exists); print(flow.flow().state)"
    (home / "gated").unlink()
    (home / "wait").touch()
    other = subprocess.Popen([sys.executable, "-c", code, "other"], cwd=home, stdout=subprocess.PIPE, text=True)
    run = module.flow()
    assert other.communicate(timeout=60)[0].strip() == "completed"
    assert run.state == "completed", (run.error, attempts(run))
    assert run.outputs[0].load() == "a2"
    assert [(each.attempt, each.state) for each in run.attempts if each.name == "load"] == [
        (1, "cached"),
        (2, "cached"),
    ]
    assert (home / "journal").read_text().count("load") == 1
    assert Client(root=home).database.cached(run.steps["load"].cache.key) is not None


def test_code_that_changed_since_is_not_what_a_damaged_input_is_made_by(define, home) -> None:
    text = FLOW.replace("RETRIES", "0").replace("VERSION", "1")
    text = text.replace('note("use")\n', 'note("use")\n    if Path("broken").exists(): raise OSError("not yet")\n')
    (home / "source").write_bytes(b"a" * 40_000)
    module = define(text)
    assert module.flow().state == "completed"
    module = define(text.replace('.decode() + "1"', '.decode() + "2"'))
    (home / "broken").touch()
    run = module.flow()
    assert (run.state, run.steps["load"].state) == ("failed", "cached")
    (home / "broken").unlink()
    damage(home)
    define(text.replace('.decode() + "1"', '.decode() + "2"').replace("read_bytes()", "read_bytes().upper()"))
    again = Client(root=home).resume(run.id)
    assert (again.state, again.steps["load"].state, again.steps["use"].error.type) == (
        "failed",
        "cached",
        "zen.errors.ArtifactDamaged",
    )
    assert define(text).flow().outputs[0].load() == "a1"  # what is found under the old key is of the old code
