"""The first difference between two values, as people read it."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import functools
import math
import random
import re
import sys

import pytest

from zen.client.differences import Incomparable, difference

NAN = float("nan")


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Box:
    def __init__(self, **content) -> None:
        self.__dict__.update(content)


class Slots:
    __slots__ = ("a",)

    def __init__(self, a) -> None:
        self.a = a


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (1, 2, "1, now 2"),
        (1, True, "a int, now a bool"),
        (1, 1.0, "a int, now a float"),
        (0.5, 0.75, "0.5, now 0.75 (difference 0.25)"),
        (NAN, 1.0, "nan, now 1.0"),
        (None, 0, "a NoneType, now a int"),
        ("ab", "ac", "'ab', now 'ac'"),
        (b"a", b"b", "b'a', now b'b'"),
        ([1, 2], [1], "2 items, now 1"),
        ((1, [2, 3]), (1, [2, 4]), "[1][1]: 3, now 4"),
        ({"a": 1}, {"b": 1}, "keys missing now: 'a'; new keys: 'b'"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "['a']['b']: 1, now 2"),
        ({1, 2}, {2, 3}, "missing now: 1; new: 3"),
        (Point(1.0), Point(1.5), "x: 1.0, now 1.5 (difference 0.5)"),
        (Box(a=1, b=[1]), Box(a=1, b=[2]), "b[0]: 1, now 2"),
        (Box(a=1), Box(a=1, b=2), "attributes that only one has: 'b'"),
        ([Slots(1)], [Slots(2)], "[0][1]['a']: 1, now 2"),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 2), "datetime.date(2026, 1, 1), now datetime.date(2026, 1, 2)"),
        (decimal.Decimal("1.0"), decimal.Decimal("2"), "Decimal('1.0'), now Decimal('2')"),
        (len, print, "builtins.len, now builtins.print"),
        (int, str, "builtins.int, now builtins.str"),
        (functools.partial(int, base=2), functools.partial(int, base=3), "[2]['base']: 2, now 3"),
        (collections.deque([1, 2]), collections.deque([1, 3]), "[1]: 2, now 3"),
    ],
)
def test_the_first_difference_is_named(then, now, said) -> None:
    assert difference(then, now) == said


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"a": [1, 2.5, NAN, None, "x", b"y", {1, 2}, (True,)]},
        lambda: Point(NAN),
        lambda: Box(inner=Box(a=[1, 2]), when=dt.datetime(2026, 1, 1), price=decimal.Decimal("NaN")),
        lambda: [Slots([1]), re.compile("a+"), collections.Counter("aab"), math.inf, complex(1, 2)],
        lambda: random.Random(7),
        lambda: functools.partial(Point, 1.0),
    ],
)
def test_equal_values_have_no_difference(make) -> None:
    assert difference(make(), make()) == ""


def test_long_texts_are_shown_around_the_difference() -> None:
    said = difference("a" * 1000 + "b", "a" * 1000 + "cd")
    assert said == "from character 1000 on 'aaaaaaaaaab', now 'aaaaaaaaaacd' (length 1001, now 1002)"


def test_values_that_hold_themselves_end() -> None:
    def ring(n):
        values = [n]
        values.append(values)
        return values

    assert difference(ring(1), ring(1)) == ""
    assert difference(ring(1), ring(2)) == "[0]: 1, now 2"


def test_what_nobody_can_look_into_is_incomparable() -> None:
    with pytest.raises(Incomparable, match="nobody can look into a generator"):
        difference((n for n in [1]), (n for n in [1]))


def test_files_and_folders_are_compared_by_what_is_in_them(tmp_path) -> None:
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.txt").write_text(text)
    assert difference(tmp_path / "a", tmp_path / "b") == ""
    assert difference(tmp_path / "a", tmp_path / "c") == "['f.txt']: '1', now '2'"
    assert difference(tmp_path / "a", tmp_path / "a" / "f.txt") == "a folder, now a file"
    (tmp_path / "c" / "g.txt").touch()
    assert difference(tmp_path / "a", tmp_path / "c") == "new: 'g.txt'"


def test_arrays() -> None:
    np = pytest.importorskip("numpy")
    base = np.arange(6, dtype="f8").reshape(2, 3)
    other = base.copy()
    other[1, 2] = 5.5
    assert difference(base, base.copy()) == ""
    assert difference(base, other) == "max abs difference 0.5; 1 of 6 values differ"
    assert difference(base, base.astype("f4")) == "dtype float64, now float32"
    assert difference(base, base.T) == "shape 2×3, now 3×2"
    assert difference(np.array([np.nan, 1]), np.array([np.nan, 1])) == ""
    assert difference(np.array([0, 255], "u1"), np.array([255, 255], "u1")).startswith("max abs difference 255;")
    assert (
        difference(np.array(["a", "b"]), np.array(["a", "c"]))
        == "[1] np.str_('b'), now np.str_('c'); 1 of 2 values differ"
    )
    assert difference(np.array([[1], None], "O"), np.array([[2], None], "O")) == "[0][0]: 1, now 2"
    assert difference([np.float64(1)], [np.float64(2)]) == "[0]: max abs difference 1; 1 of 1 values differ"
    record = np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])
    moved = np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])
    assert difference(record, moved) == "['b']: max abs difference 0.5; 1 of 1 values differ"
    assert difference(np.array(["2026-01-01"], "M8[D]"), np.array(["NaT"], "M8[D]")).startswith("[0] ")
    assert difference(np.random.default_rng(1), np.random.default_rng(1)) == ""
    assert difference(np.random.default_rng(1), np.random.default_rng(2))


def test_frames_and_series() -> None:
    pd = pytest.importorskip("pandas")

    def frame(**changes):
        columns = {"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": pd.Categorical(["p", "q"]), **changes}
        return pd.DataFrame(columns, index=pd.Index([3, 4], name="id"))

    assert difference(frame(), frame()) == ""
    assert difference(frame(), frame(a=[1, 3])) == "['a']: max abs difference 1; 1 of 2 values differ"
    assert difference(frame(), frame(a=[1.0, 2.0])) == "['a']: dtype int64, now float64"
    assert difference(frame(), frame(b=[0.5, 1.0])) == "['b']: max abs difference nan; 1 of 2 values differ"
    assert difference(frame(), frame(c=["x", "y"])).startswith("['c'][1]")
    assert difference(frame(), frame(c=["z", None])) == "['c'][0]: 'x', now 'z'"
    assert difference(frame(), frame(d=pd.Categorical(["q", "q"]))).startswith("['d']: dtype Categorical")
    assert difference(frame(), frame().rename(columns={"a": "z"})) == "columns missing now: 'a'; new columns: 'z'"
    assert difference(frame(), frame()[["b", "a", "c", "d"]]).startswith("columns in another order")
    assert difference(frame(), frame().iloc[:1]) == "shape 2×4, now 1×4"
    assert difference(frame(), frame().rename_axis("other")) == "index.names[0]: 'id', now 'other'"
    assert difference(frame(), frame().set_axis([3, 5])).startswith("index")
    when = pd.Series(pd.to_datetime(["2026-01-01", None], utc=True), name="t")
    assert difference(when, when.copy()) == ""
    assert difference(when, when + pd.Timedelta("1s")).startswith("[0]: Timestamp(")
    assert difference(when, when.rename("u")) == "name: 't', now 'u'"
    whole = pd.Series([1, None], dtype="Int64")
    assert difference(whole, whole.copy()) == ""
    assert difference(whole, whole + 1) == "[0]: 1, now 2"


def test_estimators() -> None:
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestClassifier

    def fitted(seed: int):
        return RandomForestClassifier(3, random_state=seed).fit([[1, 2], [3, 4], [5, 6], [0, 1]] * 5, [0, 1, 1, 0] * 5)

    assert difference(fitted(0), fitted(0)) == ""
    assert difference(fitted(0), fitted(1)).startswith("random_state: 0, now 1") or "random_state" in difference(
        fitted(0), fitted(1)
    )


def test_tables_of_arrow_and_polars() -> None:
    pa = pytest.importorskip("pyarrow")
    assert difference(pa.table({"a": [1, 2]}), pa.table({"a": [1, 2]})) == ""
    assert difference(pa.table({"a": [1, 2]}), pa.table({"a": [1, 3]})) == "['a'][1]: 2, now 3"
    assert difference(pa.table({"a": [1]}), pa.table({"a": [1.0]})).startswith("schema ")
    pl = pytest.importorskip("polars")
    assert difference(pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 3]})) == "['a'][1]: 2, now 3"


def test_nothing_is_imported_for_it() -> None:
    import subprocess

    code = (
        "from zen.client.differences import difference; import sys; difference([1], [2]); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
