"""A run configuration: a YAML or JSON file with what one run should be like.

stack: tracked
run_name: "nightly-{date}"
enable_cache: false
tags: [nightly]
parameters: {lr: 0.2}
steps:
  train:
    retries: 2
    parameters: {depth: 5}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zen.authoring.options import MODES
from zen.errors import ConfigError, Fault, StackFileError, listing, nearest
from zen.stacks import Document, Place, raise_faults, read_document

_KEYS: dict[str, type | tuple[type, ...]] = {
    "stack": str,
    "run_name": str,
    "enable_cache": bool,
    "tags": list,
    "parameters": dict,
    "steps": dict,
    "execution_mode": str,
    "settings": dict,
}
_STEP_KEYS: dict[str, type | tuple[type, ...]] = {
    "parameters": dict,
    "enable_cache": bool,
    "cache_version": str,
    "retries": int,
    "timeout": (int, float),
    "isolate": bool,
    "tags": list,
    "resources": dict,
    "step_operator": str,
    "settings": dict,
}
_WORDS = {str: "a text", bool: "true or false", list: "a list", dict: "a mapping", int: "a whole number"}


class RunConfig:
    """What a run configuration file says; an empty one says nothing."""

    def __init__(self, document: Document | None = None) -> None:
        self._document = document
        self._data: dict[str, Any] = {}
        if document is not None:
            document.check()
            faults: list[Fault] = []
            self._data = _checked(document, faults)
            raise_faults(faults)

    @classmethod
    def read(cls, path: str | Path | None) -> RunConfig:
        """Read a file, or return an empty configuration for None.

        Raises:
            StackFileError: With every fault of the file, each with its place.
        """
        if path is None:
            return cls()
        if not Path(path).is_file():
            raise ConfigError(f"no run configuration {str(path)!r}", hint="give the path of a YAML or JSON file")
        return cls(read_document(Path(path)))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the pipeline."""
        return dict(self._data.get("parameters") or {})

    def options(self) -> dict[str, Any]:
        """Return the options of the pipeline that the file gives."""
        names = ("stack", "run_name", "enable_cache", "tags", "execution_mode", "settings")
        return {name: self._data[name] for name in names if name in self._data}

    def step(self, *names: str) -> Mapping[str, Any]:
        """Return what the file says of a step, by its own name before the name of its function."""
        steps = self._data.get("steps") or {}
        return next((steps[name] or {} for name in names if name in steps), {})

    def check_steps(self, known: Sequence[str]) -> None:
        """See that every step in the file exists.

        Raises:
            StackFileError: Naming each that does not.
        """
        faults: list[Fault] = []
        for name in self._data.get("steps") or {}:
            if name not in known:
                self._place(faults, "steps", name).report(
                    f"no step {name!r} in this pipeline; it has: {listing(known)}", nearest(name, known), key=True
                )
        raise_faults(faults)

    def check_parameters(self, known: Iterable[str]) -> None:
        """See that every parameter of the pipeline in the file exists.

        Raises:
            StackFileError: Naming each that does not.
        """
        names = list(known)
        faults: list[Fault] = []
        for name in self.parameters:
            if name not in names:
                self._place(faults, "parameters", name).report(
                    f"the pipeline has no parameter {name!r}; it has: {listing(names)}", nearest(name, names), key=True
                )
        raise_faults(faults)

    def unknown_parameter(self, step: str, name: str, known: Sequence[str]) -> ConfigError:
        """Return the error for a step parameter that does not exist."""
        faults: list[Fault] = []
        self._place(faults, "steps", step, "parameters", name).report(
            f"step {step!r} has no parameter {name!r}; it has: {listing(known)}", nearest(name, known), key=True
        )
        return StackFileError(faults)

    def conflict(self, step: str, name: str, given: Any) -> ConfigError:
        """Return the error for a step parameter that the pipeline function sets itself."""
        faults: list[Fault] = []
        what = "an output of another step" if not isinstance(given, str | int | float | bool) else repr(given)
        self._place(faults, "steps", step, "parameters", name).report(
            f"parameter {name!r} of step {step!r} is {what} in the pipeline function, and something else here",
            "leave it out in one of the two places",
        )
        return StackFileError(faults)

    def _place(self, faults: list[Fault], *path: str) -> Place:
        return Place(faults, self._document, path)


def _checked(document: Document, faults: list[Fault]) -> dict[str, Any]:
    data = document.data if document.data is not None else {}
    root = document.root(faults)
    if not isinstance(data, dict):
        root.expected("a mapping", data)
        return {}
    _check_keys(data, _KEYS, root)
    for name, settings in data["steps"].items() if isinstance(data.get("steps"), dict) else ():
        place = root.at("steps", name)
        if isinstance(settings, dict):
            _check_keys(settings, _STEP_KEYS, place)
        elif settings is not None:
            place.expected("a mapping", settings)
    mode = data.get("execution_mode")
    if isinstance(mode, str) and mode not in MODES:
        root.at("execution_mode").report(
            f"no execution mode {mode!r}; there are: {listing(MODES)}", nearest(mode, MODES)
        )
    return data


def _check_keys(data: Mapping[str, Any], known: Mapping[str, type | tuple[type, ...]], place: Place) -> None:
    for name, value in data.items():
        wanted = known.get(name)
        if wanted is None:
            place.at(name).unknown(known)
        elif not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            place.at(name).expected("a number" if isinstance(wanted, tuple) else _WORDS[wanted], value)
