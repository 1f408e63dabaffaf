"""What modules import and change: looked at in fresh processes, and in their sources."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from zen.testing.checks import NotVerified
from zen.testing.processes import run_program

PUBLIC = (
    "zen",
    "zen.errors",
    "zen.expect",
    "zen.interfaces",
    "zen.plugins",
    "zen.records",
    "zen.secrets",
    "zen.testing",
)
"""The modules of zen that plugins may import."""

OURS = frozenset({"zen", "pluggy"})
# Made when Python was built, or by tools that install: no part of the list of the standard library.
_GENERATED = ("_sysconfigdata", "__editable__", "_virtualenv", "_distutils_hack")

_LIST_IMPORTED = """
import importlib
before = set(sys.modules)
for name in sys.argv[1:]:
    importlib.import_module(name)
print("\\n" + json.dumps([name for name in sys.modules if name not in before]))
"""

_STATE = """
import importlib, logging, os, signal, threading, warnings
tools, modules = map(json.loads, sys.argv[1:])
for name in tools:
    try:
        importlib.import_module(name)
    except BaseException:
        pass
def state():
    root = logging.getLogger()
    return {
        **{f"the environment variable {name}": value for name, value in os.environ.items()},
        "the level of the root logger": root.level,
        "the handlers of the root logger": [repr(handler) for handler in root.handlers],
        "the class of loggers": repr(logging.getLoggerClass()),
        "logging.disable": root.manager.disable,
        "the warning filters": [repr(each) for each in warnings.filters],
        **{f"the handler of {each.name}": repr(signal.getsignal(each)) for each in signal.valid_signals()
           if isinstance(each, signal.Signals)},
        "the current folder": os.getcwd(),
        "sys.path": list(sys.path),
        "sys.excepthook": repr(sys.excepthook),
        "threading.excepthook": repr(threading.excepthook),
        "the running threads": [each.name for each in threading.enumerate()],
    }
before = state()
for name in modules:
    importlib.import_module(name)
after = state()
def shown(value):
    return "nothing" if value is None else repr(value)[:100]
print("\\n" + json.dumps([
    f"{name}: {shown(before.get(name))} became {shown(after.get(name))}"
    for name in {**before, **after} if before.get(name) != after.get(name)
]))
"""


def top(module: str) -> str:
    """Return the first part of a module's name."""
    return module.partition(".")[0]


def imported(modules: Iterable[str]) -> list[str]:
    """Return the names of all modules that importing these brings in, in order, in a fresh process."""
    names: list[str] = json.loads(run_program(_LIST_IMPORTED, *modules).splitlines()[-1])
    return names


def foreign(modules: Iterable[str], own: Iterable[str]) -> list[str]:
    """Return the first parts of the modules that are neither the standard library's, zen's nor one's own."""
    known = {*own, *OURS, *sys.stdlib_module_names}
    return sorted({top(name) for name in modules if not name.startswith(_GENERATED)} - known)


def global_changes(modules: Sequence[str]) -> list[str]:
    """Return what importing these modules changes. What the tools below them change by themselves is not theirs."""
    own = set(map(top, modules))
    tools = [name for name in imported(modules) if top(name) not in own]
    changes: list[str] = json.loads(run_program(_STATE, json.dumps(tools), json.dumps(modules)).splitlines()[-1])
    return changes


def folders(packages: Iterable[str]) -> list[Path]:
    """Return where top-level packages and modules lie; nothing is imported for that."""
    found = []
    for name in sorted(packages):
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise NotVerified(f"the module {name} cannot be found", give="install what contains it")
        found += [Path(place) for place in list(spec.submodule_search_locations or ()) or [spec.origin or ""]]
    return found


def private_imports(packages: Iterable[str]) -> list[str]:
    """Return each import of a module of zen that is not public, as `file:line: module`."""
    found = []
    for file, tree in _sources(packages):
        for node, module, names in _statements(tree):
            if top(module) != "zen":
                continue
            inner = [f"zen.{name}" for name in names if _is_module_of_zen(name)] if module == "zen" else [module]
            wrong = [name for name in inner if name not in PUBLIC and not name.startswith("zen.testing.")]
            found += [f"{file.name}:{node.lineno}: {name}" for name in wrong]
    return sorted(set(found))


def needed(packages: Iterable[str]) -> set[str]:
    """Return the top-level modules that sources import, in functions too; what they may do without is left out."""
    found = set()
    for _, tree in _sources(packages):
        optional = {id(node) for each in ast.walk(tree) if _is_optional(each) for node in ast.walk(each)}
        found |= {top(module) for node, module, _ in _statements(tree) if id(node) not in optional}
    return found - set(packages) - OURS - set(sys.stdlib_module_names)


def _sources(packages: Iterable[str]) -> Iterator[tuple[Path, ast.Module]]:
    for place in folders(packages):
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield file, ast.parse(file.read_text(encoding="utf-8"))


def _statements(tree: ast.AST) -> Iterator[tuple[ast.stmt, str, tuple[str, ...]]]:
    """Yield each absolute import: the statement, the module, and the names that are taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, ()
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node, node.module, tuple(alias.name for alias in node.names)


def _is_module_of_zen(name: str) -> bool:
    return importlib.util.find_spec(f"zen.{name}") is not None


def _is_optional(node: ast.AST) -> bool:
    """Whether imports inside may fail: under `try … except ImportError`, or for types only."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    handlers: list[Any] = node.handlers if isinstance(node, ast.Try) else []
    caught = " ".join(ast.unparse(handler.type) for handler in handlers if handler.type)
    return "ImportError" in caught or "ModuleNotFoundError" in caught
