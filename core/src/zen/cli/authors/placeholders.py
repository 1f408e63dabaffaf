"""What `zen plugin new` leaves to be written, where it still stands as it was left."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from zen.cli.authors.source import Source
from zen.cli.findings import Finding

__all__ = ["left_to_do"]

_MARK = re.compile(r"\W*(?:to[ -]?do\b|add your description here)", re.IGNORECASE)
_COMMENT = re.compile(r"#\s*(?:TODO\b|FIXME\b|to do:)")
_NAME = "left to do"


def left_to_do(source: Source) -> Iterator[Finding]:
    """Yield what stands in a project in place of something: broken for what users meet, a warning for comments."""
    places = [*_metadata(source), *_readme(source)]
    comments: list[str] = []
    for file in source.python_files():
        text = file.read_text(encoding="utf-8", errors="replace")
        where = file.relative_to(source.folder).as_posix()
        places += [f"{where}:{line}: {said}" for line, said in _arguments(text)]
        comments += [f"{where}:{line}: {said}" for line, said in _comments(text)]
    if places:
        yield Finding(
            name=_NAME,
            state="broken",
            detail="\n".join([f"{len(places)} of what `zen plugin new` left to be written", *places]),
            hint="write it, or remove it",
        )
    elif not comments:
        yield Finding(name=_NAME, detail="nothing that says so")
    if comments:
        yield Finding(
            name="notes", state="warning", detail="\n".join([f"{len(comments)} of things to be done", *comments])
        )


def _metadata(source: Source) -> Iterator[str]:
    said = str(source.project.get("description", ""))
    if _MARK.match(said):
        yield f"pyproject.toml: description: {said}"


def _readme(source: Source) -> Iterator[str]:
    file = next((path for path in sorted(source.folder.glob("README*")) if path.is_file()), None)
    if file is None:
        return
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if _MARK.match(line):
            yield f"{file.name}:{number}: {line.strip()}"


def _arguments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of what is raised, or given to something, as still to do."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # told where the module is loaded
        return
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        for given in (*call.args, *(keyword.value for keyword in call.keywords)):
            if isinstance(given, ast.Constant) and isinstance(given.value, str) and _MARK.match(given.value):
                yield given.lineno, given.value


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        found = _COMMENT.search(line)
        if found:
            yield number, line[found.start() :].strip()
