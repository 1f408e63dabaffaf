"""The label of a packed artifact: what its files are, in a file beside them. It may come from anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from zen.errors import ArtifactNotFound, MaterializerError
from zen.records import FileEntry, Manifest, to_json
from zen.records.codec import record
from zen.storage.filenames import check_file_name, shown

LABEL = "zen-artifact.json"
MOST_LABEL = 32 * 1024 * 1024
"""Bytes of a label: that of an artifact with 100,000 files has about 20 million."""
_VERSION = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FORMAT = re.compile(r"[ -~]{0,100}")
_TYPE = re.compile(r"[^\x00-\x1f\ud800-\udfff]{0,500}")
_REFERENCE = re.compile(r"[^\x00-\x1f\ud800-\udfff:]{1,300}:[^\x00-\x1f\ud800-\udfff:]{1,300}")
_LARGEST = 1 << 62  # bytes: what any database and any file system has a number for


@record()
class Label:
    """What stands beside the files: the manifest, and `module:Class` of the materializer that wrote them.

    Attributes:
        origin: What the store that it was exported from knows about it: plain data, for people only.
    """

    manifest: Manifest
    materializer: str
    origin: dict[str, Any] = field(default_factory=dict)


def label_text(label: Label) -> str:
    """Return the text of the file."""
    return json.dumps({"version": _VERSION, **to_json(label)}, indent=1)


def write_label(folder: Path, label: Label) -> None:
    """Write the file that says what the others are."""
    (folder / LABEL).write_text(label_text(label), encoding="utf-8")


def read_label(folder: Path) -> Label:
    """Return what the files of a folder are.

    Raises:
        ArtifactNotFound: When the folder holds no packed artifact, or one of a newer zen.
        MaterializerError: When it names a file that no artifact can have.
    """
    try:
        with (folder / LABEL).open("rb") as file:
            text = file.read(MOST_LABEL + 1)
    except OSError as error:
        raise _none(str(folder), str(error)) from error
    return parse_label(text, str(folder))


def parse_label(text: bytes, place: str) -> Label:
    """Return the label that a text says, every part of it checked: what errors call `place` may come from anybody.

    Raises:
        ArtifactNotFound: When it is none, or one of a newer zen.
        MaterializerError: When it names a file that no artifact can have.
    """
    if len(text) > MOST_LABEL:
        raise _none(place, f"{LABEL} has more than {MOST_LABEL:,} bytes")
    try:
        data = json.loads(text.decode("utf-8"), object_pairs_hook=_each_once)
        version = data["version"]
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise _none(place, f"{LABEL} cannot be read ({type(error).__name__}: {error})") from error
    if version != _VERSION or type(version) is not int:
        raise ArtifactNotFound(
            f"{place} holds a packed artifact of version {version!r:.20}; this zen reads {_VERSION}",
            hint="unpack it with the zen that packed it",
        )
    try:
        return _label(data)
    except MaterializerError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise _none(place, f"{LABEL} is not one that zen wrote ({error})") from error


def _label(data: dict[str, Any]) -> Label:
    given = _of(dict, data["manifest"], "manifest")
    manifest = Manifest(
        format=_text(_FORMAT, given["format"], "format"),
        version=_number(given.get("version", 1), "version", 1),
        type=_text(_TYPE, given.get("type", ""), "type"),
        files=_files(_of(list, given.get("files", []), "files")),
        unsafe=_of(bool, given.get("unsafe", False), "unsafe"),
    )
    materializer = _text(_REFERENCE, data["materializer"], "materializer")
    return Label(manifest=manifest, materializer=materializer, origin=_of(dict, data.get("origin", {}), "origin"))


def _files(data: Sequence[Any]) -> tuple[FileEntry, ...]:
    files = tuple(
        FileEntry(
            name=_file_name(_of(dict, each, "a file")["name"]),
            digest=_text(_DIGEST, each["digest"], "digest"),
            size=_number(each["size"], "size", 0),
        )
        for each in data
    )
    if len({file.name for file in files}) < len(files):
        raise ValueError("it names a file twice")
    return files


def _file_name(name: Any) -> str:
    checked = check_file_name(_of(str, name, "name"))
    if checked == LABEL:
        raise ValueError(f"{LABEL} cannot be one of the files")
    return checked


def _text(pattern: re.Pattern[str], value: Any, what: str) -> str:
    text = str(_of(str, value, what))
    if not pattern.fullmatch(text):
        raise ValueError(f"its {what} is {shown(text)}")
    return text


def _number(value: Any, what: str, least: int) -> int:
    if not least <= _of(int, value, what) < _LARGEST:
        raise ValueError(f"its {what} is out of range")
    return int(value)


def _of(kind: type, value: Any, what: str) -> Any:
    if type(value) is not kind:
        raise TypeError(f"its {what} is a {type(value).__name__}")
    return value


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands there twice: one reader would take the first, another one the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _none(place: str, reason: str) -> ArtifactNotFound:
    return ArtifactNotFound(f"{place} holds no packed artifact: {reason}", hint="zen.pack makes one")
