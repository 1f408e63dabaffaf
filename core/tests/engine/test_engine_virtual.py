"""Fresh environments: what uv is asked for. A program that writes down its arguments stands in for uv."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from zen.engine.reproducing import Repetition, moved, variables
from zen.engine.virtual import make_environment, requested
from zen.errors import RunError, UsageError
from zen.records import StackSpec
from zen.registry import Installed

UV = """#!{python}
import os, sys
with open({log!r}, "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "venv":
    if sys.argv[4] in {missing!r}:
        sys.exit("no such Python")
    os.makedirs(sys.argv[-1] + "/bin")
if "-r" in sys.argv and "gone" in open(sys.argv[-1]).read():
    sys.exit("no gone==1.0 in any index")
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch):
    (tmp_path / "tools").mkdir()

    def write(*missing: str) -> Path:
        program = tmp_path / "tools" / "uv"
        log = tmp_path / "log"
        program.write_text(UV.format(python=sys.executable, log=str(log), missing=missing))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        return log

    return write


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "pyproject.toml").touch()
    return path


def test_distributions_are_installed_from_where_they_came(tmp_path) -> None:
    root, source, other = folder(tmp_path / "root"), folder(tmp_path / "copy"), folder(tmp_path / "other")
    folder(source / "libs" / "inner")
    notes: list[str] = []
    found = requested(
        [
            Installed("numpy", "2.0"),
            Installed("acme", "1.0", "url", "https://example.org/acme.whl"),
            Installed("mine", "0.1", "editable", str(root)),
            Installed("inner", "0.1", "local", str(root / "libs" / "inner")),
            Installed("lost", "0.1", "editable", str(root / "src")),
            Installed("beside", "0.3", "editable", str(other)),
            Installed("gone", "0.3", "local", str(tmp_path / "nowhere")),
            Installed("odd", "0.4", "local", ""),
        ],
        root,
        source,
        notes,
    )
    assert found == (
        ["numpy==2.0", "acme @ https://example.org/acme.whl"],
        ["-e", str(source), str(source / "libs" / "inner"), "-e", str(other)],
    )
    assert notes == [
        "mine is installed from the snapshot",
        "inner is installed from the snapshot",
        "lost is left out: the snapshot has nothing to install it from; its folder is on the path",
        f"beside 0.3 is installed from its current source in {other}, as it is now",
        f"gone 0.3 is left out: there is nothing to install in {tmp_path / 'nowhere'} any more",
        "odd 0.4 is left out: nothing says where it came from",
    ]


def test_a_fresh_environment_sees_the_project_and_nothing_of_this_one(tmp_path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    for name in ("src", ".venv/lib/site-packages", "data"):
        (root / name).mkdir(parents=True)
    (copy / "src").mkdir(parents=True)
    site = str(root / ".venv" / "lib" / "site-packages")
    path = [str(root), str(root / "src"), str(root / "data"), site, "/usr/lib/other", str(copy)]
    assert moved(path, root, copy) == [str(copy), str(copy / "src"), site, "/usr/lib/other"]
    assert moved(path, root, copy, others=False) == [str(copy), str(copy / "src")]
    order = Repetition(run_id="x", root=str(root), state="s", stack=StackSpec(name="local"), folder=str(copy))
    given = {"PYTHONPATH": os.pathsep.join(path), "VIRTUAL_ENV": "/v", "OTHER": "1"}
    assert variables(order, given, fresh=True) == {
        "PYTHONPATH": os.pathsep.join([str(copy), str(copy / "src")]),
        "OTHER": "1",
        "ZEN_HOME": "s",
        "ZEN_STACK": "local",
    }
    assert variables(order, given)["VIRTUAL_ENV"] == "/v"


def test_uv_makes_the_environment(tmp_path, uv) -> None:
    log = uv()
    other = folder(tmp_path / "other")
    made = make_environment(
        tmp_path / "env",
        "3.11.7",
        [Installed("numpy", "2.0"), Installed("beside", "1", "editable", str(other))],
        root=tmp_path / "root",
        source=tmp_path / "copy",
    )
    assert (made.python, len(made.notes)) == (tmp_path / "env" / "bin" / "python", 1)
    install = f"pip install --quiet --no-deps --python {made.python}"
    assert log.read_text().splitlines() == [
        f"venv --quiet --python 3.11.7 {tmp_path / 'env'}",
        f"{install} -r {tmp_path / 'env' / 'requirements.txt'}",
        f"{install} -e {other}",
    ]
    assert (tmp_path / "env" / "requirements.txt").read_text() == "numpy==2.0\n"


def test_another_patch_level_will_do_and_is_said(tmp_path, uv) -> None:
    log = uv("3.11.7")
    made = make_environment(tmp_path / "env", "3.11.7", [], root=tmp_path, source=tmp_path)
    assert made.notes == ("Python 3.11.7 is not to be had here; another 3.11 was taken",)
    assert len(log.read_text().splitlines()) == 2


def test_what_uv_says_is_told(tmp_path, uv, monkeypatch) -> None:
    uv()
    with pytest.raises(RunError, match="cannot be installed now: no gone==1.0 in any index"):
        make_environment(tmp_path / "env", "3.11", [Installed("gone", "1.0")], root=tmp_path, source=tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="made with uv, which is not here"):
        make_environment(tmp_path / "env", "3.11", [], root=tmp_path, source=tmp_path)
