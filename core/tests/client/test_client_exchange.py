"""Artifacts from one store to another: the bytes, where they came from, and who vouches for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zen import Client, save_artifact, unpack
from zen.errors import MaterializerError, RunFailed, UsageError

FLOW = """
class Odd:
    def __init__(self, number): self.number = number

@step
def numbers() -> Annotated[list[int], "numbers"]:
    return [1, 2]

@step
def train(numbers: list[int]) -> Annotated[Odd, "odd"]:
    return Odd(sum(numbers))

@pipeline
def training():
    train(numbers())

@step
def use(odd: Odd) -> int:
    return odd.number

@pipeline
def using(artifact):
    use(artifact)
"""


@pytest.fixture
def flow(define):
    return define(FLOW)


@pytest.fixture
def other(home, monkeypatch, tmp_path):
    """Return a client of another store."""
    (home / "other").mkdir()
    monkeypatch.setenv("ZEN_HOME", str(home / "other"))
    return Client(root=home)


@pytest.fixture
def archive(flow, home):
    flow.training()
    return Client(root=home).artifact("odd").export(home / "odd.zip")


def test_an_import_says_what_it_was_and_has_no_producer(archive, home, other, monkeypatch) -> None:
    monkeypatch.delenv("ZEN_HOME")
    made = Client(root=home).artifact("odd")
    found = other.import_artifact(archive)
    assert (found.name, found.version, found.run_id, found.record.step_run) == ("odd", 1, "", "")
    assert found.imported and not made.imported
    told = found.metadata["imported"]
    assert told["file"] == "odd.zip" and "@" in told["by"]
    origin = told["origin"]
    assert (origin["id"], origin["digest"], origin["step"]) == (made.id, made.digest, "train")
    assert origin["run"]["id"] == made.run_id
    assert [each["name"] for each in origin["inputs"]["numbers"]] == ["numbers"]


def test_an_imported_pickle_is_used_once_somebody_vouches_for_it(archive, flow, other) -> None:
    found = other.import_artifact(archive)
    with pytest.raises(RunFailed, match="no run of this store made"):
        flow.using(found)
    pin = found.trust("  the digest is what Ada told me ")
    assert pin.reason == "the digest is what Ada told me" and "@" in pin.who and other.pins() == [pin]
    assert flow.using(found).steps["use"].output.load() == 3
    assert found.pin == pin and found.distrust() and not found.distrust()
    with pytest.raises(MaterializerError, match="no run of this store made"):
        found.load()


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 2000, "\u202e"])
def test_a_pin_has_its_reason(archive, other, reason) -> None:
    with pytest.raises(UsageError, match="needs its reason"):
        other.import_artifact(archive).trust(reason)
    assert other.pins() == []


def test_what_a_run_made_needs_no_pin(flow, home) -> None:
    flow.training()
    with pytest.raises(UsageError, match="needs nobody's word"):
        Client(root=home).artifact("odd").trust("because")


def test_the_same_bytes_are_vouched_for_once(archive, other) -> None:
    other.import_artifact(archive).trust("known")
    again = other.import_artifact(archive, name="again")
    assert (again.name, again.version) == ("again", 1)
    assert again.load().number == 3


def test_a_type_of_an_import_is_not_imported_for_it(define, home, other) -> None:
    define("from dataclasses import dataclass\n@dataclass\nclass Config:\n    rate: float = 0.5", name="configs")
    from configs import Config

    save_artifact(Config(), "config").export(home / "config.zip")
    other.import_artifact(home / "config.zip", name="imported")
    code = "{}import zen; print(zen.Client().artifact('imported').load())"
    program = [sys.executable, "-c"]
    alone = subprocess.run([*program, code.format("")], cwd=home, capture_output=True, text=True)
    assert "whose module is not imported" in alone.stderr
    done = subprocess.run([*program, code.format("import configs; ")], cwd=home, capture_output=True, text=True)
    assert done.stdout == "Config(rate=0.5)\n", done.stderr


def test_a_name_is_needed_and_checked(flow, home, other) -> None:
    made = save_artifact([1], "plain").export(home / "plain.zip")
    with pytest.raises(UsageError, match="cannot name an artifact"):
        other.import_artifact(made, name="../x")
    assert other.import_artifact(made, name="renamed").load() == [1]


def test_nothing_is_written_over(home) -> None:
    found = save_artifact([1], "plain")
    (home / "there.zip").write_text("mine")
    for path in ("there.zip", "no/folder.zip"):
        with pytest.raises(UsageError, match="is there already|is no folder"):
            found.export(home / path)
    assert (home / "there.zip").read_text() == "mine"


def test_an_export_unzipped_is_a_packed_artifact(home) -> None:
    import zipfile

    save_artifact({"a": 1}, "plain").export(home / "plain.zip")
    zipfile.ZipFile(home / "plain.zip").extractall(home / "plain")
    assert unpack(home / "plain") == {"a": 1}


def test_what_is_exported_again_keeps_where_it_came_from_first(archive, home, other) -> None:
    other.import_artifact(archive).export(home / "again.zip")
    found = other.import_artifact(home / "again.zip")
    origin = found.metadata["imported"]["origin"]
    assert origin["metadata"]["imported"]["origin"]["run"]["pipeline"] == "training"
