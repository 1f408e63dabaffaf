"""`zen plugin check`, `describe` and `doctor`, and `zen stack requirements`, on plugins that work and that do not."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zen.cli.authors.source import bound_problem
from zen.registry import scan
from zen.testing import AlerterSuite

pytestmark = pytest.mark.slow

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [Flavor(kind="alerter", name="acme", summary="Send", implementation="acme_tool:Acme", config="acme_tool:Config")]

@hookimpl
def zen_run_finished(run):
    pass
"""
TOOL = """
from dataclasses import dataclass, field
from zen.interfaces import Alerter

@dataclass(frozen=True)
class Config:
    channel: str = field(default="", metadata={"help": "Where to"})

class Acme(Alerter):
    capabilities = frozenset({"ask"})
    def send(self, alert):
        return ""
    def ask(self, alert, *, timeout):
        return None
"""
PROJECT = """
[project]
name = "Zen.Plugin_Acme"
version = "1.2"
dependencies = ["zen-hub>=0.1"]
[project.entry-points."zen.plugins.v1"]
acme = "acme_light"
"""
TESTS = "from zen.testing import AlerterSuite\n"
ENTRIES = "[zen.plugins.v1]\nacme = acme_light\n"
EXAMPLE = "stacks: {acme: {alerter: {flavor: acme, channel: '#ml'}}}\n"


def conformance(**outcomes: str) -> str:
    """Return a report in which every check passed but these."""
    checks = {name: {"outcome": outcomes.get(name, "passed")} for name in AlerterSuite.names()}
    kept = {name: check for name, check in checks.items() if check["outcome"] != "missing"}
    return json.dumps({"format": 1, "suites": [{"suite": "T", "kind": "alerter", "flavor": "acme", "checks": kept}]})


Acme = Callable[..., Path]


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Acme:
    """Install the plugin, with what a test changes of it, and return its project's folder."""
    folder = tmp_path_factory.mktemp("acme")

    def install(*, entries: str = ENTRIES, **changes: str) -> Path:
        texts = {"acme_light.py": LIGHT, "acme_tool.py": TOOL, "pyproject.toml": PROJECT, "tests/test_it.py": TESTS}
        texts |= {"README.md": "", "LICENSE": "", "py.typed": "", "stack.example.yaml": EXAMPLE}
        info = "zen_plugin_acme-1.2.dist-info"
        texts[f"{info}/entry_points.txt"] = entries
        texts[f"{info}/METADATA"] = "Metadata-Version: 2.1\nName: zen-plugin-acme\nVersion: 1.2\n"
        changed = {name.replace("_py", ".py").replace("_toml", ".toml"): text for name, text in changes.items()}
        changed.pop("conformance", "")
        for name, text in {**texts, **changed}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "conformance.json").write_text(changes.get("conformance", conformance()), encoding="utf-8")
        monkeypatch.syspath_prepend(folder)
        for name in ("acme_light", "acme_tool"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return folder

    return install


def states(result) -> dict[str, str]:
    return {each["name"]: each["state"] for each in result.json["findings"]}


def broken(result) -> list[str]:
    assert result.code == 1
    return [name for name, state in states(result).items() if state == "broken"]


def test_check_finds_nothing_wrong_with_a_good_plugin(zen, acme: Acme) -> None:
    result = zen("plugin", "check", acme(), "--json")
    assert result.code == 0, result.out
    assert set(states(result).values()) == {"ok"}
    assert len(states(result)) == 10


def test_check_says_reinstall_when_entry_points_differ(zen, acme: Acme) -> None:
    folder = acme(pyproject_toml=PROJECT + 'acme2 = "acme_light"\n')
    result = zen("plugin", "check", folder)
    assert result.code == 1 and "reinstall" in result.err
    assert "declared, not installed: zen.plugins.v1: acme2 = acme_light" in result.err


def test_check_says_install_when_it_is_not_installed(zen, project: Path) -> None:
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    result = zen("plugin", "check")
    assert result.code == 1 and "not installed" in result.out and "pip install -e ." in result.err


def test_check_wants_help_texts(zen, acme: Acme) -> None:
    folder = acme(acme_tool_py=TOOL + "    pass\n", acme_light_py=LIGHT)
    (folder / "acme_tool.py").write_text(TOOL.replace('metadata={"help": "Where to"}', ""), encoding="utf-8")
    result = zen("plugin", "check", folder, "--json")
    assert broken(result) == ["help texts"]


def test_check_refuses_a_light_module_that_imports_a_tool(zen, acme: Acme) -> None:
    result = zen("plugin", "check", acme(acme_light_py="import yaml\n" + LIGHT), "--json")
    assert broken(result) == ["light import"]
    assert "yaml" in next(each["detail"] for each in result.json["findings"] if each["name"] == "light import")


def test_check_names_a_class_that_cannot_be_loaded(zen, acme: Acme) -> None:
    result = zen("plugin", "check", acme(acme_tool_py="import missing_tool\n"), "--json")
    assert broken(result) == ["classes"]
    assert "missing_tool" in result.out


def test_check_wants_the_kit_and_the_files(zen, acme: Acme) -> None:
    folder = acme(**{"tests/test_it.py": ""})
    (folder / "py.typed").unlink()
    assert broken(zen("plugin", "check", folder, "--json")) == ["conformance kit", "files"]


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("zen-hub>=0.1", ""),
        ("Zen_Hub[testing] >= 0.1, != 0.2 ; python_version > '3'", ""),
        ("zen-hub", "no lower bound"),
        ("zen-hub>=0.1,<1", "an upper bound"),
        ("zen-hub~=0.1", "an upper bound"),
        ("zen-hub==0.1", "an upper bound"),
        ("zen-hub-extra>=1", "does not depend on zen-hub"),
    ],
)
def test_bounds_are_a_lower_one_and_no_upper_one(requirement: str, problem: str) -> None:
    assert problem in bound_problem(["click", requirement])
    assert bool(problem) == bool(bound_problem([requirement]))


def found(result, name: str) -> dict[str, str]:
    [finding] = [each for each in result.json["findings"] if each["name"] == name]
    return finding


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("acme_tool.py", "def f(): raise NotImplementedError('to do: f')\n" + TOOL, "acme_tool.py:1: to do: f"),
        ("acme_tool.py", "def f(): raise NotImplementedError('TODO')\n" + TOOL, "acme_tool.py:1: TODO"),
        ("acme_light.py", LIGHT.replace('"Send"', '"To do: a line"'), "acme_light.py:6: To do: a line"),
        ("tests/test_it.py", TESTS + "raise NotImplementedError('to do: fill')", "tests/test_it.py:2: to do: fill"),
        (
            "pyproject.toml",
            PROJECT.replace("dep", "description = 'Add your description here'\ndep"),
            "description: Add",
        ),
        ("README.md", "# acme\n\n## To do\n", "README.md:3: ## To do"),
        ("README.md", "# acme\n- [ ] TODO: say what it is\n", "README.md:2: - [ ] TODO"),
    ],
)
def test_check_names_what_is_left_to_do(zen, acme: Acme, file: str, text: str, said: str) -> None:
    result = zen("plugin", "check", acme(**{file: text}), "--json")
    assert broken(result) == ["left to do"]
    assert said in found(result, "left to do")["detail"]


@pytest.mark.parametrize(
    "text", ["# acme has a to-do list\n", "An app to do lists\n", "# acme\nWhat is left to do: nothing\n"]
)
def test_check_lets_people_write_about_lists(zen, acme: Acme, text: str) -> None:
    assert zen("plugin", "check", acme(**{"README.md": text})).code == 0


def test_check_lists_notes_in_comments_as_warnings(zen, acme: Acme) -> None:
    folder = acme(acme_tool_py=TOOL + "x = 1  # TODO: faster\n")
    (folder / ".venv/lib").mkdir(parents=True)
    (folder / ".venv/lib/tool.py").write_text("# TODO: not ours\n", encoding="utf-8")
    result = zen("plugin", "check", folder, "--json")
    assert result.code == 0 and states(result)["notes"] == "warning"
    assert "# TODO: faster" in found(result, "notes")["detail"] and "not ours" not in result.out
    assert "1 warning" in zen("plugin", "check", folder).err


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("stacks: {acme: {alerter: {flavor: acme, chanel: x}}}", "did you mean 'channel'?"),
        ("stacks: {acme: {alerter: {flavor: acme, channel: 7}}}", "channel"),
        ("stacks: {acme: {alerter: akme}}", "akme"),
        ("stacks: {acme: {alerterr: acme}}", "did you mean 'alerter'?"),
        ("stacks: [", "\nstack.example.yaml:2:1: not YAML"),
        ("stacks: {acme: {orchestrator: local}}", "names a flavor of the plugin: alerter acme"),
    ],
)
def test_check_tries_the_example_of_a_stack_file(zen, acme: Acme, example: str, said: str) -> None:
    result = zen("plugin", "check", acme(**{"stack.example.yaml": example + "\n"}), "--json")
    assert broken(result) == ["stack example"]
    assert said in found(result, "stack example")["detail"]


def test_check_needs_no_variable_and_no_secret_of_the_example(zen, acme: Acme) -> None:
    text = "stacks: {acme: {alerter: {flavor: acme, channel: '${env:ACME_CHANNEL}'}}}\n"
    assert zen("plugin", "check", acme(**{"stack.example.yaml": text})).code == 0


def test_check_warns_where_there_is_no_example(zen, acme: Acme) -> None:
    folder = acme()
    (folder / "stack.example.yaml").unlink()
    result = zen("plugin", "check", folder, "--json")
    assert result.code == 0 and states(result)["stack example"] == "warning"


def test_check_says_that_the_kit_was_not_run(zen, acme: Acme) -> None:
    folder = acme()
    report = folder / "conformance.json"
    os.utime(folder / "acme_tool.py", (report.stat().st_mtime + 5,) * 2)
    said = found(zen("plugin", "check", folder, "--json"), "conformance kit")
    assert said["state"] == "warning" and "since acme_tool.py was changed; run `pytest --zen-report=" in said["detail"]
    report.unlink()
    options = '[tool.pytest.ini_options]\naddopts = "--zen-report=conformance.json"\n'
    (folder / "pyproject.toml").write_text(PROJECT + options, encoding="utf-8")
    result = zen("plugin", "check", folder, "--json")
    said = found(result, "conformance kit")
    assert result.code == 0 and "the conformance kit was not run yet; run `pytest`" in said["detail"]


@pytest.mark.parametrize(
    ("outcome", "state", "said"),
    [
        ("failed", "broken", "1 of {all} checks failed: test_check_succeeds"),
        ("not-verified", "warning", "1 of {all} checks could not be verified: test_check_succeeds"),
        ("not verified", "warning", "1 of {all} checks could not be verified: test_check_succeeds"),
        ("warned", "warning", "1 of {all} checks will fail with a later zen: test_check_succeeds"),
        ("missing", "warning", "1 of {all} checks were not run: test_check_succeeds"),
        ("does-not-apply", "ok", "passed"),
    ],
)
def test_check_tells_how_the_kit_ended(zen, acme: Acme, outcome: str, state: str, said: str) -> None:
    folder = acme(conformance=conformance(test_check_succeeds=outcome))
    finding = found(zen("plugin", "check", folder, "--json"), "conformance kit")
    assert finding["state"] == state
    assert said.format(all=len(list(AlerterSuite.names()))) in finding["detail"]


def test_check_takes_no_nonsense_for_a_report(zen, acme: Acme) -> None:
    for nonsense in ("", "[]", '{"suites": [1]}', '{"suites": [{"kind": "alerter", "flavor": "acme"}]}'):
        result = zen("plugin", "check", acme(conformance=nonsense or " "), "--json")
        assert broken(result) == ["conformance kit"], nonsense


def test_check_inside_a_project_checks_it(zen, acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = acme()
    for place in (folder, folder / "tests"):
        monkeypatch.chdir(place)
        result = zen("plugin", "check", "--json")
        assert result.code == 0 and states(result)["entry points"] == "ok"


def test_check_takes_attributes_of_a_docstring_for_help(zen, acme: Acme) -> None:
    documented = '    """Settings.\n\n    Attributes:\n        channel: Where\n            to.\n    """\n\n    channel: str = ""\n'
    field = '    channel: str = field(default="", metadata={"help": "Where to"})\n'
    assert zen("plugin", "check", acme(acme_tool_py=TOOL.replace(field, documented))).code == 0
    assert "Where to." in zen("flavor", "describe", "alerter", "acme").out


def test_check_takes_the_name_of_what_is_installed(zen, acme: Acme) -> None:
    acme()
    result = zen("plugin", "check", "acme", "--json")
    assert states(result)["conformance kit"] == "warning"  # its source is not known
    assert states(result)["bounds"] == "broken"  # its metadata name no requirement


def test_check_without_a_project_tries_everything(zen, acme: Acme) -> None:
    acme(acme_light_py="raise SystemExit(3)\n")
    result = zen("plugin", "check", "--json", "--timeout", "60")  # all that is installed: tools, on a busy machine
    assert result.code == 1
    [bad] = [each for each in result.json if not each["ok"]]
    assert bad["distribution"] == "zen-plugin-acme" and "sys.exit(3)" in bad["message"]


def test_doctor_names_each_broken_entry_with_cause_and_fix(zen, acme: Acme) -> None:
    acme(acme_light_py="import time\ntime.sleep(60)\n")
    result = zen("plugin", "doctor", "acme", "--timeout", "0.7")
    assert result.code == 1
    assert "did not finish in 0.7 s" in result.err and "pip uninstall zen-plugin-acme" in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms do not limit the memory of a process")
def test_doctor_limits_the_memory_of_light_modules(zen, acme: Acme) -> None:
    acme(acme_light_py="hoard = bytearray(3 << 30)\n" + LIGHT)
    result = zen("plugin", "doctor", "acme")
    assert result.code == 1 and "MemoryError" in result.err


def test_doctor_is_content_with_what_works(zen, acme: Acme) -> None:
    acme()
    result = zen("plugin", "doctor", "zen-plugin-acme", "--json")
    assert result.code == 0
    assert [(each["entry"], each["ok"], each["message"]) for each in result.json] == [("acme", True, "")]


def test_doctor_leaves_out_what_is_disabled(zen, acme: Acme, project: Path) -> None:
    acme(acme_light_py="raise SystemExit(3)\n")
    # The real tools that are installed here take seconds to import.
    others = sorted({entry.distribution for entry in scan().entries} - {"zen-hub", "zen-plugin-acme"})
    (project / "zen.yaml").write_text(json.dumps({"plugins": {"disable": ["acme", *others]}}), encoding="utf-8")
    assert zen("plugin", "doctor", "--timeout", "60").code == 0


def test_describe_shows_all_that_a_plugin_offers(zen, acme: Acme) -> None:
    acme()
    found = zen("plugin", "describe", "acme", "--json").json
    assert (found["distribution"], found["version"], found["problems"]) == ("zen-plugin-acme", "1.2", [])
    assert found["hooks"] == ["zen_flavors", "zen_run_finished"]
    [flavor] = found["flavors"]
    assert flavor["capabilities"] == {"ask": "asks people a question and waits for their answer"}
    assert [setting["name"] for setting in flavor["settings"]] == ["channel"]
    assert "Where to" in zen("plugin", "describe", "zen-plugin-acme").out


def test_describe_tells_what_cannot_be_loaded(zen, acme: Acme) -> None:
    acme(acme_tool_py="import missing_tool\n")
    result = zen("plugin", "describe", "acme", "--json")
    assert result.code == 0 and "missing_tool" in result.json["problems"][0]


def test_describe_knows_zen_itself(zen) -> None:
    found = zen("plugin", "describe", "zen-hub", "--json").json
    assert {flavor["kind"] for flavor in found["flavors"]} >= {"orchestrator", "artifact_store", "metadata_store"}
    assert found["types"]["builtins.int"]


def test_describe_asks_which_when_two_plugins_share_a_name(zen, acme: Acme) -> None:
    info = acme() / "other-1.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[zen.plugins.v1]\nbeta = acme_light\n", encoding="utf-8")
    (info.parent / "zen_plugin_acme-1.2.dist-info/entry_points.txt").write_text(
        ENTRIES + "beta = acme_light\n", encoding="utf-8"
    )
    result = zen("plugin", "describe", "beta")
    assert result.code == 4 and "in more than one plugin: other, zen-plugin-acme" in result.err


def test_describe_names_the_nearest_or_what_to_install(zen, acme: Acme) -> None:
    acme()
    assert "did you mean 'acme'?" in zen("plugin", "describe", "akme").err
    assert "pip install zen-plugin-slack" in zen("plugin", "describe", "slack").err


STACKS = """
stacks:
  full: {alerter: acme, artifact_store: {flavor: s3, bucket: "${env:NOT_SET}"}}
  typo: {alerter: akme}
"""


def test_requirements_are_lines_for_pip_without_looking_at_settings(zen, acme: Acme, project: Path) -> None:
    acme(acme_tool_py="import missing_tool\n")
    (project / "zen.yaml").write_text(STACKS, encoding="utf-8")
    result = zen("stack", "requirements", "full")
    version = next(
        each["version"] for each in zen("plugin", "list", "--json").json if each["distribution"] == "zen-hub"
    )
    assert result.out.splitlines() == [f"zen-hub=={version}", "zen-plugin-acme==1.2", "zen-plugin-s3"]
    assert "not installed: zen-plugin-s3" in result.err
    assert "acme_tool" not in sys.modules


def test_requirements_as_json_say_what_for(zen, acme: Acme, project: Path) -> None:
    acme()
    (project / "zen.yaml").write_text(STACKS, encoding="utf-8")
    found = zen("stack", "requirements", "full", "--json").json
    assert found["stack"] == "full"
    assert found["requirements"][1:] == [
        {
            "distribution": "zen-plugin-acme",
            "version": "1.2",
            "flavors": ["alerter/acme"],
            "requirement": "zen-plugin-acme==1.2",
        },
        {
            "distribution": "zen-plugin-s3",
            "version": "",
            "flavors": ["artifact_store/s3"],
            "requirement": "zen-plugin-s3",
        },
    ]


def test_requirements_refuse_a_flavor_that_nobody_knows(zen, project: Path) -> None:
    (project / "zen.yaml").write_text(STACKS, encoding="utf-8")
    assert zen("stack", "requirements", "typo").code == 4
    assert zen("stack", "requirements", "nowhere").code == 3
    assert zen("stack", "requirements").out.startswith("zen-hub==")
