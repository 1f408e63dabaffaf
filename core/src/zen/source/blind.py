"""What makes code reach things that reading it cannot show: the blind spots of a fingerprint."""

from __future__ import annotations

# Names of the standard library, with what they do; a name covers everything below it.
_HIDING = {
    "builtins.__import__": "imports by name",
    "builtins.breakpoint": "starts a debugger",
    "builtins.compile": "compiles code at run time",
    "builtins.eval": "evaluates text as code",
    "builtins.exec": "executes text as code",
    "builtins.getattr": "uses getattr with a computed name",
    "builtins.globals": "reads all global names",
    "builtins.input": "reads from the terminal",
    "builtins.vars": "reads all names of an object",
    "ctypes": "calls native code",
    "gc.get_objects": "reads all objects of the process",
    "importlib": "imports by name",
    "inspect.currentframe": "reads the names of its callers",
    "inspect.getsource": "reads source code",
    "inspect.getsourcelines": "reads source code",
    "inspect.stack": "reads the names of its callers",
    "operator.attrgetter": "takes attributes by name",
    "operator.methodcaller": "calls methods by name",
    "os.popen": "runs another program",
    "os.system": "runs another program",
    "pickle.Unpickler": "unpickles, which imports by name",
    "pickle.load": "unpickles, which imports by name",
    "pickle.loads": "unpickles, which imports by name",
    "pkgutil": "imports by name",
    "pydoc": "imports by name",
    "runpy": "imports by name",
    "subprocess": "runs another program",
    "sys._getframe": "reads the names of its callers",
    "sys.modules": "reads modules by name",
}
_STARTERS = ("exec", "spawn", "posix_spawn")  # os.execv, os.spawnlp, …
_REAL_NAMES = {
    "_ctypes": "ctypes",
    "_frozen_importlib": "importlib",
    "_imp": "importlib",
    "_operator": "operator",
    "_pickle": "pickle",
    "nt": "os",
    "posix": "os",
}

# Layers of zen whose objects answer from stores, settings or the run, none of which a cache key holds.
_READING_LAYERS = tuple(
    f"zen.{layer}" for layer in ("authoring", "builtin", "cli", "client", "engine", "registry", "stacks", "storage")
)


def hides(dotted: str) -> str:
    """Return what makes a name of the standard library a blind spot, as `imports by name (importlib)`, or nothing."""
    first, _, rest = dotted.partition(".")
    dotted = f"{_REAL_NAMES.get(first, first)}.{rest}" if rest else _REAL_NAMES.get(first, first)
    parts = dotted.split(".")
    for count in range(1, min(len(parts), 2) + 1):
        name = ".".join(parts[:count])
        if name in _HIDING:
            return f"{_HIDING[name]} ({dotted.removeprefix('builtins.')})"
    if parts[0] == "os" and len(parts) > 1 and parts[1].startswith(_STARTERS):
        return f"runs another program ({dotted})"
    return ""


def reads_zen(module: str, name: str) -> bool:
    """Say whether an object of zen answers with what a cache key cannot see; logging and saving only write."""
    if name.startswith("log_") or name in ("alert", "promote", "save_artifact", "validate"):
        return False
    if name.startswith(("get_", "load_")) or name == "Client":
        return True
    return any(module == layer or module.startswith(layer + ".") for layer in _READING_LAYERS)
