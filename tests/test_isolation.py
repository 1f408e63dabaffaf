"""A broken plugin breaks what names it, says why and what to do, and nothing else.

The plugins of isolation/plugins.toml are installed side by side, as real distributions. What is slow because it waits
(a plugin that hangs) runs at the same time as the rest: each batch of commands is one process.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import tomllib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent / "isolation"
PLUGINS: list[dict[str, Any]] = tomllib.loads((HERE / "plugins.toml").read_text(encoding="utf-8"))["plugin"]
GOOD = ("zen-plugin-good", "zen-plugin-fine")
USED = [plugin for plugin in PLUGINS if "use" in plugin]
REFUSED = [plugin for plugin in USED if "refused" in plugin]
WATCHED = "zen-plugin-raiser", "zen-plugin-hanger", "zen-plugin-slow"
TELL = "import os; open(os.environ['ZEN_TEST_IMPORTED'], 'a').write(__name__ + chr(10))\n"

# Every command that only reads, on a project whose active stack is good.
READING = {
    "help": ["--help"],
    "version": ["--version"],
    "plugins": ["plugin", "list"],
    "plugins as data": ["plugin", "list", "--json"],
    "stacks": ["stack", "list", "--json"],
    "stack": ["stack", "show", "--json"],
    "stack check": ["stack", "check", "--json"],
    "runs": ["runs", "--json"],
    "show": ["show", "first", "--json"],
    "logs": ["logs", "first"],
    "artifacts": ["artifact", "list", "--json"],
    "doctor": ["doctor", "--json"],
    "flavor": ["flavor", "describe", "orchestrator", "good", "--json"],
    "command": ["good"],
}
# This one loads every light module.
LISTING = {"flavors": ["flavor", "list", "--json"]}


def names(plugins: list[dict[str, Any]]) -> list[str]:
    return [plugin["distribution"] for plugin in plugins]


def run_named(name: str) -> list[str]:
    return ["-m", "zen", "run", "training.py", "--name", name]


@dataclass
class Project:
    """A project with its own site folder and its own environment."""

    folder: Path
    environment: dict[str, str]

    def python(self, *arguments: str | Path, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **variables},
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def commands(self, commands: list[list[str]], light: float = 0, memory: int = 0, **variables: str) -> Any:
        """Run commands in one process; return their answers and the modules of plugins that it has imported."""
        request = json.dumps({"commands": commands, "light": light, "memory": memory})
        done = self.python(HERE / "commands.py", text=request, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def imported(self) -> list[str]:
        """Return the modules of plugins that were imported, in any process; forget them."""
        file = Path(self.environment["ZEN_TEST_IMPORTED"])
        found = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return found

    def rows(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.folder}/.zen/metadata.db?mode=ro", uri=True) as connection:
            return connection.execute(query, parameters).fetchall()


@pytest.fixture(scope="module")
def new_project(new_site, new_environment, tmp_path_factory):
    """Make a project with plugins installed; `installed` are rows as in plugins.toml."""

    def make(installed: list[dict[str, Any]], stacks: dict[str, Any], **more: Any) -> Project:
        home = tmp_path_factory.mktemp("isolation")
        site = new_site(home / "site")
        for plugin in installed:
            modules = {name: TELL + source for name, source in plugin.get("modules", {}).items()}
            site.install(plugin["distribution"], entries=plugin["entries"], modules=modules)
        folder = home / "project"
        folder.mkdir()
        (folder / "training.py").write_text((HERE / "training.py").read_text())
        (folder / "zen.yaml").write_text(json.dumps({"default_stack": "good", "stacks": stacks, **more}))
        environment = new_environment(home) | {
            "PYTHONPATH": str(site.path),
            "ZEN_TEST_IMPORTED": str(home / "imported.txt"),
            "ZEN_PROGRESS": "off",
        }
        return Project(folder, environment)

    return make


GOOD_STACK = {"orchestrator": "good", "alerter": "fine"}
STACKS = {
    "good": GOOD_STACK,
    "watched": {"alerter": [name.removeprefix("zen-plugin-") for name in WATCHED], "orchestrator": "good"},
    **{plugin["distribution"]: plugin["use"] for plugin in USED},
}


@dataclass
class Outcome:
    """What happened when all of the plugins were installed."""

    project: Project
    first: subprocess.CompletedProcess[str]
    reading: Future[Any]
    listing: Future[Any]
    tried: Future[Any]
    used: Future[Any]
    watched: Future[Any]


@pytest.fixture(scope="module")
def outcome(new_project):
    project = new_project(PLUGINS, STACKS)
    first = project.python(*run_named("first"))  # on the good stack; makes the store that the others share
    imported = project.imported()
    assert imported
    assert {name.partition(".")[0] for name in imported} <= {
        "zen_plugin_good",
        "zen_plugin_fine",
        "zen_plugin_fine_alerter",
    }
    runs = [
        ["run", "training.py", "--stack", name, "--name", name, "--json"] for name in names(USED) if name not in WATCHED
    ]
    with ThreadPoolExecutor(5) as pool:
        yield Outcome(
            project=project,
            first=first,
            reading=pool.submit(project.commands, list(READING.values())),
            listing=pool.submit(project.commands, list(LISTING.values()), light=1.0),
            tried=pool.submit(project.python, "-m", "zen", "plugin", "doctor", "--timeout", "5", "--json"),
            used=pool.submit(project.commands, runs, light=1.0, memory=3 << 30),
            watched=pool.submit(project.python, *run_named("watched"), ZEN_STACK="watched"),
        )


def test_a_pipeline_on_the_good_stack_runs(outcome):
    assert outcome.first.returncode == 0, outcome.first.stderr
    assert "warning" not in outcome.first.stderr


@pytest.mark.parametrize("name", READING)
def test_a_reading_command_works_beside_broken_plugins(outcome, name):
    answer = outcome.reading.result()["answers"][list(READING).index(name)]
    assert answer["code"] == 0, answer["err"]
    assert answer["out"]
    if "--json" in READING[name]:
        json.loads(answer["out"])


def test_reading_commands_import_only_what_the_stack_names(outcome):
    good = ("zen_plugin_good", "zen_plugin_fine")
    assert [name for name in outcome.reading.result()["modules"] if not name.startswith(good)] == []


def test_the_list_of_flavors_is_whole_and_names_what_is_broken(outcome):
    [answer] = outcome.listing.result()["answers"]
    assert answer["code"] == 0
    found = {(each["name"], each["distribution"]) for each in json.loads(answer["out"])}
    assert {("good", "zen-plugin-good"), ("fine", "zen-plugin-fine"), ("noisy", "zen-plugin-noisy")} <= found
    assert "noise at import" in answer["err"]
    for plugin in PLUGINS:
        if "checked" in plugin and plugin["distribution"] != "zen-plugin-hungry":  # this process may have 4 GB
            assert re.search(plugin["checked"].replace("in 5 s", "in 1 s"), answer["err"]), plugin["distribution"]


@pytest.mark.parametrize("distribution", names([plugin for plugin in PLUGINS if "listed" in plugin]))
def test_what_metadata_tell_is_reported_with_a_way_out(outcome, distribution):
    [plugin] = [plugin for plugin in PLUGINS if plugin["distribution"] == distribution]
    answers = outcome.reading.result()["answers"]
    [report] = [
        each
        for each in json.loads(answers[list(READING).index("plugins as data")]["out"])
        if each["distribution"] == distribution
    ]
    assert re.search(plugin["listed"], "; ".join(report["problems"])), report["problems"]
    findings = json.loads(answers[list(READING).index("doctor")]["out"])["findings"]
    assert f"plugin {distribution}" in [finding["name"] for finding in findings]


def test_trying_plugins_names_each_broken_one_with_cause_and_way_out(outcome):
    done = outcome.tried.result()
    assert done.returncode == 1
    results = {each["distribution"]: each for each in json.loads(done.stdout)}
    broken = {plugin["distribution"]: plugin["checked"] for plugin in PLUGINS if "checked" in plugin}
    # What else is installed here may be slow to import beside other tests: only these plugins are judged.
    judged = {plugin["distribution"] for plugin in PLUGINS}
    assert {name for name, each in results.items() if not each["ok"] and name in judged} == set(broken)
    for name, cause in broken.items():
        assert re.search(cause, results[name]["message"]), results[name]
        assert f"ZEN_DISABLE_PLUGINS={name}" in results[name]["hint"]


@pytest.mark.parametrize("distribution", names(REFUSED))
def test_a_stack_with_a_broken_plugin_fails_before_any_step_runs(outcome, distribution):
    [plugin] = [plugin for plugin in REFUSED if plugin["distribution"] == distribution]
    answer = _used(outcome, distribution)
    assert answer["code"] in (1, 3, 4, 5), answer
    assert re.search(plugin["refused"], answer["err"]), answer["err"]
    assert "Traceback" not in answer["err"]
    assert (
        outcome.project.rows("SELECT s.id FROM step_run s JOIN run r ON r.id = s.run WHERE r.name = ?", distribution)
        == []
    )


@pytest.mark.parametrize("distribution", [n for n in names(USED) if n not in names(REFUSED) and n not in WATCHED])
def test_a_stack_with_a_plugin_that_can_be_used_runs(outcome, distribution):
    answer = _used(outcome, distribution)
    assert answer["code"] == 0, answer["err"]
    assert json.loads(answer["out"])["state"] == "completed"


def _used(outcome: Outcome, distribution: str) -> Any:
    order = [name for name in names(USED) if name not in WATCHED]
    return outcome.used.result()["answers"][order.index(distribution)]


def test_observers_that_raise_hang_or_are_slow_are_recorded_and_fail_nothing(outcome):
    done = outcome.watched.result()
    assert done.returncode == 0, done.stderr
    [shown] = outcome.project.commands([["show", "watched", "--json"]], ZEN_STACK="watched")["answers"]
    run = json.loads(shown["out"])
    assert (run["stack"], run["state"]) == ("watched", "completed")
    assert run["duration"] < 15  # one deadline of 5 seconds, and what the rest of the tests leaves of the processors
    warnings = "\n".join(run["warnings"])
    for text in (
        "observer raiser@zen-plugin-raiser: zen_run_started raised RuntimeError: at the start of the run",
        "observer raiser@zen-plugin-raiser: zen_step_started raised SystemExit: at the start of load",
        "observer raiser@zen-plugin-raiser: zen_step_finished raised RuntimeError: at the end of load",
        "observer raiser@zen-plugin-raiser: zen_step_started raised SystemExit: at the start of mean",
        "observer raiser@zen-plugin-raiser: zen_step_finished raised RuntimeError: at the end of mean",
        "observer raiser@zen-plugin-raiser: zen_run_finished raised RuntimeError: at the end of the run",
        "observer hanger@zen-plugin-hanger: zen_run_started did not return in 5 s and was abandoned",
        "observer hanger@zen-plugin-hanger: zen_step_finished was left out, because zen_run_started has not returned",
        "observer slow@zen-plugin-slow: zen_run_finished took 1.",
    ):
        assert text in warnings


# Blocking, and level 0

BLOCKABLE = ("zen-plugin-needy", "zen-plugin-exiter", "zen-plugin-noisy", *GOOD)


def flavors_of(answer: Any) -> set[str]:
    assert answer["code"] == 0, answer["err"]
    return {each["name"] for each in json.loads(answer["out"]) if each["distribution"] != "zen-hub"}


@pytest.mark.parametrize(
    ("variable", "settings", "left"),
    [
        ("1", {}, []),
        ("zen-plugin-needy,exiter, ZEN_Plugin_Noisy", {}, ["good", "fine"]),
        ("", {"disable": ["needy", "zen-plugin-exiter", "noisy"]}, ["good", "fine"]),
        ("", {"allow": ["fine"]}, ["fine"]),
        ("fine", {"allow": ["fine", "zen-plugin-good"]}, ["good"]),
    ],
)
def test_a_blocked_plugin_is_not_imported(new_project, variable, settings, left):
    plugins = [plugin for plugin in PLUGINS if plugin["distribution"] in BLOCKABLE]
    project = new_project(plugins, {"good": {}}, plugins=settings)
    commands = [LISTING["flavors"], ["plugin", "list", "--json"], ["flavor", "describe", "alerter", "noisy"]]
    done = project.commands(commands, ZEN_DISABLE_PLUGINS=variable)
    listed, plugins_, described = done["answers"]
    ours = set(names(plugins))
    found = flavors_of(listed)
    assert {name for name in found if f"zen-plugin-{name}" in ours} == set(left)
    assert {name.partition(".")[0] for name in project.imported()} == {f"zen_plugin_{name}" for name in left}
    disabled = {each["distribution"] for each in json.loads(plugins_["out"]) if each["disabled"]}
    assert disabled & ours == ours - {f"zen-plugin-{name}" for name in left}
    assert described["code"] == 4
    assert "zen-plugin-noisy has it and is disabled" in described["err"]


def test_level_zero_imports_none_of_fifty_plugins(new_project):
    fakes = [
        {
            "distribution": f"zen-plugin-fake{number}",
            "entries": {
                "zen.plugins.v1": {f"fake{number}": f"fake_{number}"},
                "zen.types.v1": {
                    f"fake{number}.Frame": f"fake_{number}:Frames",
                    "builtins.object": f"fake_{number}:All",
                },
                "zen.commands.v1": {f"fake{number}": f"fake_{number}:command"},
            },
            "modules": {f"fake_{number}": "raise SystemExit"},
        }
        for number in range(50)
    ]
    project = new_project(fakes, {"good": {}, "other": {"alerter": "fake7"}})
    first = project.python(*run_named("first"))
    assert first.returncode == 0, first.stderr
    reading = [arguments for name, arguments in READING.items() if name not in ("flavor", "command")]
    done = project.commands(reading)
    assert [answer["code"] for answer in done["answers"]] == [0] * len(reading)
    assert "fake49" in done["answers"][0]["out"]
    assert "zen-plugin-fake49" in done["answers"][2]["out"]
    assert done["modules"] == []
    assert project.imported() == []
