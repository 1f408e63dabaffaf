"""skops files that are the same for equal estimators.

skops writes memory addresses, random names, the time of day, and whatever the memory between two fields of a record
held before. Here objects and files are numbered in the order in which they come, numbers that nobody refers to are left
out, and gaps are zeros. scikit-learn has two such places of its own: the id of a vectorizer's stop words, and a field
of the leaves of a tree that nobody sets or reads.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

SCHEMA = "schema.json"
_TIME = (1980, 1, 1, 0, 0, 0)
_NO_CHILD = -1  # sklearn.tree._tree.TREE_LEAF
# Immutable, or looked up: whether two of them are one object makes no difference, and it depends on the process.
_VALUES = frozenset({"JsonNode", "TypeNode", "FunctionNode"})


def read_schema(data: bytes) -> dict[str, Any]:
    """Return the schema of a skops file.

    Raises:
        ValueError: When it is no such file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            schema = json.loads(archive.read(SCHEMA))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RecursionError) as error:
        raise ValueError(f"no skops file: {error}") from error
    if not isinstance(schema, dict):
        raise ValueError("no skops file: its schema is not an object")
    return schema


def canonical(data: bytes) -> bytes:
    """Return a skops file with the same content and nothing that depends on the process that wrote it."""
    schema = read_schema(data)
    shared = Counter(node["__id__"] for node in _nodes(schema) if node["__loader__"] not in _VALUES)
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        identity = node.pop("__id__", None)
        if identity is not None and node["__loader__"] not in _VALUES and shared[identity] > 1:
            node["__id__"] = numbers.setdefault(identity, len(numbers) + 1)
        if node["__loader__"] == "DictNode" and "_stop_words_id" in node["content"]:
            node["content"]["_stop_words_id"]["content"] = "0"
        file = node.get("file")
        if isinstance(file, str):
            node["file"] = names.setdefault(file, f"{len(names)}.{file.rpartition('.')[2]}")
    return _packed(data, schema, names)


def _packed(data: bytes, schema: dict[str, Any], names: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(target, "w") as after:
        after.writestr(zipfile.ZipInfo(SCHEMA, _TIME), json.dumps(schema, separators=(",", ":")))
        for old, new in names.items():
            content = before.read(old)
            after.writestr(zipfile.ZipInfo(new, _TIME), _without_gaps(content) if new.endswith(".npy") else content)
    return target.getvalue()


def _without_gaps(data: bytes) -> bytes:
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    clean = np.zeros(array.shape, array.dtype, order="F" if array.flags.fnc else "C")  # zeros_like leaves the gaps
    _copy_fields(array, clean)
    if {"left_child", "missing_go_to_left"} <= set(array.dtype.names):
        clean["missing_go_to_left"][clean["left_child"] == _NO_CHILD] = 0
    return data[: len(data) - clean.nbytes] + clean.tobytes("A")  # numpy.save would fill the gaps again


def _copy_fields(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    for name in source.dtype.names or ():
        if source.dtype[name].names is None:
            target[name] = source[name]
        else:
            _copy_fields(source[name], target[name])


def _nodes(state: Any) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a schema; a set's are put into an order first, for a set has none."""
    if isinstance(state, dict):
        if state.get("__loader__") == "SetNode":
            state["content"].sort(key=lambda item: str(item.get("content")))
        if isinstance(state.get("__loader__"), str):
            yield state
        for value in state.values():
            yield from _nodes(value)
    elif isinstance(state, list):
        for item in state:
            yield from _nodes(item)
