"""`zen run`: targets, options of pipelines, what is printed, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zen.cli.init import PIPELINE

pytestmark = pytest.mark.usefixtures("pipelines")


def newest(zen) -> dict:
    return zen("show", "last", "--json").json


def test_run_prints_only_what_the_steps_print_to_stdout(zen) -> None:
    result = zen("run", "flow.py", "--rows", 3)
    assert result.code == 0
    assert result.out == "loading 3\n"
    assert "load   completed" in result.err and "loss=0.25" in result.err and "zen show" in result.err


def test_run_takes_options_of_the_pipeline_and_ours(zen) -> None:
    zen("run", "--tag", "a", "flow.py:flow", "--rows", 3, "--param-name", "y", "--name", "night", "--tag", "b")
    run = newest(zen)
    assert (run["name"], run["tags"]) == ("night", ["a", "b"])
    assert run["parameters"] == {"rows": 3, "kind": "good", "name": "y"}


@pytest.mark.parametrize("target", ["flow.py", "flow.py:flow", "flow", "flow:flow", "./flow.py", "package.inner:other"])
def test_target_is_a_file_or_a_module(zen, project: Path, target: str) -> None:
    (project / "package").mkdir()
    (project / "package" / "__init__.py").touch()
    (project / "package" / "inner.py").write_text("from flow import flow as other\n", encoding="utf-8")
    assert zen("run", target, "--rows", 1).code == 0


def test_help_after_the_target_shows_its_options(zen) -> None:
    result = zen("run", "flow.py", "--help")
    assert result.code == 0
    assert "Parameters of flow:" in result.out and "--kind [good|bad]" in result.out and "--rows INTEGER" in result.out


def test_help_without_a_target_shows_ours(zen) -> None:
    result = zen("run", "--help")
    assert result.code == 0 and "--dry-run" in result.out and "Parameters of flow" not in result.out


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        ([], ["missing argument", "TARGET"]),
        (["flw.py"], ["no flw.py", "did you mean 'flow.py'?"]),
        (["flow.py:flw"], ["no pipeline 'flw'", "did you mean 'flow'?"]),
        (["flow.py:load"], ["'load' in flow.py is no pipeline", "@pipeline"]),
        (["no.such.module"], ["no module 'no.such.module'"]),
        (["fl ow"], ["'fl ow' is no file"]),
        (["."], ["no file"]),
        (["flow.py", "--rosw", "3"], ["no option --rosw", "did you mean '--rows'?"]),
        (["flow.py", "--rows", "many"], ["'--rows'", "not a valid integer"]),
        (["flow.py"], ["needs --rows", "zen run flow.py --help"]),
        (["--rows", "3", "flow.py"], ["no option --rows before TARGET"]),
        (["flow.py", "--rows", "3", "extra"], ["unexpected extra argument"]),
        (["flow.py", "--rows", "3", "--config", "none.yaml"], ["none.yaml", "does not exist"]),
    ],
    ids=lambda value: " ".join(value) if value else "nothing",
)
def test_mistake_is_told_with_exit_code_2(zen, arguments: list[str], messages: list[str]) -> None:
    result = zen("run", *arguments)
    assert (result.code, result.out) == (2, "")
    for message in messages:
        assert message in result.err
    assert "Traceback" not in result.err


def test_unknown_stack_is_a_configuration_error(zen) -> None:
    result = zen("run", "flow.py", "--rows", 3, "--stack", "locl")
    assert result.code == 3 and "did you mean 'local'?" in result.err


def test_file_with_several_pipelines_needs_a_name(zen, project: Path) -> None:
    text = "from zen import pipeline\n@pipeline\ndef one(): ...\n@pipeline\ndef two(): ...\n"
    (project / "both.py").write_text(text, encoding="utf-8")
    result = zen("run", "both.py")
    assert result.code == 2 and "one, two" in result.err and "both.py:one" in result.err


def test_file_that_only_imports_a_pipeline_has_it(zen, project: Path) -> None:
    (project / "again.py").write_text("from flow import flow\n", encoding="utf-8")
    assert zen("run", "again.py", "--rows", 1).code == 0


def test_file_that_cannot_be_imported_shows_where(zen, project: Path) -> None:
    (project / "bad.py").write_text("def f():\n    import missing_tool\nf()\n", encoding="utf-8")
    result = zen("run", "bad.py")
    assert result.code == 2
    assert "bad.py cannot be imported: ModuleNotFoundError" in result.err
    assert 'bad.py", line 2, in f' in result.err and "zen/source" not in result.err


def test_file_that_exits_is_reported(zen, project: Path) -> None:
    (project / "bad.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    assert zen("run", "bad.py").code == 2


def test_unguarded_call_at_the_end_of_a_script_does_not_run_it_twice(zen, project: Path) -> None:
    with (project / "flow.py").open("a", encoding="utf-8") as file:
        file.write("flow(rows=9)\n")
    assert zen("run", "flow.py", "--rows", 1).out == "loading 1\n"
    assert len(zen("runs", "--json").json) == 1


def test_failed_step_shows_the_users_traceback_alone(zen) -> None:
    result = zen("run", "flow.py", "--rows", 3, "--kind", "bad")
    assert result.code == 1
    assert "train  failed" in result.err and "ValueError: kind is bad" in result.err
    assert 'flow.py", line 16, in train' in result.err and "zen/engine" not in result.err


def test_pipeline_function_that_raises_is_told_with_its_place(zen, project: Path) -> None:
    text = 'from zen import pipeline\n@pipeline\ndef wrong():\n    raise KeyError("no")\n'
    (project / "wrong.py").write_text(text, encoding="utf-8")
    result = zen("run", "wrong.py")
    assert result.code == 2
    assert "pipeline 'wrong' raised KeyError" in result.err and 'wrong.py", line 4' in result.err


def test_mistake_in_tracing_is_told_with_its_place(zen, project: Path) -> None:
    text = FLOW_WITH_IF
    (project / "wrong.py").write_text(text, encoding="utf-8")
    result = zen("run", "wrong.py")
    assert result.code == 2
    assert "wrong.py:6: in wrong" in result.err and "if load(1):" in result.err


FLOW_WITH_IF = """from zen import pipeline
from flow import load

@pipeline
def wrong():
    if load(1):
        load(2)
"""


def test_json_is_the_run_although_steps_print(zen) -> None:
    result = zen("run", "flow.py", "--rows", 3, "--json")
    assert result.code == 0 and "loading 3" in result.err
    run = result.json
    assert (run["state"], run["metrics"]) == ("completed", {"loss": 0.25})
    assert [step["name"] for step in run["steps"]] == ["load", "train"]
    assert run["steps"][1]["outputs"]["model"]["version"] == 1


def test_dry_run_prints_the_plan_and_runs_nothing(zen) -> None:
    result = zen("run", "flow.py", "--rows", 3, "--dry-run")
    assert result.code == 0 and "numbers=load.numbers" in result.out
    plan = zen("run", "flow.py", "--rows", 3, "--dry-run", "--json").json
    assert plan["pipeline"] == "flow" and len(plan["steps"]) == 2
    assert zen("runs", "--json").json == []


def test_no_cache_runs_every_step_again(zen) -> None:
    def states(*more: str) -> list[str]:
        return [step["state"] for step in zen("run", "flow.py", "--rows", 3, "--json", *more).json["steps"]]

    assert states() == ["completed", "completed"]
    assert states() == ["cached", "cached"]
    assert states("--no-cache") == ["completed", "completed"]


def test_configuration_file_gives_what_the_command_line_does_not(zen, project: Path) -> None:
    config = {"parameters": {"rows": 5, "kind": "bad"}, "run_name": "from-file", "tags": ["file"]}
    (project / "night.json").write_text(json.dumps(config), encoding="utf-8")
    run = zen("run", "flow.py", "--config", "night.json", "--kind", "good", "--tag", "line", "--json").json
    assert run["parameters"] == {"rows": 5, "kind": "good", "name": "x"}
    assert run["name"] == "from-file" and sorted(run["tags"]) == ["file", "line"]


def test_pipeline_of_init_runs(zen, project: Path) -> None:
    (project / "training.py").write_text(PIPELINE, encoding="utf-8")
    result = zen("run", "training.py", "--scale", "2", "--json")
    assert result.code == 0 and result.json["parameters"] == {"rows": 100, "scale": 2.0}


def test_fast_run_in_a_process_of_its_own_imports_no_rich_and_no_pydantic(project: Path) -> None:
    program = "import sys, zen.cli.main as m; m.main(['run', 'flow.py', '--rows', '1']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=project)
    assert not {"rich", "pydantic"} & set(done.stdout.split())


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
def test_interrupt_cancels_the_run_and_exits_with_130(zen, project: Path) -> None:
    text = (
        "import time\nfrom zen import pipeline, step\n@step\ndef wait(): print('here', flush=True); time.sleep(600)\n"
    )
    (project / "slow.py").write_text(text + "@pipeline\ndef slow(): wait()\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "zen.cli.main", "run", "slow.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cancelled" in said and "interrupted" in said and "Traceback" not in said
    assert newest(zen)["state"] == "cancelled"


def test_completing_a_command_line_runs_no_code_of_the_project(zen_process, project: Path) -> None:
    (project / "flow.py").write_text("open('touched', 'w')", encoding="utf-8")
    result = zen_process(_ZEN_COMPLETE="bash_complete", COMP_WORDS="zen run flow.py --", COMP_CWORD="3")
    assert "plain,--stack" in result.out and not (project / "touched").exists()
