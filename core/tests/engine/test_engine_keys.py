"""The law of cache keys: two parameters have one key if and only if they are equal in value and in type."""

from __future__ import annotations

import datetime as dt
import math
import random
import struct
from decimal import Decimal
from typing import Any

from zen.engine.caching import Surroundings, key
from zen.identity import to_plain
from zen.records import CodeRef, Input, StepSpec

PAIRS = 10_000
LEAVES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**70,
        0.0,
        -0.0,
        1.0,
        0.1,
        math.nan,
        math.inf,
        "",
        "1",
        "None",
        "True",
        "1.0",
        "ä",
        "a\0b",
    ),
    *(b"", b"1", dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.timedelta(1)),
    *(Decimal("1"), Decimal("1.0")),
]


def value(rng: random.Random, depth: int = 3) -> Any:
    kind = rng.randrange(10) if depth else 0
    if kind < 5:
        return (
            rng.choice(LEAVES)
            if rng.random() < 0.7
            else rng.choice([rng.randint(-9, 9), rng.random(), str(rng.randint(0, 99))])
        )
    items = [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 5:
        return tuple(items)
    if kind == 6:
        return {str(rng.randrange(5)): item for item in items}
    if kind == 7:
        return {item for item in items if isinstance(item, str | int | bytes) and not isinstance(item, bool)}
    return items


def other(rng: random.Random, first: Any) -> Any:
    """Return something that is like a value: itself, a relative of another type, or one with a small change."""
    choice = rng.randrange(8)
    if choice == 0:
        return first
    if choice == 1:
        return [first]
    if choice == 2 and isinstance(first, list):
        return tuple(first)
    if choice == 3 and isinstance(first, dict):
        return dict(reversed(list(first.items())))
    if choice == 4 and isinstance(first, bool | int | float):
        return rng.choice([str(first), bool(first), first + 1 if not isinstance(first, float) else str(first)])
    if choice == 5 and isinstance(first, list | tuple) and first:
        changed = [*first[:-1], other(rng, first[-1])]
        return type(first)(changed)
    if choice == 6 and isinstance(first, str):
        return rng.choice([first.encode(), first + " ", first])
    return value(rng)


def same(first: Any, second: Any) -> bool:
    if type(first) is not type(second):
        return False
    if isinstance(first, float):
        bits = [struct.pack(">d", each) for each in (first, second)]
        return bits[0] == bits[1] or (math.isnan(first) and math.isnan(second))
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, Decimal):
        return str(first) == str(second)
    if isinstance(first, dt.datetime):
        return first.isoformat() == second.isoformat()
    return bool(first == second)


def key_of(parameter: Any) -> str:
    code = CodeRef(module="m", qualname="f", fingerprint="sha256:0")
    step = StepSpec(name="f", code=code, inputs={"x": Input(value=to_plain(parameter))})
    return key(step, {}, Surroundings())


def test_keys_are_equal_if_and_only_if_value_and_type_are() -> None:
    rng = random.Random(20261123)
    counts = {True: 0, False: 0}
    for _ in range(PAIRS):
        first = value(rng)
        second = other(rng, first)
        equal = same(first, second)
        counts[equal] += 1
        assert (key_of(first) == key_of(second)) is equal, (first, second)
    assert min(counts.values()) > PAIRS / 10  # both halves of the law were tried
