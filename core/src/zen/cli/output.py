"""What commands print: data on stdout, talk on stderr; tables with rich on a terminal, plain columns elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

from zen.secrets.redaction import redactor

__all__ = [
    "ago",
    "duration",
    "emit_json",
    "fields",
    "moment",
    "printable",
    "record_json",
    "reserve_stdout",
    "say",
    "size",
    "table",
    "write",
]

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
# Controls, and what reorders or hides the text around it; not the joiners (200c, 200d) that scripts and emoji need.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
_reserved: list[IO[str]] = []


def say(text: str = "") -> None:
    """Talk to the person in front of the terminal: stderr, never data."""
    print(redactor.text(text), file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Write a line of data to stdout, or to what was stdout before it was reserved."""
    stream = _reserved[-1] if _reserved else sys.stdout
    stream.write(redactor.text(text) + "\n")


def emit_json(data: Any) -> None:
    """Write data as indented JSON."""
    import json

    write(json.dumps(redactor.data(data), indent=2, ensure_ascii=False, default=str))


def record_json(record: Any) -> dict[str, Any]:
    """Return the JSON form of a record with all of its keys, where a record's own leaves out defaults."""
    from zen.records import to_json

    return {field.name: to_json(getattr(record, field.name)) for field in dataclasses.fields(record)}


@contextlib.contextmanager
def reserve_stdout() -> Iterator[None]:
    """Keep stdout for `write`: what plugins, pipelines and their child processes print goes to stderr meanwhile."""
    original, descriptor = sys.stdout, _descriptor(sys.stdout)
    stream: IO[str] = original
    if descriptor is not None:
        original.flush()
        saved = os.dup(descriptor)
        stream = os.fdopen(saved, "w", encoding=original.encoding, errors=original.errors)
        os.dup2(2, descriptor)
    _reserved.append(stream)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _reserved.remove(stream)
        _give_back(original, descriptor, stream)


def _give_back(original: IO[str], descriptor: int | None, stream: IO[str]) -> None:
    try:
        stream.flush()
    except OSError:  # nobody reads any more: what is left goes nowhere, or closing would fail again
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())
        raise
    finally:
        if descriptor is not None:
            original.flush()
            os.dup2(stream.fileno(), descriptor)
            stream.close()


def _descriptor(stream: IO[str]) -> int | None:
    """Return the descriptor of a stream, or None where it is no real file (tests, notebooks) or there is no stderr."""
    try:
        os.fstat(2)
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def printable(text: str, *, keep_color: bool = False) -> str:
    r"""Return a text in which control characters stand as `\x1b`, so that stored text cannot drive a terminal."""
    if keep_color:
        parts = _COLOR.split(text)
        colors = _COLOR.findall(text)
        cleaned = [printable(part) for part in parts]
        shown = "".join(part + color for part, color in zip(cleaned, [*colors, ""], strict=True))
        return shown + "\x1b[0m" if colors else shown
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def on_terminal() -> bool:
    """Whether stdout is a terminal that data is shown on."""
    return not _reserved and sys.stdout.isatty()


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table: with rich on a terminal, else in plain columns with two spaces between."""
    cells = [[printable("" if cell is None else str(cell)) for cell in row] for row in rows]
    if on_terminal():
        _rich_table(columns, cells)
    else:
        _plain_table(columns, cells)


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.upper() for column in columns], *([cell.replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        shown.add_column(column.upper(), overflow="fold")
    for row in rows:
        # Text, never markup: a run may be called "[red]".
        shown.add_row(*(Text(cell, style=STATE_STYLES.get(cell, "")) for cell in row))
    Console(highlight=False).print(shown)


STATE_STYLES = {
    "completed": "green",
    "cached": "green",
    "ok": "green",
    "failed": "red",
    "broken": "bold red",
    "lost": "red",
    "running": "cyan",
    "cancelled": "yellow",
    "skipped": "yellow",
    "warning": "yellow",
}


def fields(pairs: Sequence[tuple[str, Any]], *, indent: int = 0) -> None:
    """Write names and values one below the other; empty values are left out."""
    shown = [(name, value) for name, value in pairs if value not in (None, "", (), [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        lines = printable(str(value)).splitlines() or [""]
        write(f"{' ' * indent}{name.ljust(width)}  {lines[0]}")
        for line in lines[1:]:
            write(f"{' ' * (indent + width + 2)}{line}")


def duration(seconds: float | None) -> str:
    """Return a duration for people: `4 ms`, `1.2 s`, `3 min 04 s`, `2 h 05 min`."""
    from zen.client import shown  # here: what has nothing to tell needs no client

    return shown.seconds(seconds)


def moment(at: dt.datetime | None) -> str:
    """Return a time in the local time zone, to the second."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def ago(at: dt.datetime | None, now: dt.datetime) -> str:
    """Return how long ago a time was: `now`, `5 min ago`, `3 h ago`, `2 days ago`."""
    if at is None:
        return ""
    seconds = (now - at).total_seconds()
    for unit, length in (("day", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return "now"


def size(count: int) -> str:
    """Return a number of bytes for people, in powers of 1024."""
    from zen.client import shown

    return shown.size(count)
