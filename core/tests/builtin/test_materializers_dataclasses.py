"""The law of dataclasses: fields come back equal and of the same types; what is no field is refused, not dropped."""

import enum
import functools
import json
import signal
import sys
import types
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zen.builtin.materializers.dataclasses import DataclassMaterializer
from zen.errors import MaterializerError
from zen.records import FileEntry, Manifest
from zen.testing.artifacts import FolderReader, round_trip, save

T = TypeVar("T")


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0


@dataclass
class Config:
    name: str
    points: list[Point] = field(default_factory=list)
    best: Point | None = None
    color: Color = Color.RED
    more: Any = None

    def __post_init__(self):
        self.name = self.name.upper()

    @functools.cached_property
    def count(self):
        return len(self.points)


@dataclass
class Box(Generic[T]):
    content: T


class Outer:
    @dataclass(kw_only=True)
    class Inner:
        hidden: int = field(init=False, repr=False, compare=False)


_points = st.builds(Point, st.floats(allow_nan=False), st.integers())
_any = st.recursive(
    _points | st.sampled_from([*Color, *Mode]) | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | _points | st.just("$enum"), inner, max_size=3)
        | st.frozensets(_points | st.sampled_from(Color), max_size=3)
        | st.builds(Config, st.text(), st.lists(_points, max_size=2), more=inner)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(_any)
def test_fields_come_back_the_same(value):
    loaded = round_trip(DataclassMaterializer(), Box(value))
    assert loaded == Box(value)
    assert repr(loaded) == repr(Box(value)) or "frozenset" in repr(loaded)


def test_awkward_fields_come_back():
    config = Config("a", [Point(1, 2)], Point(3), Color.BLUE, {"$enum": (Mode.READ | Mode.WRITE, {Point(1)})})
    assert round_trip(DataclassMaterializer(), config) == config


def test_a_fresh_process_loads_dataclasses():
    manifest = Manifest(format="x", files=(FileEntry(name="a", digest="b", size=3),))
    assert round_trip(DataclassMaterializer(), manifest, fresh_process=True) == manifest


def test_neither_init_nor_post_init_runs():
    config = Config("a")
    config.name = "lower"
    assert round_trip(DataclassMaterializer(), config).name == "lower"


def test_fields_outside_of_init_come_back():
    inner = Outer.Inner()
    inner.hidden = 3
    assert round_trip(DataclassMaterializer(), inner).hidden == 3


def test_what_can_be_computed_again_is_left_out():
    config = Config("a")
    assert config.count == 0
    assert b"count" not in save(DataclassMaterializer(), config).read()
    assert round_trip(DataclassMaterializer(), Box[int](1)) == Box(1)


def test_types_of_the_same_module_are_written_without_it():
    written = json.loads(save(DataclassMaterializer(), Config("a", best=Point(1), more=signal.SIGINT)).read())
    assert written["best"] == {"$dataclass": [".Point", {"x": 1, "y": 0.0}]}
    assert written["color"] == {"$enum": [".Color", "RED"]}
    assert written["more"] == {"$enum": ["signal.Signals", "SIGINT"]}


def test_modules_are_written_under_their_other_name():
    written = save(DataclassMaterializer({"signal": "training"}), Box([signal.SIGINT])).read()
    assert b'"training.Signals"' in written


@dataclass
class Failure(Exception):
    reason: str


def _local():
    @dataclass
    class Local:
        x: int

    return Local(1)


def _with_extra():
    config = Config("a")
    config.extra = 1
    return config


REFUSED = [
    (Box(object()), "the value.content cannot be kept as JSON: builtins.object is not plain data"),
    (Box([{"a": object()}]), "the value.content[0]['a'] cannot be kept"),
    (Box(Box(_local())), "_local.<locals>.Local is defined inside of a function"),
    (_local(), "defined inside of a function"),
    (_with_extra(), f"the value.extra is set on a {__name__}.Config but is none of its fields"),
    (Outer.Inner(), "the value.hidden is not set"),
    (Failure("x"), "on top of a type with a state of its own"),
    (Config, "type is not a dataclass"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[str(index) for index in range(len(REFUSED))])
def test_what_would_be_lost_is_refused(value, message):
    with pytest.raises(MaterializerError) as caught:
        save(DataclassMaterializer(), value)
    assert message in caught.value.message


def test_a_dataclass_that_contains_itself_is_refused():
    box: Box[Any] = Box(None)
    box.content = [box]
    with pytest.raises(MaterializerError, match="nested deeper than 100 levels"):
        save(DataclassMaterializer(), box)


def _rewritten(value, form, folder):
    reader = save(DataclassMaterializer(), value, folder)
    (folder / "data").chmod(0o644)
    (folder / "data").write_text(json.dumps(form))
    return reader


def test_a_field_that_was_added_gets_its_default(tmp_path):
    assert DataclassMaterializer().load(_rewritten(Point(1, 2), {"x": 5}, tmp_path)) == Point(5)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({}, "has gained the field 'x', which has no default"),
        ({"x": 1, "z": 1}, "has no field 'z' any more; it has: x, y"),
        ({"x": {"$dataclass": ["subprocess.Popen", {"args": "true"}]}}, "subprocess.Popen is not a dataclass"),
        ({"x": {"$dataclass": [".Outer", {}]}}, "Outer is not a dataclass"),
        ({"x": {"$dataclass": [".Gone", {}]}}, "has no class Gone"),
        ({"x": {"$dataclass": 3}}, "not one that zen wrote"),
        ({"x": {"$dataclass": [".Point", 3]}}, "not one that zen wrote"),
        ({"x": {"$enum": [".Point", "RED"]}}, "Point is not an enumeration"),
        ({"x": {"$enum": ["no_such_module.Color", "RED"]}}, "no_such_module.Color of the artifact cannot be imported"),
        ({"x": {"$unknown": 1}}, "unknown tag"),
        ({"x": {"$set": 5}}, "not one that zen wrote"),
        ([], "not one that zen wrote"),
    ],
    ids=str,
)
def test_a_class_that_has_changed_is_a_clear_error(form, message, tmp_path):
    with pytest.raises(MaterializerError) as caught:
        DataclassMaterializer().load(_rewritten(Point(1), form, tmp_path))
    assert message in str(caught.value)


def test_the_main_module_of_one_process_is_a_named_module_of_another(monkeypatch, tmp_path):
    """A script saves as `__main__`; the worker that loads knows the same classes as `training`."""
    source = "from dataclasses import dataclass\n@dataclass\nclass A:\n    b: 'B'\n@dataclass\nclass B:\n    x: int\n"
    for name in ("zen_test_script", "zen_test_worker"):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(source, module.__dict__)
    script, worker = sys.modules["zen_test_script"], sys.modules["zen_test_worker"]
    reader = save(DataclassMaterializer(), script.A(script.B(1)), tmp_path)
    label = tmp_path / "zen-artifact.json"
    label.write_text(label.read_text().replace("zen_test_script.A", "zen_test_worker.A"))
    assert DataclassMaterializer().load(FolderReader(reader.folder)) == worker.A(worker.B(1))
