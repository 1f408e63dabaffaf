"""The rules of `zen.expect` on the values of a pandas column; missing values never reach them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from zen_plugin_pandera.plain import number, plain, shown

Given = Mapping[str, Any]
_ROUNDING = 1e-9
# What comparing a column with something of another type raises; pyarrow's errors derive from these.
_UNFIT = (TypeError, ValueError, NotImplementedError)
_is = pd.api.types


def _is_text(dtype: Any) -> bool:
    return (
        bool(_is.is_string_dtype(dtype)) or str(dtype) == "large_string[pyarrow]"
    )  # not known to be text by pandas 2.1


_DTYPES: dict[str, Callable[[Any], bool]] = {
    "int": _is.is_integer_dtype,
    "float": lambda dtype: bool(_is.is_float_dtype(dtype) or _is.is_integer_dtype(dtype)),
    "str": _is_text,
    "bool": _is.is_bool_dtype,
    "datetime": _is.is_datetime64_any_dtype,
}
_CLASSES: dict[str, tuple[type, ...]] = {
    "int": (int, np.integer),
    "float": (float, int, np.floating, np.integer),
    "str": (str,),
    "bool": (bool, np.bool_),
    "datetime": (dt.datetime, np.datetime64),
}


def good(rule: str, values: pd.Series, given: Given) -> pd.Series:
    """Return, for each value of a column, whether the rule lets it pass.

    What is missing passes, but for `not_null`. Categories are judged once each.
    """
    there = values.notna()
    if rule == "not_null":
        return there
    passes = pd.Series(True, index=values.index)
    if isinstance(values.dtype, pd.CategoricalDtype) and rule != "unique":
        categories = good(rule, pd.Series(values.cat.categories), given).to_numpy()
        passes[there] = categories[values.cat.codes[there]]
    elif there.any():
        passes[there] = np.asarray(_VALUES[rule](present(values), given), dtype=bool)
    return passes


def found(rule: str, values: pd.Series, given: Given) -> tuple[bool, str]:
    """Return whether all values of a column together meet the rule, and what was found, as the end of a sentence."""
    there = present(values)
    return _SUMMARIES[rule](there, given) if len(there) else (True, "there are no values")


def between(given: Given) -> str:
    """Return the bounds, as the end of a sentence: `between 0 and 120`, `at least 0`."""
    low, high = given["low"], given["high"]
    if low is None or high is None:
        return f"at least {number(low)}" if high is None else f"at most {number(high)}"
    return f"between {number(low)} and {number(high)}"


def present(values: pd.Series) -> pd.Series:
    """Return the values that are there. Integers between gaps, which pandas keeps as floats, are integers again."""
    there = values.dropna()
    if values.dtype.kind == "f" and len(there) < len(values) and not isinstance(values.dtype, pd.ArrowDtype):
        numbers = there.to_numpy(np.float64)
        if np.all(np.abs(numbers) <= 2**53) and np.all(numbers == np.floor(numbers)):
            return pd.Series(numbers.astype(np.int64), index=there.index)
    return there


# Value by value


def _of_type(there: pd.Series, given: Given) -> Any:
    wanted = given["type"]
    if there.dtype != object:
        return np.full(len(there), _DTYPES[wanted](there.dtype))
    classes = _CLASSES[wanted]
    return [isinstance(v, classes) and (wanted == "bool" or not isinstance(v, (bool, np.bool_))) for v in there]


def _unique(there: pd.Series, given: Given) -> Any:
    try:
        return ~there.duplicated()
    except _UNFIT:  # lists and the like have no hash
        return ~there.map(repr).duplicated()


def _in_range(there: pd.Series, given: Given) -> Any:
    if there.dtype != object and _is_text(there.dtype) and not _texts_only(given):
        return np.zeros(len(there), dtype=bool)  # texts are no numbers: no need to try each
    try:
        return _within(there, given)
    except _UNFIT:
        return [_lies(value, given) for value in there]


def _texts_only(given: Given) -> bool:
    return all(isinstance(bound, str) for bound in (given["low"], given["high"]) if bound is not None)


def _within(there: pd.Series, given: Given) -> Any:
    passes = np.ones(len(there), dtype=bool)
    for bound, compare in ((given["low"], "ge"), (given["high"], "le")):
        if bound is not None:
            passes &= np.asarray(getattr(there, compare)(bound), dtype=bool)
    return passes


def _lies(value: Any, given: Given) -> bool:
    low, high = given["low"], given["high"]
    try:
        return bool((low is None or value >= low) and (high is None or value <= high))
    except TypeError:
        return False


def _in_set(there: pd.Series, given: Given) -> Any:
    try:
        return there.isin(given["values"])
    except _UNFIT:
        return [value in given["values"] for value in there]


def _matches(there: pd.Series, given: Given) -> Any:
    pattern = re.compile(given["pattern"])
    # Each different value once; of objects each text, as 1 and True are equal and have no equal texts.
    codes, different = pd.factorize(there.map(str) if there.dtype == object else there)
    judged = np.array([pattern.fullmatch(str(value)) is not None for value in different])
    return judged[codes]


# All values together


def _mean(there: pd.Series, given: Given) -> tuple[bool, str]:
    numbers = _numbers(there)
    if numbers is None:
        return False, _no_numbers(there)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(numbers.mean())
    return _near(mean, given), f"the mean {number(mean)} is not {between(given)}"


def _quantile(there: pd.Series, given: Given) -> tuple[bool, str]:
    numbers = _numbers(there)
    if numbers is None:
        return False, _no_numbers(there)
    with np.errstate(invalid="ignore"):  # between infinities there is no number
        value = float(np.quantile(numbers, given["quantile"]))
    name = "median" if given["quantile"] == 0.5 else f"{given['quantile']} quantile"
    return _near(value, given), f"the {name} {number(value)} is not {between(given)}"


def _shares(there: pd.Series, given: Given) -> tuple[bool, str]:
    wanted: Mapping[str, float] = given["shares"]
    shares = _texts(there).value_counts(normalize=True)
    came = {text: float(shares.get(text, 0.0)) for text in wanted}
    differences = {text: abs(came[text] - share) for text, share in wanted.items()}
    unnamed = abs(sum(wanted.values()) - sum(came.values()))
    distance = (sum(differences.values()) + unnamed) / 2
    worst = sorted(differences, key=lambda text: -differences[text])[:3]
    told = "; ".join(f"{text!r} has {came[text]:.3g}, not {wanted[text]:.3g}" for text in worst)
    message = f"the shares differ by {distance:.3g} from those expected, more than {given['most']} ({told})"
    return distance <= given["most"] + _ROUNDING, message


def _near(value: float, given: Given) -> bool:
    """Say whether a number lies within the bounds; what rounding did to a sum does not count."""
    at_a_bound = any(
        bound is not None and math.isclose(value, bound, rel_tol=_ROUNDING) for bound in (given["low"], given["high"])
    )
    return at_a_bound or _lies(value, given)


def _numbers(there: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return numbers as floats; None where something else is among them."""
    if isinstance(there.dtype, pd.CategoricalDtype):
        there = there.astype(there.cat.categories.dtype)
    if there.dtype == object:
        is_numeric = all(isinstance(value, (Real, Decimal)) for value in there)
    else:
        is_numeric = _is.is_numeric_dtype(there.dtype) and not _is.is_complex_dtype(there.dtype)
    return there.to_numpy(dtype=np.float64) if is_numeric else None


def _no_numbers(there: pd.Series) -> str:
    return f"the values are no numbers but {there.dtype} ({shown([plain(there.iloc[0])])})"


def _texts(there: pd.Series) -> pd.Series:
    if isinstance(there.dtype, pd.CategoricalDtype):
        texts = np.asarray(there.cat.categories.map(str), dtype=object)
        return pd.Series(texts[there.cat.codes], dtype=object)
    return there.map(str)


_VALUES: dict[str, Callable[[pd.Series, Given], Any]] = {
    "of_type": _of_type,
    "unique": _unique,
    "in_range": _in_range,
    "in_set": _in_set,
    "matches": _matches,
}
_SUMMARIES: dict[str, Callable[[pd.Series, Given], tuple[bool, str]]] = {
    "mean_in_range": _mean,
    "quantile_in_range": _quantile,
    "shares_near": _shares,
}
SUMMARIES = frozenset(_SUMMARIES)
