"""What is installed: names and versions from folders' names; importlib.metadata is the judge."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path

import pytest

from zen.registry import Installed, installed
from zen.registry.catalog import canonical


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def put(site: Path, name: str, note: object = None) -> None:
    (site / name).mkdir()
    if note is not None:
        (site / name / "direct_url.json").write_text(note if isinstance(note, str) else json.dumps(note))


def test_names_and_versions_are_those_of_importlib() -> None:
    theirs = {canonical(each.name): each.version for each in importlib.metadata.distributions() if each.name}
    ours = {each.name: each.version for each in installed()}
    assert set(ours) == set(theirs)
    assert {name: version for name, version in ours.items() if theirs[name] != version} == {}


def test_what_came_from_elsewhere_says_so(site, tmp_path) -> None:
    put(site, "plain_lib-1.0.dist-info")
    put(site, "edited-2.0.dist-info", {"url": "file:///opt/me/my%20lib", "dir_info": {"editable": True}})
    put(site, "copied-2.1.dist-info", {"url": "file:///opt/me/copied.whl", "archive_info": {}})
    vcs = {"vcs": "git", "commit_id": "abc"}
    put(site, "cloned-3.0.dist-info", {"url": "https://me:token@example.org/a.git", "vcs_info": vcs})
    put(site, "fetched-4.0.dist-info", {"url": "https://example.org/a@b.whl", "archive_info": {}})
    put(site, "broken-5.0.dist-info", "{")
    (tmp_path / "src" / "beside.egg-info").mkdir(parents=True)
    (tmp_path / "src" / "beside.egg-info" / "PKG-INFO").write_text("Name: beside\nVersion: 6.0\n")
    sys.path.append(str(tmp_path / "src"))
    assert installed() == (
        Installed("beside", "6.0", "editable", str(tmp_path / "src")),
        Installed("broken", "5.0", "local", ""),
        Installed("cloned", "3.0", "url", "git+https://example.org/a.git@abc"),
        Installed("copied", "2.1", "local", "/opt/me/copied.whl"),
        Installed("edited", "2.0", "editable", "/opt/me/my lib"),
        Installed("fetched", "4.0", "url", "https://example.org/a@b.whl"),
        Installed("plain-lib", "1.0"),
    )


def test_what_is_installed_meanwhile_is_seen(site) -> None:
    put(site, "one-1.0.dist-info")
    assert [each.name for each in installed()] == ["one"]
    time.sleep(0.02)
    put(site, "two-1.0.dist-info")
    assert [each.name for each in installed()] == ["one", "two"]


def test_the_answer_is_remembered(site, monkeypatch) -> None:
    put(site, "one-1.0.dist-info")
    first = installed()
    monkeypatch.setattr("zen.registry.inventory.metadata_folders", lambda: pytest.fail("read again"))
    assert installed() == first


def test_nothing_heavy_is_imported_for_it() -> None:
    import subprocess

    code = "from zen.registry import installed; import sys; installed(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"urllib.parse", "urllib.request", "importlib.metadata", "email"} & set(done.stdout.split())
