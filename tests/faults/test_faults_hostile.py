"""Files that run code in whoever loads them carelessly: imported, listed, shown, loaded and unpacked, and nothing runs.

Law: whatever bytes an artifact from elsewhere has, and whatever its label claims, no code that they name runs: not a
pickle, not a function in a skops file, not a module that a type names. Each payload leaves a marker where it runs, and
each one does run when it is unpickled carelessly.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import pickle
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import zen
from zen import Client
from zen.cli.main import main
from zen.client import close_all
from zen.errors import ZenError

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
joblib = pytest.importorskip("joblib")

LABEL = "zen-artifact.json"
PICKLES = "zen.builtin.materializers.pickles:PickleMaterializer"
READERS = {
    "bytes": ("zen.builtin.materializers.plain:BytesMaterializer", "builtins.bytes", "data"),
    "json": ("zen.builtin.materializers.plain:PlainMaterializer", "builtins.dict", "data"),
    "dataclass-json": ("zen.builtin.materializers.dataclasses:DataclassMaterializer", "evil_installed.Evil", "data"),
    "enum": ("zen.builtin.materializers.enums:EnumMaterializer", "evil_installed.Evil", "data"),
    "pydantic-json": ("zen.builtin.materializers.pydantic:PydanticMaterializer", "evil_installed.Evil", "data"),
    "files": ("zen.builtin.materializers.paths:PathMaterializer", "pathlib.PosixPath", "files/data"),
    "npy": ("zen_plugin_numpy.arrays:ArrayMaterializer", "numpy.ndarray", "data"),
    "numpy-scalar": ("zen_plugin_numpy.scalars:ScalarMaterializer", "numpy.float64", "data"),
    "parquet": ("zen_plugin_pandas.materializers:FrameMaterializer", "pandas.core.frame.DataFrame", "data.parquet"),
    "skops": ("zen_plugin_sklearn.estimators:EstimatorMaterializer", "sklearn.linear_model.Ridge", "data"),
}
UNREGISTERED = (
    "pickle:Unpickler",
    "os:system",
    "joblib.numpy_pickle:NumpyUnpickler",
    "evil_installed:Evil",
    "zen.builtin.materializers.pickles:_Unpickler",
)
EXTENSIONS = (
    *(".npy", ".npz", ".json", ".parquet", ".feather", ".arrow", ".skops", ".joblib", ".pt", ".pth", ".safetensors"),
    *(".h5", ".keras", ".onnx", ".csv", ".txt", ".zip", ".yaml", ".bin", ".pkl", ".model", ".msgpack"),
)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.marker), "w")


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_pkl", ".pkl").replace("_json", ".json"), data)
    return target.getvalue()


def object_array(marker: Path) -> bytes:
    target = io.BytesIO()
    np.save(target, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    return target.getvalue()


def object_arrays(marker: Path) -> bytes:
    target = io.BytesIO()
    np.savez(target, a=np.array([Payload(marker)], dtype=object))
    return target.getvalue()


def with_joblib(marker: Path, compress: int = 0) -> bytes:
    target = io.BytesIO()
    joblib.dump(Payload(marker), target, compress=compress)
    return target.getvalue()


def extension_field(payload: bytes) -> Any:
    """Return a column of the type that PyArrow unpickled when it read its schema (CVE-2023-47248)."""
    metadata = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": payload}
    return pa.field("a", pa.int64(), metadata=metadata)


def parquet(payload: bytes) -> bytes:
    form = {
        "rows": 1,
        "levels": [],
        "index": {"names": [None], "range": [0, 1, 1]},
        "labels": {"text": ["a"], "form": {"kind": "text", "missing": "None"}, "names": [None]},
        "columns": [{"kind": "arrow", "type": base64.b64encode(ipc_schema(payload)).decode()}],
        "attrs": {},
    }
    target = io.BytesIO()
    schema = pa.schema([extension_field(payload)], metadata={"zen": json.dumps(form)})
    pq.write_table(pa.table([pa.array([1])], schema=schema), target)
    return target.getvalue()


def ipc_schema(payload: bytes) -> bytes:
    return pa.schema([extension_field(payload)]).serialize().to_pybytes()


def ipc_file(payload: bytes) -> bytes:
    target = io.BytesIO()
    schema = pa.schema([extension_field(payload)])
    with pa.ipc.new_file(target, schema) as writer:
        writer.write_table(pa.table([pa.array([1])], schema=schema))
    return target.getvalue()


def skops_file(marker: Path, loader: str, module: str, name: str, **more: Any) -> bytes:
    node = {
        "__class__": name,
        "__module__": module,
        "__loader__": loader,
        **more,
        "protocol": 2,
        "_skops_version": "0.13",
    }
    return zipped(schema_json=json.dumps(node).encode())


def text_node(value: Any) -> dict[str, Any]:
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
        "is_json": True,
    }


def call_node(marker: Path) -> dict[str, Any]:
    opened = {"__class__": "open", "__module__": "io", "__loader__": "FunctionNode", "content": "io.open"}
    items = [opened, text_node(str(marker)), text_node("w")]
    return {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": items}


STRUCTURED: dict[str, Callable[[Path], bytes]] = {
    "objects.npy": object_array,
    "objects.npz": object_arrays,
    "plain.joblib": with_joblib,
    "packed.joblib": lambda marker: with_joblib(marker, 3),
    "joblib.skops": with_joblib,
    "torch.pt": lambda marker: zipped(archive__data_pkl=dumped(marker), archive__version=b"3"),
    "legacy.pth": lambda marker: pickle.dumps(0x1950A86A20F9469CFC6C) + dumped(marker),
    "lambda.keras": lambda marker: zipped(
        config_json=json.dumps(
            {"class_name": "Lambda", "config": {"function": base64.b64encode(dumped(marker)).decode()}}
        ).encode()
    ),
    "inner.zip": lambda marker: zipped(data_pkl=dumped(marker)),
    "data.pkl.gz": lambda marker: gzip.compress(dumped(marker)),
    "protocol0.pkl": lambda marker: pickle.dumps(Payload(marker), 0),
    "protocol2.txt": lambda marker: pickle.dumps(Payload(marker), 2),
    "extension.parquet": lambda marker: parquet(dumped(marker)),
    "extension.arrow": lambda marker: ipc_file(dumped(marker)),
    "extension.feather": lambda marker: ipc_file(dumped(marker)),
    "schema.arrow": lambda marker: ipc_schema(dumped(marker)),
    "call.skops": lambda marker: skops_file(marker, "OperatorFuncNode", "operator", "call", attrs=call_node(marker)),
    "method.skops": lambda marker: skops_file(
        marker, "MethodNode", "pathlib", "PosixPath", content={"func": "touch", "obj": call_node(marker)}
    ),
    "object.skops": lambda marker: skops_file(marker, "ObjectNode", "posix", "system", content=call_node(marker)),
    "type.skops": lambda marker: skops_file(marker, "TypeNode", "evil_installed", "Evil"),
    "tagged.json": lambda marker: json.dumps(
        {
            "$dataclass": ["evil_installed.Evil", {}],
            "py/object": "evil_installed.Evil",
            "py/reduce": [{"py/type": "io.open"}],
        }
    ).encode(),
    "member.json": lambda _: json.dumps({"a": {"$enum": ["evil_installed.Evil", "a"]}}).encode(),
    "tagged.yaml": lambda marker: f"!!python/object/apply:io.open ['{marker}', 'w']".encode(),
}
HOSTILE = (*(f"pickle{extension}" for extension in EXTENSIONS), *STRUCTURED)


def dumped(marker: Path) -> bytes:
    return pickle.dumps(Payload(marker))


def hostile(name: str, markers: Path) -> bytes:
    make = STRUCTURED.get(name, dumped)
    return make(markers / f"{name}.marker")


@cache
def claims() -> tuple[tuple[dict[str, Any], str], ...]:
    """Return what a label may claim of a file: the manifest without its files, and the name of the file."""
    found = [
        ({"manifest": {"format": format_, "type": type_}, "materializer": reference}, file)
        for format_, (reference, type_, file) in READERS.items()
    ]
    lies = (
        {"format": "pickle"},
        {"format": "pickle", "unsafe": True},
        {"format": "json"},
        {"format": "skops", "unsafe": True},
    )
    found += [({"manifest": {"type": "builtins.int", **lie}, "materializer": PICKLES}, "data") for lie in lies]
    found += [({"manifest": {"format": "pickle"}, "materializer": reference}, "data") for reference in UNREGISTERED]
    return tuple(found)


def label(claim: dict[str, Any], files: dict[str, bytes]) -> bytes:
    entries = [
        {"name": name, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
        for name, data in files.items()
    ]
    return json.dumps({"version": 1, **claim, "manifest": {**claim["manifest"], "files": entries}}).encode()


def files_of(file: str, data: bytes) -> dict[str, bytes]:
    index = {"index.json": b'{"kind":"file","executable":["data"],"empty":[]}'}
    return {file: data, **(index if file.startswith("files/") else {})}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a project, an installed module that leaves a marker when it is imported, and markers."""
    top = tmp_path_factory.mktemp("hostile")
    site = top / "lib" / "python3" / "site-packages"
    for folder in (top / "project", top / "markers", site):
        folder.mkdir(parents=True)
    (top / "project" / "pyproject.toml").touch()
    (site / "evil_installed.py").write_text(f"open({str(top / 'markers' / 'imported')!r}, 'w')\nclass Evil: ...\n")
    (site / "evil_installed-1.0.dist-info").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top / "project")
        patch.syspath_prepend(str(site))
        yield top
        close_all()


def attempt(call: Callable[[], object]) -> bool:
    """Say whether a call gave a value; any error but ours is a fault."""
    try:
        call()
    except ZenError:
        return False
    return True


def unpacked(folder: Path, text: bytes, files: dict[str, bytes]) -> object:
    for name, data in {LABEL: text, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return zen.unpack(folder)


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_of_a_hostile_file_runs(place: Path, tmp_path: Path, name: str, record_property: Any) -> None:
    client, data = Client(root=place / "project"), hostile(name, place / "markers")
    loaded = 0
    for number, (claim, file) in enumerate(claims()):
        files = files_of(file, data)
        text = label(claim, files)
        archive = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(archive, "w") as target:
            for each, content in {LABEL: text, **files}.items():
                target.writestr(each, content)
        found = client.import_artifact(archive, name="hostile")
        loaded += attempt(found.load)
        loaded += attempt(lambda: unpacked(tmp_path / f"{number}", text, files))  # noqa: B023  # called at once
        attempt(found.path)
        assert repr(found) and found._repr_html_()
    with contextlib.redirect_stdout(io.StringIO()):
        for command in (("list",), ("list", "--json"), ("show", "hostile"), ("show", "hostile", "--json")):
            assert main(["artifact", *command]) == 0
    assert list((place / "markers").iterdir()) == []
    assert not {"evil_installed", "antigravity"} & set(sys.modules)
    assert loaded < 2 * len(claims()) - 8  # bytes and files load as such
    record_property("loads", 2 * len(claims()))


def test_a_step_is_given_no_hostile_file(place: Path, tmp_path: Path) -> None:
    """The engine loads by the same rules, here and in a worker process."""
    data = dumped(place / "markers" / "step.marker")
    claim = {"manifest": {"format": "pickle"}, "materializer": PICKLES}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr(LABEL, label(claim, {"data": data}))
        target.writestr("data", data)
    (place / "project" / "taking.py").write_text(
        "import sys, zen\n"
        "@zen.step\ndef take(value): ...\n"
        "@zen.step(isolate=True)\ndef apart(value): ...\n"
        "@zen.pipeline(raise_on_failure=False)\n"
        "def taking():\n    found = zen.Client().artifact('taken')\n    take(found)\n    apart(found)\n"
        "if __name__ == '__main__':\n    run = taking()\n    print([step.state for step in run.steps.values()])\n"
    )
    Client(root=place / "project").import_artifact(tmp_path / "a.zip", name="taken")
    done = subprocess.run([sys.executable, "taking.py"], capture_output=True, text=True, timeout=120)
    assert done.stdout == "['failed', 'failed']\n", done.stderr
    assert "no run of this store made" in done.stderr
    assert list((place / "markers").iterdir()) == []


def test_a_module_that_a_type_names_is_not_imported(place: Path, tmp_path: Path) -> None:
    for number, type_ in enumerate(("evil_installed.Evil", "antigravity.fly", "this.s", "zen.__main__.x", "os.system")):
        for format_ in ("dataclass-json", "enum", "pydantic-json"):
            claim = {"manifest": {"format": format_, "type": type_}, "materializer": READERS[format_][0]}
            folder = tmp_path / f"{format_}{number}"
            assert not attempt(lambda: unpacked(folder, label(claim, {"data": b"{}"}), {"data": b"{}"}))  # noqa: B023
    assert not {"evil_installed", "antigravity", "this", "zen.__main__"} & set(sys.modules)


def test_the_payloads_do_run_when_somebody_is_careless(place: Path, tmp_path: Path) -> None:
    """Else the harness would prove nothing."""
    code = (
        "import pickle, sys, pathlib, numpy, joblib\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for path in sorted(folder.glob('*.pickle')): pickle.loads(path.read_bytes())\n"
        "numpy.load(folder / 'objects.npy', allow_pickle=True)\n"
        "numpy.load(folder / 'objects.npz', allow_pickle=True)['a']\n"
        "joblib.load(folder / 'plain.joblib')\n"
        "joblib.load(folder / 'packed.joblib')\n"
        "import evil_installed\n"
    )
    fired = tmp_path / "fired"
    fired.mkdir()
    for name in HOSTILE:
        if b".marker" in (data := hostile(name, fired)) and data[:1] == b"\x80":
            (tmp_path / f"{name}.pickle").write_bytes(data)
    for name in ("objects.npy", "objects.npz", "plain.joblib", "packed.joblib"):
        (tmp_path / name).write_bytes(hostile(name, fired))
    site = place / "lib" / "python3" / "site-packages"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={"PYTHONPATH": str(site)}, timeout=60)
    names = {path.name.removesuffix(".marker") for path in fired.iterdir()}
    assert {f"pickle{extension}" for extension in EXTENSIONS} <= names
    assert {"objects.npy", "objects.npz", "plain.joblib", "packed.joblib", "protocol2.txt"} <= names
    assert [path.name for path in (place / "markers").iterdir()] == ["imported"]
    (place / "markers" / "imported").unlink()


def test_there_are_forty_files() -> None:
    assert len(HOSTILE) >= 40
    assert len({zlib.crc32(hostile(name, Path("/tmp"))) for name in HOSTILE}) >= 40
