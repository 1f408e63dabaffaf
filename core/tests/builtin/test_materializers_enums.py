import enum
import json
import re
import signal

import pytest

from zen.builtin.materializers.enums import EnumMaterializer
from zen.errors import MaterializerError
from zen.testing.artifacts import FolderReader, round_trip, save


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = object()


class Size(str, enum.Enum):
    SMALL = "s"


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2
    BOTH = 3


class Bits(enum.IntFlag):
    ONE = 1


class Open(enum.Enum):
    KNOWN = 1

    @classmethod
    def _missing_(cls, value):
        member = object.__new__(cls)
        member._name_, member._value_ = f"made {value}", value
        return member


MEMBERS = [
    *(Color.RED, Color.BLUE, Size.SMALL, Level.LOW),
    *(Mode.READ, Mode.READ | Mode.WRITE, Mode(0), ~Mode.READ),
    *(Bits.ONE, Bits(9), Bits(0), ~Bits.ONE),
]


@pytest.mark.parametrize("value", MEMBERS, ids=str)
def test_members_come_back(value):
    loaded = round_trip(EnumMaterializer(), value)
    assert loaded == value
    assert type(loaded) is type(value)


def test_a_fresh_process_loads_members():
    assert round_trip(EnumMaterializer(), signal.SIGINT, fresh_process=True) is signal.SIGINT
    flags = re.IGNORECASE | re.MULTILINE
    assert round_trip(EnumMaterializer(), flags, fresh_process=True) == flags


def test_an_alias_is_written_by_its_first_name():
    assert save(EnumMaterializer(), Color.CRIMSON).read() == b'"RED"'


def test_a_member_without_a_name_is_refused():
    with pytest.raises(MaterializerError, match=f"is not a named member of {__name__}.Open"):
        save(EnumMaterializer(), Open(7))


def _stored(value, data, folder) -> FolderReader:
    reader = save(EnumMaterializer(), value, folder)
    (folder / "data").chmod(0o644)
    (folder / "data").write_text(json.dumps(data))
    return reader


@pytest.mark.parametrize("data", ["REDD", ["RED"], {"flags": ["RED"]}, 1, None], ids=repr)
def test_a_member_that_is_gone_is_a_clear_error(data, tmp_path):
    with pytest.raises(MaterializerError, match=r"Color has no member .*; it has: BLUE, CRIMSON, RED"):
        EnumMaterializer().load(_stored(Color.RED, data, tmp_path))


def test_flags_that_the_class_refuses_are_a_clear_error(tmp_path):
    with pytest.raises(MaterializerError, match="refuses the flags .*9"):
        EnumMaterializer().load(_stored(Mode.READ, {"flags": ["READ"], "rest": 8}, tmp_path))


def test_the_name_is_described():
    assert EnumMaterializer().describe(Level.LOW) == {"member": "LOW"}
