"""Several values for a parameter, as one text: `0.1,0.01`, `1..8`, `0.001..0.1:log`, or a JSON list."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # click before 8.5 has no type argument for it

__all__ = ["Values", "swept"]

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})(?P<log>:log)?")
_MOST = 10_000


def swept(option: click.Option) -> click.Option:
    """Return the option of a parameter as one that takes the values to try."""
    names = [str(option.name), option.opts[0]]
    kind = option.type if not option.is_bool_flag else click.BOOL
    help_ = str(option.help or "").replace("Give it once for each item.", "As JSON: a list of lists.")
    return click.Option(names, default=None, help=help_, type=Values(kind, lists=option.multiple))


class Values(ParamType):
    """What to try for one parameter.

    Args:
        kind: How one value is read.
        lists: Whether a value is a list itself: then only JSON can say what the values are.
    """

    def __init__(self, kind: click.ParamType, *, lists: bool = False) -> None:  # type: ignore[type-arg,unused-ignore]  # has an argument since click 8.5
        self.kind = kind
        self.lists = lists
        self.name = f"{kind.name},..."

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return `FLOAT,...` for the help."""
        own = None if self.lists else self.kind.get_metavar(param, ctx)
        return "[[...],...]" if self.lists else f"{own or self.kind.name.upper()},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a list of values, or what stands for random ones."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return self._from_json(value, param, ctx)
        if self.lists:
            self.fail(f"{value!r} is no list of lists; give JSON: '[[64, 64], [32]]'", param, ctx)
        if between := _RANGE.fullmatch(value.strip()):
            return self._between(between, param, ctx)
        texts = [text.strip() for text in value.split(",")]
        if not all(texts):
            self.fail(f"{value!r} has an empty value", param, ctx)
        return [self.kind.convert(text, param, ctx) for text in texts]

    def _from_json(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        try:
            found = json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is not JSON ({error})", param, ctx)
        if self.lists and not all(isinstance(item, list) for item in found):
            self.fail(f"{value!r} is no list of lists; one value is a list: '[[64, 64], [32]]'", param, ctx)
        return [self.kind.convert(item, param, ctx) if isinstance(item, str) else item for item in found]

    def _between(self, found: re.Match[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from zen.authoring.space import uniform
        from zen.errors import UsageError

        if self.kind is click.INT:
            low, high = (int(click.INT(found[name], param, ctx)) for name in ("low", "high"))
            if found["log"] or not low <= high < low + _MOST:
                self.fail(f"{found[0]!r} is no range of up to {_MOST:,} whole numbers", param, ctx)
            return list(range(low, high + 1))
        if self.kind is not click.FLOAT:
            return [self.kind.convert(found[0], param, ctx)]
        try:
            return uniform(float(found["low"]), float(found["high"]), log=bool(found["log"]))
        except UsageError as error:
            return self.fail(f"{found[0]!r} is no range: {error.message}", param, ctx)
