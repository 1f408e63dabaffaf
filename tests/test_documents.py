"""The documents say what is true: their programs run, and what they must name is named."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pluggy
import pytest

import zen.plugins.hookspecs
from zen.interfaces import KINDS
from zen.registry import scan

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = (ROOT / "PLUGINS.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_first_program_of_the_readme_runs_and_prints_what_it_says(run, zen, tmp_path):
    (tmp_path / "hello.py").write_text(blocks(README, "python")[0])
    done = run(sys.executable, "hello.py")
    assert done.stdout.strip() == "{'weight': 1.4000000000000001}"
    assert done.stdout.strip() in README
    again = zen("run", "hello.py", "--lr", "0.3")
    assert "cached" in again.stderr
    zen("show", "last")
    zen("logs", "last", "train")


@pytest.mark.parametrize("script", ["guarded", "unguarded"])
def test_the_plugin_of_the_first_screen_runs_a_pipeline(run, zen, tmp_path, script):
    package = tmp_path / "plugin" / "zen_plugin_pool"
    package.mkdir(parents=True)
    light, implementation = blocks(PLUGINS, "python")[:2]
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(light)
    (package / "pool.py").write_text(implementation)
    (tmp_path / "plugin" / "pyproject.toml").write_text(blocks(PLUGINS, "toml")[0])
    site = tmp_path / "site"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    subprocess.run([*install, str(tmp_path / "plugin")], check=True, capture_output=True)
    project = tmp_path / "project"
    project.mkdir()
    (project / "zen.yaml").write_text(blocks(PLUGINS, "yaml")[0])
    text = blocks(README, "python")[0]
    if script == "unguarded":
        text = text.replace('if __name__ == "__main__":\n    ', "")
    (project / "hello.py").write_text(text)
    done = run(sys.executable, "hello.py", cwd=project, ZEN_STACK="pooled", PYTHONPATH=str(site))
    assert done.stdout.strip().endswith("{'weight': 1.4000000000000001}")
    assert "pool" in zen("flavor", "describe", "orchestrator", "pool", cwd=project, PYTHONPATH=str(site)).stdout


@pytest.fixture
def executed(monkeypatch):
    """Execute a program of a document as a module."""

    def execute(text: str) -> types.ModuleType:
        module = types.ModuleType("a_plugin")
        monkeypatch.setitem(sys.modules, "a_plugin", module)
        exec(compile(text, "PLUGINS.md", "exec"), vars(module))
        return module

    return execute


@pytest.mark.parametrize("number", range(len(blocks(PLUGINS, "python"))))
def test_every_program_of_the_authors_page_runs(executed, number):
    executed(blocks(PLUGINS, "python")[number])


def test_the_hooks_of_the_authors_page_are_valid(executed):
    manager = pluggy.PluginManager("zen")
    manager.add_hookspecs(zen.plugins.hookspecs)
    seen = set()
    for number, block in enumerate(blocks(PLUGINS, "python")):
        if "@hookimpl" in block:
            module = executed(block)
            manager.register(module, name=f"plugin {number}")
            seen |= {name for name in vars(module) if name.startswith("zen_")}
    manager.check_pending()
    assert seen == {name for name in dir(zen.plugins.hookspecs) if name.startswith("zen_")}


def test_the_authors_page_names_every_kind_hook_and_method():
    hooks = [name for name in dir(zen.plugins.hookspecs) if name.startswith("zen_")]
    methods = [name for kind in KINDS.values() for name in kind.__abstractmethods__]
    capabilities = [name for kind in KINDS.values() for name in kind.known_capabilities]
    assert [name for name in KINDS if f"### {name}\n" not in PLUGINS] == []
    assert [name for name in hooks if f"{name}(" not in PLUGINS] == []
    assert [name for name in [*methods, *capabilities] if f"`{name}" not in PLUGINS] == []


def test_every_plugin_of_the_repository_is_in_the_catalog():
    for folder in sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")):
        assert f"plugins/{folder.name}/" in PLUGINS, folder.name


def test_entry_points_of_the_repository_are_those_that_are_installed():
    strays = [entry for entry in scan().strays if entry.distribution.startswith("zen")]
    assert strays == []


def test_links_between_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_machine_and_no_index_is_named_in_the_repository():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to know which files belong to the repository")
    names = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    pattern = re.compile(r"index-url|registry = .http|files\.python" + r"hosted|/root/|/home/\w")
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        found = [line for line in text.splitlines() if pattern.search(line) and "no-emit-index-url" not in line]
        assert not found or name.endswith("test_documents.py"), f"{name}: {found[:3]}"
