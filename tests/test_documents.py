"""The documents say what is true: their programs run, and what they must name is named."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pluggy
import pytest

import zen.plugins.hookspecs
from zen.interfaces import KINDS
from zen.registry import scan
from zen.stacks import Place, find_project, load_stack_file, parse
from zen.stacks.references import resolve_references
from zen.testing import OrchestratorSuite

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


def files(text: str) -> dict[str, str]:
    """Return the files that a document shows whole, by path: blocks whose first line is a comment with the path."""
    found = re.findall(r"^```\w+\n# ([\w./-]+\.\w+)(?::[^\n]*)?\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return dict(reversed(found))  # the first one of a name


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    """Build the plugin of the first screen as a reader would, install it, and return its project."""
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs a shell for what the page types into one")
    root = tmp_path_factory.mktemp("first-screen")
    subprocess.run([shell, "-euc", blocks(PLUGINS, "sh")[0]], cwd=root, check=True)
    project = root / "zen-plugin-pool"
    shown = files(PLUGINS.partition("\n## ")[0])
    assert {"pyproject.toml", "zen_plugin_pool/plugin.py", "tests/test_pool.py"} < set(shown)
    for name, text in shown.items():
        (project / name).write_text(text, encoding="utf-8")  # into folders that the shell has made
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(root / "site")]
    subprocess.run([*install, str(project)], check=True, capture_output=True)
    return project


def test_the_plugin_of_the_first_screen_passes_the_kit(run, pool, tmp_path):
    report = tmp_path / "conformance.json"
    # Without the project's folder on the path: what was installed is what is checked.
    pytest_command = (sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", f"--zen-report={report}")
    run(*pytest_command, cwd=pool, PYTHONPATH=str(pool.parent / "site"))
    [suite] = json.loads(report.read_text(encoding="utf-8"))["suites"]
    ended = {name: check["outcome"] for name, check in suite["checks"].items()}
    assert set(ended) == set(OrchestratorSuite.names())
    assert {name for name, outcome in ended.items() if outcome not in ("passed", "does-not-apply")} == set()
    assert list(ended.values()).count("passed") > 25


@pytest.mark.parametrize("script", ["guarded", "unguarded"])
def test_the_plugin_of_the_first_screen_runs_a_pipeline(run, zen, pool, tmp_path, script):
    site = str(pool.parent / "site")
    (tmp_path / "zen.yaml").write_text((pool / "zen.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    text = blocks(README, "python")[0]
    if script == "unguarded":
        text = text.replace('if __name__ == "__main__":\n    ', "")
    (tmp_path / "hello.py").write_text(text)
    done = run(sys.executable, "hello.py", ZEN_STACK="pooled", PYTHONPATH=site)
    assert done.stdout.strip().endswith("{'weight': 1.4000000000000001}")
    shown = zen("flavor", "describe", "orchestrator", "pool", PYTHONPATH=site).stdout
    assert "How many steps may run at the same time" in shown


DYING = """
import os, signal
from pathlib import Path
from zen import pipeline, step

@step(retries=2)
def dies_twice() -> int:
    with Path("journal").open("a") as journal:
        journal.write("x")
    if len(Path("journal").read_text()) < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 7

@step
def after(number: int) -> int:
    return number + 1

@pipeline
def flow():
    return after(dies_twice())

if __name__ == "__main__":
    print(flow().outputs[0].load())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
def test_the_pool_of_the_first_screen_goes_on_when_a_process_dies(run, pool, tmp_path):
    (tmp_path / "zen.yaml").write_text((pool / "zen.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "flow.py").write_text(DYING)
    done = run(sys.executable, "flow.py", ZEN_STACK="pooled", PYTHONPATH=str(pool.parent / "site"))
    assert done.stdout.splitlines()[-1] == "8"
    assert (tmp_path / "journal").read_text() == "xxx"


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


def test_every_block_of_the_authors_page_is_of_a_language_that_is_tried():
    assert set(re.findall(r"^```(\w+)$", PLUGINS, flags=re.MULTILINE)) == {"python", "toml", "yaml", "sh", "text"}
    assert [tomllib.loads(block)["project"]["name"] for block in blocks(PLUGINS, "toml")] == ["zen-plugin-pool"]


@pytest.mark.parametrize("number", range(len(blocks(PLUGINS, "yaml"))))
def test_every_stack_file_of_the_authors_page_is_valid(tmp_path, number):
    (tmp_path / "zen.yaml").write_text(blocks(PLUGINS, "yaml")[number], encoding="utf-8")
    load_stack_file(find_project(tmp_path)).check()


def test_the_settings_of_the_authors_page_are_those_of_its_configuration(executed, tmp_path):
    [config] = [block for block in blocks(PLUGINS, "python") if "class AcmeConfig" in block]
    [stacks] = [block for block in blocks(PLUGINS, "yaml") if "flavor: acme" in block]
    (tmp_path / "zen.yaml").write_text(stacks, encoding="utf-8")
    _, entry = load_stack_file(find_project(tmp_path)).complete("team").entries["alerter"]
    faults = []
    place = Place(faults, None, ("alerter",))
    made = parse(executed(config).AcmeConfig, resolve_references(entry.config, place, {}), place)
    assert faults == []
    assert (made.form, made.token.references) == ("card", ("env/ACME_TOKEN",))


@pytest.mark.parametrize(
    "line", [line for block in blocks(PLUGINS, "sh") for line in block.splitlines() if "zen " in line]
)
def test_every_command_of_the_authors_page_exists_with_its_options(zen, line):
    for command in re.findall(r"(?:^|&& )zen ([^&#]+)", line):
        words = shlex.split(command)
        shown = zen(*words[:2], "--help").stdout
        assert [word for word in words if word.startswith("--") and word not in shown] == []
        assert "Example" in shown


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
    for name in filter(lambda name: (ROOT / name).is_file(), names):  # one that is going is listed until it is gone
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        found = [line for line in text.splitlines() if pattern.search(line) and "no-emit-index-url" not in line]
        assert not found or name.endswith("test_documents.py"), f"{name}: {found[:3]}"
