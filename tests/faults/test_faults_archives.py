"""Archives that somebody else has written: refused with a reason, or exactly what their label says; nothing beside it.

Law: whatever the archive, importing it writes nowhere but below the project's state folder, leaves nothing staged there,
records nothing unless every byte is the label's, and ends in a `ZenError` that says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zen import Client
from zen.client import close_all
from zen.errors import ZenError
from zen.storage.archive import Limits

FULL = os.environ.get("ZEN_FAULTS") in ("full", "nightly")
FLIPS = 4000 if FULL else 300
LABEL = "zen-artifact.json"
BYTES = "zen.builtin.materializers.plain:BytesMaterializer"
BIG = 10 * 1024**3
Entry = tuple[str, bytes, dict[str, Any]]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").touch()
    (tmp_path / "sentinel").write_bytes(b"keep out")
    monkeypatch.chdir(project)
    yield Client(root=project)
    close_all()


def label(files: dict[str, bytes], **changes: Any) -> bytes:
    """Return the label of an artifact of these files."""
    entries = [
        {"name": name, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
        for name, data in files.items()
    ]
    manifest = {"format": "bytes", "type": "builtins.bytes", "files": entries, **changes.pop("manifest", {})}
    return json.dumps(
        {"version": 1, "manifest": manifest, "materializer": BYTES, "origin": {"name": "x"}, **changes}
    ).encode()


def raw(path: Path, *entries: Entry) -> None:
    """Write a zip file that says what it is told to, true or not.

    An entry is its name, its bytes and what to lie about: `stored` (what lies in the archive in place of the bytes),
    `size`, `crc`, `flags`, `method`, `mode`, `at` (the offset of its header), `local` (its name there).
    """
    body, directory = bytearray(), bytearray()
    for name, data, lies in entries:
        stored = lies.get("stored", data)
        name_bytes, local = name.encode(), lies.get("local", name).encode()
        size, crc = lies.get("size", len(data)), lies.get("crc", zlib.crc32(data))
        flags, method = lies.get("flags", 0) | 0x800, lies.get("method", 0)
        at = lies.get("at", len(body))
        extra = struct.pack("<HHQ", 1, 8, size) if size > 0xFFFFFFFE else b""
        short = 0xFFFFFFFF if extra else size
        common = struct.pack("<HHHHHIII", 20, flags, method, 0, 33, crc, len(stored), short)
        body += b"PK\x03\x04" + common + struct.pack("<HH", len(local), 0) + local + stored
        mode = lies.get("mode", stat.S_IFREG | 0o644) << 16
        directory += b"PK\x01\x02" + struct.pack("<H", 0x0314) + common
        directory += struct.pack("<HHHHHII", len(name_bytes), len(extra), 0, 0, 0, mode, at) + name_bytes + extra
    end = struct.pack("<HHHHIIH", 0, 0, len(entries) & 0xFFFF, len(entries) & 0xFFFF, len(directory), len(body), 0)
    path.write_bytes(bytes(body + directory) + b"PK\x05\x06" + end)


def entry(name: str, data: bytes = b"abc", **lies: Any) -> Entry:
    return name, data, lies


def zeros(count: int) -> bytes:
    """Return a deflate stream of that many zeros, made of one block again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (count >> 24) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def named(*names: str) -> Callable[[Path], None]:
    """Make an archive that is right in all but the names of its files."""

    def make(path: Path) -> None:
        files = dict.fromkeys(names, b"abc")
        raw(path, entry(LABEL, label(files)), *(entry(name) for name in names))

    return make


def holding(*entries: Entry, **changes: Any) -> Callable[[Path], None]:
    """Make an archive whose label names `data`, with these entries beside the label."""
    return lambda path: raw(path, entry(LABEL, label({"data": b"abc"}, **changes)), *entries)


def big(**lies: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        file = {"name": "data", "digest": "sha256:" + "0" * 64, "size": lies["size"]}
        text = label({}, manifest={"files": [file]})
        raw(path, entry(LABEL, text), entry("data", stored=zeros(BIG), method=8, crc=0, **lies))

    return make


def a_tar(path: Path) -> None:
    """Only tar has hard links, devices and pipes; no tar is read."""
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE):
            info = tarfile.TarInfo("data")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)


def cut(path: Path) -> None:
    named("data")(path)
    path.write_bytes(path.read_bytes()[:-30])


def many(path: Path) -> None:
    raw(path, *(entry(f"e{number}", b"") for number in range(300_000)))


def second_file_wrong(path: Path) -> None:
    """Let a large file be staged before the next one is found wrong."""
    files = {"a": bytes(100_000), "z": b"abc"}
    raw(path, entry(LABEL, label(files)), entry("a", files["a"]), entry("z", b"xyz"))


def lying_directory(path: Path) -> None:
    """Say that the table of contents has 4 GB."""
    named("data")(path)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(data)


ABC = entry("data")
REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "climbing": (named("../data"), r"cannot name a file of an artifact"),
    "climbing inside": (named("a/../../data"), r"cannot name a file of an artifact"),
    "absolute": (named("/tmp/data"), r"cannot name a file of an artifact"),
    "drive": (named("C:/data"), r"cannot (name a file|have)"),
    "drive without a slash": (named("C:data"), r"cannot (name a file|have)"),
    "backslashes": (named("..\\data"), r"cannot name a file of an artifact"),
    "UNC": (named("\\\\host\\share\\data"), r"cannot name a file of an artifact"),
    "UNC with slashes": (named("//host/share/data"), r"cannot name a file of an artifact"),
    "empty": (named(""), r"cannot name a file of an artifact|no whole zip file"),
    "dot": (named("./data"), r"cannot name a file of an artifact"),
    "NUL": (named("da\0ta"), r"cannot name a file of an artifact"),
    "newline": (named("da\nta"), r"cannot name a file of an artifact"),
    "too long a part": (named("d" * 300), r"at most 255 bytes|300 characters"),
    "too long": (named("/".join(["d" * 200] * 20)), r"cannot name a file of an artifact"),
    "device": (named("CON"), r"Windows cannot have"),
    "device with an extension": (named("a/nul.txt"), r"Windows cannot have"),
    "trailing dot": (named("data."), r"Windows cannot have"),
    "trailing space": (named("data "), r"Windows cannot have"),
    "stream": (named("data:stream"), r"Windows cannot have"),
    "question mark": (named("data?"), r"Windows cannot have"),
    "case": (named("Data", "data"), r"one file on some disks"),
    "case of a folder": (named("A/x", "a/y"), r"one file on some disks"),
    "accents": (named(unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")), r"one file on some disks"),
    "folded": (named("straße", "strasse"), r"one file on some disks"),
    "file and folder": (named("data", "data/x"), r"lies below what is a file"),
    "the label again": (named(LABEL), r"twice|cannot be one of the files"),
    "twice": (holding(ABC, ABC), r"'data' twice"),
    "twice, other bytes": (holding(ABC, entry("data", b"xyz")), r"'data' twice"),
    "two labels": (holding(ABC, entry(LABEL, label({"data": b"xyz"}))), r"twice"),
    "not in the label": (holding(ABC, entry("more")), r"does not name: 'more'"),
    "climbing beside": (holding(ABC, entry("../evil")), r"does not name: '\.\./evil'"),
    "folder beside": (holding(ABC, entry("folder/", b"", mode=stat.S_IFDIR | 0o755)), r"does not name"),
    "not in the archive": (holding(), r"lacks what its label names: 'data'"),
    "other bytes": (holding(entry("data", b"abd")), r"is not the file that was exported"),
    "more bytes": (holding(entry("data", b"abcd")), r"is not the file that was exported"),
    "less bytes": (holding(entry("data", b"ab")), r"is not the file that was exported"),
    "second file other bytes": (second_file_wrong, r"'z' in the archive .* is not the file that was exported"),
    "other checksum": (holding(entry("data", crc=1)), r"no whole zip file.*CRC"),
    "more bytes than it says": (holding(entry("data", b"abcd", size=3)), r"no whole zip file|not the file"),
    "other name inside": (holding(entry("data", local="../x")), r"no whole zip file"),
    "link": (holding(entry("data", mode=stat.S_IFLNK | 0o777)), r"a link, a device or a pipe"),
    "link, then a file in it": (
        holding(ABC, entry("folder", b"/tmp", mode=stat.S_IFLNK | 0o777), entry("folder/x")),
        r"a link, a device or a pipe",
    ),
    "character device": (holding(entry("data", mode=stat.S_IFCHR | 0o666)), r"a link, a device or a pipe"),
    "block device": (holding(entry("data", mode=stat.S_IFBLK | 0o666)), r"a link, a device or a pipe"),
    "pipe": (holding(entry("data", mode=stat.S_IFIFO | 0o666)), r"a link, a device or a pipe"),
    "socket": (holding(entry("data", mode=stat.S_IFSOCK | 0o666)), r"a link, a device or a pipe"),
    "tar": (a_tar, r"no whole zip file"),
    "encrypted": (holding(entry("data", flags=1)), r"is encrypted"),
    "strongly encrypted": (holding(entry("data", flags=0x41)), r"is encrypted"),
    "bzip2": (holding(entry("data", method=12)), r"method 12"),
    "lzma": (holding(entry("data", method=14)), r"method 14"),
    "unknown method": (holding(entry("data", method=99)), r"method 99"),
    "not deflated": (holding(entry("data", stored=b"\xff\xff\xff", method=8)), r"no whole zip file"),
    "entries in one place": (holding(ABC, entry("data2", at=0)), r"inside another entry"),
    "truncated": (cut, r"no whole zip file"),
    "empty file": (lambda path: path.write_bytes(b""), r"no whole zip file"),
    "text": (lambda path: path.write_bytes(b"hello" * 100), r"no whole zip file"),
    "no entries": (lambda path: raw(path), rf"has no {LABEL}"),
    "no label": (lambda path: raw(path, ABC), rf"has no {LABEL}"),
    "10 GB, declared": (big(size=BIG), r"unpacks to 10,737,418,\d+ bytes, more than"),
    "4 GB, declared": (big(size=1 << 32), r"times its size, more than 100"),
    "10 GB, undeclared": (big(size=1000), r"not the file|no whole zip"),
    "300,000 entries": (many, r"more than 100,000 entries"),
    "a directory of 4 GB": (lying_directory, r"no whole zip file"),
    "label is no JSON": (lambda path: raw(path, entry(LABEL, b"{"), ABC), r"cannot be read"),
    "label is a list": (lambda path: raw(path, entry(LABEL, b"[]"), ABC), r"cannot be read"),
    "label is nested": (lambda path: raw(path, entry(LABEL, b"[" * 200_000), ABC), r"cannot be read"),
    "label is no text": (lambda path: raw(path, entry(LABEL, b"\xff\xfe{}"), ABC), r"cannot be read"),
    "label says a key twice": (
        lambda path: raw(path, entry(LABEL, label({"data": b"abc"})[:-1] + b', "version": 1}'), ABC),
        r"a key stands there twice",
    ),
    "another version": (holding(ABC, version=2), r"of version 2"),
    "version is no number": (holding(ABC, version=True), r"of version True"),
    "size is no number": (
        holding(ABC, manifest={"files": [{"name": "data", "digest": "sha256:" + "0" * 64, "size": "3"}]}),
        r"its size is a str",
    ),
    "size is negative": (
        holding(ABC, manifest={"files": [{"name": "data", "digest": "sha256:" + "0" * 64, "size": -3}]}),
        r"out of range",
    ),
    "digest is a path": (
        holding(ABC, manifest={"files": [{"name": "data", "digest": "sha256:../../../x", "size": 3}]}),
        r"its digest is",
    ),
    "digest is another": (
        holding(ABC, manifest={"files": [{"name": "data", "digest": "sha256:" + "0" * 64, "size": 3}]}),
        r"not the file that was exported",
    ),
    "materializer is no reference": (holding(ABC, materializer="os.system"), r"its materializer is"),
    "name is a path": (holding(ABC, origin={"name": "../x"}), r"does not say what its artifact is called"),
    "name is a number": (holding(ABC, origin={"name": 5}), r"does not say what its artifact is called"),
}


def walk(top: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what lies below a folder, without the state of the project."""
    found = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != ".zen"]
        for name in files:
            path = Path(folder, name)
            status = path.lstat()
            found[str(path)] = (status.st_mtime_ns, status.st_mode, path.read_bytes() if status.st_size < 9999 else b"")
    return found


def staged(client: Client) -> list[Path]:
    folder = client.open_stack.state / "artifacts" / "staging"
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_archive_is_refused_and_leaves_nothing(client: Client, tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    archive = tmp_path / "hostile.zip"
    make(archive)
    before = walk(tmp_path)
    with pytest.raises(ZenError, match=message):
        client.import_artifact(archive)
    assert walk(tmp_path) == before
    assert client.artifacts() == []
    assert staged(client) == []


@pytest.mark.parametrize(
    "limits", [{"most_bytes": 100}, {"most_files": 1}, {"most_ratio": 2}], ids=["bytes", "files", "ratio"]
)
def test_limits_are_the_callers(client: Client, tmp_path: Path, limits: Any) -> None:
    files = {"a": bytes(2_000_000), "b": b"x"}
    wide = Limits(most_ratio=2000)
    limits = replace(wide, **limits)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {LABEL: label(files), **files}.items():
            archive.writestr(name, data)
    with pytest.raises(ZenError, match=r"more than (100|1 entries|1 files|2)\n"):
        client.import_artifact(tmp_path / "a.zip", limits=limits)
    assert client.import_artifact(tmp_path / "a.zip", limits=wide).size == 2_000_001


def test_an_archive_inside_is_bytes_like_any(client: Client, tmp_path: Path) -> None:
    named("../climbing")(tmp_path / "inner.zip")
    files = {"inner.zip": (tmp_path / "inner.zip").read_bytes()}
    raw(tmp_path / "outer.zip", entry(LABEL, label(files)), *(entry(name, data) for name, data in files.items()))
    found = client.import_artifact(tmp_path / "outer.zip")
    assert found.path("inner.zip").read_bytes() == files["inner.zip"]


def test_a_folder_zipped_by_another_tool_is_read(client: Client, tmp_path: Path) -> None:
    """Such tools write entries for folders."""
    files = {"a/b/data": b"abc"}
    folders = [entry("a/", b"", mode=stat.S_IFDIR | 0o755), entry("a/b/", b"", mode=stat.S_IFDIR | 0o755)]
    raw(tmp_path / "a.zip", entry(LABEL, label(files)), *folders, entry("a/b/data"))
    assert client.import_artifact(tmp_path / "a.zip").size == 3


def test_entries_are_counted_before_they_are_objects(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten million of them would fill the memory of whoever looks how many they are."""
    many(tmp_path / "many.zip")
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("an entry became an object"))
    with pytest.raises(ZenError, match="more than 100,000 entries"):
        client.import_artifact(tmp_path / "many.zip")


@pytest.mark.parametrize("kind", ["folder", "pipe", "nothing", "NUL"])
def test_what_is_no_file_is_refused_at_once(client: Client, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.zip"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ZenError, match="is no file|no archive"):
        client.import_artifact(Path("a\0b") if kind == "NUL" else path)


def test_changed_bytes_are_refused_or_change_nothing(client: Client, tmp_path: Path, record_property: Any) -> None:
    """Each flip or cut gives a refusal, or the very artifact: some bytes of a zip file mean nothing."""
    chance = random.Random(20)
    files = {"data": chance.randbytes(300), "more/data": chance.randbytes(50_000)}
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {LABEL: label(files), **files}.items():
            archive.writestr(name, data)
    whole = (tmp_path / "a.zip").read_bytes()
    digest = client.import_artifact(tmp_path / "a.zip").digest
    refused = 0
    # The label and the tables are where it is interesting; of the data a part is enough.
    places = [at for at in range(len(whole)) if at < 1500 or at > len(whole) - 600]
    for number in range(FLIPS):
        changed = bytearray(whole)
        if number % 10:
            changed[chance.choice(places)] ^= 1 << chance.randrange(8)
        else:
            del changed[chance.randrange(len(whole)) :]
        (tmp_path / "b.zip").write_bytes(changed)
        try:
            found = client.import_artifact(tmp_path / "b.zip", name="changed")
            text = json.loads(zipfile.ZipFile(tmp_path / "b.zip").read(LABEL))
        except ZenError:
            refused += 1
            continue
        # The format and the type are what the label says: they are not the bytes.
        assert found.digest == digest or text["manifest"] != json.loads(label(files))["manifest"]
        assert [file.digest for file in found.files] == [
            f"sha256:{hashlib.sha256(data).hexdigest()}" for data in files.values()
        ]
    assert refused > FLIPS / 2
    assert staged(client) == []
    record_property("flips", FLIPS)
    record_property("refused", refused)


def test_what_is_exported_comes_back(client: Client, tmp_path: Path) -> None:
    from zen import save_artifact

    made = save_artifact({"a": [1, 2.5], "b": None}, "plain")
    made.export(tmp_path / "plain.zip")
    made.export(tmp_path / "again.zip")
    assert (tmp_path / "plain.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    found = client.import_artifact(tmp_path / "plain.zip", name="other")
    assert (found.name, found.version, found.digest, found.run_id) == ("other", 1, made.digest, "")
    assert found.load() == {"a": [1, 2.5], "b": None}
    origin = found.metadata["imported"]["origin"]
    assert (origin["id"], origin["name"], origin["digest"]) == (made.id, "plain", made.digest)


def test_a_file_that_windows_cannot_have_is_not_exported(client: Client, tmp_path: Path) -> None:
    from zen import save_artifact

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a:b").touch()
    with pytest.raises(ZenError, match="Windows cannot have"):
        save_artifact(folder, "folder").export(tmp_path / "a.zip")
    assert not list(tmp_path.glob("*.zip")) + list(tmp_path.glob(".*.part"))
