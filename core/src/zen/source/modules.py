"""The names of modules: the same for one piece of project code, however its process was started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

MAIN = frozenset({"__main__", "__mp_main__"})


def module_name(thing: ModuleType | Callable[..., Any], root: Path) -> str:
    """Return the name under which every process can find the module of `thing`.

    That is the import name. Only `__main__` is renamed: to its path from `root` (`a/b.py` is `a.b`), or to the name
    that `python -m` was given. A notebook or an interactive session has no such name and stays `__main__`.
    """
    name: str = (thing.__name__ if isinstance(thing, ModuleType) else thing.__module__) or ""
    if name not in MAIN:
        return name
    main = sys.modules.get(name) or sys.modules["__main__"]
    file = main_file(main)
    return "__main__" if file is None else _started_as(main, file) or path_name(file, root)


def project_name(name: str, root: Path) -> str:
    """Return what a module is called everywhere, given what a class or function of it says (`__module__`)."""
    return module_name(sys.modules[name], root) if name in MAIN and name in sys.modules else name


def main_file(main: ModuleType) -> Path | None:
    """Return the file of a `__main__` module, or None for a notebook, a prompt, `-c` or standard input."""
    file = getattr(main, "__file__", None)
    return Path(file).resolve() if file and os.path.isfile(file) else None


def path_name(file: Path, root: Path) -> str:
    """Return the module name that a file has by its place under `root`; outside of `root`, its bare name."""
    try:
        parts = file.relative_to(root.resolve()).with_suffix("").parts
    except ValueError:
        return file.stem
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _started_as(main: ModuleType, file: Path) -> str:
    # Tools that run a script (profilers, debuggers, runpy) may leave a spec of another file behind.
    spec = getattr(main, "__spec__", None)
    if spec is None or spec.name in MAIN or not spec.origin or Path(spec.origin).resolve() != file:
        return ""
    return str(spec.name)
