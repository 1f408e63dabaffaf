"""Other processes for checks: a program, or a function with the component opened anew."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from zen.testing.hosts import FakeHost

_START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1))\n"
_CALL = "from zen.testing.processes import _answer; _answer()"
_MARK = "zen-testing-answer:"


class Setting(Protocol):
    """What another process needs to know of a kit to open the same component."""

    @property
    def component_class(self) -> type[Any]:
        """The class of the component."""

    @property
    def config_class(self) -> type | None:
        """The class of its configuration."""

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as JSON data."""

    @property
    def host(self) -> FakeHost:
        """Whose folders and secrets it gets."""


def run_program(
    source: str,
    *arguments: Any,
    timeout: float = 60.0,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run Python source in a new process, with more environment variables, and return what it prints.

    Raises:
        AssertionError: When it fails or does not end in time.
    """
    command = [sys.executable, "-c", _START + source, json.dumps(sys.path), *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(
            f"tried: a fresh process that runs:\n{source}\n came: it did not end in {timeout:g} s\n   do: let it end"
        ) from error
    if done.returncode:
        raise AssertionError(
            f"tried: a fresh process, which knows no more than what is installed\n came: it failed with code"
            f" {done.returncode}:\n{done.stderr[-3000:]}\n   do: keep nothing in the process that another one needs"
        )
    return done.stdout


def call_component(setting: Setting, function: Callable[..., Any], arguments: Sequence[Any], *, timeout: float) -> Any:
    """Return `function(component, *arguments)` from a new process; see `Kit.fresh_process`."""
    said = run_program(_CALL, timeout=timeout, stdin=_request(setting, function, arguments))
    [answer] = [line for line in said.splitlines() if line.startswith(_MARK)]
    return json.loads(answer.removeprefix(_MARK))


def start_component(setting: Setting, function: Callable[..., Any], arguments: Sequence[Any]) -> subprocess.Popen[str]:
    """Start `function(component, *arguments)` in a new process, for the caller to end."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", _START + _CALL, json.dumps(sys.path)]
    process = subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, text=True)
    assert process.stdin is not None
    process.stdin.write(_request(setting, function, arguments))
    process.stdin.close()
    process.stdin = None
    return process


def _request(setting: Setting, function: Callable[..., Any], arguments: Sequence[Any]) -> str:
    return json.dumps(
        {
            "function": reference(function),
            "arguments": list(arguments),
            "component": reference(setting.component_class),
            "config": reference(setting.config_class) if setting.config_class else None,
            "settings": setting.settings,
            "root": str(setting.host.root),
            "secrets": setting.host.secrets.values,
        }
    )


def reference(thing: Any) -> list[str]:
    """Return where a class or function is to be found: module, file, qualified name."""
    module = sys.modules[thing.__module__]
    return [thing.__module__, str(getattr(module, "__file__", "") or ""), thing.__qualname__]


def _answer() -> None:
    """Do what stdin asks for and print the result; the other process of `call_component`."""
    from zen.stacks.config import build

    request = json.load(sys.stdin)
    config = build(resolved(request["config"]), request["settings"]) if request["config"] else None
    component = resolved(request["component"])(config)
    component.open(FakeHost(Path(request["root"]), secrets=request["secrets"]))
    try:
        result = resolved(request["function"])(component, *request["arguments"])
    finally:
        component.close()
    print(f"\n{_MARK}{json.dumps(result)}", flush=True)


def resolved(place: Sequence[str]) -> Any:
    """Return the class or function of a `reference`."""
    name, file, qualname = place
    return functools.reduce(getattr, qualname.split("."), cast(Any, _module(name, file)))


def _module(name: str, file: str) -> ModuleType:
    """Import a module by its name; a test file, which has none that others know, by its path."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ImportError:
        if not file:
            raise
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
