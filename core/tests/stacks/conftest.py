"""A site of fake plugins, and projects with a stack file: everything that a stack can be resolved against."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from zen.errors import StackFileError
from zen.registry import Registry, scan
from zen.stacks import Project, find_project

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    return [
        Flavor(kind=kind, name=name, summary=f"{kind} {name}", config=config, implementation="nowhere:Part")
        for kind, name, config in OFFERS
    ]
"""

MODULES = {
    "stacktest_hub": """
        OFFERS = [
            ("orchestrator", "local", "stacktest_hub_config:Local"),
            ("artifact_store", "local", "stacktest_hub_config:Folder"),
            ("metadata_store", "sqlite", "stacktest_hub_config:File"),
            ("secret_store", "local", ""),
        ]
    """,
    "stacktest_hub_config": """
        from dataclasses import dataclass
        from pathlib import Path

        @dataclass(frozen=True)
        class Local:
            workers: int = 2

        @dataclass(frozen=True)
        class Folder:
            path: Path | None = None

        @dataclass(frozen=True)
        class File:
            path: Path | None = None
    """,
    "stacktest_acme": """
        OFFERS = [
            (kind, "acme", "stacktest_acme_config:Acme")
            for kind in ("orchestrator", "experiment_tracker", "alerter")
        ] + [("metadata_store", "acme", "stacktest_acme_config:Database")]
    """,
    "stacktest_acme_config": """
        from dataclasses import dataclass, field
        from typing import Literal
        from zen.secrets import Secret

        @dataclass(frozen=True)
        class Limits:
            seconds: float = 1.0

        @dataclass(frozen=True)
        class Acme:
            project: str
            workers: int = 1
            verbose: bool = False
            mode: Literal["fast", "safe"] = "fast"
            token: Secret | None = None
            tags: list[str] = field(default_factory=list)
            limits: Limits = Limits()

        @dataclass(frozen=True)
        class Database:
            url: Secret | str
    """,
    "stacktest_modelled": """
        OFFERS = [("experiment_tracker", "modelled", "stacktest_modelled_config:Modelled")]
    """,
    "stacktest_modelled_config": """
        from pydantic import BaseModel
        from zen.secrets import Secret

        class Nested(BaseModel):
            depth: int = 1

        class Modelled(BaseModel):
            uri: str = "here"
            retries: int = 3
            token: Secret | None = None
            nested: Nested = Nested()
    """,
    "stacktest_broken": "import a_tool_that_is_not_there",
    "stacktest_bare": 'OFFERS = [("alerter", "bare", "")]',
}

SITE = {
    "zen_hub": {"local": "stacktest_hub", "sqlite": "stacktest_hub"},
    "zen_plugin_acme": {"acme": "stacktest_acme"},
    "zen_plugin_modelled": {"modelled": "stacktest_modelled"},
    "zen_plugin_broken": {"broken": "stacktest_broken"},
    "zen_plugin_bare": {"bare": "stacktest_bare"},
}


# Not for the whole session: the fake zen-hub would be found by the runs of other tests.
@pytest.fixture(scope="module")
def plugin_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    site = tmp_path_factory.mktemp("site")
    for name, source in MODULES.items():
        light = LIGHT if "OFFERS" in source else ""
        (site / f"{name}.py").write_text(dedent(source) + light, encoding="utf-8")
    for distribution, entries in SITE.items():
        folder = site / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        lines = ["[zen.plugins.v1]", *(f"{name} = {module}" for name, module in entries.items())]
        (folder / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    sys.path.insert(0, str(site))
    yield site
    sys.path.remove(str(site))


@pytest.fixture
def registry(plugin_site: Path) -> Registry:
    return Registry(scan([str(plugin_site)]))


@pytest.fixture
def new_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """Makes a project in the current folder: with a stack file of that text, or without one."""
    monkeypatch.chdir(tmp_path)
    for name in ("ZEN_HOME", "ZEN_STACK", "ZEN_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)

    def make(text: str | bytes | None = None) -> Project:
        if text is not None:
            content = text if isinstance(text, bytes) else dedent(text).encode()
            (tmp_path / "zen.yaml").write_bytes(content)
        return find_project(tmp_path)

    return make


@pytest.fixture
def faults_of() -> Callable[..., list[str]]:
    """Calls something that must raise a StackFileError and returns its faults as `place: message | hint`."""

    def call(function: Callable[..., object], *arguments: object, **more: object) -> list[str]:
        with pytest.raises(StackFileError) as caught:
            function(*arguments, **more)
        return [
            f"{fault.file}:{fault.line}:{fault.column}: {fault.message} | {fault.hint}" for fault in caught.value.faults
        ]

    return call
