"""From the events of a YAML parser to values and their places, in one pass and without recursion.

Working on events, not on a loaded tree, is what keeps hostile files harmless: depth and aliases are counted before
anything is built, no tag is ever looked up, and duplicate keys are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from zen.errors import Fault
from zen.stacks.document import Marks, Path
from zen.stacks.scalars import Scalar, resolve_word

DEEPEST = 50
MOST_ALIASED = 10_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_KEY = object()


def parse(text: str, file: str) -> tuple[Any, Marks, list[Fault]]:
    """Return the values of a YAML text, their places, and what is wrong with it."""
    builder = _Builder(file)
    loader = _LOADER(text)
    try:
        while loader.check_event() and not builder.stopped:
            builder.take(loader.get_event())
    except yaml.YAMLError as error:
        builder.not_yaml(error, text)
    finally:
        loader.dispose()
    return builder.root, builder.marks, builder.faults


class _Dropped:
    """Stands for a key whose entry is left out: each is another key than all others."""


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read. `size` and `height` count values and levels in it, aliases written out."""

    value: list[Any] | dict[Any, Any]
    path: Path
    anchor: str | None
    size: int = 1
    height: int = 1
    key: Any = _NO_KEY


@dataclass(frozen=True, slots=True)
class _Anchor:
    value: Any = None
    path: Path = ()
    size: int = 1
    height: int = 0


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.marks = Marks()
        self.faults: list[Fault] = []
        self.stopped = False
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchor | None] = {}  # None while it is being read
        self._aliased = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)

    def not_yaml(self, error: yaml.YAMLError, text: str) -> None:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        context, start = getattr(error, "context", None), getattr(error, "context_mark", None)
        within = f" {context} that begins in line {start.line + 1}" if context and start else ""
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        written = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
        self.faults.append(
            Fault(
                message=f"not YAML: {problem}{within}",
                hint=_syntax_hint(written, column),
                file=self.file,
                line=line,
                column=column,
            )
        )

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._fault(event, "a second document begins here", "a file holds one; remove the line `---`")
            self.stopped = True

    def _scalar(self, event: Any) -> None:
        self._refuse_tag(event)
        path, value = self._next_path(), event.value
        plain = not event.style
        if plain:
            try:
                value = resolve_word(event.value)
            except ValueError as error:
                self._fault(event, str(error), "put it in quotes if it is a text")
        if self._at_key():
            self._key(event, value, plain=plain)
            return
        if plain and not isinstance(value, str):
            self.marks.words[path] = event.value
        self.marks.values[path] = _place(event)
        self._put(_Anchor(value, path), event.anchor)

    def _begin(self, event: Any) -> None:
        self._refuse_tag(event)
        if self._at_key():
            self._fault(event, "a list or a mapping cannot be a key", "keys are words")
        if self._too_deep(event, 1):
            return
        path = self._next_path()
        self.marks.values[path] = _place(event)
        if event.anchor:
            self._anchors[event.anchor] = None
        empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._frames.append(_Frame(empty, path, event.anchor))

    def _end(self) -> None:
        frame = self._frames.pop()
        if isinstance(frame.value, dict):
            for key in [key for key in frame.value if isinstance(key, _Dropped)]:
                del frame.value[key]
        self._put(_Anchor(frame.value, frame.path, frame.size, frame.height), frame.anchor)

    def _alias(self, event: Any) -> None:
        anchor = self._anchors.get(event.anchor, _NO_KEY)
        if not isinstance(anchor, _Anchor):
            what = "contains itself" if anchor is None else "has no anchor before it"
            self._fault(event, f"the alias *{event.anchor} {what}")
            anchor = _Anchor()
        self._aliased += anchor.size
        if self._aliased > MOST_ALIASED:
            self._fault(event, f"the aliases of this file stand for more than {MOST_ALIASED:,} values")
            self.stopped = True
        elif self._at_key():
            self._key(event, anchor.value, plain=False)
        elif not self._too_deep(event, anchor.height):
            path = self._next_path()
            self.marks.aliases[path] = anchor.path
            self.marks.values[path] = _place(event)
            self._put(anchor)

    def _key(self, event: Any, key: Scalar, *, plain: bool) -> None:
        frame = self._frames[-1]
        path = (*frame.path, key) if not isinstance(key, (list, dict)) else frame.path
        if isinstance(key, (list, dict)):
            self._fault(event, "a list or a mapping cannot be a key", "keys are words")
        elif plain and key == "<<":
            self._fault(event, "'<<' merges nothing in YAML 1.2", "write the keys out; a stack can say `extends:`")
        elif key in frame.value:
            first = self.marks.keys[path][0]
            self._fault(event, f"the key {key!a} stands twice; the first is in line {first}", "remove one of them")
        else:
            self.marks.keys[path] = _place(event)
            if isinstance(event, yaml.ScalarEvent) and event.anchor:
                self._anchors[event.anchor] = _Anchor(key, path)
            frame.key = key
            return
        frame.key = _Dropped()

    def _put(self, read: _Anchor, anchor: str | None = None) -> None:
        if anchor:
            self._anchors[anchor] = read
        if not self._frames:
            self.root = read.value
            return
        frame = self._frames[-1]
        frame.size += read.size
        frame.height = max(frame.height, read.height + 1)
        if isinstance(frame.value, list):
            frame.value.append(read.value)
        elif frame.key is _NO_KEY:  # a list or a mapping in the place of a key, which was reported
            frame.key = _Dropped()
        else:
            frame.value[frame.key] = read.value
            frame.key = _NO_KEY

    def _too_deep(self, event: Any, height: int) -> bool:
        if len(self._frames) + height > DEEPEST:
            self._fault(event, f"deeper than {DEEPEST} levels")
            self.stopped = True
        return self.stopped

    def _at_key(self) -> bool:
        return bool(self._frames) and isinstance(self._frames[-1].value, dict) and self._frames[-1].key is _NO_KEY

    def _next_path(self) -> Path:
        if not self._frames:
            return ()
        frame = self._frames[-1]
        return (*frame.path, len(frame.value) if isinstance(frame.value, list) else frame.key)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            self._fault(event, f"the tag {event.tag!a} is refused: a configuration is plain data", "remove the tag")

    def _fault(self, event: Any, message: str, hint: str = "") -> None:
        line, column = _place(event)
        self.faults.append(Fault(message=message, hint=hint, file=self.file, line=line, column=column))


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _syntax_hint(line: str, column: int) -> str:
    if "\t" in line[: max(column, len(line) - len(line.lstrip()))]:
        return "indent with spaces; there is a tab in this line"
    if "${" in line:
        return 'put a value with ${…} in quotes: "${env:NAME}"'
    return ""
