"""Values packed into folders: they load without a store, and only as what was packed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from zen import Client, pack, unpack
from zen.errors import ArtifactDamaged, ArtifactNotFound, MaterializerError, UsageError

FLOW = """
from dataclasses import dataclass

@dataclass
class Model:
    weights: list[float]

class Odd:
    def __init__(self, number): self.number = number
    def __eq__(self, other): return self.number == other.number

@step
def train() -> Annotated[Model, "model"]:
    return Model([0.5, 2.0])

@pipeline
def training():
    return train()
"""


def test_a_value_comes_back_from_its_folder(home) -> None:
    value = {"a": [1, 2.5, None], "b": ("x", b"y")}
    files = pack(value, home / "packed")
    assert set(files) == {"data", "zen-artifact.json"} and all(path.is_file() for path in files.values())
    assert unpack(home / "packed") == value


def test_an_artifact_is_loaded_in_another_process_without_the_store(define, home) -> None:
    flow = define(FLOW)
    flow.training()
    Client(root=home).artifact("model").pack(home / "packed")
    (home / ".zen").rename(home / "gone")
    code = "import zen; model = zen.unpack('packed'); print(type(model).__module__, model.weights)"
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["flow", "[0.5, 2.0]\n"]


def test_a_changed_file_is_refused(home) -> None:
    files = pack([1, 2, 3], home / "packed")
    files["data"].chmod(0o644)
    files["data"].write_bytes(files["data"].read_bytes().replace(b"2", b"7"))
    with pytest.raises(ArtifactDamaged, match="not the file that was packed"):
        unpack(home / "packed")


def test_a_pickle_wants_permission(define, home) -> None:
    flow = define(FLOW)
    pack(flow.Odd(3), home / "packed")
    with pytest.raises(MaterializerError, match="can run any code"):
        unpack(home / "packed")
    assert unpack(home / "packed", allow_pickle=True) == flow.Odd(3)


def test_a_label_cannot_name_code_of_the_project_as_its_materializer(define, home) -> None:
    define("class Evil: ...")
    files = pack([1], home / "packed")
    label = json.loads(files["zen-artifact.json"].read_text())
    files["zen-artifact.json"].write_text(json.dumps({**label, "materializer": "flow:Evil"}))
    with pytest.raises(Exception, match="flow:Evil"):
        unpack(home / "packed")


def test_a_label_cannot_name_files_elsewhere(home) -> None:
    files = pack([1], home / "packed")
    text = files["zen-artifact.json"].read_text().replace('"data"', '"../secret"')
    files["zen-artifact.json"].write_text(text)
    (home / "secret").write_bytes(files["data"].read_bytes())
    with pytest.raises(MaterializerError):
        unpack(home / "packed")


def test_a_folder_that_holds_something_is_left_alone(home) -> None:
    (home / "packed").mkdir()
    (home / "packed" / "mine").touch()
    with pytest.raises(UsageError, match="not empty"):
        pack([1], home / "packed")


def test_a_folder_without_a_packed_artifact_is_named(home) -> None:
    with pytest.raises(ArtifactNotFound, match="nothing"):
        unpack(home / "nothing")


def test_a_value_that_an_exact_materializer_refuses_leaves_no_files_of_it(define, home) -> None:
    flow = define(FLOW)
    value = [flow.Odd(1)]  # plain data first, then a pickle
    files = pack(value, home / "packed")
    assert unpack(home / "packed", allow_pickle=True) == value
    assert "pickle" in files["zen-artifact.json"].read_text()
