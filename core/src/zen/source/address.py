"""Where an object says that it is defined, and whose code it is."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

from zen.source.origin import Origin, origin_of, origin_of_file

CODE = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)
_LAYERS = 32  # More wrappers than that are a loop.


def layers(value: Any) -> list[Any]:
    """Return a value and what it wraps, as `functools.wraps` and zen's own steps tell in `__wrapped__`."""
    found = [value]
    while len(found) < _LAYERS:
        inner = quietly(found[-1], "__wrapped__")
        if inner is None or isinstance(found[-1], type):
            break
        found.append(inner)
    return found


def owner(code: Any) -> tuple[str, str]:
    """Return the module and the qualified name of a function, class, method or object."""
    holder = quietly(code, "__objclass__") or quietly(code, "__self__")
    module = quietly(code, "__module__") or quietly(holder, "__module__") or type(holder or code).__module__
    qualname = quietly(code, "__qualname__") or type(code).__qualname__
    return str(module), str(qualname)


def origin_of_code(code: Any, root: Path) -> Origin:
    """Return whose code an object is. Wrappers copy the module's name, so the file of the code counts as well."""
    if isinstance(code, types.FunctionType) and not code.__code__.co_filename.startswith("<"):
        by_file = origin_of_file(code.__code__.co_filename, root)
        if by_file.kind == "project":
            return by_file
    return origin_of(owner(code)[0], root)


def is_of_project(function: types.FunctionType, root: Path) -> bool:
    """Say whether the text of a function is the project's, and not only its name, which a wrapper has copied."""
    file = function.__code__.co_filename
    if file.startswith("<"):
        return origin_of(str(function.__globals__.get("__name__", "")), root).kind == "project"
    return origin_of_file(file, root).kind == "project"


def is_at_its_address(code: Any) -> bool:
    """Say whether the module and qualified name of an object lead to it."""
    found = at(quietly(code, "__module__") or "", str(quietly(code, "__qualname__") or ""))
    return found is code or (isinstance(code, types.MethodType) and found == code)


def at(module: str, qualname: str) -> Any:
    """Return what stands at an address in the loaded modules, or None."""
    target: Any = sys.modules.get(module)
    for part in qualname.split("."):
        target = quietly(target, part)
    return target


def quietly(value: Any, attribute: str) -> Any:
    """Return an attribute, or None where there is none."""
    try:
        return getattr(value, attribute, None)
    except Exception:  # noqa: BLE001  # Anybody's __getattr__ and properties run here; one that fails has no such attribute.
        return None
