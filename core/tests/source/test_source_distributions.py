from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest

from zen.source.distributions import distribution_of, installed, normalise
from zen.source.origin import origin_of, origin_of_file


def _file(name: str) -> str:
    return str(Path(sys.path[0]) / name)


def test_distribution_is_the_one_of_the_same_name(site: Any) -> None:
    site("Fake.Lib", "1.0", {"fake_lib/__init__.py": ""})
    assert distribution_of(_file("fake_lib/__init__.py"), "fake_lib") == ("fake-lib", "1.0")


def test_distribution_of_the_same_name_that_did_not_install_the_module_is_passed_over(site: Any) -> None:
    site("sklearn", "0.0", {"nothing.txt": ""})
    site("scikit-learn", "1.5", {"sklearn/__init__.py": ""})
    assert distribution_of(_file("sklearn/__init__.py"), "sklearn") == ("scikit-learn", "1.5")


def test_distribution_is_found_by_its_top_level_names(site: Any) -> None:
    site("other", "1.0", {"other.py": ""}, top_level="other")
    site("pyfake", "2.0", {"fake.py": ""}, record=False, top_level="fake")
    assert distribution_of(_file("fake.py"), "fake") == ("pyfake", "2.0")


def test_distribution_is_found_by_its_list_of_files(site: Any) -> None:
    site("other", "1.0", {"other.py": ""})
    site("pyfake", "2.0", {"fake/__init__.py": "", "fake/deep.py": ""})
    assert distribution_of(_file("fake/deep.py"), "fake.deep") == ("pyfake", "2.0")


def test_distributions_of_a_namespace_are_told_apart(site: Any) -> None:
    site("acme", "1.0", {"acme/core.py": ""})
    site("acme-tools", "2.0", {"acme/tools/__init__.py": ""})
    assert distribution_of(_file("acme/tools/__init__.py"), "acme.tools") == ("acme-tools", "2.0")
    assert distribution_of(_file("acme/core.py"), "acme.core") == ("acme", "1.0")


def test_distribution_that_is_there_twice_has_both_versions(site: Any) -> None:
    site("fakelib", "1.0", {"fakelib.py": ""})
    site("fakelib", "2.0", {"fakelib.py": ""})
    assert distribution_of(_file("fakelib.py"), "fakelib") == ("fakelib", "1.0|2.0")


def test_distribution_from_a_folder_is_known_by_its_files(site: Any) -> None:
    metadata = site("fakelib", "1.0", {"fakelib.py": ""})
    (metadata / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {}}')
    before = distribution_of(_file("fakelib.py"), "fakelib")
    (metadata / "RECORD").write_text("fakelib.py,sha256=y,2\n")
    after = distribution_of(_file("fakelib.py"), "fakelib")
    assert before and after and before[1].startswith("1.0+record.")
    assert before != after


def test_code_that_was_installed_from_a_folder_is_the_projects(root: Path, site: Any) -> None:
    metadata = site("fakelib", "1.0", {"fakelib.py": "", "fakelib_c.so": ""})
    other = site("fakegit", "1.0", {"fakegit.py": ""})
    (metadata / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": false}}')
    (other / "direct_url.json").write_text('{"url": "https://x/y.git", "vcs_info": {"vcs": "git", "commit_id": "1"}}')
    assert origin_of_file(_file("fakelib.py"), root).kind == "project"
    assert origin_of_file(_file("fakelib_c.so"), root, "fakelib_c").kind == "distribution"
    assert origin_of_file(_file("fakegit.py"), root).kind == "distribution"


def test_distribution_of_an_egg_info_file_is_read(site: Any) -> None:
    site("x", "1", {})
    (Path(sys.path[0]) / "fakelib-1.2-py3.11.egg-info").write_text("")
    (Path(sys.path[0]) / "fakelib.py").write_text("")
    assert distribution_of(_file("fakelib.py"), "fakelib") == ("fakelib", "1.2")


def test_distribution_installed_later_is_found(site: Any) -> None:
    assert distribution_of(_file("fakelib.py"), "fakelib") is None
    (Path(sys.path[0]) / "fakelib-1.0.dist-info").mkdir()
    assert distribution_of(_file("fakelib.py"), "fakelib") == ("fakelib", "1.0")


def test_distributions_are_those_of_importlib_metadata() -> None:
    """Parity with the standard library for what is installed here."""
    known = importlib.metadata.packages_distributions()
    for module in ("pytest", "_pytest", "pluggy", "iniconfig"):
        file = getattr(__import__(module), "__file__", "")
        names = {normalise(name) for name in known[module]}
        found = distribution_of(file, module)
        assert found is not None and found[0] in names
        assert found[1].partition("+record")[0] == importlib.metadata.version(found[0])


def test_installed_looks_along_the_path(site: Any) -> None:
    site("zen-fake", "3.0", {})
    assert installed("zen-fake") == ("zen-fake", "3.0")
    assert installed("zen-missing") is None


@pytest.mark.parametrize(
    ("module", "kind"),
    [("os", "python"), ("sys", "python"), ("os.path", "python"), ("zen.errors", "zen"), ("pluggy", "distribution")],
)
def test_origin_tells_whose_code_a_module_is(module: str, kind: str, root: Path) -> None:
    assert origin_of(module, root).kind == kind


def test_origin_of_files_below_the_root_is_the_project(root: Path, write: Any) -> None:
    (root / "env").mkdir()
    (root / "env" / "pyvenv.cfg").write_text("")
    assert origin_of_file(str(write("a/b.py", "")), root).kind == "project"
    assert origin_of_file(str(write("env/lib/c.py", "")), root).kind != "distribution"
    assert origin_of_file(str(write("vendor/site-packages/d.py", "")), root).kind == "unknown"


def test_origin_of_a_module_that_is_not_there_is_unknown(root: Path) -> None:
    assert origin_of("no_such_module_anywhere", root).kind == "unknown"
    assert origin_of("__main__", root).kind == "project"
