"""The law: what the scan finds is what `importlib.metadata` finds, apart from two documented differences."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from zen.registry import Catalog, scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Site

    NewSite = Callable[[str], Site]

GROUPS = ("zen.plugins.v1", "zen.types.v1", "zen.commands.v1", "zen.plugins.v9")
Found = list[tuple[str, str, str, str]]


def ours(paths: list[str]) -> Found:
    catalog = scan(paths)
    return sorted((e.distribution, e.group, e.name, e.value) for e in (*catalog.entries, *catalog.strays))


def theirs(monkeypatch: pytest.MonkeyPatch, paths: list[str]) -> Found:
    # The standard library stays on the path: importlib.metadata imports more of it when it is asked.
    monkeypatch.setattr(sys, "path", [*paths, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")])
    return sorted(
        (entry.dist.name.lower().replace("_", "-"), entry.group, entry.name, entry.value)
        for group in GROUPS
        for entry in importlib.metadata.entry_points(group=group)
        if entry.dist
    )


def named(place: Path, name: str, version: str = "1.0") -> Path:
    """Write what `importlib.metadata` takes the name from."""
    file = place / ("METADATA" if place.name.endswith(".dist-info") else "PKG-INFO")
    file.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return place


def entry(value: str) -> dict[str, dict[str, str]]:
    return {"zen.plugins.v1": {"acme": value}}


def test_scan_agrees_on_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ours(list(sys.path)) == theirs(monkeypatch, list(sys.path))


def test_scan_agrees_on_layouts(tmp_path: Path, new_site: NewSite, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_site("first"), new_site("second")
    # An editable install of setuptools: metadata in site-packages, and in the source tree that a .pth file adds.
    named(first.metadata("zen_plugin_acme-1.0.dist-info", entry("acme.plugin")), "zen-plugin-acme")
    named(second.metadata("zen_plugin_acme.egg-info", entry("acme.stale")), "zen-plugin-acme")
    # Known by its source tree only; and by an egg with its own folder on the path.
    named(second.metadata("Zen_Plugin.Tree.egg-info", entry("tree.plugin")), "Zen_Plugin-Tree")
    egg = new_site("zen_plugin_egg-2.0-py3.11.egg")
    named(egg.metadata("EGG-INFO", entry("egg.plugin")), "zen-plugin-egg", "2.0")
    # A duplicate without entry points hides a later one with them.
    named(first.metadata("zen_plugin_bare-1.0.dist-info", {}), "zen-plugin-bare")
    named(second.metadata("zen_plugin_bare-1.0.dist-info", entry("bare.plugin")), "zen-plugin-bare")
    named(
        second.metadata("other-1.0.dist-info", {"console_scripts": {"zen": "a:b"}, "zen.plugins.v9": {"x": "y"}}),
        "other",
    )
    (second.path / "old-1.0.egg-info").write_text("Metadata-Version: 1.0\nName: old\n", encoding="utf-8")
    paths = [str(first.path), str(second.path), str(egg.path), str(first.path), str(tmp_path / "missing")]
    found = ours(paths)
    assert found == theirs(monkeypatch, paths)
    assert [(name, value) for name, _, _, value in found] == [
        ("other", "y"),
        ("zen-plugin-acme", "acme.plugin"),
        ("zen-plugin-egg", "egg.plugin"),
        ("zen-plugin-tree", "tree.plugin"),
    ]


def test_scan_agrees_on_odd_text(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    place = named(site.metadata("zen_plugin_odd-1.0.dist-info", {}), "zen-plugin-odd")
    (place / "entry_points.txt").write_text(
        "# zen\n[ zen.plugins.v1 ]\na = b\n\n[zen.plugins.v1]\n# c = d\n"
        "  spaced   =   mod.ule : attr  \nextra = m:a [x]\r\n"
        "[console_scripts]\nz = y:x\n[zen.types.v1]\nacme.Frame=acme:F\n",
        encoding="utf-8",
    )
    named(site.path / "zen_hub-1.0.dist-info", "zen-hub")
    assert ours([str(site.path)]) == theirs(monkeypatch, [str(site.path)])
    assert [(e.name, e.value) for e in scan([str(site.path)]).entries[1:]] == [
        ("spaced", "mod.ule : attr"),
        ("extra", "m:a [x]"),
        ("acme.Frame", "acme:F"),
    ]


def test_scan_agrees_on_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zen_plugin_zip-3.1.dist-info/entry_points.txt", "[zen.plugins.v1]\nzipped = zipped.plugin\n")
        file.writestr("zen_plugin_zip-3.1.dist-info/METADATA", "Name: zen-plugin-zip\nVersion: 3.1\n")
    (tmp_path / "not.zip").write_bytes(b"no archive")
    paths = [str(archive), str(tmp_path / "not.zip")]
    assert (
        ours(paths) == theirs(monkeypatch, paths) == [("zen-plugin-zip", "zen.plugins.v1", "zipped", "zipped.plugin")]
    )
    assert scan(paths).entries[0].version == "3.1"


def test_scan_takes_the_version_from_the_folder_or_the_source_tree(new_site: NewSite) -> None:
    site = new_site("site")
    site.metadata("zen_plugin_a-1.2rc1.dist-info", entry("a"))
    site.metadata("zen_plugin_b-2.0-py3.11.egg-info", entry("b"))
    named(site.metadata("zen_plugin_c.egg-info", entry("c")), "zen-plugin-c", "3.0.dev1")
    site.metadata("zen_plugin_d.egg-info", entry("d"))
    versions = {e.distribution: e.version for e in scan([str(site.path)]).entries}
    assert versions == {"zen-plugin-a": "1.2rc1", "zen-plugin-b": "2.0", "zen-plugin-c": "3.0.dev1", "zen-plugin-d": ""}


@pytest.mark.parametrize("older", ["1.9", "1.10rc1", "0.20"])
def test_scan_takes_the_newer_of_two_in_one_folder_and_says_so(new_site: NewSite, older: str) -> None:
    site = new_site("site")
    site.metadata("zen_plugin_a-1.10.dist-info", entry("new"))
    site.metadata(f"zen_plugin_a-{older}.dist-info", entry("old"))
    catalog = scan([str(site.path)])
    assert [(e.value, e.version) for e in catalog.entries] == [("new", "1.10")]
    assert older in catalog.problems[0].message


def test_scan_is_silent_about_an_editable_install_twice(new_site: NewSite) -> None:
    first, second = new_site("first"), new_site("second")
    first.metadata("zen_plugin_a-1.0.dist-info", entry("a"))
    second.metadata("zen_plugin_a.egg-info", entry("a"))
    second.metadata("zen_plugin_a-1.0.dist-info", entry("a"))
    assert scan([str(first.path), str(second.path)]).problems == ()


def test_scan_leaves_out_what_an_interrupted_pip_left(new_site: NewSite) -> None:
    site = new_site("site")
    site.metadata("~en_plugin_a-1.0.dist-info", entry("a"))
    assert scan([str(site.path)]) == Catalog()


def test_scan_survives_damage(new_site: NewSite) -> None:
    site = new_site("site")
    broken = site.metadata("zen_plugin_bad-1.0.dist-info", {})
    (broken / "entry_points.txt").write_bytes(
        b"[zen.plugins.v1]\n\xff\xfe\x00 = x y\nnovalue\ngood = m\ngo-od = n\n= v\n"
    )
    (site.metadata("zen_plugin_dir-1.0.dist-info", {}) / "entry_points.txt").unlink()
    (site.path / "zen_plugin_dir-1.0.dist-info" / "entry_points.txt").mkdir()
    catalog = scan([str(site.path), "\0", ""])
    assert [(e.name, e.value) for e in catalog.group("zen.plugins.v1") if e.distribution == "zen-plugin-bad"] == [
        ("good", "m"),
        ("go-od", "n"),
    ]
    assert [p.distribution for p in catalog.problems] == ["zen-plugin-bad"] * 3


def test_scan_keeps_one_of_two_names_that_are_equal(new_site: NewSite) -> None:
    site = new_site("site")
    site.metadata("zen_plugin_a-1.0.dist-info", {"zen.plugins.v1": {"a-b": "m", "a_b": "n"}})
    catalog = scan([str(site.path)])
    assert [e.value for e in catalog.named("zen.plugins.v1", "a_b")] == ["m"]
    assert "twice" in catalog.problems[0].message


def test_scan_puts_other_groups_aside(new_site: NewSite) -> None:
    site = new_site("site")
    groups = ("zen.plugin.v1", "zen.plugins.v2", "zen_plugins.v1", "zenml.plugins")
    site.metadata("zen_plugin_a-1.0.dist-info", {group: {"a": "m"} for group in groups})
    catalog = scan([str(site.path)])
    assert catalog.entries == ()
    assert [e.group for e in catalog.strays] == ["zen.plugin.v1", "zen.plugins.v2", "zen_plugins.v1"]


def test_scan_of_400_distributions_is_little_work(new_site: NewSite, count_calls: Callable[..., int]) -> None:
    site = new_site("site")
    for number in range(400):
        site.metadata(f"dist_{number}-1.{number}.dist-info", entry(f"m{number}") if number % 8 == 0 else {})

    assert len(scan([str(site.path)]).entries) == 50
    assert count_calls(lambda: scan([str(site.path)])) < 40_000  # 13,000


def test_scan_imports_nothing_heavy() -> None:
    program = (
        "import sys; from zen.registry import Registry, scan; Registry(scan()).commands();"
        "print(sorted({'importlib.metadata', 'email', 'pydantic', 'pluggy', 'zipfile', 'click', 'yaml', 'subprocess',"
        "'zen.plugins', 'zen.interfaces', 'zen.registry.known'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
