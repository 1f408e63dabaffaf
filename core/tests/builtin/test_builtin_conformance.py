"""The built-in stores and materializers keep the promises of their kinds, as any plugin has to."""

from __future__ import annotations

import enum
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from zen.builtin.materializers.dataclasses import DataclassMaterializer
from zen.builtin.materializers.enums import EnumMaterializer
from zen.builtin.materializers.paths import PathMaterializer
from zen.builtin.materializers.pickles import PickleMaterializer
from zen.builtin.materializers.plain import BytesMaterializer, PlainMaterializer
from zen.builtin.materializers.pydantic import PydanticMaterializer
from zen.errors import Fault
from zen.records import FileEntry
from zen.testing import ArtifactStoreSuite, MaterializerSuite, MetadataStoreSuite, NotVerified, SecretStoreSuite

SAMPLES = """
from dataclasses import dataclass
from pydantic import BaseModel

class Model(BaseModel):
    text: str = ""

class Special(Model):
    number: int = 1

@dataclass
class Nothing:
    pass

class Plain:
    def __init__(self, part):
        self.part = part
    def __eq__(self, other):
        return self.part == other.part

class Derived(Plain):
    pass
"""
EXACT = "it is for these very types; subclasses go to the next materializer"


@pytest.fixture(autouse=True)
def _samples(tmp_path_factory, monkeypatch):
    """Let this process and fresh ones import classes that no test module owns."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "zen_samples.py").write_text(SAMPLES)
    monkeypatch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("zen_samples", None)


class TestLocalArtifactStore(ArtifactStoreSuite):
    flavor = "local"
    lacks = {"unreachable": "it is a folder"}

    def read_only(self, kit):
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            raise NotVerified("root may write everywhere", give="run pytest as another user")
        kit.component.staging()
        for folder in (kit.component.folder, *kit.component.folder.rglob("*")):
            if folder.is_dir():
                folder.chmod(0o500)
        return {}


class TestSQLiteStore(MetadataStoreSuite):
    flavor = "sqlite"
    lacks = {"unreachable": "it is a file"}

    def backups(self, component):
        return list(component.path.parent.glob("*.backup"))

    def damage(self, component):
        content = bytearray(component.path.read_bytes())
        place = len(content) // 8192 * 4096
        content[place : place + 4096] = b"\xff" * 4096
        component.path.write_bytes(content)
        return component.path


class TestLocalSecretStore(SecretStoreSuite):
    flavor = "local"
    lacks = {"unreachable": "it reads files and the environment"}

    def keep(self, kit, component, name, value):
        (kit.host.root / name).write_text(value, encoding="utf-8")
        return f"file/{name}"

    def forbidden(self, kit, component):
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            raise NotVerified("root may read everything", give="run pytest as another user")
        (kit.host.root / "private").touch(mode=0o000)
        return "file/private"


class TestPlainMaterializer(MaterializerSuite):
    materializer = PlainMaterializer
    lacks = {"subclass": EXACT}

    def values(self):
        return {
            "nested": {"a": [1, 2.5, None, True], "b": ({"x"}, frozenset({2}), b"\0"), 3: "größe λ"},
            "empty": {},
            "large": [f"line {index}" for index in range(100_000)],
            "text": "",
            "number": 2**100,
        }


class TestBytesMaterializer(MaterializerSuite):
    materializer = BytesMaterializer
    lacks = {"subclass": EXACT}

    def values(self):
        return {"bytes": bytes(range(256)), "empty": b"", "large": bytes(1 << 20), "array": bytearray(b"zen")}


class TestEnumMaterializer(MaterializerSuite):
    materializer = EnumMaterializer
    lacks = {"empty": "a member is one value", "large": "a member is one value"}

    def values(self):
        return {"flags": re.IGNORECASE | re.DOTALL, "subclass": re.ASCII}

    def test_types_are_registered(self, kit):
        """The materializer is found for the bases that are registered."""
        for base in (enum.Enum, enum.IntEnum, enum.StrEnum, enum.IntFlag):
            assert isinstance(kit.registry.materializer(base), EnumMaterializer)


class TestDataclassMaterializer(MaterializerSuite):
    materializer = DataclassMaterializer
    lacks = {"subclass": "every dataclass is one of its own; there is no common base"}

    def values(self):
        return {
            "fault": Fault(message="wrong", file="zen.yaml", line=3),
            "empty": importlib.import_module("zen_samples").Nothing(),
            "large": FileEntry(name="x" * (1 << 20), digest="", size=1),
        }


class TestPydanticMaterializer(MaterializerSuite):
    materializer = PydanticMaterializer

    def values(self):
        samples = importlib.import_module("zen_samples")
        large = samples.Model(text="x" * (1 << 20))
        return {
            "model": samples.Model(text="λ"),
            "empty": samples.Model(),
            "large": large,
            "subclass": samples.Special(),
        }


class TestPathMaterializer(MaterializerSuite):
    materializer = PathMaterializer
    lacks = {"subclass": "a path that is loaded is the platform's own path"}
    folder: Path

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path_factory):
        self.folder = tmp_path_factory.mktemp("files")
        (self.folder / "a").mkdir()
        (self.folder / "a" / "b.txt").write_text("zen")
        (self.folder / "empty").mkdir()
        (self.folder / "large").write_bytes(bytes(1 << 20))

    def values(self):
        return {
            "folder": self.folder / "a",
            "file": self.folder / "a" / "b.txt",
            "empty": self.folder / "empty",
            "large": self.folder / "large",
        }

    def equal(self, one, other):
        return _contents(one) == _contents(other)


def _contents(path: Path) -> Any:
    if path.is_file():
        return path.name, path.read_bytes()
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


class TestPickleMaterializer(MaterializerSuite):
    materializer = PickleMaterializer

    def values(self):
        samples = importlib.import_module("zen_samples")
        return {
            "object": samples.Plain([1, 2]),
            "empty": samples.Plain(None),
            "large": samples.Plain("x" * (1 << 20)),
            "subclass": samples.Derived(1),
        }
