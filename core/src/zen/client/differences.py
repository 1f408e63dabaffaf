"""The first difference between two values that can be named: a type, a length, a key, a shape, a number.

Pure, and imports nothing for it: values of numpy, pandas and others are known by their attributes, because whoever has
such a value has imported its library already.
"""

from __future__ import annotations

import collections
import copyreg
import dataclasses
import enum
import types
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

_LONGEST = 60
_MANY = 3


class Incomparable(Exception):
    """Nothing can be said about two values, because nobody can look into them."""


def difference(then: Any, now: Any) -> str:
    """Return the first difference between two values as a phrase such as `[3].lr: 0.1, now 0.2`; nothing if equal.

    Values are equal when they have the same type and the same content; NaN is equal to NaN, and the order of the keys
    of a mapping does not count.

    Raises:
        Incomparable: When the values cannot be looked into.
    """
    try:
        return _Comparison().between(then, now, "")
    except RecursionError:
        raise Incomparable("the values are nested too deep") from None


class _Comparison:
    def __init__(self) -> None:
        self._open: set[tuple[int, int]] = set()  # pairs that are being compared: values may hold themselves
        self._kept: list[Any] = []  # what was made for comparing, so that no other value gets its id

    def between(self, then: Any, now: Any, at: str) -> str:
        if then is now:
            return ""
        if type(then) is not type(now):
            return _said(at, f"a {_type(then)}, now a {_type(now)}")
        pair = (id(then), id(now))
        if pair in self._open:
            return ""
        self._open.add(pair)
        try:
            return self._same_type(then, now, at)
        finally:
            self._open.discard(pair)

    def _same_type(self, then: Any, now: Any, at: str) -> str:
        special = self._of_a_library(then, now, at)
        if special is not None:
            return special
        if isinstance(then, int | float | complex | enum.Enum) or then is None:
            return _numbers(then, now, at)
        if isinstance(then, str | bytes | bytearray):
            return _texts(then, now, at)
        if isinstance(then, Path):
            return _files(then, now, at)
        if isinstance(then, Mapping):
            return self._mappings(then, now, at)
        if isinstance(then, AbstractSet):
            return _sets(then, now, at)
        if isinstance(then, list | tuple | collections.deque):
            return self._sequences(then, now, at)
        return self._objects(then, now, at)

    def _of_a_library(self, then: Any, now: Any, at: str) -> str | None:
        names = {cls.__module__.partition(".")[0]: cls.__name__ for cls in reversed(type(then).__mro__)}
        if "numpy" in names:
            return self._arrays(then, now, at) if hasattr(then, "dtype") and hasattr(then, "shape") else None
        if "pandas" in names:
            return self._pandas(then, now, at)
        if "scipy" in names and hasattr(then, "nnz"):
            return self._arrays(then.toarray(), now.toarray(), at)
        if "torch" in names and hasattr(then, "detach"):
            return self._arrays(then.detach().cpu().numpy(), now.detach().cpu().numpy(), at)
        if ("polars" in names or "pyarrow" in names) and hasattr(then, "columns") and hasattr(then, "shape"):
            return self._tables(then, now, at)
        return None

    # Plain data

    def _mappings(self, then: Mapping[Any, Any], now: Mapping[Any, Any], at: str) -> str:
        gone = [key for key in then if key not in now]
        new = [key for key in now if key not in then]
        if gone or new:
            parts = [f"keys missing now: {_listed(gone)}"] if gone else []
            parts += [f"new keys: {_listed(new)}"] if new else []
            return _said(at, "; ".join(parts))
        return _first(self.between(then[key], now[key], f"{at}[{_short(key)}]") for key in then)

    def _sequences(self, then: Sequence[Any], now: Sequence[Any], at: str) -> str:
        if len(then) != len(now):
            return _said(at, f"{len(then)} items, now {len(now)}")
        return _first(self.between(a, b, f"{at}[{index}]") for index, (a, b) in enumerate(zip(then, now, strict=True)))

    # Arrays and tables

    def _arrays(self, then: Any, now: Any, at: str) -> str:
        if then.dtype != now.dtype:
            return _said(at, f"dtype {then.dtype}, now {now.dtype}")
        if then.shape != now.shape:
            return _said(at, f"shape {_shape(then)}, now {_shape(now)}")
        names = getattr(then.dtype, "names", None)
        if names:  # a structured array: field by field
            return _first(self._arrays(then[name], now[name], f"{at}[{name!r}]") for name in names)
        if then.dtype.kind == "O":
            pairs = zip(then.ravel().tolist(), now.ravel().tolist(), strict=True)
            return _first(self.between(a, b, f"{at}[{index}]") for index, (a, b) in enumerate(pairs))
        other = (then != now) & ~((then != then) & (now != now))  # NaN and NaT differ from themselves
        count = int(other.sum())
        if not count:
            return ""
        return _said(at, f"{_largest(then, now, other)}{count} of {then.size} values differ")

    def _pandas(self, then: Any, now: Any, at: str) -> str | None:
        if hasattr(then, "columns") and hasattr(then, "dtypes"):
            return self._frames(then, now, at)
        if hasattr(then, "dtype") and hasattr(then, "index"):
            return (
                self.between(then.name, now.name, f"{at}.name")
                or self._columns(then, now, at)
                or self._axis(then.index, now.index, f"{at}.index")
            )
        if hasattr(then, "dtype") and hasattr(then, "names"):
            return self._axis(then, now, at)
        return None

    def _frames(self, then: Any, now: Any, at: str) -> str:
        gone = [name for name in then.columns if name not in now.columns]
        new = [name for name in now.columns if name not in then.columns]
        if gone or new:
            parts = [f"columns missing now: {_listed(gone)}"] if gone else []
            parts += [f"new columns: {_listed(new)}"] if new else []
            return _said(at, "; ".join(parts))
        if then.shape != now.shape:
            return _said(at, f"shape {_shape(then)}, now {_shape(now)}")
        if list(then.columns) != list(now.columns):
            return _said(at, f"columns in another order: {_listed(now.columns)}")
        columns = (
            self._columns(then.iloc[:, place], now.iloc[:, place], f"{at}[{_short(name)}]")
            for place, name in enumerate(then.columns)
        )
        return _first(columns) or self._axis(then.index, now.index, f"{at}.index")

    def _columns(self, then: Any, now: Any, at: str) -> str:
        if then.dtype != now.dtype:
            return _said(at, f"dtype {_dtype(then)}, now {_dtype(now)}")
        if len(then) != len(now):
            return _said(at, f"{len(then)} values, now {len(now)}")
        plain = getattr(then.dtype, "kind", "O") in "biufcmM" and hasattr(then.dtype, "itemsize")
        if plain and not hasattr(then.dtype, "numpy_dtype") and not hasattr(then.dtype, "tz"):
            return self._arrays(then.to_numpy(), now.to_numpy(), at)
        missing = then.isna().to_numpy() & now.isna().to_numpy()
        pairs = zip(then.tolist(), now.tolist(), missing.tolist(), strict=True)
        return _first("" if both else self.between(a, b, f"{at}[{index}]") for index, (a, b, both) in enumerate(pairs))

    def _axis(self, then: Any, now: Any, at: str) -> str:
        if then.equals(now) and str(then.dtype) == str(now.dtype) and list(then.names) == list(now.names):
            return ""
        if str(then.dtype) != str(now.dtype):
            return _said(at, f"dtype {then.dtype}, now {now.dtype}")
        return self.between(list(then.names), list(now.names), f"{at}.names") or self.between(
            then.tolist(), now.tolist(), at
        )

    def _tables(self, then: Any, now: Any, at: str) -> str:
        if str(then.schema) != str(now.schema):
            return _said(at, f"schema {_short(then.schema)}, now {_short(now.schema)}")
        if then.shape != now.shape:
            return _said(at, f"shape {_shape(then)}, now {_shape(now)}")
        if then.equals(now):
            return ""
        return self.between(_as_dict(then), _as_dict(now), at) or _said(at, "other values in it")

    # Everything else

    def _objects(self, then: Any, now: Any, at: str) -> str:
        if dataclasses.is_dataclass(then) and not isinstance(then, type):
            names = [field.name for field in dataclasses.fields(then)]
            return _first(self._attribute(then, now, name, at) for name in names)
        if isinstance(then, type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType):
            return (
                _said(at, f"{_named(then)}, now {_named(now)}") if _named(then) != _named(now) else _code(then, now, at)
            )
        if _says_equal(then, now):
            return ""
        if _knows_equal(then) and not getattr(then, "__dict__", None) and _short(then) != _short(now):
            return _said(at, f"{_short(then)}, now {_short(now)}")  # dates, decimals and the like
        return self._states(then, now, at)

    def _attribute(self, then: Any, now: Any, name: str, at: str) -> str:
        missing = object()
        values = getattr(then, name, missing), getattr(now, name, missing)
        if (values[0] is missing) != (values[1] is missing):
            return _said(f"{at}.{name}", "not there now" if values[1] is missing else "not there before")
        return self.between(*values, f"{at}.{name}")

    def _states(self, then: Any, now: Any, at: str) -> str:
        """Compare what a pickle of the objects would hold: all that there is to them, whatever they are."""
        try:
            first, second = _parts(then), _parts(now)
        except Exception as error:  # noqa: BLE001  # the object's own code
            raise Incomparable(f"nobody can look into a {_type(then)}: {error}") from None
        self._kept += [first, second]
        if isinstance(first, str) or isinstance(second, str):
            return self.between(first, second, at)
        state = getattr(first[2], "__dict__", first[2]) if len(first) > 2 else None
        other = getattr(second[2], "__dict__", second[2]) if len(second) > 2 else None
        if isinstance(state, dict) and isinstance(other, dict):
            gone = [name for name in {**state, **other} if (name in state) != (name in other)]
            if gone:
                return _said(at, f"attributes that only one has: {_listed(gone)}")
            found = _first(self.between(state[name], other[name], f"{at}.{name}") for name in state)
        else:
            found = self.between(state, other, at)
        return (
            found
            or self.between(first[0], second[0], at)
            or self.between(first[1], second[1], at)
            or self._sequences(list(first[3] or ()), list(second[3] or ()), at)
            or self._sequences(list(first[4] or ()), list(second[4] or ()), at)
        )


def _parts(value: Any) -> Any:
    reducer = copyreg.dispatch_table.get(type(value))
    reduced = reducer(value) if reducer else value.__reduce_ex__(4)
    return reduced if isinstance(reduced, str) else (*reduced, None, None, None)[:5]


def _knows_equal(value: Any) -> bool:
    own: Any = type(value).__eq__
    return own is not object.__eq__


def _says_equal(then: Any, now: Any) -> bool:
    """Say whether values that know what equal means say that they are."""
    if not _knows_equal(then):
        return False
    try:
        return (then == now) is True
    except Exception:  # noqa: BLE001  # the object's own code
        return False


def _numbers(then: Any, now: Any, at: str) -> str:
    if then == now or (then != then and now != now):
        return ""
    gap = ""
    if isinstance(then, float) and then == then and now == now:
        gap = f" (difference {abs(then - now):.3g})"
    return _said(at, f"{_short(then)}, now {_short(now)}{gap}")


def _texts(then: Any, now: Any, at: str) -> str:
    if then == now:
        return ""
    if len(then) <= _LONGEST and len(now) <= _LONGEST:
        return _said(at, f"{then!r}, now {now!r}")
    place = next((i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
    unit = "character" if isinstance(then, str) else "byte"
    start = max(place - 10, 0)
    return _said(
        at,
        f"from {unit} {place} on {then[start : place + 30]!r}, now {now[start : place + 30]!r}"
        f" (length {len(then)}, now {len(now)})",
    )


def _sets(then: AbstractSet[Any], now: AbstractSet[Any], at: str) -> str:
    gone, new = sorted(map(repr, then - now)), sorted(map(repr, now - then))
    parts = [f"missing now: {', '.join(gone[:_MANY])}"] if gone else []
    parts += [f"new: {', '.join(new[:_MANY])}"] if new else []
    return _said(at, "; ".join(parts)) if parts else ""


def _files(then: Path, now: Path, at: str) -> str:
    if then.is_dir() != now.is_dir():
        return _said(at, f"a {'folder' if then.is_dir() else 'file'}, now a {'folder' if now.is_dir() else 'file'}")
    if not then.is_dir():
        return _texts(_content(then), _content(now), at)
    names = [sorted(path.relative_to(top).as_posix() for path in top.rglob("*")) for top in (then, now)]
    if names[0] != names[1]:
        return _sets(set(names[0]), set(names[1]), at)
    return _first(_files(then / name, now / name, f"{at}[{name!r}]") for name in names[0] if (then / name).is_file())


def _content(path: Path) -> str | bytes:
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _largest(then: Any, now: Any, other: Any) -> str:
    """Return by how much numbers differ at most; nothing for what has no differences."""
    if then.dtype.kind not in "iufc":
        place = int(other.ravel().argmax())
        return f"[{place}] {_short(then.ravel()[place])}, now {_short(now.ravel()[place])}; "
    first, second = then[other], now[other]
    if then.dtype.kind in "iu":  # differences of integers may not fit their own type
        first, second = first.astype("O"), second.astype("O")
    gap = abs(first - second).max()
    return f"max abs difference {gap:.6g}; "


def _code(then: Any, now: Any, at: str) -> str:
    """Compare two functions of one name by what they execute."""
    codes = [getattr(each, "__code__", None) for each in (then, now)]
    if codes[0] is None or codes[1] is None:
        return ""
    same = codes[0].co_code == codes[1].co_code and codes[0].co_consts == codes[1].co_consts
    return "" if same else _said(at, f"other code in {_named(then)}")


def _as_dict(table: Any) -> Any:
    if hasattr(table, "to_pydict"):
        return table.to_pydict()
    return table.to_dict(as_series=False) if hasattr(table, "to_dict") else table.to_list()


def _first(found: Iterable[str]) -> str:
    return next((each for each in found if each), "")


def _said(at: str, what: str) -> str:
    return f"{at.removeprefix('.')}: {what}" if at else what


def _dtype(value: Any) -> str:
    text = str(value.dtype)
    return text if text != "category" else _short(value.dtype)


def _shape(value: Any) -> str:
    return "×".join(map(str, value.shape)) or "()"


def _listed(names: Iterable[Any]) -> str:
    texts = [_short(name) for name in names]
    return ", ".join(texts[:_MANY]) + (f" and {len(texts) - _MANY} more" if len(texts) > _MANY else "")


def _short(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001  # the object's own code
        text = f"a {_type(value)}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _type(value: Any) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _named(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', getattr(value, '__name__', ''))}"
