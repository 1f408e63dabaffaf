"""What `zen plugin new` writes is built, installed and checked as its author would: red, with the to-do list.

One project for all kinds together, to be fast, and one with two kinds from start to end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import zen.testing
from zen.cli.authors.components import Part
from zen.cli.authors.naming import Names
from zen.cli.authors.scaffold import kinds
from zen.cli.authors.stubs import abstract_methods

NAMES = Names(flavor="acme")


@dataclass(frozen=True)
class Scaffold:
    """A project that was written, built and installed, and the outcome of its own tests."""

    project: Path
    wheel: list[str]
    site: Path
    output: str
    suites: dict[str, dict[str, Any]]


def call(*command: str | Path, cwd: Path, code: int = 0, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZEN_", "PYTEST_"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**kept, **variables}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def uv(*arguments: str | Path, cwd: Path) -> None:
    call(sys.executable, "-m", "uv", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory) -> Scaffold:
    """Write a plugin of every kind in an empty folder, build its wheel, install that elsewhere, run its tests."""
    root = tmp_path_factory.mktemp("authors")
    chosen = [part for kind in kinds() for part in ("--kind", kind)]
    call(sys.executable, "-m", "zen", "plugin", "new", "acme", *chosen, cwd=root)
    project, site = root / "zen-plugin-acme", root / "site"
    uv("build", "--quiet", "--wheel", "--out-dir", root / "dist", project, cwd=root)
    [wheel] = (root / "dist").glob("*.whl")
    uv("pip", "install", "--quiet", "--no-deps", "--target", site, wheel, cwd=root)
    report = root / "report.json"
    parallel = ["-n", "2"] if os.environ.get("PYTEST_XDIST_WORKER") is None else []
    output = call(
        *(sys.executable, "-m", "pytest", f"--zen-report={report}", *parallel, "--color=no"),
        cwd=project,
        code=1,
        PYTHONPATH=str(site),
    )
    suites = {each["suite"].rpartition(".")[2]: each["checks"] for each in json.loads(report.read_text())["suites"]}
    return Scaffold(project, zipfile.ZipFile(wheel).namelist(), site, output, suites)


def failures(scaffold: Scaffold, kind: str) -> dict[str, str]:
    """Return the message of each failed check of a kind."""
    checks = scaffold.suites[f"Test{Part.of(kind, NAMES).cls}"]
    return {name: str(check["message"]) for name, check in checks.items() if check["outcome"] == "failed"}


def test_the_wheel_has_the_package_and_no_tests(scaffold):
    assert {"zen_plugin_acme/plugin.py", "zen_plugin_acme/py.typed", "zen_plugin_acme/alerter.py"} <= set(
        scaffold.wheel
    )
    assert not [name for name in scaffold.wheel if name.startswith("tests")]


@pytest.mark.parametrize("kind", kinds())
def test_the_kit_is_red_and_says_what_is_to_do(scaffold, kind):
    said = failures(scaffold, kind)
    assert [name for name, message in said.items() if "do: " not in message] == []  # its own line, or the kit's
    assert any(f"to do: {kind}.py: " in message for message in said.values())
    assert any(f"to do: {kind}.py: " in line for line in scaffold.output.splitlines())


@pytest.mark.parametrize("kind", kinds())
def test_what_the_scaffold_brings_is_green(scaffold, kind):
    red = set(failures(scaffold, kind))
    brought = {"entry_point", "light", "readme", "type_marker", "requirements", "public_surface", "global_state"}
    assert [name for name in red if any(part in name for part in brought)] == []
    assert len(red) < len(scaffold.suites[f"Test{Part.of(kind, NAMES).cls}"])


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "materializer"])
def test_a_capability_that_is_not_spoken_of_is_on_the_list(scaffold, kind):
    part = Part.of(kind, NAMES)
    said = " ".join(failures(scaffold, kind).values())
    assert not part.capabilities or "neither declared nor lacked" in said


def test_every_suite_is_in_the_kit():
    assert [kind for kind in kinds() if not hasattr(zen.testing, Part.of(kind, NAMES).suite)] == []


def test_check_and_doctor_are_content_with_the_installed_scaffold(scaffold):
    zen_plugin = (sys.executable, "-m", "zen", "plugin")
    found = call(*zen_plugin, "check", ".", "--json", cwd=scaffold.project, PYTHONPATH=str(scaffold.site))
    assert {each["state"] for each in json.loads(found)["findings"]} == {"ok"}, found
    tried = call(
        *zen_plugin, "doctor", "zen-plugin-acme", "--json", cwd=scaffold.project, PYTHONPATH=str(scaffold.site)
    )
    assert [each["ok"] for each in json.loads(tried)] == [True, True]


def test_the_scaffold_is_clean_code(scaffold):
    call(
        sys.executable, "-m", "ruff", "format", "--check", "--isolated", "--line-length=120", ".", cwd=scaffold.project
    )
    rules = "--select=B,E,F,I,PIE,RUF,SIM,UP,W"
    call(
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--line-length=120",
        rules,
        "--target-version=py311",
        ".",
        cwd=scaffold.project,
    )


DONE = """
class AcmeAlerter(Alerter):
    config: AcmeConfig

    def send(self, alert: Alert) -> str:
        with open(self.host.state / "sent.txt", "a") as file:
            file.write(alert.title)
        return ""
"""


def test_two_kinds_from_an_empty_folder_to_a_run(tmp_path):
    """An author writes one method, and a stack uses it."""
    zen_command = (sys.executable, "-m", "zen")
    call(*zen_command, "plugin", "new", "acme", "--kind", "alerter", "--kind", "materializer", cwd=tmp_path)
    project, site = tmp_path / "zen-plugin-acme", tmp_path / "site"
    module = project / "src/zen_plugin_acme/alerter.py"
    module.write_text(module.read_text(encoding="utf-8").partition("class AcmeAlerter")[0] + DONE, encoding="utf-8")
    uv("pip", "install", "--quiet", "--no-deps", "--target", site, project, cwd=tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    (work / "zen.yaml").write_text((project / "stack.example.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (work / "flow.py").write_text(
        "import zen\n\n@zen.step\ndef one() -> int:\n    zen.alert('done')\n    return 1\n\n"
        "@zen.pipeline\ndef flow():\n    return one()\n"
    )
    call(*zen_command, "stack", "check", "acme", cwd=work, PYTHONPATH=str(site))
    call(*zen_command, "run", "flow.py", "--stack", "acme", cwd=work, PYTHONPATH=str(site))
    assert (work / ".zen/sent.txt").read_text() == "done"
    lines = call(*zen_command, "stack", "requirements", "acme", cwd=work, PYTHONPATH=str(site)).splitlines()
    assert lines[-1] == "zen-plugin-acme==0.1.0"


def test_every_method_of_every_kind_has_its_line(scaffold):
    """No method is left open in silence: each raises its own line, and no other NotImplementedError is there."""
    for kind in kinds():
        part = Part.of(kind, NAMES)
        text = (scaffold.project / f"src/zen_plugin_acme/{kind}.py").read_text(encoding="utf-8")
        for method in abstract_methods(part.interface):
            assert f"to do: {kind}.py: {part.cls}.{method}: " in text
