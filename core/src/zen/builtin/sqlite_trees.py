"""The rows of a SQLite file, page by page, without SQLite: what can be read is, whatever is damaged beside it.

Tables with a rowid only, in UTF-8, as zen's are.

Source: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from zen.builtin.sqlite_pages import Pages

Value = None | int | float | str | bytes

_INTERIOR, _LEAF, _INDEX_INTERIOR, _INDEX_LEAF = 0x05, 0x0D, 0x02, 0x0A
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_REAL, _ZERO, _ONE, _BYTES = 7, 8, 9, 12


class Damage(ValueError):
    """Bytes that mean nothing."""


class Stored(NamedTuple):
    """A row: its number and its values; fewer than the table has columns when one was added later."""

    number: int
    values: tuple[Value, ...]


class Tree:
    """What belongs to one table or index.

    Args:
        pages: Of which file.
        root: The number of its first page.
        index: Whether it is an index.
        seen: The pages that belong to some tree; this one adds its own.

    Attributes:
        leaves: The pages that hold rows, in the order of the rows.
        entries: How many entries an index has.
        broken: How many pages, with all below them, could not be read or belong to another tree too.
    """

    def __init__(self, pages: Pages, root: int, *, index: bool, seen: set[int]) -> None:
        self.leaves: list[int] = []
        self.entries = 0
        self.broken = 0
        waiting = [root]
        while waiting:
            number = waiting.pop()
            kind = _kind(pages, number)
            if number in seen or kind not in ((_INDEX_INTERIOR, _INDEX_LEAF) if index else (_INTERIOR, _LEAF)):
                self.broken += 1
                continue
            seen.add(number)
            self._add(pages, number, kind, waiting)

    def _add(self, pages: Pages, number: int, kind: int, waiting: list[int]) -> None:
        if kind in (_LEAF, _INDEX_LEAF):
            self.leaves.append(number)
            self.entries += _count(pages[number], number)
            return
        try:
            children = list(_children(pages[number], number))
        except (Damage, struct.error):
            self.broken += 1
            return
        self.entries += len(children) - 1
        waiting += reversed(children)


def is_leaf(pages: Pages, number: int) -> bool:
    """Whether a page looks like one that holds rows of a table."""
    return _kind(pages, number) == _LEAF


def rows(pages: Pages, number: int) -> Iterator[Stored | Damage]:
    """Yield the rows of a page of a table, and a `Damage` for each that cannot be read."""
    page = pages[number]
    try:
        cells = list(_cells(page, number, 8))
    except (Damage, struct.error) as error:
        yield Damage(str(error))
        return
    for cell in cells:
        try:
            yield _row(pages, page, cell)
        except (Damage, struct.error, IndexError, UnicodeDecodeError) as error:
            yield Damage(str(error))


def _kind(pages: Pages, number: int) -> int:
    page = pages[number]
    return page[_start(number)] if page else 0


def _start(number: int) -> int:
    return 100 if number == 1 else 0


def _count(page: bytes, number: int) -> int:
    place = _start(number) + 3
    return int.from_bytes(page[place : place + 2], "big")


def _cells(page: bytes, number: int, header: int) -> Iterator[int]:
    start = _start(number) + header
    count = _count(page, number)
    if start + 2 * count > len(page):
        raise Damage(f"page {number} says that it has {count} entries")
    for cell in struct.unpack_from(f">{count}H", page, start):
        if not start + 2 * count <= cell < len(page):
            raise Damage(f"page {number} has an entry outside of it")
        yield cell


def _children(page: bytes, number: int) -> Iterator[int]:
    for cell in _cells(page, number, 12):
        yield struct.unpack_from(">I", page, cell)[0]
    yield struct.unpack_from(">I", page, _start(number) + 8)[0]


def _row(pages: Pages, page: bytes, cell: int) -> Stored:
    length, place = _varint(page, cell)
    number, place = _varint(page, place)
    record = _payload(pages, page, place, length)
    return Stored(_signed(number), tuple(_values(record)))


def _payload(pages: Pages, page: bytes, place: int, length: int) -> bytes:
    """Return a record, of which the end may lie on pages of its own."""
    most = pages.usable - 35
    if length > len(pages) * pages.size:
        raise Damage("a row is longer than the file")
    if length <= most:
        local = length
    else:
        least = (pages.usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (pages.usable - 4)
        local = local if local <= most else least
    parts = [page[place : place + local]]
    missing = length - local
    following = struct.unpack_from(">I", page, place + local)[0] if missing else 0
    while missing > 0:
        more = pages[following]
        if not more:
            raise Damage(f"page {following}, where a row goes on, cannot be read")
        parts.append(more[4 : min(4 + missing, pages.usable)])
        missing -= len(parts[-1])
        following = struct.unpack_from(">I", more)[0]
    record = b"".join(parts)
    if len(record) != length:
        raise Damage("a row leaves its page")
    return record


def _values(record: bytes) -> Iterator[Value]:
    end, place = _varint(record, 0)
    body = end
    while place < end:
        kind, place = _varint(record, place)
        value, body = _value(record, body, kind)
        yield value
    if place != end or body != len(record):
        raise Damage("a row is longer or shorter than it says")


def _value(record: bytes, place: int, kind: int) -> tuple[Value, int]:
    if kind in (10, 11):
        raise Damage("a value has no type")
    if kind in (_ZERO, _ONE):
        return kind - _ZERO, place
    size = (kind - _BYTES) // 2 if kind >= _BYTES else _SIZES[kind]
    data = record[place : place + size]
    if len(data) != size:
        raise Damage("a row ends within a value")
    if kind >= _BYTES:
        return (data if kind % 2 == 0 else data.decode()), place + size
    if kind == 0:
        return None, place
    if kind == _REAL:
        return struct.unpack(">d", data)[0], place + size
    return int.from_bytes(data, "big", signed=True), place + size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index in range(place, place + 8):
        byte = data[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    return value << 8 | data[place + 8], place + 9


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
