"""Count, bounds, mean and spread of numbers, in one pass through memory."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

CHUNK = 1 << 15  # numbers that stay in the processor's cache


class Moments(NamedTuple):
    """What is known of the finite numbers of an array; `squares` is the sum of squared distances from the mean."""

    numbers: int = 0
    missing: int = 0
    low: float = math.inf
    high: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0

    @property
    def std(self) -> float:
        """The standard deviation of a sample; NaN for fewer than two numbers."""
        return math.sqrt(self.squares / (self.numbers - 1)) if self.numbers > 1 else math.nan


def of(values: Numbers) -> Moments:
    """Return the moments of the finite numbers of an array; NaN is missing.

    Source: Chan, Golub, LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
    """
    found = Moments()
    buffer = np.empty(min(CHUNK, len(values)))
    with np.errstate(all="ignore"):
        for start in range(0, len(values), CHUNK):
            found = _merged(found, _of_chunk(values[start : start + CHUNK], buffer))
    return found


def _of_chunk(part: Numbers, buffer: Numbers) -> Moments:
    numbers = buffer[: len(part)]
    np.copyto(numbers, part, casting="unsafe")
    missing = 0
    low, high = float(numbers.min()), float(numbers.max())
    if not (math.isfinite(low) and math.isfinite(high)):  # a NaN is the smallest and the largest
        missing = int(np.count_nonzero(np.isnan(numbers)))
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return Moments(missing=missing)
        low, high = float(numbers.min()), float(numbers.max())
    mean = float(numbers.sum()) / len(numbers)
    numbers -= mean
    numbers *= numbers  # not np.dot: it would wake the threads of BLAS
    return Moments(len(numbers), missing, low, high, mean, float(numbers.sum()))


def _merged(one: Moments, other: Moments) -> Moments:
    missing = one.missing + other.missing
    if not one.numbers or not other.numbers:
        return (one if one.numbers else other)._replace(missing=missing)
    count = one.numbers + other.numbers
    apart = other.mean - one.mean
    return Moments(
        count,
        missing,
        min(one.low, other.low),
        max(one.high, other.high),
        one.mean + apart * other.numbers / count,
        one.squares + other.squares + apart * apart * one.numbers * other.numbers / count,
    )
