"""Configuration classes: values checked against fields, minimal JSON, and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from zen.errors import ConfigError, Fault, PluginLoadError
from zen.secrets import Secret
from zen.stacks import build, dump, parse
from zen.stacks.document import Place
from zen.stacks.references import VariableText

TOKEN = Secret("${secret:env/TOKEN}")


@dataclass(frozen=True)
class Inner:
    depth: int
    label: str = ""


@dataclass(frozen=True)
class Outer:
    project: str
    workers: int = 1
    ratio: float = 0.5
    verbose: bool = False
    folder: Path | None = None
    mode: Literal["fast", "safe", 3] = "fast"
    token: Secret | None = None
    url: Secret | str = ""
    tags: list[str] = field(default_factory=list)
    sizes: tuple[int, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    inner: Inner | None = None
    inners: list[Inner] = field(default_factory=list)
    extra: Any = None


class Nested(BaseModel):
    depth: int = 1


class Model(BaseModel):
    uri: str
    retries: int = 3
    token: Secret | None = None
    nested: Nested = Nested()
    many: list[Nested] = []
    choice: int | bool | None = None
    path: Path = Path("here")
    aliased: str = Field(default="", alias="as")


def parsed(cls: type, data: Mapping[str, Any]) -> tuple[Any, list[str]]:
    faults: list[Fault] = []
    config = parse(cls, data, Place(faults, None, ("acme",)))
    return config, [str(fault) for fault in faults]


FULL = {
    "project": "p",
    "workers": 4,
    "ratio": 2,
    "verbose": True,
    "folder": "a/b",
    "mode": 3,
    "token": TOKEN,
    "url": Secret("x://u:${secret:env/P}@h"),
    "tags": ["a"],
    "sizes": [1, 2],
    "labels": {"a": "b"},
    "inner": {"depth": 2},
    "inners": [{"depth": 1, "label": "x"}],
    "extra": {"any": [1, None]},
}


def test_a_dataclass_is_built_from_values() -> None:
    config, faults = parsed(Outer, FULL)
    assert faults == []
    assert (config.ratio, config.folder, config.sizes, config.inner) == (2.0, Path("a/b"), (1, 2), Inner(2))
    assert isinstance(config.ratio, float)


def test_json_is_minimal_and_builds_the_same_again() -> None:
    config, _ = parsed(Outer, FULL)
    data = dump(config)
    assert data["token"] == {"$secret": "env/TOKEN"}
    assert data["inner"] == {"depth": 2}
    assert build(Outer, data) == config
    assert dump(Outer(project="p")) == {"project": "p"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "acme: 'project' is missing (a text)"),
        ({"project": 7}, "acme.project: expected a text, found the number 7"),
        ({"workers": "4"}, "acme.workers: expected a whole number, found the text '4'"),
        ({"workers": True}, "expected a whole number, found true"),
        ({"workers": 1.0}, "expected a whole number, found the number 1.0"),
        ({"ratio": "x"}, "acme.ratio: expected a number, found the text 'x'"),
        ({"verbose": "no"}, "acme.verbose: expected true or false, found the text 'no'\n    write false"),
        ({"verbose": 1}, "expected true or false, found the number 1"),
        ({"folder": ""}, "acme.folder: expected a path, found the text ''"),
        ({"mode": "fsat"}, "expected 'fast' or 'safe' or 3, found the text 'fsat'\n    did you mean 'fast'?"),
        ({"tags": "a"}, "acme.tags: expected a list, found the text 'a'"),
        ({"tags": [1]}, "acme.tags[0]: expected a text"),
        ({"labels": {"a": 1}}, "acme.labels.a: expected a text, found the number 1"),
        ({"labels": {1: "a"}}, "acme.labels: the key 1 is not a text"),
        ({"inner": {"dpeth": 1, "depth": 1}}, "acme.inner: unknown key 'dpeth'; known: depth, label\n    did you mean"),
        ({"inners": [{}]}, "acme.inners[0]: 'depth' is missing"),
        ({"inner": 3}, "acme.inner: expected a mapping, found the number 3"),
        ({"wrokers": 1}, "did you mean 'workers'?"),
        ({"project": TOKEN}, "acme.project: takes no secret"),
        ({"url": 3}, "acme.url: expected a secret or a text, found the number 3"),
        ({"_target_": "os.system"}, "unknown key '_target_'"),
    ],
)
def test_a_value_that_does_not_fit_is_told(data: dict[str, Any], said: str) -> None:
    _, [fault] = parsed(Outer, data if "project" in data or not data else {"project": "p", **data})
    assert said in fault


def test_a_literal_secret_is_refused_and_not_shown() -> None:
    for cls, data in ((Outer, {"project": "p"}), (Model, {"uri": "u"})):
        _, [fault] = parsed(cls, {**data, "token": "hunter2"})
        assert fault.startswith("acme.token: a secret is given by reference")
        assert "${secret:env/NAME}" in fault
        assert "hunter2" not in fault


def test_all_faults_are_told_at_once() -> None:
    assert len(parsed(Outer, {"workers": "a", "inner": {"depth": "b", "x": 1}, "tags": [1, 2]})[1]) == 6


def test_texts_of_variables_become_what_the_field_is() -> None:
    names = {"workers": "4", "ratio": "0.5", "verbose": "TRUE", "mode": "3", "project": "p", "extra": "e"}
    config, faults = parsed(Outer, {name: VariableText(text) for name, text in names.items()})
    assert faults == []
    assert (config.workers, config.verbose, config.mode) == (4, True, 3)
    assert (type(config.project), type(config.extra)) == (str, str)
    assert (
        len(parsed(Outer, {name: VariableText("inf") for name in ("ratio", "workers", "verbose", "project")})[1]) == 3
    )


def test_a_value_that_only_equals_the_default_is_recorded() -> None:
    @dataclass(frozen=True)
    class Loose:
        value: Any = 1

    assert [dump(Loose(value=value)) for value in (1, True, 1.0)] == [{}, {"value": True}, {"value": 1.0}]


def test_a_class_can_check_its_fields_against_each_other() -> None:
    @dataclass(frozen=True)
    class Range:
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low must not be above high")

    assert parsed(Range, {"low": 2, "high": 1})[1] == ["acme: low must not be above high"]


def test_a_component_without_configuration_takes_no_keys() -> None:
    faults: list[Fault] = []
    assert parse(None, {"a": 1}, Place(faults, None, ("bare",))) is None
    assert faults[0].message == "bare: unknown key 'a'; known: no keys at all"
    assert (build(None, {}), dump(None)) == (None, {})


def test_a_class_that_is_no_configuration_is_the_authors_fault() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: complex = 0j

    with pytest.raises(PluginLoadError, match="neither"):
        parsed(int, {})
    with pytest.raises(PluginLoadError, match="pydantic model"):
        parsed(Odd, {"value": 1})


def test_recorded_json_that_no_longer_fits_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tracker 'a'.* does not fit(.|\n)*'gone'(.|\n)*expected a whole number"):
        build(Outer, {"project": "p", "gone": 1, "workers": "x"}, "tracker 'a'")


def test_a_pydantic_model_is_built_dumped_and_built_again() -> None:
    data = {"uri": VariableText("u"), "token": TOKEN, "nested": {"depth": 2}, "as": "x", "path": "a/b"}
    config, faults = parsed(Model, data)
    assert faults == []
    assert dump(config) == {
        "uri": "u",
        "token": {"$secret": "env/TOKEN"},
        "nested": {"depth": 2},
        "as": "x",
        "path": "a/b",
    }
    assert build(Model, dump(config)) == config


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "acme: 'uri' is missing"),
        ({"uri": 7}, "acme.uri: input should be a valid string, found the number 7"),
        ({"uri": TOKEN}, "acme.uri: takes no secret"),
        ({"retires": 1}, "acme: unknown key 'retires'; known: as, choice"),
        ({"aliased": "x"}, "acme: unknown key 'aliased'"),
        ({"nested": {"dpeth": 1}}, "acme.nested: unknown key 'dpeth'; known: depth\n    did you mean"),
        ({"many": [{"depth": 1}, {"depth": "x"}]}, "acme.many[1].depth: input should be a valid integer"),
        ({"choice": "x"}, "acme.choice: input should be a valid integer"),
    ],
)
def test_a_value_that_does_not_fit_a_model_is_told(data: dict[str, Any], said: str) -> None:
    _, [fault] = parsed(Model, data if "uri" in data or not data else {"uri": "u", **data})
    assert said in fault


def test_a_model_that_wants_more_keys_gets_them() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    assert dump(parsed(Open, {"any": 1})[0]) == {"any": 1}


def test_a_model_with_literal_secrets_is_refused() -> None:
    class Leaky(BaseModel):
        password: SecretStr = SecretStr("")

    _, [fault] = parsed(Leaky, {"password": "hunter2"})
    assert "zen.secrets.Secret" in fault
    assert "hunter2" not in fault


def test_a_validator_that_breaks_is_a_fault() -> None:
    class Broken(BaseModel):
        value: int = 0

        @field_validator("value")
        @classmethod
        def check(cls, value: int) -> int:
            raise KeyError(value)

    assert "KeyError in the plugin's own check" in parsed(Broken, {"value": 1})[1][0]


def test_a_dataclass_needs_no_pydantic_and_no_yaml() -> None:
    code = (
        "import sys, dataclasses, zen.stacks\n"
        "C = dataclasses.make_dataclass('C', [('a', int, 1)], frozen=True)\n"
        "assert zen.stacks.dump(zen.stacks.build(C, {'a': 2})) == {'a': 2}\n"
        "print(sorted({'pydantic', 'yaml', 'click', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


TEXT = st.text(max_size=5)


@given(
    st.builds(
        Outer,
        project=TEXT,
        workers=st.integers(),
        ratio=st.floats(allow_nan=False, allow_infinity=False),
        verbose=st.booleans(),
        folder=st.none() | st.just(Path("a/b")),
        mode=st.sampled_from(["fast", "safe", 3]),
        token=st.none() | st.just(TOKEN),
        url=st.just(TOKEN) | TEXT,
        tags=st.lists(TEXT, max_size=2),
        sizes=st.tuples(st.integers()),
        labels=st.dictionaries(TEXT.filter(lambda key: key != "$secret"), TEXT, max_size=2),
        inner=st.none() | st.builds(Inner, depth=st.integers(), label=TEXT),
        inners=st.lists(st.builds(Inner, depth=st.integers()), max_size=2),
    )
)
def test_building_inverts_dumping(config: Outer) -> None:
    """The law: for every configuration c, build(type(c), dump(c)) == c."""
    assert build(Outer, dump(config)) == config
