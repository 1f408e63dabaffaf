"""Values as people read them: in tables of a terminal and on pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zen.client.comparison import Row

_LONGEST = 120


def letter(position: int) -> str:
    """Return what a run is called in a comparison: `A` to `Z`, then `AA`, `AB` and so on."""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def number(value: float) -> str:
    """Return a number with six digits that say something; whole ones in full."""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.6g}"


def signed(value: float) -> str:
    """Return a difference: `+0.012`, `−3`, `±0`."""
    text = f"{abs(value):.4g}"
    return "±0" if not value else f"{'+' if value > 0 else '−'}{text}"


def short(value: Any, longest: int = _LONGEST) -> str:
    """Return any value on one line."""
    if isinstance(value, bool) or value is None:
        text = str(value)
    elif isinstance(value, int | float):
        text = number(value) if isinstance(value, float) else str(value)
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}: {short(item, 40)}" for name, item in value.items())
    else:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def cell(row: Row, position: int, longest: int = _LONGEST) -> str:
    """Return the value of a run in a row; a dash where it has none."""
    return "–" if position in row.missing else short(row.values[position], longest)


def seconds(value: float | None) -> str:
    """Return a duration: `4 ms`, `1.2 s`, `3 min 04 s`, `2 h 05 min`."""
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def size(count: int) -> str:
    """Return a number of bytes in powers of 1024."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def plural(count: int, name: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count} {name}{'' if count == 1 else 's'}"
