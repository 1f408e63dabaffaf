"""What names lead to: through modules and their attributes, import statements, and the modules that hand names on."""

from __future__ import annotations

import sys
import types
from typing import Any, NamedTuple

from zen.source.address import CODE, is_at_its_address, layers, origin_of_code, owner
from zen.source.blind import hides, reads_zen
from zen.source.origin import Origin, origin_of
from zen.source.pieces import Identity, Piece, Walker
from zen.source.slices import slice_of
from zen.source.syntax import Binding, File, file_named

MISSING = object()
_INSTALLED = ("python", "distribution", "zen")
_HANDED_ON = 32  # More modules than that hand a name on in a loop.


class Home(NamedTuple):
    """Where a value got its name: the global names of a module, and the name there. `installed`: not of the project."""

    space: dict[str, Any]
    name: str
    installed: bool = False


def chain(
    walk: Walker, path: str, attributes: tuple[str, ...], piece: Piece, module: types.ModuleType | None = None
) -> Identity:
    """Return what identifies that which a module and a chain of attributes lead to. Imports nothing."""
    module = module or sys.modules.get(path)
    origin = origin_of(module.__name__ if module else path, walk.root)
    reason = hides(".".join((path, *attributes))) if origin.kind == "python" else ""
    if reason:
        walk.refuse(piece, reason)
    elif origin.kind == "project":
        return _of_project(walk, path, attributes, piece, module)
    elif origin.kind == "zen":
        _zen(walk, path, attributes[0] if attributes else "", origin, piece)
    elif _accept(walk, path, origin, piece) or origin.kind == "namespace":
        return ("module", path, _below(walk, path, attributes, module, origin, piece))
    return ("module", path, None)


def imported(walk: Walker, binding: Binding, attributes: tuple[str, ...], piece: Piece) -> Identity:
    """Return what identifies that which an import statement inside a function reaches.

    Project modules are read and neither imported nor looked up: whether something else has imported them already must
    not count.
    """
    path = binding.path(piece.space.get("__package__") or "")
    attributes = (binding.attribute, *attributes) if binding.attribute else attributes
    origin = origin_of(path, walk.root)
    if origin.kind == "project":
        return slice_of(walk, path, attributes, piece)
    if attributes or origin.kind != "namespace":
        return (walk.chain(path, attributes, piece), attributes)
    return ("module", path, None)


def bound(walk: Walker, space: dict[str, Any], name: str, value: Any, piece: Piece, what: str) -> Identity:
    """Return what identifies the value of a global name."""
    if isinstance(value, (*CODE, types.ModuleType)) or _is_wrapper(value):
        return walk.value(value, piece, what, name)
    home = home_of(walk, space, name, value)
    if home.installed:
        return walk.value(value, piece, what, name)
    return piece.refer(walk.constant(home.space, home.name))


def home_of(walk: Walker, space: dict[str, Any], name: str, value: Any) -> Home:
    """Return the module that a value comes from, through the import statements that hand it on."""
    home = Home(space, name)
    for _ in range(_HANDED_ON):
        file = file_of(home.space)
        if file is None:
            break
        package = home.space.get("__package__") or ""
        stars = [Binding(each.module, home.name, each.level) for each in file.imports.get("*", ())]
        for binding in (*sorted(file.imports.get(home.name, ())), *sorted(stars)):
            path = binding.path(package)
            module = sys.modules.get(path)
            if module is None or vars(module).get(binding.attribute, MISSING) is not value:
                continue
            if origin_of(path, walk.root).kind in _INSTALLED:
                return Home(vars(module), binding.attribute, installed=True)
            home = Home(vars(module), binding.attribute)
            break
        else:
            break
    return home


def file_of(space: dict[str, Any]) -> File | None:
    """Return the source file of a module, given its global names."""
    name = space.get("__file__")
    return file_named(name) if isinstance(name, str) and name.endswith(".py") else None


def installed(walk: Walker, value: Any, piece: Piece, *, reading: bool = True, owned: bool = False) -> bool:
    """Note the distributions that a function, class or object comes from; False if it is no installed code.

    Args:
        walk: The walk.
        value: The object; one that is no code and does not say where it is defined counts by its type.
        piece: Where it is used.
        reading: Whether the piece uses it, or only names it in an annotation.
        owned: Whether it was found in a module whose distribution is noted, so that its own need not be known.
    """
    accepted = True
    for layer in layers(value if isinstance(value, CODE) or is_at_its_address(value) else type(value)):
        origin = origin_of_code(layer, walk.root)
        module, qualname = owner(layer)
        if origin.kind == "project":
            walk.value(layer, piece, f"`{qualname}`")
        elif origin.kind == "zen":
            accepted &= _zen(walk, module, qualname if reading else "", origin, piece)
        elif origin.kind == "python" and hides(f"{module}.{qualname}"):
            walk.refuse(piece, hides(f"{module}.{qualname}"))
            accepted = False
        elif origin.kind != "namespace" and not (owned and origin.kind == "unknown"):
            accepted &= _accept(walk, module, origin, piece)
    return accepted


def _of_project(
    walk: Walker, path: str, attributes: tuple[str, ...], piece: Piece, module: types.ModuleType | None
) -> Identity:
    if module is None:
        return slice_of(walk, path, attributes, piece)
    space = vars(module)
    if not attributes:
        walk.refuse(piece, f"uses the project module {path} as a whole")
        return None
    name, rest = attributes[0], attributes[1:]
    value = space.get(name, MISSING)
    if value is MISSING:
        value = sys.modules.get(f"{module.__name__}.{name}", MISSING)
    if isinstance(value, types.ModuleType):
        return walk.chain(value.__name__, rest, piece, value)
    if value is MISSING:
        how = "which it makes when it is asked for" if "__getattr__" in space else "which it does not define"
        walk.refuse(piece, f"uses the project name {path}.{name}, {how}")
        return None
    return bound(walk, space, name, value, piece, f"`{path}.{name}`")


def _below(
    walk: Walker,
    path: str,
    attributes: tuple[str, ...],
    module: types.ModuleType | None,
    origin: Origin,
    piece: Piece,
) -> Identity:
    """Note what an attribute of an installed module is; return what it is if the project put it there."""
    if not attributes:
        if origin.kind == "namespace":
            walk.refuse(piece, f"uses the namespace package {path} as a whole")
        return None
    value = vars(module).get(attributes[0], MISSING) if module else MISSING
    inner = f"{path}.{attributes[0]}"
    if isinstance(value, types.ModuleType):
        return walk.chain(value.__name__, attributes[1:], piece, value)
    if value is not MISSING:
        if isinstance(value, CODE) and origin_of_code(value, walk.root).kind == "project":
            return walk.value(value, piece, f"`{inner}`")
        installed(walk, value, piece, owned=True)
    elif origin.kind == "namespace" or inner in sys.modules:
        return walk.chain(inner, attributes[1:], piece)
    return None


def _accept(walk: Walker, path: str, origin: Origin, piece: Piece) -> bool:
    if origin.distribution:
        walk.distribution(*origin.distribution)
    elif origin.kind == "unknown":
        walk.refuse(piece, f"uses the module {path}, which no installed distribution owns")
    return origin.kind != "unknown"


def _zen(walk: Walker, path: str, name: str, origin: Origin, piece: Piece) -> bool:
    _accept(walk, path, origin, piece)
    if name and reads_zen(path, name):
        walk.refuse(piece, f"reads what no cache key holds (zen.{name})")
        return False
    return True


def _is_wrapper(value: Any) -> bool:
    return isinstance(getattr(type(value), "__module__", None), str) and "__wrapped__" in getattr(value, "__dict__", ())
