"""Names that people, archives and files give: checked, or kept as data; none ever becomes a path or an address.

Law: whatever text stands where a name belongs, nothing outside of the project's state folder is written, the sentinels
beside the project are not opened, nothing is connected to, and the answer is a value or a `ZenError`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import os
import random
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import zen
from zen import Client, Model
from zen.cli.main import main
from zen.client import close_all
from zen.errors import UsageError, ZenError

FULL = os.environ.get("ZEN_FAULTS") in ("full", "nightly")
NAMES = 3000 if FULL else 300
LABEL = "zen-artifact.json"

PARTS = (
    *(
        "..",
        ".",
        "~",
        "a",
        "sentinel",
        "CON",
        "nul.txt",
        "aux",
        "com1",
        "LPT9.log",
        "x.",
        "x ",
        " x",
        "x:y",
        "C:",
        "C:x",
    ),
    *(
        "",
        "-",
        "--help",
        "-rf",
        "$HOME",
        "${env:HOME}",
        "%TEMP%",
        "`id`",
        "$(id)",
        ";",
        "|",
        "&&",
        "*",
        "?",
        "[a]",
        "{a}",
    ),
    *(
        "\0",
        "\n",
        "\r",
        "\t",
        "\x1b[31m",
        "\x7f",
        "\u202e",
        "\u200f",
        "\u200b",
        "\ufeff",
        "\ud800",
        "\udcff",
        "é",
        "e\u0301",
    ),
    *(
        "раndas",
        "ｎｕｍｐｙ",
        "٣",
        "²",
        "💥",
        "ß",
        "İ",
        "x" * 300,
        "x" * 70,
        "'",
        '"',
        "\\",
        "<b>",
        "%2e%2e",
        "..;",
        "#",
        "@1",
    ),
    *(
        "last",
        "last~1",
        "last~9999999999999999999",
        "@99999999999999999999",
        "@²",
        "' OR 1=1 --",
        "%s",
        "{0}",
        "null",
        "true",
    ),
)
WHOLE = (
    *("../sentinel", "../../sentinel", "..\\sentinel", "/etc/passwd", "C:\\x", "\\\\host\\share\\x", "//host/share/x"),
    *(
        "file:///etc/passwd",
        "http://127.0.0.1:9/x",
        "https://example.com/x",
        "s3://bucket/x",
        "ftp://host/x",
        "zip::file:x",
    ),
    *(
        "artifact:../sentinel",
        "run:../sentinel",
        "model:../x@../y",
        "commit:../x",
        "deployment:../x",
        "../x@3",
        "x@../3",
    ),
    *("", " ", ".", "..", "...", "/", "\\", "~root", "con", "NUL.tar.gz", "a" * 5000, "a/" * 500, "\0", "nul", "."),
)


def name_number(number: int, chance: random.Random, top: Path) -> str:
    """Return one of the names that are known to do harm, or one made of their parts."""
    whole = (*WHOLE, *PARTS, str(top / "sentinel"), f"file://{top}/sentinel", str(top / "project" / ".." / "sentinel"))
    if number < len(whole):
        return whole[number]
    parts = [chance.choice(PARTS) for _ in range(chance.randint(1, 5))]
    return chance.choice(("/", "\\", "", ".", "/../", "%2f", ":")).join(parts)


class Watch:
    """Notes what this process opens, changes and connects to, from `start` to `stop`; hooks cannot be taken out."""

    def __init__(self) -> None:
        self.on = False
        self.allowed: tuple[str, ...] = ()
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in (
            "socket.connect",
            "socket.sendto",
            "socket.getaddrinfo",
            "urllib.Request",
            "subprocess.Popen",
            "os.system",
        ):
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes | os.PathLike):
                self._opened(os.path.abspath(os.fsdecode(path)), flags)
        elif event in (
            "os.mkdir",
            "os.remove",
            "os.rename",
            "os.rmdir",
            "os.link",
            "os.symlink",
            "os.truncate",
            "os.chmod",
        ):
            # Relative to an open folder, where that comes last: so `shutil.rmtree` removes what is in one.
            base = f"/proc/self/fd/{arguments[-1]}"
            folder = os.readlink(base) if arguments[-1] not in (-1, None) and os.path.exists(base) else ""
            for path in (each for each in arguments if isinstance(each, str | bytes | os.PathLike)):
                self._changed(event, os.path.abspath(os.path.join(folder, os.fsdecode(path))))

    def _opened(self, path: str, flags: int) -> None:
        if os.path.basename(path) == "sentinel" or path == "/etc/passwd":
            self.seen.append(f"open {path}")
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._changed("write", path)

    def _changed(self, event: str, path: str) -> None:
        if not path.startswith(self.allowed) and path != os.devnull:
            self.seen.append(f"{event} {path}")


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture
def project(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a project with a run and a model, sentinels above it and beside it, and something that notes."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").touch()
    for folder in (tmp_path, root, tmp_path.parent):
        (folder / "sentinel").write_bytes(b"keep out")
    for name in [name for name in os.environ if name.startswith("ZEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ZEN_PROGRESS", "off")
    monkeypatch.chdir(root)
    zen.save_artifact([1], "plain")
    watch.allowed = (str(root / ".zen"), str(tmp_path / "private"))
    (tmp_path / "private").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "private"))
    watch.seen = []
    yield root
    watch.on = False
    close_all()


def walk(top: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in (".zen", "private", "__pycache__")]
        found.update(
            (str(path), (path.lstat().st_mtime_ns, path.lstat().st_size)) for path in map(Path(folder).joinpath, files)
        )
        found.update((str(Path(folder, name)), (0, 0)) for name in folders)
    return found


def api_routes(client: Client) -> tuple[Callable[[str], object], ...]:
    return (
        lambda name: zen.save_artifact([1], name),
        client.artifact,
        client.run,
        client.model,
        client.lineage,
        client.why,
        client.requirements,
        lambda name: client.runs(name=name, tag=name, pipeline=name, state=name),
        lambda name: client.runs(where=name),
        lambda name: client.artifact("plain").path(name),
        lambda name: Client(stack=name),
        lambda name: Model(name),
        lambda name: Model("ok", version=name).spec() and client.model("ok", name),
        lambda name: client.promote("churn@1", alias=name),
        lambda name: client.deploy("churn@1", name),
        lambda name: client.artifacts(name=name),
        lambda name: client.artifact("plain").trust(name) and client.artifact("plain").distrust(),
        lambda name: zen.step(name=name)(walk),
        lambda name: zen.pipeline(name=name)(walk),
    )


COMMANDS = (
    ("artifact", "show"),
    ("artifact", "trust", "--reason", "x"),
    ("artifact", "distrust"),
    ("artifact", "list", "--name"),
    ("show",),
    ("logs",),
    ("why",),
    ("lineage",),
    ("runs", "--name"),
    ("runs", "--tag"),
    ("runs", "--stack"),
    ("stack", "show"),
    ("stack", "use"),
    ("model", "show"),
    ("model", "history"),
    ("flavor", "show"),
    ("plugin", "show"),
    ("compare", "last"),
    ("artifact", "import", "no.zip", "--name"),
)


def names(top: Path) -> Iterator[str]:
    chance = random.Random(1)
    return (name_number(number, chance, top) for number in range(NAMES))


def test_names_reach_no_path_through_the_api(project: Path, watch: Watch, tmp_path: Path, record_property: Any) -> None:
    client = Client(root=project)
    routes, before = api_routes(client), walk(tmp_path)
    refused = calls = 0
    watch.on = True
    for number, name in enumerate(names(tmp_path)):
        # All routes for the names that are known to do harm, one after the other for the rest.
        for route in routes if number < 150 else (routes[number % len(routes)],):
            calls += 1
            try:
                route(name)
            except ZenError as error:
                refused += 1
                assert error.message
    watch.on = False
    assert watch.seen == []
    assert walk(tmp_path) == before
    assert refused > calls / 2
    record_property("calls", calls)


def test_names_reach_no_path_through_the_command_line(
    project: Path, watch: Watch, tmp_path: Path, record_property: Any
) -> None:
    main(["artifact", "list"])
    before, calls = walk(tmp_path), 0
    watch.on = True
    for number, name in enumerate(names(tmp_path)):
        for command in COMMANDS if number < 20 else (COMMANDS[number % len(COMMANDS)],):
            said = io.TextIOWrapper(io.BytesIO(), errors="backslashreplace")
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                main([*command, name])
            said.seek(0)
            assert "unexpected" not in (text := said.read()), f"{command} {name!a}: {text}"
            assert "Traceback" not in text
            calls += 1
    watch.on = False
    assert watch.seen == []
    (project / ".zen" / "stack").unlink(missing_ok=True)
    assert walk(tmp_path) == before
    record_property("calls", calls)


def test_names_in_archives_reach_no_path(project: Path, watch: Watch, tmp_path: Path) -> None:
    """As the name of a file in the archive and in the label, and as the name of the artifact."""
    client, archive = Client(root=project), tmp_path / "private" / "a.zip"
    before = walk(tmp_path)
    digest = f"sha256:{hashlib.sha256(b'abc').hexdigest()}"
    watch.on = True
    for number, name in enumerate(names(tmp_path)):
        entry = {"name": name if number % 3 else "data", "digest": digest, "size": 3}
        label = {
            "version": 1,
            "manifest": {"format": name if number % 7 == 0 else "bytes", "type": name, "files": [entry]},
            "materializer": "zen.builtin.materializers.plain:BytesMaterializer",
            "origin": {"name": "data" if number % 3 else name, "metadata": {name: name}},
        }
        with zipfile.ZipFile(archive, "w") as target, contextlib.suppress(IndexError, ValueError):
            target.writestr(LABEL, json.dumps(label))
            target.writestr(entry["name"] if number % 2 else "data", b"abc")
        with contextlib.suppress(ZenError):
            found = client.import_artifact(archive)
            for file in found.files:
                assert found.path(file.name).read_bytes() == b"abc"
            found._repr_html_()
    watch.on = False
    assert watch.seen == []
    assert walk(tmp_path) == before


def test_names_inside_a_step_reach_no_path(
    project: Path, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step logs has a name too; and so have its run, its tags and the steps themselves."""
    (project / "logging_flow.py").write_text(FLOW)
    (project / "picture.png").write_bytes(b"png")
    monkeypatch.syspath_prepend(str(project))
    flow = importlib.import_module("logging_flow")
    flow.given[:] = list(names(tmp_path))
    before = walk(tmp_path)
    watch.on = True
    assert flow.flow().state == "completed"
    flow.given[:] = flow.given[:1]
    for name in list(names(tmp_path))[:40]:
        with contextlib.suppress(ZenError):
            flow.flow.with_options(run_name=name, tags=[name] if name else [])()
    watch.on = False
    assert watch.seen == []
    assert walk(tmp_path) == before


FLOW = """
import contextlib
from pathlib import Path
import zen

given = []
picture = Path(__file__).with_name("picture.png")

class Drawn:
    def savefig(self, path):
        Path(path).write_bytes(b"png")

ROUTES = (
    lambda name: zen.log_metrics({name: 1.0}),
    lambda name: zen.log_params({name: 1}),
    lambda name: zen.log_metadata({name: name}),
    lambda name: zen.log_table([{"a": 1}], name),
    lambda name: zen.log_figure(picture, name),
    lambda name: zen.log_figure(Drawn(), name),
    lambda name: zen.log_file(picture, name),
    lambda name: zen.save_artifact(1, name),
    lambda name: zen.load_artifact(name),
    lambda name: zen.promote(name),
)

@zen.step(enable_cache=False)
def work() -> None:
    for number, name in enumerate(given):
        with contextlib.suppress(zen.ZenError):
            ROUTES[number % len(ROUTES)](name)

@zen.pipeline(model=zen.Model("churn"))
def flow():
    work()
"""


BAD_NAMES = ("../x", "a/b", ".", "..", "C:\\x", "\\\\host\\share", "x ", "x" * 300, "a\0", "a\nb")


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_bad_name_is_refused_for_each_kind_of_thing(project: Path, name: str) -> None:
    client = Client(root=project)
    for route in (
        lambda: zen.save_artifact(1, name),
        lambda: Model(name),
        lambda: client.deploy("churn", name),
        lambda: client.promote("churn@1", alias=name),
        lambda: zen.step(name=name)(walk),
        lambda: zen.pipeline(name=name)(walk),
        lambda: Client(stack=name),
    ):
        with pytest.raises(ZenError):
            route()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("раndas", "U+0440 CYRILLIC SMALL LETTER ER, U+0430 CYRILLIC SMALL LETTER A"),
        ("pan\u200bdas", "U+200B ZERO WIDTH SPACE"),
        ("pan\u202edas", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("pan\u200fdas", "U+200F RIGHT-TO-LEFT MARK"),
        ("ｐandas", "U+FF50 FULLWIDTH LATIN SMALL LETTER P"),
        ("pan\0das", "U+0000"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_in_a_name_is_said(project: Path, name: str, said: str) -> None:
    (project / "zen.yaml").write_text(json.dumps({"stacks": {name: {}}}), encoding="utf-8")
    with pytest.raises(ZenError) as stack:
        Client(root=project, stack="local")
    (project / "zen.yaml").unlink()
    errors = [str(stack.value)]
    for route in (Model, lambda name: zen.save_artifact(1, name), zen.step(walk).with_options):
        with pytest.raises(UsageError) as caught:
            route(name) if route is Model or not hasattr(route, "__self__") else route(name=name)
        errors.append(str(caught.value))
    for text in errors:
        assert said in text
        assert unicodedata.normalize("NFKC", name) not in text


def test_names_of_stacks_never_differ_by_case_alone(project: Path) -> None:
    (project / "zen.yaml").write_text("stacks: {prod: {}, Prod: {}}")
    with pytest.raises(ZenError, match="'Prod' is no name for a stack: it has upper-case letters"):
        Client(root=project, stack="prod")
