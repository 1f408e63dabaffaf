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

pytestmark = pytest.mark.slow

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
    report = project / "conformance.json"
    parallel = ["-n", "2"] if os.environ.get("PYTEST_XDIST_WORKER") is None else []
    output = call(
        *(sys.executable, "-m", "pytest", *parallel, "--color=no"),
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


def test_doctor_is_content_with_the_installed_scaffold(scaffold):
    tried = call(
        *(sys.executable, "-m", "zen", "plugin", "doctor", "zen-plugin-acme", "--json"),
        cwd=scaffold.project,
        PYTHONPATH=str(scaffold.site),
    )
    assert [each["ok"] for each in json.loads(tried)] == [True, True]


def test_check_says_what_is_left_to_do_and_nothing_else(scaffold):
    """What was not touched is not all right; what the scaffold brings is."""
    said = call(
        *(sys.executable, "-m", "zen", "plugin", "check", "--json"),
        cwd=scaffold.project,
        code=1,
        PYTHONPATH=str(scaffold.site),
    )
    findings = {each["name"]: each for each in json.loads(said)["findings"]}
    assert {name for name, each in findings.items() if each["state"] != "ok"} == {"left to do", "conformance kit"}
    left = findings["left to do"]["detail"]
    for place in ("pyproject.toml: description", "README.md:3:", "plugin.py:", "alerter.py:", "test_conformance.py:"):
        assert place in left


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
    capabilities = frozenset()
    config: AcmeAlerterConfig

    def send(self, alert: Alert) -> str:
        with open(self.host.state / "sent.txt", "a") as file:
            file.write(alert.title)
        return ""
"""
KEPT = """
class AcmeMaterializer(Materializer):
    format = "acme"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        writer.write(" ".join(map(str, value.numbers)).encode())

    def load(self, reader: ArtifactReader) -> Any:
        return AcmeValue([int(number) for number in reader.read().split()])
"""


def replace(file: Path, start: str, text: str) -> None:
    """Put a text in place of everything from where another one starts."""
    file.write_text(file.read_text(encoding="utf-8").partition(start)[0] + text, encoding="utf-8")


def finish(project: Path) -> None:
    """Do what an author does: the methods, the words, and what the suites cannot know."""
    package = project / "src/zen_plugin_acme"
    replace(package / "alerter.py", "class AcmeAlerter", DONE)
    replace(package / "materializer.py", "class AcmeMaterializer", KEPT)
    replace(project / "README.md", "To do", "Alerts to Acme.\n")
    for file in (package / "plugin.py", project / "pyproject.toml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("To do: say in one line what it is for", "Alerts to Acme"), encoding="utf-8")
    tests = project / "tests/test_conformance.py"
    text = tests.read_text(encoding="utf-8")
    text = text.replace('    # lacks = {"ask": "why"}', '    lacks = {"ask": "no answers", "unreachable": "a file"}')
    text = text.replace('    # lacks = {"large": "why"}', '    lacks = {"large": "never", "subclass": "none"}')
    text = text.replace(
        "    # def received(self, kit: Kit, component: Any) -> Sequence[str] | None: ...",
        "    def received(self, kit: Kit, component: Any) -> list[str]:\n"
        '        return ["größe 模型 ✓", "<b>a & b</b> *c* _d_ `e` [f](g)", "x" * 10_000]',
    )
    tests.write_text(text, encoding="utf-8")


def test_two_kinds_from_an_empty_folder_to_a_release_and_a_run(tmp_path):
    """An author writes what raises; the kit is green, the check is content, and a stack uses it."""
    zen_command = (sys.executable, "-m", "zen")
    call(*zen_command, "plugin", "new", "acme", "--kind", "alerter", "--kind", "materializer", cwd=tmp_path)
    project, site = tmp_path / "zen-plugin-acme", tmp_path / "site"
    finish(project)
    uv("pip", "install", "--quiet", "--no-deps", "--target", site, project, cwd=tmp_path)
    path = {"PYTHONPATH": str(site)}
    shown = call(*zen_command, "plugin", "check", cwd=project, **path)
    assert [line.split()[2] for line in shown.splitlines() if line.startswith("conformance")] == ["warning"]
    call(sys.executable, "-m", "pytest", "--color=no", cwd=project, **path)
    found = json.loads(call(*zen_command, "plugin", "check", "--json", cwd=project / "tests", **path))["findings"]
    assert [each for each in found if each["state"] != "ok"] == []
    work = tmp_path / "work"
    work.mkdir()
    (work / "zen.yaml").write_text((project / "stack.example.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (work / "flow.py").write_text(
        "import zen\n\n@zen.step\ndef one() -> int:\n    zen.alert('done')\n    return 1\n\n"
        "@zen.pipeline\ndef flow():\n    return one()\n"
    )
    path["ACME_TOKEN"] = "a token"
    call(*zen_command, "stack", "check", "acme", cwd=work, **path)
    call(*zen_command, "run", "flow.py", "--stack", "acme", cwd=work, **path)
    assert (work / ".zen/sent.txt").read_text() == "done"
    lines = call(*zen_command, "stack", "requirements", "acme", cwd=work, **path).splitlines()
    assert lines[-1] == "zen-plugin-acme==0.1.0"


def test_every_method_of_every_kind_has_its_line(scaffold):
    """No method is left open in silence: each raises its own line, and no other NotImplementedError is there."""
    for kind in kinds():
        part = Part.of(kind, NAMES)
        text = (scaffold.project / f"src/zen_plugin_acme/{kind}.py").read_text(encoding="utf-8")
        for method in abstract_methods(part.interface):
            assert f"to do: {kind}.py: {part.cls}.{method}: " in text
