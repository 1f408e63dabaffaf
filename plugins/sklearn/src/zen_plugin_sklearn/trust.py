"""Which types a skops file may hold. The list is ours and fixed: nobody can be asked to trust a file.

skops checks names, wherever in the file they are; how a name is used decides what it can do. `numpy.load` is harmless
as the function of a FunctionTransformer, and reads a file as the type of a dictionary's keys. So beyond what skops
trusts by itself, a name is accepted only in the kinds of nodes that cannot call it while the file is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import skops.io

from zen.errors import MaterializerError, listing
from zen_plugin_sklearn.archive import read_schema

# Before protocol 2 (skops 0.11) some nodes name their types elsewhere, where `_nodes` would not look.
OLDEST_PROTOCOL = 2

# Instances are made by `__new__` and `__setstate__`. Not all of scipy: the distributions of scipy.stats execute text of
# their state. Nothing of numpy: its own types have nodes of their own.
_OBJECTS = ("sklearn.", "scipy.interpolate.", "scipy.sparse.")
# Functions are looked up and not called.
_FUNCTIONS = (
    *("sklearn.", "numpy.", "scipy.special.", "scipy.stats.", "scipy.linalg.", "scipy.spatial.distance."),
    "scipy._lib.array_api_compat.",
)
_BY_NODE = {
    "ObjectNode": _OBJECTS,
    "FunctionNode": _FUNCTIONS,
    "TypeNode": ("sklearn.", "numpy."),
    "LossNode": ("sklearn._loss.", "sklearn.linear_model."),
    # These make one type of their own, whatever they are named.
    "TreeNode": ("sklearn.tree.",),
    "DTypeNode": ("numpy.",),
    "MaskedArrayNode": ("numpy.ma.",),
    "SparseMatrixNode": ("scipy.sparse.",),
}
_EXACTLY = {("DictNode", "sklearn.utils._bunch.Bunch")}
# Parts of names that read and write files, run code, or listen.
_NEVER = frozenset(
    [
        "callback",
        "conftest",
        "ctypeslib",
        "datasets",
        "distutils",
        "externals",
        "f2py",
        "io",
        "npyio",
        "_npyio_impl",
        "testing",
        "_testing",
        "tests",
        "load",
        "loadtxt",
        "genfromtxt",
        "fromfile",
        "fromregex",
        "fromstring",
        "memmap",
        "save",
        "savez",
        "savez_compressed",
        "savetxt",
    ]
)


def trusted_types(data: bytes, schema: dict[str, Any]) -> list[str]:
    """Return the types that a file holds beyond those that skops trusts, if all of them are accepted.

    Args:
        data: The file.
        schema: Its `schema.json`.

    Raises:
        MaterializerError: Naming the types that are not accepted (`types`).
    """
    _check_protocol(schema.get("protocol"))
    untrusted = set(skops.io.get_untrusted_types(data=data))
    seen: set[str] = set()
    refused: set[str] = set()
    for node, name, is_key in _nodes(schema):
        if name in untrusted:
            seen.add(name)
            if is_key or not _is_accepted(node, name):
                refused.add(name)
    refused |= untrusted - seen
    if refused:
        raise MaterializerError(
            f"the estimator holds what is not scikit-learn's own: {listing(refused)}",
            hint="only types that are known to be safe are loaded. Return the scikit-learn estimators inside of it as "
            "outputs of their own (of a search, its best_estimator_), or write a materializer for its class "
            '(entry point "zen.types.v1")',
            types=tuple(sorted(refused)),
        )
    return sorted(untrusted)


def _check_protocol(protocol: Any) -> None:
    """Refuse files that the installed skops would read in another way than `_nodes` does."""
    newest = read_schema(skops.io.dumps(None))["protocol"]
    if type(protocol) is not int or not OLDEST_PROTOCOL <= protocol <= newest:
        raise MaterializerError(
            f"the file has the skops protocol {protocol!r}; {OLDEST_PROTOCOL} to {newest} are accepted here",
            hint="a newer protocol needs a newer skops",
        )


def _is_accepted(node: str, name: str) -> bool:
    if (node, name) in _EXACTLY:
        return True
    return name.startswith(_BY_NODE.get(node, ())) and not _NEVER.intersection(name.split("."))


def _nodes(state: Any, *, is_key: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Yield kind and type name of each node of a schema, and whether loading calls it on the keys of a dictionary."""
    if isinstance(state, dict):
        if isinstance(state.get("__loader__"), str):
            yield state["__loader__"], f"{state.get('__module__')}.{state.get('__class__')}", is_key
        for key, value in state.items():
            yield from _nodes(value, is_key=is_key or key == "key_types")
    elif isinstance(state, list):
        for item in state:
            yield from _nodes(item, is_key=is_key)
