"""A temporary project for the tests of authoring, engine and client: pipelines defined here, or run as scripts."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

HEAD = """\
import os, signal, subprocess, sys, threading, time
from pathlib import Path
from typing import Annotated, Any
from zen import *
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty project, which is the current folder; what a test imports and opens is gone afterwards."""
    from zen.client import close_all

    for name in [name for name in os.environ if name.startswith("ZEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ZEN_PROGRESS", "off")
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    close_all()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def define(home: Path) -> Callable[..., ModuleType]:
    """Write a module of the project and import it anew; `HEAD` stands above its text, `first` above that."""

    def write(text: str, name: str = "flow", first: str = "") -> ModuleType:
        (home / f"{name}.py").write_text(first + HEAD + dedent(text), encoding="utf-8")
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        sys.path_importer_cache.clear()
        # Two versions of one size within one second look the same to the bytecode cache.
        for cached in home.glob(f"__pycache__/{name}.*"):
            cached.unlink()
        return importlib.import_module(name)

    return write


@pytest.fixture
def script(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Write a script of the project, run it in a process of its own and return how it ended."""

    def run(
        text: str,
        *arguments: str,
        name: str = "flow.py",
        path: Sequence[Path] = (),
        timeout: float = 60,
        cwd: Path = home,
    ) -> subprocess.CompletedProcess[str]:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(HEAD + dedent(text), encoding="utf-8")
        places = os.pathsep.join([*map(str, path), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, str(home / name), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env={**os.environ, **({"PYTHONPATH": places} if places else {})},
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a stranger's plugin: a folder with metadata and modules, on the path of this process and of new ones."""

    def install(name: str, *flavors: str, light: str, version: str = "0.3", **modules: str) -> Path:
        """Write `NAME_light` with the flavors, by default the one of that name, and more modules; return the folder."""
        site = tmp_path.parent / f"{tmp_path.name}-site"
        metadata = site / f"zen_plugin_{name}-{version}.dist-info"
        metadata.mkdir(parents=True)
        entries = "".join(f"{flavor} = {name}_light\n" for flavor in flavors or (name,))
        (metadata / "entry_points.txt").write_text(f"[zen.plugins.v1]\n{entries}", encoding="utf-8")
        for module, text in {f"{name}_light": light, **modules}.items():
            (site / f"{module}.py").write_text(text, encoding="utf-8")
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        return site

    return install


@pytest.fixture
def count_calls() -> Callable[[Callable[[], object]], int]:
    """Count the calls that an action makes, of Python and of C: what work it is, on a machine that may be busy."""

    def count(action: Callable[[], object]) -> int:
        calls = 0

        def called(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(called)
        try:
            action()
        finally:
            sys.setprofile(before)
        return calls

    return count


@pytest.fixture(autouse=True)
def _more_known_plugins(monkeypatch):
    """Let messages know of plugins that this repository does not have, so that tests can ask for what is missing."""
    from zen.registry.known import KNOWN_FLAVORS, KNOWN_TYPES

    more = {
        "great_expectations": ("data_validator",),
        "ray": ("orchestrator", "step_operator"),
        "s3": ("artifact_store",),
        "slack": ("alerter",),
        "wandb": ("experiment_tracker",),
    }
    for name, kinds in more.items():
        monkeypatch.setitem(KNOWN_FLAVORS, name, kinds)
    monkeypatch.setitem(KNOWN_TYPES, "torch", "torch")
    monkeypatch.setitem(KNOWN_TYPES, "polars", "polars")
