"""A plugin that was written for the first release of the plugin API works, in every part, as it is.

See frozen/README.md: what fails here would have failed for somebody who is not here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zen.interfaces import KINDS

HERE = Path(__file__).resolve().parent / "frozen"
V1 = HERE / "v1"
FIRST_KINDS = (
    "alerter",
    "artifact_store",
    "data_validator",
    "experiment_tracker",
    "feature_store",
    "metadata_store",
    "model_deployer",
    "model_registry",
    "orchestrator",
    "secret_store",
    "step_operator",
)
STACK = dict.fromkeys(FIRST_KINDS, "frozen") | {
    "artifact_store": {"flavor": "frozen", "folder": "frozen-objects"},
    "alerter": {"flavor": "frozen", "token": "${secret:frozen/token}", "channel": "#warm"},
}
DIGEST = "c613106eb21eb0a05111aab68dcaea1a62982051004c4f855e69df40490f6e15"

# What each part tells that it was used for: at least these lines.
USED = {
    "orchestrator": {"measure completed", "enrich completed", "train completed", "run str"},
    "step_operator": {"train 0"},
    "artifact_store": {"put", "read"},
    "metadata_store": {"write"},
    "secret_store": {"get frozen/token"},
    "experiment_tracker": {
        "start training",
        "step measure",
        "params train [('factor', 2.0)]",
        "metrics train [('warmth', 2.026)] 1",
        "metadata train [('rows', 1)]",
        "step train",
        "finish completed",
    },
    "alerter": {"#warm warning trained: it is warm (11)"},
    "data_validator": {"validate 2"},
    "feature_store": {"historical ['warmth'] 1"},
    "model_registry": {"register warmth 1"},
    "model_deployer": {"deploy warmth ['data']", "predict [1]"},
    "materializer": {"save 21.5", "load 21.5"},
    "observer": {
        "run_started training 5",
        "step_started measure",
        "step_started train",
        "step_finished measure completed",
        "step_finished train completed",
        "run_finished completed",
    },
}


@pytest.fixture(scope="module")
def journey(new_site, new_environment, tmp_path_factory):
    """Run a pipeline on a stack of frozen components; return its record, what was noted, and what commands said."""
    home = tmp_path_factory.mktemp("frozen")
    site = new_site(home / "site")
    project = tomllib.loads((V1 / "pyproject.toml").read_text())["project"]
    site.install(
        project["name"],
        version=project["version"],
        entries=project["entry-points"],
        package=V1 / "zen_frozen_plugin",
    )
    folder = shutil.copytree(HERE / "journey", home / "project")
    (folder / "zen.yaml").write_text(json.dumps({"default_stack": "frozen", "stacks": {"frozen": STACK}}))
    environment = new_environment(home) | {
        "PYTHONPATH": str(site.path),
        "ZEN_FROZEN_JOURNAL": str(home / "journal.txt"),
        "ZEN_PROGRESS": "off",
    }
    request = {
        "commands": [
            ["run", "training.py", "--json"],
            ["stack", "check", "--json"],
            ["plugin", "list", "--json"],
            ["flavor", "describe", "alerter", "frozen", "--json"],
            ["frozen"],
            ["logs", "last", "train"],
        ]
    }

    def python(script: Path, text: str = "") -> str:
        done = subprocess.run(
            [sys.executable, script],
            cwd=folder,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    answers = json.loads(python(HERE.parent / "isolation" / "commands.py", json.dumps(request)))["answers"]
    assert python(folder / "rest.py") == "used\n"
    notes: dict[str, list[str]] = {}
    for line in (home / "journal.txt").read_text().splitlines():
        kind, _, event = line.partition(" ")
        notes.setdefault(kind, []).append(event)
    return answers, notes


def test_the_run_completes_without_a_warning(journey):
    answers, _ = journey
    assert answers[0]["code"] == 0, answers[0]["err"]
    run = json.loads(answers[0]["out"])
    assert (run["state"], run["stack"], run["warnings"]) == ("completed", "frozen", [])
    assert run["trackers"]["frozen"]["url"] == "https://example.org/runs"


@pytest.mark.parametrize("part", USED)
def test_each_part_was_really_used(journey, part):
    _, notes = journey
    assert USED[part] <= set(notes.get(part, ()))


def test_commands_know_the_plugin(journey):
    _, check, plugins, flavor, own, logs = journey[0]
    assert check["code"] == 0, check["err"]
    checked = json.loads(check["out"])["components"]
    assert {(each["kind"], each["flavor"]) for each in checked} == {(kind, "frozen") for kind in FIRST_KINDS}
    [report] = [each for each in json.loads(plugins["out"]) if each["distribution"] == "zen-frozen-plugin"]
    assert (report["flavors"], report["problems"]) == (["frozen"], [])
    assert {each["name"] for each in json.loads(flavor["out"])["settings"]} == {"token", "channel"}
    assert own["out"] == "a plugin of the first release\n"
    assert "training elsewhere" in logs["out"]


def test_the_kinds_of_the_first_release_are_still_there():
    assert set(FIRST_KINDS) <= set(KINDS)
    assert set(USED) == {*FIRST_KINDS, "materializer", "observer"}


def test_the_frozen_plugin_was_not_edited():
    found = hashlib.sha256()
    for path in sorted(V1.rglob("*")):
        if path.suffix in (".py", ".toml"):
            text = path.read_text(encoding="utf-8")  # whatever a checkout does to line ends
            found.update(f"{path.relative_to(V1).as_posix()}\n{text}\n".encode())
    assert found.hexdigest() == DIGEST, "tests/frozen/v1 is never edited: see tests/frozen/README.md"
