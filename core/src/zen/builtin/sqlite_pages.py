"""The pages of a SQLite file as bytes, with what is committed in its log laid over them; nothing is ever written.

SQLite itself refuses a file whose header is gone, and hides every row behind a damaged page. The format is public, and
promised not to change.

Source: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_MAGIC = b"SQLite format 3\0"
_USUAL = 4096  # zen never asks for another size, and this is what SQLite takes by itself
_HEADER, _LOG_HEADER, _FRAME_HEADER = 100, 32, 24
_LITTLE, _BIG = 0x377F0682, 0x377F0683


class Pages:
    """The pages of one database file, numbered from 1.

    Attributes:
        size: Bytes of a page.
        usable: Those of them that SQLite fills.
        problems: What was wrong with the file as a whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115  # closed by `close`
        self._log: BinaryIO | None = None
        self._frames: dict[int, int] = {}
        header = self._file.read(_HEADER)
        self.size = self._page_size(header)
        self.usable = self.size - (header[20] if self._sound else 0)
        self._file.seek(0, 2)
        self._count = -(-self._file.tell() // self.size)
        self._read_log(path.with_name(f"{path.name}-wal"))
        self._free = header[32:40] if self._sound else b""
        self._look_at_length(header)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> bytes:
        """Return the bytes of a page, none when it is not there or cannot be read."""
        if not 1 <= number <= self._count:
            return b""
        stream, place = self._file, (number - 1) * self.size
        if number in self._frames and self._log is not None:
            stream, place = self._log, self._frames[number]
        try:
            stream.seek(place)
            page = stream.read(self.size)
        except OSError as error:
            self.problems.append(f"page {number} cannot be read: {error}")
            return b""
        return page if len(page) == self.size else b""

    def free(self) -> set[int]:
        """Return the pages that hold nothing any more, as far as the list of them can be followed."""
        header = self[1][32:40] or self._free
        found: set[int] = set()
        trunk = int.from_bytes(header[:4], "big") if self._sound else 0
        while trunk and trunk not in found and (page := self[trunk]):
            found.add(trunk)
            (following, count) = struct.unpack(">II", page[:8])
            if count > self.usable // 4 - 2:
                self.problems.append(f"the list of free pages is damaged at page {trunk}")
                break
            found.update(struct.unpack(f">{count}I", page[8 : 8 + 4 * count]))
            trunk = following
        return found

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _page_size(self, header: bytes) -> int:
        size = int.from_bytes(header[16:18], "big")
        size = 65536 if size == 1 else size
        self._sound = header.startswith(_MAGIC) and 512 <= size <= 65536 and size & (size - 1) == 0
        if self._sound:
            return size
        self.problems.append("the header is damaged")
        return _USUAL

    def _look_at_length(self, header: bytes) -> None:
        said = int.from_bytes(header[28:32], "big") if self._sound and not self._frames else 0
        if said > self._count:
            self.problems.append(f"{said - self._count} of {said} pages are cut off")

    def _read_log(self, file: Path) -> None:
        try:
            self._log = open(file, "rb")  # noqa: SIM115  # as above
        except FileNotFoundError:
            if file.with_name(f"{self.path.name}-shm").exists():
                self.problems.append("its log is gone, and with it what was recorded last")
            return
        header = self._log.read(_LOG_HEADER)
        if not header:
            return
        if not _sound_log(header, self.size):
            self.problems.append("its log is damaged from the beginning, and not taken")
            return
        for frames, count in _committed(self._log, header, self.size):
            self._frames.update(frames)
            self._count = count


def _sound_log(header: bytes, page_size: int) -> bool:
    if len(header) < _LOG_HEADER:
        return False
    magic, _, size = struct.unpack(">III", header[:12])
    if magic not in (_LITTLE, _BIG) or size != page_size:
        return False
    return _sum(header[:24], (0, 0), magic) == struct.unpack(">II", header[24:32])


def _committed(log: BinaryIO, header: bytes, page_size: int) -> Iterator[tuple[dict[int, int], int]]:
    """Yield, for each transaction of a log, where its pages lie, and how many pages the database has after it."""
    (magic,) = struct.unpack(">I", header[:4])
    salt, sums = header[16:24], struct.unpack(">II", header[24:32])
    frames: dict[int, int] = {}
    place = _LOG_HEADER
    while len(frame := log.read(_FRAME_HEADER + page_size)) == _FRAME_HEADER + page_size:
        number, count = struct.unpack(">II", frame[:8])
        sums = _sum(frame[24:], _sum(frame[:8], sums, magic), magic)
        if frame[8:16] != salt or struct.unpack(">II", frame[16:24]) != sums:
            return  # the end: what follows is older, or was never whole
        frames[number] = place + _FRAME_HEADER
        place += len(frame)
        if count:
            yield frames, count
            frames = {}


def _sum(data: bytes, sums: tuple[int, int], magic: int) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{'<' if magic == _LITTLE else '>'}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & 0xFFFFFFFF
        second = (second + words[index + 1] + first) & 0xFFFFFFFF
    return first, second
