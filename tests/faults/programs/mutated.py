"""Loads an artifact again and again from changed bytes, in limited memory and time, and prints how that ended.

    python mutated.py READER FIRST COUNT FOLDER

Each change follows from its number alone. The number of the one that is being tried stands in FOLDER/at, for whoever
wants to know what this process died of. The last line is JSON: how many gave values, how many a `ZenError`, and every
other error with its number.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import importlib
import json
import os
import random
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zen.errors import ZenError
from zen.interfaces import Materializer
from zen.storage import FolderReader, FolderWriter

MEMORY = 512 * 1024 * 1024
SECONDS = 5
INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff" * 8,
    b"\x00" * 16,
    b"-1",
    b"1e999",
    b"null",
    b'{"$float":1}',
    b"[" * 50,
)
TAGS = (
    b"$tuple",
    b"$set",
    b"$bytes",
    b"$float",
    b"$int",
    b"$datetime",
    b"$time",
    b"$decimal",
    b"$uuid",
    b"$dict",
    b"$enum",
    b"$dataclass",
)


class Color(enum.Flag):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Inner:
    numbers: tuple[int, ...]
    color: Color


@dataclasses.dataclass
class Outer:
    name: str
    inner: Inner
    extra: dict[Any, Any] = dataclasses.field(default_factory=dict)


def plain() -> Any:
    when = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    return {"a": [1, 2.5, None, True], "b": {(1, "x"), frozenset([b"y"])}, "c": when, 3: float("nan"), "d": 10**400}


def table() -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            "number": [1.5, 2.5, None],
            "text": ["a", None, "c"],
            "kind": pd.Categorical(["x", "y", "x"]),
            "when": pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin"),
            "lists": [[1], [2, 3], []],
        },
        index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b"), (3, "c")], names=["n", None]),
    )


def folder() -> Path:
    path = Path("value")
    shutil.rmtree(path, ignore_errors=True)
    (path / "empty").mkdir(parents=True)
    (path / "a.txt").write_text("text")
    (path / "run.sh").write_text("#!/bin/sh")
    (path / "run.sh").chmod(0o755)
    return path


def estimator() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0], [2.0]], [0, 1, 1])


def model() -> Any:
    from pydantic import create_model

    made = create_model("Made", __module__=__name__, number=(int, ...), names=(list[str], ...))
    globals()["Made"] = made
    return made(number=1, names=["a"])


def array() -> Any:
    import numpy as np

    return np.array([(1, 2.5, "ab"), (2, 3.5, "cd")], dtype=[("a", "<i4"), ("b", "<f8"), ("c", "<U2")])


def scalar() -> Any:
    import numpy as np

    return np.datetime64("2026-01-01T00:00", "m")


_BUILTIN = "zen.builtin.materializers."
READERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "plain": (f"{_BUILTIN}plain:PlainMaterializer", plain),
    "bytes": (f"{_BUILTIN}plain:BytesMaterializer", lambda: b"bytes"),
    "dataclasses": (
        f"{_BUILTIN}dataclasses:DataclassMaterializer",
        lambda: Outer("x", Inner((1, 2), Color.RED | Color.BLUE), {1: {2}, "a": dt.timedelta(1)}),
    ),
    "enums": (f"{_BUILTIN}enums:EnumMaterializer", lambda: Color.RED | Color.BLUE),
    "pydantic": (f"{_BUILTIN}pydantic:PydanticMaterializer", model),
    "paths": (f"{_BUILTIN}paths:PathMaterializer", folder),
    "array": ("zen_plugin_numpy.arrays:ArrayMaterializer", array),
    "scalar": ("zen_plugin_numpy.scalars:ScalarMaterializer", scalar),
    "frame": ("zen_plugin_pandas.materializers:FrameMaterializer", table),
    "series": ("zen_plugin_pandas.materializers:SeriesMaterializer", lambda: table()["text"]),
    "index": ("zen_plugin_pandas.materializers:IndexMaterializer", lambda: table().index),
    "estimator": ("zen_plugin_sklearn.estimators:EstimatorMaterializer", estimator),
}


def changed(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with one to four changes."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(7):
            case 0 if result:
                result[at % len(result)] ^= 1 << chance.randrange(8)
            case 1 if result:
                result[at % len(result)] = chance.randrange(256)
            case 2:
                del result[at : at + chance.randint(1, 30)]
            case 3:
                result[at:at] = chance.choice(INTERESTING)
            case 4:
                result[at:at] = result[chance.randrange(len(result) + 1) :][: chance.randint(1, 40)]
            case 5:
                found = chance.choice(TAGS)
                place = result.find(b"$", at)
                end = result.find(b'"', place)
                if 0 <= place < end:
                    result[place:end] = found
            case _:
                digits = [place for place in range(len(result)) if 48 <= result[place] <= 57]
                if digits:
                    result[chance.choice(digits)] = chance.choice(b"0123456789-e.")
    if chance.randrange(20) == 0:
        del result[chance.randrange(len(result) + 1) :]
    return bytes(result)


def limit_memory() -> None:
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def limit_time() -> None:
    """Let the system end this process if what comes now takes too long."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + SECONDS, hard))


def resolve(name: str) -> type:
    found = globals().get(name.rpartition(".")[2])
    if not isinstance(found, type):
        from zen.errors import MaterializerError

        raise MaterializerError(f"no type {name}")
    return found


def main(reader: str, first: int, count: int, place: Path) -> dict[str, Any]:
    reference, make = READERS[reader]
    module, _, name = reference.partition(":")
    materializer: Materializer = getattr(importlib.import_module(module), name)()
    os.chdir(place)
    whole, target = place / "whole", place / "changed"
    for each in (whole, target):
        shutil.rmtree(each, ignore_errors=True)
    value = make()
    writer = FolderWriter(whole)
    materializer.save(value, writer)
    writer.close(materializer, f"{__name__}.{type(value).__qualname__}")
    materializer.load(FolderReader(whole, resolve))  # what this imports is not what is limited
    shutil.copytree(whole, target)
    for path in target.rglob("*"):
        path.chmod(0o755)
    warnings.simplefilter("ignore")
    limit_memory()
    return tried(materializer, whole, target, range(first, first + count))


def tried(materializer: Materializer, whole: Path, target: Path, numbers: range) -> dict[str, Any]:
    names = FolderReader(whole, resolve).names
    ended: dict[str, Any] = {"values": 0, "refused": 0, "faults": []}
    at = os.open("at", os.O_WRONLY | os.O_CREAT)
    for number in numbers:
        os.pwrite(at, f"{number:12}".encode(), 0)
        limit_time()
        chance = random.Random(number)
        name = chance.choice(names)
        (target / name).write_bytes(changed((whole / name).read_bytes(), chance))
        try:
            materializer.load(FolderReader(target, resolve, verify=False))
            ended["values"] += 1
        except ZenError:
            ended["refused"] += 1
        except Exception as error:  # whatever it is, it is a fault
            where = (
                traceback.format_exception(error)[-1].strip()[:300]
                + " | "
                + traceback.format_tb(error.__traceback__)[-1].strip()
            )
            ended["faults"].append({"number": number, "error": where})
        finally:
            shutil.copyfile(whole / name, target / name)
        if name.endswith("index.json") or number % 100 == 0:
            for left in Path(os.environ.get("TMPDIR", "/nowhere")).glob("zen-artifact-*"):
                shutil.rmtree(left, ignore_errors=True)
    return ended


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
