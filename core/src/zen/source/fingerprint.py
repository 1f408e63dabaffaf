"""The fingerprint of a step's code: narrow, and never wrong.

It covers the function's own source and every plain constant, default and closure variable that it uses, and lists the
installed distributions that it reaches. A function that reaches other project code, or whose reach cannot be read from
its source, has no fingerprint but reasons, and its step is not cached.

What no reading shows, and what the caller has to add: the types of arguments without annotations (`origin_of` tells
whether a recorded type is the project's), files, the network, the clock and the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from zen.identity import canonical, digest
from zen.records import CodeRef
from zen.source.modules import module_name
from zen.source.origin import origin_of, origin_of_file

if TYPE_CHECKING:
    from zen.source.inquiry import Inquiry
    from zen.source.reach import Reach


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of a function's code, or why it has none.

    Attributes:
        digest: `sha256:…`; empty when there are reasons. The same in every process of one Python minor version.
        reasons: Why results of the function cannot be cached, sorted: ``uses the project function features.scale``.
        distributions: Names and versions of the installed code that it reaches, sorted. Not part of the digest.
    """

    digest: str = ""
    reasons: tuple[str, ...] = ()
    distributions: tuple[tuple[str, str], ...] = ()


def fingerprint(function: Callable[..., Any], root: Path) -> Fingerprint:
    """Return the fingerprint of a plain function.

    Args:
        function: The user's function, without zen's decorator.
        root: The project root.
    """
    from zen.source.inquiry import Inquiry
    from zen.source.reach import reach_of
    from zen.source.syntax import SourceUnavailable

    if not isinstance(function, FunctionType) or _is_installed(function, root):
        return _of_installed(function, root)
    try:
        reach = reach_of(function)
    except SourceUnavailable as missing:
        return Fingerprint(reasons=(str(missing),))
    inquiry = Inquiry(function, root, reach.imports)
    parts = _Parts(function, root, reach, inquiry).identify()
    return _result(inquiry, ("source", reach.form, parts))


def code_ref(function: Callable[..., Any], root: Path) -> CodeRef:
    """Return the reference to a function by which other processes find it, with its fingerprint where it has one."""
    return CodeRef(
        module=module_name(function, root),
        qualname=getattr(function, "__qualname__", type(function).__qualname__),
        fingerprint=fingerprint(function, root).digest,
    )


def _is_installed(function: FunctionType, root: Path) -> bool:
    return origin_of(function.__module__ or "", root).kind in ("python", "zen", "distribution") and (
        function.__code__.co_filename.startswith("<")
        or origin_of_file(function.__code__.co_filename, root, function.__module__).kind != "project"
    )


def _of_installed(function: Callable[..., Any], root: Path) -> Fingerprint:
    """Identify installed code by its address: its distribution's version stands for its text."""
    from zen.source.inquiry import Inquiry

    inquiry = Inquiry(FunctionType(compile("", "<nothing>", "exec"), {}), root, {})
    return _result(inquiry, ("installed", inquiry.value(function, "a callable object")))


def _result(inquiry: Inquiry, identity: Any) -> Fingerprint:
    reasons = tuple(sorted(inquiry.reasons))
    distributions = tuple(sorted(inquiry.distributions.items()))
    return Fingerprint("" if reasons else digest("fingerprint/1", identity), reasons, distributions)


class _Parts:
    """What goes into a fingerprint beside the text."""

    def __init__(self, function: FunctionType, root: Path, reach: Reach, inquiry: Inquiry) -> None:
        self.function = function
        self.root = root
        self.reach = reach
        self.inquiry = inquiry
        self.chains: dict[str, list[tuple[str, ...]]] = {}
        for name, attributes in reach.chains:
            self.chains.setdefault(name, []).append(attributes)

    def identify(self) -> tuple[Any, ...]:
        self._hidden()
        self._decorators()
        self._local_imports()
        for name, value in self.function.__annotations__.items():
            self.inquiry.annotation(value, f"the annotation of {name!r}")
        return self._globals(), self._closure(), self._defaults()

    def _hidden(self) -> None:
        reasons = self.inquiry.reasons
        reasons.update(self.reach.hidden)
        reasons.update(f"assigns the global `{name}`" for name in self.reach.assigned)
        owner = self.function.__qualname__.rpartition(".")[0]
        if owner and not owner.endswith("<locals>"):
            reasons.add(f"is a method of the project class {module_name(self.function, self.root)}.{owner}")

    def _globals(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in sorted(self.reach.names | self.reach.quoted.intersection(self.function.__globals__)):
            if name == "getattr" and name not in self.chains:
                continue  # Only called, and looked at already.
            place, missing = self.function.__globals__, object()
            value = place.get(name, missing)
            if value is missing:
                value = _builtins(place).get(name, missing)
            if value is missing:
                self.inquiry.reasons.add(f"uses the name `{name}`, which is not defined")
            else:
                found[name] = self._special(name, value) or self._bound(name, value, "global")
        return found

    def _special(self, name: str, value: Any) -> Any:
        """Return `__name__` and `__file__` as they are in every process and on every machine."""
        if name == "__name__":
            return ("name", module_name(self.function, self.root))
        if name == "__file__" and isinstance(value, str) and Path(value).resolve().is_relative_to(self.root.resolve()):
            return ("file", Path(value).resolve().relative_to(self.root.resolve()).as_posix())
        return None

    def _closure(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, cell in zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True):
            if cell == CellType():
                self.inquiry.reasons.add(f"uses the outer variable `{name}`, which has no value yet")
            else:
                found[name] = self._bound(name, cell.cell_contents, "outer variable")
        return found

    def _bound(self, name: str, value: Any, noun: str) -> Any:
        return self.inquiry.bound(name, value, self.chains.get(name, [()]), f"the {noun} `{name}`")

    def _defaults(self) -> tuple[Any, ...]:
        positional = tuple(self._default(value) for value in self.function.__defaults__ or ())
        by_keyword = {name: self._default(value) for name, value in (self.function.__kwdefaults__ or {}).items()}
        return positional, by_keyword

    def _default(self, value: Any) -> Any:
        # Every call of a step is given all its arguments, so a mutable default is never the one object that lives on.
        try:
            return ("value", value) if canonical(value) else None
        except (TypeError, RecursionError):
            return self.inquiry.value(value, "a default")

    def _local_imports(self) -> None:
        for name, binding in self.reach.local_imports:
            self.inquiry.imported(binding)
            for chain in self.chains.get(name, ()):
                if chain:
                    self.inquiry.imported(binding, chain)

    def _decorators(self) -> None:
        for decorator in self.reach.decorators:
            if not self._is_of_zen(decorator.chain):
                self.inquiry.reasons.add(f"is decorated with {decorator.text}")

    def _is_of_zen(self, chain: tuple[str, tuple[str, ...]] | None) -> bool:
        if chain is None:
            return False
        missing = object()
        value = self.function.__globals__.get(chain[0], missing)
        if value is missing:  # Imported inside the function that defines the step.
            modules = [self.inquiry.absolute(binding) for binding in self.reach.imports.get(chain[0], ())]
        else:
            value = getattr(value, "func", value)  # A partial of zen's decorator.
            modules = [value.__name__ if hasattr(value, "__path__") else getattr(value, "__module__", "") or ""]
        return bool(modules) and all(origin_of(module, self.root).kind == "zen" for module in modules)


def _builtins(module_globals: dict[str, Any]) -> dict[str, Any]:
    builtins = module_globals.get("__builtins__", {})
    return builtins if isinstance(builtins, dict) else vars(builtins)
