"""Loading project code in any process, under the name that it has everywhere.

Workers load scripts themselves and never through multiprocessing's second import of `__main__`, so that a script
without an `if __name__ == "__main__"` works: the first pipeline that it calls stops the loading, and what was defined
until then is there.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from zen.errors import UsageError, listing, nearest
from zen.forks import freed_by_fork
from zen.records import CodeRef
from zen.source.modules import MAIN, main_file, module_name, path_name

_thread = threading.local()
_one_at_a_time = freed_by_fork(threading.RLock())
_stopped: set[str] = set()


class StopLoading(BaseException):
    """Raised by a pipeline that is called while its script is only being loaded. No `Exception`: users catch those."""


def loading() -> bool:
    """Say whether this thread is executing project code only to have its definitions."""
    return getattr(_thread, "depth", 0) > 0


def adopt_main(root: Path) -> None:
    """Make the started script importable under its project name, so that nothing executes it a second time.

    Does nothing for a notebook, or when another module has that name already.
    """
    main = sys.modules["__main__"]
    name = module_name(main, root)
    if name in MAIN:
        return
    sys.modules.setdefault(name, main)
    if "." in name:  # Importing (and unpickling) `a.b` imports `a` as well, which lies in the root.
        _extend_path(last=[str(root.resolve())])


def load_module(name: str, root: Path, *, script: Path | None = None) -> ModuleType:
    """Return the module of that name, executing it if this process has not done so yet.

    Args:
        name: As given by `module_name`.
        root: The project root; ends up on `sys.path`.
        script: The file that was started, if any; its folder ends up on `sys.path` too, as Python does for a script.

    Raises:
        UsageError: When there is no such module, or the name can only mean something in the launching process.
    """
    if name in MAIN:
        return _interactive(name)
    with _one_at_a_time:
        script = script.resolve() if script else None
        prepare_path(root, script)
        is_script = script is not None and path_name(script, root) == name
        known = sys.modules.get(name)
        if known is not None:
            _refuse_hidden(known, script if is_script else None)
            return known
        if is_script and script is not None:
            return _load_script(name, script)
        spec = _find(name, root)
        _reach_siblings(spec, root)
        return _execute(spec)


def load_object(ref: CodeRef, root: Path, *, script: Path | None = None) -> Any:
    """Return what a code reference names.

    Raises:
        UsageError: When only the launching process could reach it, or when the module does not define it.
    """
    if "<locals>" in ref.qualname or "<lambda>" in ref.qualname:
        raise UsageError(
            f"{ref} is defined inside a function, where no other process can reach it",
            hint=f"move {ref.qualname.rpartition('.')[2]} to the top level of a module",
        )
    target: Any = load_module(ref.module, root, script=script)
    for part in ref.qualname.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise _missing(ref, target, part) from None
    return target


def prepare_path(root: Path, script: Path | None) -> None:
    """Put on `sys.path` what the launching process had there: the script's folder first, the root where it is missing.

    A script inside a package was most likely started with `python -m`: there the folder above the package comes first,
    because the folder itself would let `types.py` or `logging.py` hide Python's own modules.
    """
    base = str(root.resolve())
    if script is None:
        _extend_path(first=[base])
    elif (script.parent / "__init__.py").is_file():
        _extend_path(first=[str(_above_package(script.parent))], last=[base, str(script.parent)])
    else:
        _extend_path(first=[str(script.parent)], last=[base])


def _above_package(folder: Path) -> Path:
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def _reach_siblings(spec: ModuleSpec, root: Path) -> None:
    """Let a script that nobody started here, but whose types an artifact needs, import what lies beside it."""
    folder = Path(spec.origin).resolve().parent if spec.has_location and spec.origin else root.resolve()
    if folder.is_relative_to(root.resolve()) and not (folder / "__init__.py").is_file():
        _extend_path(last=[str(folder)])


def _extend_path(*, first: list[str] | None = None, last: list[str] | None = None) -> None:
    for entry in reversed(first or []):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    sys.path.extend(entry for entry in last or [] if entry not in sys.path)


def _interactive(name: str) -> ModuleType:
    main = sys.modules["__main__"]
    if main_file(main) is None and not hasattr(main, "__zen_worker__"):
        return main
    raise UsageError(
        f"{name} of a notebook or an interactive session cannot be loaded in another process",
        hint="move what the step needs to a module in the project and import it from there",
    )


def _refuse_hidden(known: ModuleType, script: Path | None) -> None:
    file = getattr(known, "__file__", None)
    if script is None or (file and Path(file).resolve() == script):
        return
    raise UsageError(
        f"the script {script.name} has the name of another module that is loaded already: {known.__name__} "
        f"({file or 'built in'})",
        hint="rename the script",
    )


def _load_script(name: str, script: Path) -> ModuleType:
    parent = name.rpartition(".")[0]
    if parent and (script.parent / "__init__.py").is_file():
        # The package may fail to import where the script was started as a plain file; then it did not need it.
        with contextlib.suppress(Exception, StopLoading), _marked():
            importlib.import_module(parent)
        if name in sys.modules:
            return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, script, loader=SourceFileLoader(name, str(script)))
    if spec is None:
        raise UsageError(f"{script} cannot be loaded as a Python module", hint="give it the suffix .py")
    return _execute(spec)


def _find(name: str, root: Path) -> ModuleSpec:
    spec = None
    with contextlib.suppress(ModuleNotFoundError, ValueError), _marked():
        spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        spec = _by_path(name, root)
    if spec is None:
        raise UsageError(
            f"no module {name!r}: neither {name.replace('.', '/')}.py under {root} nor an installed one",
            hint="start the run from the project that defines it, or install the package here",
        )
    return spec


def _by_path(name: str, root: Path) -> ModuleSpec | None:
    stem = root.resolve().joinpath(*name.split("."))
    for file in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
        if file.is_file():
            return importlib.util.spec_from_file_location(name, file)
    return None


def _execute(spec: ModuleSpec) -> ModuleType:
    if spec.name in sys.modules:  # Finding it imported its package, and that imported it.
        return sys.modules[spec.name]
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    _stopped.discard(spec.name)
    try:
        with _marked():
            _run_body(spec, module)
    except StopLoading:
        _stopped.add(spec.name)
    except BaseException:
        sys.modules.pop(spec.name, None)
        raise
    parent, _, child = spec.name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, sys.modules[spec.name])
    return sys.modules[spec.name]


def _run_body(spec: ModuleSpec, module: ModuleType) -> None:
    loader = spec.loader
    if type(loader) is SourceFileLoader and spec.origin:
        # Not through the bytecode cache: it goes by seconds and sizes and can be stale for a script edited just now.
        code = loader.source_to_code(loader.get_data(spec.origin), spec.origin)
        exec(code, module.__dict__)  # noqa: S102  # This is what importing is.
    elif loader is not None:
        loader.exec_module(module)


@contextlib.contextmanager
def _marked() -> Iterator[None]:
    _thread.depth = getattr(_thread, "depth", 0) + 1
    try:
        yield
    finally:
        _thread.depth -= 1


def _missing(ref: CodeRef, target: Any, part: str) -> UsageError:
    if ref.module in _stopped:
        hint = f'define {ref.qualname} above the pipeline call, or put the call under `if __name__ == "__main__":`'
    else:
        hint = nearest(part, [name for name in vars(target) if not name.startswith("_")]) if _has_vars(target) else ""
        hint = (
            hint or "the module was changed since the run was planned, or the name is defined only when it is started"
        )
    names = [name for name in vars(target) if not name.startswith("_")] if _has_vars(target) else []
    return UsageError(f"module {ref.module} has no {ref.qualname!r}; it has: {listing(names)}", hint=hint)


def _has_vars(target: Any) -> bool:
    return hasattr(target, "__dict__")
