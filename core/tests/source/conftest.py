"""A project and a folder of installed packages, both temporary; what tests import from them is forgotten again."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import zen.source.distributions as distributions
import zen.source.origin as origin

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def forget_modules(tmp_path: Path) -> Iterator[None]:
    path = list(sys.path)
    yield
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
        if any(str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]
    sys.path[:] = path
    sys.path_importer_cache.clear()
    distributions._folders.clear()
    origin._known.clear()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    sys.path.insert(0, str(folder))
    return folder


@pytest.fixture
def write(root: Path) -> Callable[[str, str], Path]:
    """Write a file of the project: `write("a/b.py", "…")`."""

    def put(name: str, text: str) -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        importlib.invalidate_caches()
        return path

    return put


@pytest.fixture
def define(root: Path) -> Callable[[str], ModuleType]:
    """Import a module with that text; each time another file, always under the name that the text has in the end."""

    def run(text: str) -> ModuleType:
        folder = root / f"version{next(_numbers)}"
        folder.mkdir()
        (folder / "training.py").write_text(text)
        sys.modules.pop("training", None)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            return importlib.import_module("training")
        finally:
            sys.path.remove(str(folder))

    return run


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Path]:
    """Install a distribution: `site("fake-lib", "1.0", {"fakelib/__init__.py": "…"})`."""
    folder = tmp_path / "environment" / "site-packages"
    folder.mkdir(parents=True)
    sys.path.insert(0, str(folder))

    def install(name: str, version: str, files: dict[str, str], *, record: bool = True, top_level: str = "") -> Path:
        metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        for file, text in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        if record:
            (metadata / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))
        if top_level:
            (metadata / "top_level.txt").write_text(top_level + "\n")
        importlib.invalidate_caches()
        distributions._folders.clear()
        return metadata

    return install
