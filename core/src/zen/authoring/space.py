"""What a sweep tries: every combination of some values, combinations that are given, or random ones from a seed.

What is random is computed from the seed, the name of the parameter and the number of the run by a hash, and not drawn
from a generator. So it is the same in every process and in every Python, more runs begin with the same ones, and
another parameter changes none of the others.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zen.errors import UsageError, listing, nearest
from zen.identity import canonical

MOST = 10_000
"""How many runs a sweep may have."""
OPTIONS = ("name", "runs", "seed", "parallel", "stop_after_failures")
_BITS = 53
Combination = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Uniform:
    """A number between two bounds; see `uniform`."""

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """Return the number at a share of the way, from 0 up to 1, rounded to 12 digits: logarithms differ beyond."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(float(f"{value:.12g}"), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values; see `choice`."""

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """Return the value at a share of the way, from 0 up to 1."""
        return self.values[int(share * len(self.values))]


def uniform(low: float, high: float, *, log: bool = False) -> Uniform:
    """Try random numbers between two bounds: `training.sweep(lr=zen.uniform(0.001, 0.1, log=True), runs=20)`.

    Args:
        low: The least.
        high: The most.
        log: Whether each order of magnitude is as likely as any other: for rates and strengths. The least is above 0.

    Raises:
        UsageError: For bounds that are no finite numbers, or the wrong way round.
    """
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
            raise UsageError(f"uniform({low!r}, {high!r}) has a bound that is no finite number")
    if low >= high:
        raise UsageError(f"uniform({low!r}, {high!r}) leaves nothing between its bounds", hint="give the least first")
    if log and low <= 0:
        raise UsageError(
            f"uniform({low!r}, {high!r}, log=True) has no logarithm of its least", hint="begin above 0, or drop log="
        )
    return Uniform(float(low), float(high), log)


def choice(*values: Any) -> Choice:
    """Try one of some values at random: `training.sweep(depth=zen.choice(2, 4, 8), runs=20)`.

    Raises:
        UsageError: When there are none.
    """
    if not values:
        raise UsageError("choice() has nothing to choose from", hint="give the values: choice(2, 4, 8)")
    return Choice(tuple(values))


def combinations(
    pipeline: str,
    known: Sequence[str],
    given: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    space: Mapping[str, Any],
    *,
    runs: int | None = None,
    seed: int | None = None,
) -> list[Combination]:
    """Return the parameters of each run of a sweep.

    Args:
        pipeline: Its name, for messages.
        known: The names of its parameters.
        given: Combinations as mappings; or one mapping of names, as `space`.
        space: Values by name: a list or tuple of them, a `Uniform`, a `Choice`, or one value for all runs.
        runs: How many runs to make of random ones; without it every combination is made.
        seed: What random ones are computed from; by default 0.

    Raises:
        UsageError: For names that the pipeline does not have, for nothing to try, and for more than 10,000 runs.
    """
    listed: list[Combination] = [{}]
    if isinstance(given, Mapping) and (given or space):
        space = _joined(given, space)
    elif given or not space:
        listed = _listed(given)
    _check_names(pipeline, known, [*listed, space])
    values = {name: _values(name, value) for name, value in space.items()}
    if both := sorted(set(values) & {name for each in listed for name in each}):
        raise UsageError(f"{both[0]!r} is given twice: in the list of combinations and by name", hint="give it once")
    if runs is None:
        return _every(listed, values, seed)
    if not isinstance(given, Mapping) and given:
        raise UsageError(
            "runs= picks random combinations, and a list of combinations is given", hint="drop runs=, or the list"
        )
    return _random(values, _count(runs, "runs"), 0 if seed is None else _seed(seed))


def _joined(given: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    if both := sorted(set(given) & set(space)):
        raise UsageError(f"{both[0]!r} is given twice: in the mapping and by name", hint="give it once")
    return {**given, **space}


def _listed(given: Any) -> list[Combination]:
    if isinstance(given, str) or not isinstance(given, Sequence | Mapping):
        raise UsageError(
            f"a sweep cannot try a {type(given).__qualname__}",
            hint="give values by name, sweep(lr=[0.1, 0.01]), or a list of mappings, sweep([{'lr': 0.1}, …])",
        )
    if not given:
        raise UsageError("the sweep has nothing to try", hint="give values by name: sweep(lr=[0.1, 0.01])")
    for each in given:
        if not isinstance(each, Mapping) or not all(isinstance(name, str) for name in each):
            raise UsageError(
                f"the sweep has {each!r} among its combinations", hint="each is a mapping: {'lr': 0.1, 'depth': 2}"
            )
    _check_count(len(given))
    return [dict(each) for each in given]


def _check_names(pipeline: str, known: Sequence[str], given: Sequence[Mapping[str, Any]]) -> None:
    for name in dict.fromkeys(name for each in given for name in each):
        if name not in known:
            raise UsageError(
                f"pipeline {pipeline!r} has no parameter {name!r}; it has: {listing(known)}",
                hint=nearest(name, [*known, *OPTIONS]),
            )


def _values(name: str, given: Any) -> Uniform | Choice:
    """Return what to try for a parameter; of what is no list, the one value."""
    if isinstance(given, Uniform | Choice):
        return given
    if callable(getattr(given, "tolist", None)):  # numpy.logspace(-3, -1, 5), a column of a frame
        given = given.tolist()
    if isinstance(given, set | frozenset | Iterator):
        raise UsageError(
            f"{name!r} is given as a {type(given).__qualname__}, which has no order to go by",
            hint=f"give a list: {name}=[…]",
        )
    if not isinstance(given, list | tuple | range):
        return Choice((given,))
    if not given:
        raise UsageError(f"the sweep has no values to try for {name!r}", hint=f"give some, or leave {name!r} out")
    _check_count(len(given))
    return Choice(tuple(given))


def _every(listed: list[Combination], values: Mapping[str, Uniform | Choice], seed: int | None) -> list[Combination]:
    if endless := [name for name, each in values.items() if isinstance(each, Uniform)]:
        raise UsageError(f"{endless[0]!r} is random, and nothing says how many runs to make", hint="give runs=20")
    if seed is not None:
        raise UsageError(
            "seed= is an option of the sweep, and nothing in it is random",
            hint="give runs=20 for random combinations; a parameter of that name is varied by {'seed': [1, 2, 3]}",
        )
    finite = {name: each.values for name, each in values.items() if isinstance(each, Choice)}
    _check_count(len(listed) * math.prod(map(len, finite.values())))
    rest = [dict(zip(finite, chosen, strict=True)) for chosen in itertools.product(*finite.values())]
    return [{**each, **more} for each in listed for more in rest]


def _random(values: Mapping[str, Uniform | Choice], runs: int, seed: int) -> list[Combination]:
    """Return different random combinations: as many as asked for, or all where there are not so many."""
    _check_count(runs)
    sizes = [len(each.values) for each in values.values() if isinstance(each, Choice)]
    if len(sizes) == len(values) and math.prod(sizes) <= runs:
        return _shuffled(_every([{}], values, None), seed)
    found: dict[bytes, Combination] = {}
    for number in itertools.count():
        drawn = {name: each.at(share(seed, name, number)) for name, each in values.items()}
        found.setdefault(_identity(drawn), drawn)
        # The limit is for values that are the same though they stand in different places.
        if len(found) == runs or number > 100 * runs + 1000:
            return list(found.values())
    raise AssertionError("counting does not end")


def _shuffled(every: list[Combination], seed: int) -> list[Combination]:
    return [every[index] for index in sorted(range(len(every)), key=lambda index: share(seed, "", index))]


def share(seed: int, name: str, number: int) -> float:
    """Return a number from 0 up to 1 that depends on these three alone."""
    data = hashlib.sha256(f"zen-sweep/1\n{seed}\n{number}\n{name}".encode()).digest()
    return (int.from_bytes(data[:8], "big") >> (64 - _BITS)) / float(2**_BITS)


def _identity(drawn: Combination) -> bytes:
    try:
        return canonical(drawn)
    except (TypeError, ValueError):  # no plain data among them
        return repr(sorted((name, id(value)) for name, value in drawn.items())).encode()


def _check_count(count: int) -> None:
    if count > MOST:
        raise UsageError(
            f"the sweep would make {count:,} runs, and {MOST:,} is the most",
            hint="give fewer values, or runs=100 for that many random combinations",
        )


def _count(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{what} of a sweep is {value!r}", hint="give a whole number from 1")
    return value


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(
            f"the seed of the sweep is {value!r}",
            hint="give a whole number; a parameter of that name is varied by {'seed': [1, 2, 3]}",
        )
    return value


def check_counts(*, parallel: Any, stop_after_failures: Any) -> None:
    """See that these are numbers of something."""
    _count(parallel, "parallel")
    if stop_after_failures is not None:
        _count(stop_after_failures, "stop_after_failures")
