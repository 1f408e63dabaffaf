"""Records as JSON. The laws: what is written comes back equal; defaults are left out; unknown fields are ignored."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import types
import typing
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen import records
from zen.errors import UsageError
from zen.identity import dumps
from zen.records import (
    ArtifactRecord,
    CodeRef,
    ComponentSpec,
    FileEntry,
    Input,
    Manifest,
    Plan,
    RetryPolicy,
    RunRecord,
    StackSpec,
    StepRunRecord,
    StepSpec,
    from_json,
    to_json,
)
from zen.records.codec import record

RECORDS = [found for name in records.__all__ if dataclasses.is_dataclass(found := getattr(records, name))]

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
_LEAVES = {
    str: st.text(max_size=5),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
    Any: _json,
    type(None): st.none(),
}


def values(hint: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Everything that a field may hold, read from its annotation: a field that is added later is drawn as well."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _LEAVES:
        return _LEAVES[hint]
    if dataclasses.is_dataclass(hint):
        return instances(hint, depth - 1)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(values(argument, depth) for argument in arguments)
    if origin is tuple:
        return st.lists(values(arguments[0], depth), max_size=2 if depth > 0 else 0).map(tuple)
    assert origin is dict, hint
    return st.dictionaries(st.text(max_size=3), values(arguments[1], depth), max_size=2 if depth > 0 else 0)


def instances(cls: type, depth: int = 3) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(cls)
    required = {field.name for field in dataclasses.fields(cls) if _required(field)}
    optional = {} if depth < 0 else {name: values(hints[name], depth) for name in hints.keys() - required}
    fields = {name: values(hints[name], depth) for name in sorted(required)}
    return st.fixed_dictionaries(fields, optional=optional).map(lambda given: cls(**given))


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_record_comes_back_through_json_text(cls):
    @settings(max_examples=15, deadline=None)
    @given(instances(cls))
    def check(value):
        text = dumps(to_json(value))
        assert from_json(cls, json.loads(text)) == value
        assert dumps(to_json(from_json(cls, json.loads(text)))) == text

    check()


@settings(max_examples=50, deadline=None)
@given(instances(Plan).map(lambda plan: dataclasses.replace(plan, version=1)))
def test_plan_comes_back_with_its_digest(plan):
    data = json.loads(dumps(plan.to_json()))
    assert data["version"] == 1
    assert Plan.from_json(data) == plan
    assert Plan.from_json(data).digest() == plan.digest()


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_records_only_ever_gain_fields(cls):
    """An older zen reads what a newer one wrote: it ignores fields that it does not know, at every level."""

    @settings(max_examples=5, deadline=None)
    @given(instances(cls))
    def check(value):
        data = {**to_json(value), "field_of_a_later_version": {"a": 1}}
        assert from_json(cls, data) == value

    check()


def test_unknown_fields_of_inner_records_are_ignored():
    data = plan().to_json()
    for place in (data["code"], data["stack"], data["stack"]["components"][0], *data["steps"]):
        place["later"] = [1]
    data["steps"][1]["inputs"]["x"]["items"][0]["later"] = 1
    assert Plan.from_json(data) == plan()


def test_a_record_of_an_older_zen_gets_the_defaults():
    assert from_json(RunRecord, {"id": "1", "name": "n", "pipeline": "p"}).durability == "full"
    assert from_json(StepSpec, {"name": "s", "code": {"module": "m", "qualname": "q"}}).accepts == (
        "completed",
        "cached",
    )


def test_defaults_are_left_out():
    assert to_json(StepRunRecord(id="1", run_id="2", name="a")) == {"id": "1", "run_id": "2", "name": "a"}
    assert to_json(Input(value=False)) == {"value": False}
    assert to_json(Input(value=None)) == {}


@record()
class Sample:
    truth: bool = True
    number: Any = 0
    items: tuple[int, ...] = ()


@pytest.mark.parametrize("number", [False, 0.0, 0, None, "", [], {}])
def test_an_equal_value_of_another_type_is_no_default(number):
    found = from_json(Sample, json.loads(dumps(to_json(Sample(number=number))))).number
    assert (type(found), found) == (type(number), number)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_lacks_come_back(value):
    text = dumps(to_json(RetryPolicy(delay=value)))
    assert repr(from_json(RetryPolicy, json.loads(text)).delay) == repr(value)


def test_missing_field_is_an_error():
    with pytest.raises(TypeError, match="name"):
        from_json(RunRecord, {"id": "1", "pipeline": "p"})


def test_json_of_a_record_shares_nothing_with_it():
    run = RunRecord(id="1", name="n", pipeline="p", parameters={"a": {"b": [1]}})
    to_json(run)["parameters"]["a"]["b"].append(2)
    assert run.parameters == {"a": {"b": [1]}}


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan().pipeline = "other"


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_plan_of_another_version_is_refused(version):
    with pytest.raises(UsageError, match="reads version 1"):
        Plan.from_json({**plan().to_json(), "version": version})


def plan(**changes: Any) -> Plan:
    train = StepSpec(
        name="train",
        code=CodeRef(module="m", qualname="train"),
        inputs={"x": Input(kind="list", items=(Input(kind="output", step="load", output="o"), Input(value={"a": 1})))},
    )
    stack = StackSpec(name="local", components=(ComponentSpec(kind="orchestrator", flavor="local"),))
    load = StepSpec(name="load", code=CodeRef(module="m", qualname="load"))
    given = {"pipeline": "p", "code": CodeRef(module="m", qualname="p"), "steps": (load, train), "stack": stack}
    return Plan(**{**given, **changes})


def test_plan_digest_leaves_the_stack_out():
    elsewhere = StackSpec(name="prod", components=(ComponentSpec(kind="orchestrator", flavor="ray"),))
    assert plan(stack=elsewhere).digest() == plan().digest()
    assert plan(pipeline="q").digest() != plan().digest()
    assert plan(parameters={"a": 1}).digest() != plan(parameters={"a": 1.0}).digest()
    assert plan(parameters={"a": 1, "b": 2}).digest() == plan(parameters={"b": 2, "a": 1}).digest()


def test_upstream_names_each_step_once_data_before_order():
    one = Input(kind="output", step="b", output="o")
    step = StepSpec(
        name="s",
        code=CodeRef(module="m", qualname="s"),
        inputs={"x": Input(kind="dict", keys=("k", "l"), items=(one, one)), "y": Input(value=3)},
        after=("a", "b"),
        when=Input(kind="output", step="c", output="o"),
    )
    assert step.upstream() == ("b", "c", "a")


def test_manifest_digest_is_of_format_type_and_files():
    file = FileEntry(name="data", digest="sha256:0", size=3)
    manifest = Manifest(format="json", type="builtins.int", files=(file,))
    others = [
        Manifest(format="json", version=2, type="builtins.int", files=(file,)),
        Manifest(format="npy", type="builtins.int", files=(file,)),
        Manifest(format="json", type="builtins.str", files=(file,)),
        Manifest(format="json", type="builtins.int", files=(dataclasses.replace(file, name="other"),)),
        Manifest(format="json", type="builtins.int", files=(file, file)),
        Manifest(format="json", type="builtins.int", files=(file,), unsafe=True),
    ]
    digests = {manifest.digest(), *(other.digest() for other in others)}
    assert len(digests) == 7
    assert manifest.size == 3
    assert ArtifactRecord(id="1", name="a", digest="", manifest=others[4]).size == 6
