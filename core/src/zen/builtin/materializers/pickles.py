"""Pickle: the last resort, for values that no materializer claims."""

from __future__ import annotations

import contextlib
import functools
import pickle
import sys
import types
from collections.abc import Mapping
from typing import Any, BinaryIO, ClassVar

from zen.builtin.materializers.plain import type_name
from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer

PROTOCOL = 5  # fixed, so that the bytes do not depend on the version of Python


class PickleMaterializer(Materializer):
    """Saves anything that pickle takes. Loading runs code that the bytes name, hence `unsafe`.

    Args:
        rename: Names under which classes and functions of a module are written: `{"__main__": "training"}` for the
            script that was started, which other processes import under its own name.
    """

    format: ClassVar[str] = "pickle"
    unsafe: ClassVar[bool] = True
    rename: Mapping[str, str] = {}

    def __init__(self, rename: Mapping[str, str] | None = None) -> None:
        if rename is not None:
            self.rename = rename

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the pickle."""
        with writer.open() as stream:
            pickler = _Pickler(stream, self.rename)
            try:
                pickler.dump(value)
            except MaterializerError:
                raise
            except Exception as error:  # `__reduce__` and `__getstate__` are other people's code
                raise _refusal(value, pickler.latest, error) from error

    def load(self, reader: ArtifactReader) -> Any:
        """Return the value."""
        with reader.open() as stream:
            try:
                return _Unpickler(stream, reader).load()
            except MaterializerError:
                raise
            except Exception as error:  # `__setstate__` and constructors are other people's code
                raise MaterializerError(
                    f"the pickle of a {reader.type or 'value'} cannot be loaded: {type(error).__name__}: {error}",
                    hint="load it with the versions of the code and of the packages that saved it",
                    type=reader.type,
                ) from error


def project_object(module: str, qualname: str) -> Any:
    """Return the object of that name. Pickles of renamed modules name this function; loading replaces it."""
    __import__(module)
    return functools.reduce(getattr, qualname.split("."), sys.modules[module])


class _Pickler(pickle.Pickler):
    """Writes classes and functions of renamed modules as calls of `project_object`.

    The C pickler takes a class's module from the class alone; writing a call instead leaves the user's classes
    unchanged and keeps the speed of C for the data.
    """

    def __init__(self, stream: BinaryIO, rename: Mapping[str, str]) -> None:
        super().__init__(stream, protocol=PROTOCOL)
        self.rename = rename
        self.latest: Any = None

    def reducer_override(self, obj: Any) -> Any:
        """Return how to rebuild an object; asked for everything but the simplest built-in types."""
        self.latest = obj
        if isinstance(obj, (type, types.FunctionType)) and obj.__module__ in self.rename:
            found = self.rename[obj.__module__], obj.__qualname__
            if _is_importable(obj):
                return project_object, found
            raise MaterializerError(
                f"{'.'.join(found)} cannot be found by that name, so no other process could load it",
                hint="define it once, at the top level of the module, not in a function and not as a lambda",
                type=type_name(type(obj)),
            )
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, reader: ArtifactReader) -> None:
        super().__init__(stream)
        self.reader = reader

    def find_class(self, module: str, name: str) -> Any:
        """Return what the pickle names; the reader knows modules of the project that Python does not find."""
        if (module, name) == (project_object.__module__, project_object.__qualname__):
            return self.find_class
        if module not in sys.modules:
            # The reader's way first: an ordinary import of a script would run the pipeline at its end once more.
            with contextlib.suppress(MaterializerError):
                return self.reader.resolve(f"{module}.{name}")
        try:
            return super().find_class(module, name)
        except (ModuleNotFoundError, AttributeError):
            return self.reader.resolve(f"{module}.{name}")


def _is_importable(obj: Any) -> bool:
    try:
        return functools.reduce(getattr, obj.__qualname__.split("."), sys.modules[obj.__module__]) is obj
    except (AttributeError, KeyError):
        return False


def _refusal(value: Any, latest: Any, error: Exception) -> MaterializerError:
    """Name the part that pickle was at when it gave up: mostly the lock, socket, file or generator inside."""
    whole, part = type_name(type(value)), type_name(type(latest))
    inside = "" if latest is None or latest is value else f": {_called(latest)} is inside"
    reason = f"{type(error).__name__}: {error}" if not isinstance(error, RecursionError) else "it is nested too deep"
    return MaterializerError(
        f"a {whole} cannot be saved{inside} ({reason})",
        hint="return the data that it was made from, close files and connections first, or write a materializer",
        type=whole,
        part=part if inside else whole,
    )


def _called(part: Any) -> str:
    if isinstance(part, type):
        return f"the class {type_name(part)}"
    if isinstance(part, types.FunctionType):
        return f"the function {part.__module__}.{part.__qualname__}"
    return f"a {type_name(type(part))}"
