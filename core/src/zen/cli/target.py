"""TARGET of `zen run`: `training.py`, `training.py:nightly`, `package.module:nightly`."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from zen.errors import UsageError, listing, nearest

if TYPE_CHECKING:
    from zen.authoring import Pipeline

__all__ = ["load_pipeline"]

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<name>[^:/\\]*))?", re.DOTALL)
_MODULE = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::(?P<name>[^:]*))?")


def load_pipeline(target: str) -> Pipeline:
    """Import the module of a target and return its pipeline.

    Raises:
        UsageError: When there is no such file, module or pipeline, when there are several and none is named, or when
            the code cannot be imported; then `traceback` shows where, without frames of zen.
    """
    file = _FILE.fullmatch(target)
    if file:
        return _chosen(_load_file(Path(file["file"])), file["name"], file["file"])
    module = _MODULE.fullmatch(target)
    if module is None:
        raise UsageError(
            f"{target!r} is no file that ends with .py and no name of a module",
            hint="give file.py, file.py:pipeline or package.module:pipeline",
        )
    if Path(f"{module['module']}.py").is_file() and "." not in module["module"]:
        target = f"{module['module']}.py"
        return _chosen(_load_file(Path(target)), module["name"], target)
    return _chosen(_load_named(module["module"]), module["name"], module["module"])


def _load_file(path: Path) -> ModuleType:
    from zen.source.modules import path_name
    from zen.stacks import find_project

    if not path.is_file():
        raise _no_file(path)
    path = path.resolve()
    root = find_project(path).root
    return _load(path_name(path, root), root, path)


def _load_named(name: str) -> ModuleType:
    from zen.stacks import find_project

    return _load(name, find_project().root, None)


def _load(name: str, root: Path, script: Path | None) -> ModuleType:
    from zen.engine.failures import user_traceback
    from zen.source import load_module

    try:
        return load_module(name, root, script=script)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # the project's own code
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise UsageError(
            f"{script.name if script else name} cannot be imported: {said}",
            hint=_advice(error),
            traceback=user_traceback(error),
        ) from error


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"install what has the module {error.name.partition('.')[0]!r} in this environment, or correct the import"
        )
    if isinstance(error, SystemExit):
        return 'a module that ends the process cannot be run; put that under `if __name__ == "__main__":`'
    return "correct it, and run it again"


def _no_file(path: Path) -> UsageError:
    folder = path.parent
    if path.is_dir() or not folder.is_dir():
        return UsageError(f"{path} is no file", hint="give file.py, file.py:pipeline or package.module:pipeline")
    known = sorted(other.name for other in folder.glob("*.py"))
    return UsageError(f"there is no {path}; {folder} has: {listing(known)}", hint=nearest(path.name, known))


def _chosen(module: ModuleType, name: str | None, where: str) -> Pipeline:
    pipelines = pipelines_of(module)
    if name:
        if name not in pipelines:
            raise _no_pipeline(module, name, pipelines, where)
        return pipelines[name]
    distinct = {id(pipeline): pipeline for pipeline in pipelines.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if not distinct:
        raise UsageError(f"{where} has no pipeline", hint="put @pipeline on the function that calls the steps")
    raise UsageError(
        f"{where} has several pipelines: {listing(pipelines)}", hint=f"name one: {where}:{sorted(pipelines)[0]}"
    )


def _no_pipeline(module: ModuleType, name: str, pipelines: dict[str, Pipeline], where: str) -> UsageError:
    if hasattr(module, name):
        return UsageError(
            f"{name!r} in {where} is no pipeline but a {type(getattr(module, name)).__name__}; "
            f"the pipelines there: {listing(pipelines)}",
            hint="put @pipeline on it" if callable(getattr(module, name)) else "",
        )
    return UsageError(
        f"no pipeline {name!r} in {where}; it has: {listing(pipelines)}",
        hint=nearest(name, pipelines) or "name one of these, or leave the name out if there is only one",
    )


def pipelines_of(module: ModuleType) -> dict[str, Pipeline]:
    """Return the pipelines of a module by name: its own, or the ones it imports where it defines none."""
    from zen.authoring import Pipeline

    found = {name: value for name, value in vars(module).items() if isinstance(value, Pipeline)}
    own = {name: pipeline for name, pipeline in found.items() if pipeline.function.__module__ == module.__name__}
    return own or found
