"""What git ignores: its rules read and applied here, because starting git costs more than the whole snapshot.

Most rules are a name, a path or a suffix, and are looked up; only the others become regular expressions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SPECIAL = re.compile(r"[*?\[\\]")
_EXCLUDES = re.compile(r"^[ \t]*excludesfile[ \t]*=[ \t]*(.+?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_LARGEST = 1024 * 1024


@dataclass(slots=True)
class _Rule:
    number: int
    negated: bool
    folders: bool


@dataclass(slots=True)
class Rules:
    """The rules of one file, for what lies below one folder.

    Attributes:
        base: That folder, from the top of the repository: empty, or with a slash at the end.
    """

    base: str
    names: dict[str, list[_Rule]] = field(default_factory=dict)
    paths: dict[str, list[_Rule]] = field(default_factory=dict)
    suffixes: list[tuple[str, _Rule]] = field(default_factory=list)
    patterns: list[tuple[re.Pattern[str], _Rule]] = field(default_factory=list)

    def verdict(self, path: str, name: str, *, folder: bool) -> bool | None:
        """Return whether these rules ignore a file or folder; None if they say nothing of it.

        Args:
            path: From the top of the repository, below `base`.
            name: The last part of it.
            folder: Whether it is one.
        """
        last: _Rule | None = None
        below = path[len(self.base) :]
        for rule in (*self.names.get(name, ()), *self.paths.get(below, ())):
            if (folder or not rule.folders) and (last is None or rule.number > last.number):
                last = rule
        for suffix, rule in self.suffixes:
            if name.endswith(suffix) and (folder or not rule.folders) and (last is None or rule.number > last.number):
                last = rule
        for pattern, rule in self.patterns:
            newer = last is None or rule.number > last.number
            if newer and (folder or not rule.folders) and pattern.fullmatch(below):
                last = rule
        return None if last is None else not last.negated


def read_rules(path: str, base: str) -> Rules | None:
    """Return the rules of a file; None where there is none, or it cannot be read."""
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    return parse_rules(text, base)


def parse_rules(text: str, base: str = "") -> Rules | None:
    """Return the rules of the text of an ignore file; None if it has none."""
    rules = Rules(base)
    number = 0
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n")):
        _add(rules, number, line.removesuffix("\r"))
    return rules if rules.names or rules.paths or rules.suffixes or rules.patterns else None


def _add(rules: Rules, number: int, line: str) -> None:
    if line.startswith("#"):
        return
    text = line.rstrip(" ")
    if text.endswith("\\") and text != line:  # an escaped space at the end
        text += " "
    negated = text.startswith("!")
    text = text[1:] if negated else text
    folders = text.endswith("/")
    text = text[:-1] if folders else text
    if not text:
        return
    rule = _Rule(number, negated, folders)
    anchored = "/" in text
    text = text.removeprefix("/")
    rest = text.removeprefix("**/")
    if rest != text and "/" not in rest:  # `**/name` is `name`
        text, anchored = rest, False
    if not _SPECIAL.search(text):
        (rules.paths if anchored else rules.names).setdefault(text, []).append(rule)
    elif not anchored and text[0] == "*" and not _SPECIAL.search(text[1:]):
        rules.suffixes.append((text[1:], rule))
    else:
        pattern = _pattern(text if anchored else f"**/{text}")
        if pattern is not None:
            rules.patterns.append((pattern, rule))


def _pattern(text: str) -> re.Pattern[str] | None:
    """Return the regular expression of a pattern; None for one that matches nothing."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        found, place = _piece(text, place)
        parts.append(found)
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return None


def _piece(text: str, place: int) -> tuple[str, int]:
    """Return the expression of what stands at a place, and the place behind it."""
    char = text[place]
    if char == "*":
        end = place
        while end < len(text) and text[end] == "*":
            end += 1
        bounded = (place == 0 or text[place - 1] == "/") and (end == len(text) or text[end] == "/")
        if end - place == 2 and bounded:
            return (".*", end) if end == len(text) else ("(?:.*/)?", end + 1)
        return "[^/]*", end
    if char == "?":
        return "[^/]", place + 1
    if char == "[" and (end := _end_of_set(text, place)) > 0:
        return _set(text[place + 1 : end]), end + 1
    if char == "[":  # never closed: git lets it match nothing
        return r"(?!)", len(text)
    if char == "\\" and place + 1 < len(text):
        return re.escape(text[place + 1]), place + 2
    return re.escape(char), place + 1


def _end_of_set(text: str, place: int) -> int:
    place += 1
    if text[place : place + 1] in ("!", "^"):
        place += 1
    if text[place : place + 1] == "]":
        place += 1
    while place < len(text) and text[place] != "]":
        if text.startswith("[:", place) and (end := text.find(":]", place)) > 0:
            place = end + 1
        place += 2 if text[place] == "\\" else 1
    return place if place < len(text) else 0


_CLASSES = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:xdigit:]": "0-9a-fA-F",
    "[:punct:]": r"!-/:-@\[-`{-~",
}


def _set(inner: str) -> str:
    negated = inner[:1] in ("!", "^")
    inner = inner[1:] if negated else inner
    for name, members in _CLASSES.items():
        inner = inner.replace(name, members)
    inner = inner.replace("[", r"\[") if r"\[" not in inner else inner
    if inner.startswith("]"):
        inner = "\\" + inner
    return f"(?!/)[{'^' if negated else ''}{inner}]"


def rules_above(top: Path, git: Path, root: Path) -> list[Rules]:
    """Return the rules that hold in `root` before its own; the last ones count most.

    These are those of the person, of the repository, and of the folders above.
    """
    found = [*_personal(git), read_rules(str(git / "info" / "exclude"), "")]
    folder = top
    for part in root.relative_to(top).parts:
        base = folder.relative_to(top).as_posix()
        found.append(read_rules(str(folder / ".gitignore"), "" if folder == top else f"{base}/"))
        folder = folder / part
    return [rules for rules in found if rules is not None]


def _personal(git: Path) -> Iterator[Rules | None]:
    home = os.path.expanduser("~")
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    chosen = os.path.join(settings, "git", "ignore")
    for config in (os.path.join(settings, "git", "config"), os.path.join(home, ".gitconfig"), str(git / "config")):
        try:
            with open(config, encoding="utf-8", errors="replace") as file:
                named = _EXCLUDES.findall(file.read(_LARGEST))
        except OSError:
            continue
        chosen = os.path.expanduser(named[-1].strip('"')) if named else chosen
    yield read_rules(chosen, "")


def ignored(path: str, name: str, rules: list[Rules], *, folder: bool) -> bool:
    """Say whether rules ignore a file or folder whose own folder they do not ignore; the last rules count most."""
    for each in reversed(rules):
        found = each.verdict(path, name, folder=folder)
        if found is not None:
            return found
    return False


def is_ignored_folder(folder: Path, top: Path, rules: list[Rules]) -> bool:
    """Say whether a folder, or one that it lies in, is ignored; the rules of folders above are among `rules`."""
    parts = folder.relative_to(top).parts
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        known = [each for each in rules if path.startswith(each.base)]
        if ignored(path, parts[count - 1], known, folder=True):
            return True
    return False
