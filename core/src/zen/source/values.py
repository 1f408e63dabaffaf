"""What identifies a value: plain data by itself, code as a piece or by its address, objects by their state."""

from __future__ import annotations

import enum
import os
import types
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from zen.identity import canonical
from zen.source.address import CODE, is_at_its_address, is_of_project, origin_of_code, owner
from zen.source.annotations import note_types
from zen.source.decorated import decorated_by_installed
from zen.source.names import home_of, installed
from zen.source.objects import state_of
from zen.source.pieces import Identity, Piece, Walker

# Immutable values that have no canonical encoding, by the name of their type; and what is of no consequence.
_IMMUTABLE: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "_thread.RLock": lambda value: (),
    "_thread.lock": lambda value: (),
    "builtins.NotImplementedType": lambda value: (),
    "builtins.complex": lambda value: (value.real, value.imag),
    "builtins.ellipsis": lambda value: (),
    "builtins.range": lambda value: (value.start, value.stop, value.step),
    "datetime.timezone": lambda value: (value.utcoffset(None), value.tzname(None)),
    "fractions.Fraction": lambda value: (value.numerator, value.denominator),
    "logging.Logger": lambda value: (),  # What it does with a message is no result; its name may be `__main__`.
    "logging.RootLogger": lambda value: (),
    "numpy.dtype": lambda value: (str(value.descr),),
    "re.Pattern": lambda value: (value.pattern, value.flags),
    "typing.TypeVar": lambda value: (value.__name__,),
    "zoneinfo.ZoneInfo": lambda value: (str(value),),
}

# Objects of Python that are no more than what they hold.
_HOLDING: dict[str, Callable[[Any], Any]] = {
    "builtins.classmethod": lambda value: value.__func__,
    "builtins.mappingproxy": dict,
    "builtins.property": lambda value: (value.fget, value.fset, value.fdel),
    "builtins.slice": lambda value: (value.start, value.stop, value.step),
    "builtins.staticmethod": lambda value: value.__func__,
    "functools._lru_cache_wrapper": lambda value: value.__wrapped__,
    "functools.cached_property": lambda value: value.func,
    "functools.partial": lambda value: (value.func, value.args, value.keywords, vars(value)),
    "functools.partialmethod": lambda value: (value.func, value.args, value.keywords),
    "functools.singledispatchmethod": lambda value: (value.func, value.dispatcher),
    "operator.attrgetter": lambda value: value.__reduce__()[1:],
    "operator.itemgetter": lambda value: value.__reduce__()[1:],
    "operator.methodcaller": lambda value: (value.__reduce__()[0], value.__reduce__()[1:]),
    "types.SimpleNamespace": vars,
    "zen.authoring.steps.Step": lambda value: value.__wrapped__,
}
_ON_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_LEAVES = (bool, int, float, str, bytes, type(None))


def identify(walk: Walker, value: Any, piece: Piece, what: str, name: str) -> Identity:
    """Return what identifies a value; see `Walker.value`."""
    kind = type(value)
    if kind in _LEAVES or (isinstance(value, PurePath) and kind.__module__.startswith("pathlib")):
        return _leaf(walk, value)
    found = _container(walk, value, piece, what)
    if found is not None:
        return found
    if isinstance(value, CODE):
        return _code(walk, value, piece, what, name)
    if isinstance(value, types.ModuleType):
        return walk.chain(value.__name__, (), piece, value)
    found = _known(walk, value, piece, what)
    if found is not None:
        return found
    try:
        return ("value", value) if canonical(value) else None
    except (TypeError, RecursionError, ValueError):
        return _object(walk, value, piece, what, name)


def _leaf(walk: Walker, value: Any) -> Identity:
    """Return a plain value; a path inside of the project counts from there, wherever the project lies."""
    if isinstance(value, str | PurePath):
        text, base = str(value), str(walk.root)
        if text.startswith(base) and (text == base or text[len(base)] == os.sep):
            return ("inside", type(value).__name__, text[len(base) :].replace(os.sep, "/"))
        if not isinstance(value, str):
            return ("path", type(value).__name__, text)
    return ("value", value)


def _container(walk: Walker, value: Any, piece: Piece, what: str) -> Identity:
    """Return the items of a container. Mappings count in their order: code may iterate over them."""
    kind = type(value)
    if kind in (list, tuple):
        if all(type(item) in _LEAVES and type(item) is not str for item in value):
            return (kind.__name__, "values", tuple(value))
        return (kind.__name__, tuple(walk.value(item, piece, what) for item in value))
    if kind is dict:
        pairs = ((walk.value(key, piece, what), walk.value(item, piece, what)) for key, item in value.items())
        return ("dict", tuple(pairs))
    if kind in (set, frozenset):
        items = _sorted(value)
        if items is None:
            walk.refuse(piece, f"uses {what}, a {kind.__name__} of objects that have no order")
        return (kind.__name__, tuple(walk.value(item, piece, what) for item in items or ()))
    return ("value", bytes(value)) if kind is bytearray else None


def _sorted(items: Any) -> list[Any] | None:
    """Return the items of a set in an order that is the same in every process, or None where there is none."""
    keys: dict[tuple[bytes, str], Any] = {}
    for item in items:
        try:
            key = canonical(item), ""
        except (TypeError, RecursionError):
            if not isinstance(item, (*CODE, enum.Enum)):
                return None
            key = b"", f"{owner(item)}{getattr(item, 'name', '')}"
        keys[key] = item
    return [keys[key] for key in sorted(keys)] if len(keys) == len(items) else None


def _code(walk: Walker, value: Any, piece: Piece, what: str, name: str) -> Identity:
    if isinstance(value, types.MethodType):
        if name and home_of(walk, piece.space, name, value).installed:
            return _attribute(walk, value, piece, what, name)
        return ("method", walk.value(value.__func__, piece, what), walk.value(value.__self__, piece, what))
    if origin_of_code(value, walk.root).kind == "project":
        if isinstance(value, type):
            return piece.refer(walk.class_(value))
        if isinstance(value, types.FunctionType):
            if not is_of_project(value, walk.root):
                return _wrapper(walk, value, piece, what)
            return piece.refer(walk.function(value))
        walk.refuse(piece, f"uses {'.'.join(owner(value))}, compiled code of the project")
        return None
    if isinstance(value, types.FunctionType) and not is_at_its_address(value):
        return _wrapper(walk, value, piece, what)
    if not installed(walk, value, piece):
        return None
    described = isinstance(
        value, types.MethodDescriptorType | types.WrapperDescriptorType | types.ClassMethodDescriptorType
    )
    if described or is_at_its_address(value) or _is_static(value):
        return ("code", *owner(value))
    return _attribute(walk, value, piece, what, name)


def _is_static(value: Any) -> bool:
    """Say whether a class is one of Python's own that have no name anywhere, as that of None."""
    return isinstance(value, type) and value.__module__ == "builtins" and not value.__flags__ & _ON_HEAP


def _wrapper(walk: Walker, value: types.FunctionType, piece: Piece, what: str) -> Identity:
    """Identify a function that installed code has made: by its text's distribution, and what it holds."""
    space = value.__globals__
    dispatched = value.__dict__.get("registry") if space.get("__name__") == "functools" else None
    if dispatched is not None:
        items = sorted(dispatched.items(), key=lambda item: owner(item[0]))
        return ("dispatch", tuple((walk.value(k, piece, what), walk.value(v, piece, what)) for k, v in items))
    code = value.__code__
    path = str(space.get("__name__", ""))
    walk.chain(path, (code.co_qualname.partition(".")[0],), piece)
    if code.co_filename.startswith("<"):
        walk.refuse(piece, f"uses {what}, a function that was made at run time")
        return None
    decorated = decorated_by_installed(walk.root, value)
    if decorated is not None:
        return ("decorated", walk.value(decorated, piece, what))
    cells = tuple(
        walk.value(cell.cell_contents, piece, f"the outer variable `{name}` of {value.__qualname__}")
        for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True)
        if cell != types.CellType()
    )
    defaults = (value.__defaults__, sorted((value.__kwdefaults__ or {}).items()))
    return ("wrapper", path, code.co_qualname, cells, walk.value(defaults, piece, what))


def _known(walk: Walker, value: Any, piece: Piece, what: str) -> Identity:
    """Return what identifies objects of Python and numpy that show all that they hold."""
    kind = type(value)
    type_name = f"{kind.__module__}.{kind.__qualname__}"
    if type_name in _IMMUTABLE:
        return (type_name, *_IMMUTABLE[type_name](value))
    if type_name in _HOLDING:
        return (type_name, walk.value(_HOLDING[type_name](value), piece, what))
    if kind is object:
        return piece.refer(walk.sentinel(value))
    is_array = kind.__module__ == "numpy" and hasattr(value, "tobytes") and hasattr(value, "dtype")
    if is_array and kind.__name__ not in ("matrix", "recarray") and not value.dtype.hasobject:
        return (type_name, str(value.dtype.descr), getattr(value, "shape", ()), value.tobytes())
    return None


def _object(walk: Walker, value: Any, piece: Piece, what: str, name: str) -> Identity:
    kind = type(value)
    if isinstance(value, enum.Enum):
        return ("member", walk.value(kind, piece, what), value.name)
    if kind.__module__ in ("types", "typing"):
        note_types(walk, value, piece)
        inside = (getattr(value, "__args__", ()), getattr(value, "__metadata__", ()), getattr(value, "__value__", ()))
        return ("typing", "" if " at 0x" in repr(value) else repr(value), walk.value(inside, piece, what))
    decorated = decorated_by_installed(walk.root, value)
    if decorated is not None:
        return ("decorated", walk.value(decorated, piece, what))
    state = state_of(walk, value, piece, what)
    if state is not None:
        return state
    if kind.__module__.startswith("zen.") and not installed(walk, kind, piece):
        return None
    if (
        is_at_its_address(value)
        and origin_of_code(value, walk.root).kind != "project"
        and installed(walk, value, piece)
    ):
        return ("code", value.__module__, value.__qualname__)
    return _attribute(walk, value, piece, what, name)


def _attribute(walk: Walker, value: Any, piece: Piece, what: str, name: str) -> Identity:
    """Identify an object as the attribute of an installed module that an import statement took it from."""
    home = home_of(walk, piece.space, name, value) if name else None
    if home is not None and home.installed:
        path = str(home.space.get("__name__"))
        walk.chain(path, (home.name,), piece)
        return ("attribute", path, home.name)
    walk.refuse(piece, f"uses {what}, a {type(value).__qualname__} that has a state that cannot be seen")
    return None
