"""A folder of fake installed distributions: real metadata folders and real modules, on `sys.path` for one test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from zen.registry import Registry, scan

Groups = Mapping[str, Mapping[str, str]]


class Site:
    """Like `site-packages`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def install(
        self, distribution: str, *, plugins: Mapping[str, str] | None = None, version: str = "1.0", **more: Any
    ) -> None:
        """Write one distribution: `plugins` are entries of zen.plugins.v1, `modules` sources by module name."""
        groups = {"zen.plugins.v1": plugins or {}, **more.get("groups", {})}
        self.metadata(f"{distribution.replace('-', '_')}-{version}.dist-info", groups)
        for name, source in more.get("modules", {}).items():
            self.module(name, source)

    def metadata(self, folder: str, groups: Groups) -> Path:
        """Write one metadata folder."""
        place = self.path / folder
        place.mkdir(parents=True)
        lines = [
            line
            for group, entries in groups.items()
            if entries
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), "")
        ]
        (place / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        return place

    def module(self, name: str, source: str) -> None:
        """Write one module, its packages too."""
        *packages, last = name.split(".")
        folder = self.path
        for package in packages:
            folder = folder / package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / f"{last}.py").write_text(dedent(source), encoding="utf-8")

    @staticmethod
    def flavors(*named: str, more: str = "") -> str:
        """Return the source of a light module that offers flavors, each given as `kind:name`."""
        offers = "".join(
            f"Flavor(kind={kind!r}, name={name!r}, summary='', config=__package__ + '.parts:Config',"
            f" implementation=__package__ + '.parts:Part'), "
            for kind, _, name in (flavor.partition(":") for flavor in named)
        )
        hook = f"@hookimpl\ndef zen_flavors():\n    return [{offers}]\n"
        return f"from zen.plugins import Flavor, hookimpl\n\n{hook}\n{dedent(more)}"

    def registry(self, **options: Any) -> Registry:
        """Return a registry of what is installed here."""
        return Registry(scan([str(self.path)]), **options)


@pytest.fixture
def new_site(tmp_path: Path) -> Callable[[str], Site]:
    """Makes an empty site that is on no path."""
    return lambda name: Site(tmp_path / name)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site on `sys.path` with zen's own entries in it; its modules are forgotten after the test."""
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.path))
    monkeypatch.delenv("ZEN_DISABLE_PLUGINS", raising=False)
    before = set(sys.modules)
    site.install(
        "zen-hub",
        plugins={"local": "fakehub.plugin"},
        modules={"fakehub.plugin": site.flavors("orchestrator:local", "artifact_store:local")},
    )
    yield site
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(tmp_path)):
            del sys.modules[name]
