"""The structure of zen.yaml, before any plugin is asked."""

from __future__ import annotations

import json

import pytest

from zen.stacks.reader import parse_document
from zen.stacks.stackfile import StackFile, read_stack_file

GOOD = """
default_stack: tracked
stacks:
  tracked:
    experiment_tracker: mlflow
    settings: {durability: relaxed}
  prod:
    extends: tracked
    orchestrator: {flavor: ray, address: "ray://head:10001"}
    experiment_tracker:
      - {flavor: mlflow@zen-plugin-mlflow, name: team, tracking_uri: "${env:URI}"}
      - wandb
    settings: {pickle: forbid}
  quiet: {extends: prod, experiment_tracker: []}
  plain:
plugins: {disable: [zen-plugin-old], allow: [zen-plugin-mlflow]}
"""


def read(text: str) -> StackFile:
    return read_stack_file(parse_document(text.encode(), "zen.yaml"))


def faults(text: str) -> list[str]:
    return [str(fault) for fault in read(text).faults]


def test_a_good_file_is_read() -> None:
    file = read(GOOD)
    assert file.faults == ()
    assert (file.default, list(file.stacks)) == ("tracked", ["local", "tracked", "prod", "quiet", "plain"])
    assert (file.disabled, file.allowed) == (("zen-plugin-old",), ("zen-plugin-mlflow",))
    team, wandb = file.stacks["prod"].entries["experiment_tracker"]
    assert (team.flavor, team.name, team.config) == (
        "mlflow@zen-plugin-mlflow",
        "team",
        {"tracking_uri": "${env:URI}"},
    )
    assert (wandb.flavor, wandb.name, wandb.path) == (
        "wandb",
        "wandb",
        ("stacks", "prod", "experiment_tracker", 1),
    )


def test_the_nearest_definition_of_a_kind_or_setting_holds() -> None:
    prod, quiet = read(GOOD).complete("prod"), read(GOOD).complete("quiet")
    assert [entry.name for entry in prod.entries["experiment_tracker"]] == ["team", "wandb"]
    assert prod.settings == {"durability": "relaxed", "pickle": "forbid"}
    assert quiet.entries["experiment_tracker"] == ()
    assert quiet.entries["orchestrator"] == prod.entries["orchestrator"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_told(text: str) -> None:
    assert "the file is empty" in faults(text)[0]


def test_an_empty_stack_is_all_defaults() -> None:
    assert faults("stacks:\n  dev:\n") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]", "1:1: the file: expected a mapping with the key `stacks`, found a list"),
        ("stcks: {}", "1:1: the file: unknown key 'stcks'; known: default_stack, plugins, stacks\n    did you mean"),
        ("orchestrator: ray", "move 'orchestrator' into a stack"),
        ("stacks: [a]", "1:9: stacks: expected a mapping, found a list"),
        ("stacks: {a: x}", "1:13: stacks.a: expected a mapping, found the text 'x'"),
        ("stacks: {a: {artifact_sotre: s3}}", "did you mean 'artifact_store'?"),
        ("stacks: {a: {orchestrator: 7}}", "1:28: stacks.a.orchestrator: expected a flavor, or a mapping"),
        ("stacks: {a: {orchestrator: }}", "expected a flavor, or a mapping with the key `flavor`, found nothing"),
        ("stacks: {a: {orchestrator: [x, y]}}", "a stack has one orchestrator, found a list of 2"),
        ("stacks: {a: {orchestrator: {flavour: x}}}", "did you mean 'flavor' where it says 'flavour'?"),
        ("stacks: {a: {alerter: [x, x]}}", "1:27: stacks.a.alerter: two components are named 'x'"),
        ("stacks: {a: {alerter: os.system}}", "1:23: stacks.a.alerter: 'os.system' is no flavor"),
        ("stacks: {a: {settings: {durability: ful}}}", "expected 'full' or 'relaxed', found the text 'ful'"),
        ("stacks: {a: {settings: {durable: full}}}", "unknown key 'durable'; known: alert_on, durability, pickle"),
        ("stacks: {a: {extends: [b]}}", "1:23: stacks.a.extends: expected the name of a stack, found a list"),
        ("stacks: {a: {extends: locla}}", "no stack 'locla'; there is: a, local\n    did you mean 'local'?"),
        ("default_stack: prd\nstacks: {prod: {}}", "1:16: default_stack: no stack 'prd'"),
        ("default_stack: 7\nstacks: {}", "expected the name of a stack, found the number 7"),
        ("plugins: {disable: mlflow}", "expected a list of distributions"),
        ("plugins: {disable: [no, 1]}", "plugins.disable[1]: expected a text"),
        ("plugins: {allowed: []}", "did you mean 'allow'?"),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(text: str, said: str) -> None:
    [fault] = faults(text)
    assert said in fault


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", ".", "..", "CON", "nul.txt", "C:\\x", "\\\\host\\share", "x.", "x ", "x" * 300, "", "-x", "x\n"],
)
@pytest.mark.parametrize("where", ["stacks: {%s: {}}", "stacks: {a: {alerter: {flavor: x, name: %s}}}"])
def test_names_that_are_no_slugs_are_refused(name: str, where: str) -> None:
    quoted = json.dumps(name)
    [fault] = faults(where % quoted)
    assert "is no name for a" in fault
    assert "names are a-z, 0-9, _ and -" in fault


@pytest.mark.parametrize("name", ["12", "true", "null", "1.5"])
def test_names_that_are_no_texts_are_refused(name: str) -> None:
    assert "put it in quotes" in faults(f"stacks: {{{name}: {{}}}}")[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\u0440andas", "U+0440 CYRILLIC SMALL LETTER ER"),
        ("pan\u202edas", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("pan\u200bdas", "U+200B ZERO WIDTH SPACE"),
    ],
)
def test_names_that_only_look_alike_are_refused_with_their_code_points(name: str, said: str) -> None:
    [fault] = faults(f'stacks: {{"{name}": {{}}}}')
    assert said in fault
    assert fault.isascii()


def test_names_that_differ_by_case_are_refused() -> None:
    [fault] = faults("stacks: {prod: {}, Prod: {}}")
    assert "1:20: 'Prod' is no name for a stack: it has upper-case letters" in fault


def test_a_cycle_is_told_once_with_its_members() -> None:
    text = "stacks: {x: {extends: a}, a: {extends: b}, b: {extends: c}, c: {extends: a}, d: {extends: d}}"
    assert [fault.split("\n")[0] for fault in faults(text)] == [
        "zen.yaml:1:40: stacks extend each other: a → b → c → a",
        "zen.yaml:1:91: stacks extend each other: d → d",
    ]


def test_local_can_be_extended_and_redefined() -> None:
    assert faults("stacks: {a: {extends: local}}") == []
    assert read("stacks: {local: {alerter: x}}").complete("local").entries["alerter"][0].flavor == "x"


def test_all_faults_are_told_at_once() -> None:
    text = "default_stack: x\nstacks:\n  A: {oops: 1}\n  b: {extends: q, alerter: [1, {flavor: x, name: Y}]}\nnope: 1\n"
    assert len(faults(text)) == 7


@pytest.mark.parametrize("text", ["", "plugin: {disable: [x]}", "plugins: {disable: x}", "plugins: [", "a: 1\na: 2"])
def test_a_file_that_does_not_say_what_it_blocks_is_marked(text: str) -> None:
    assert not read(text).blocks_known
    assert read("stacks: {A: {}}").blocks_known
