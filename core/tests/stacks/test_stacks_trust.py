"""Whose word lets what loaded: runs of this store, pins, and nobody else's."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from zen.errors import MaterializerError, PluginLoadError
from zen.identity import to_plain
from zen.records import ArtifactRecord, ComponentSpec, StackSpec
from zen.records.artifact import IMPORTED
from zen.registry import Registry
from zen.stacks import find_project
from zen.stacks.materialization import load, reference, save_value
from zen.stacks.opening import OpenStack
from zen.stacks.trust import imported_type, is_pinned, loaded_type
from zen.storage.pins import Pins

EMBEDDED = {"orchestrator": "local", "artifact_store": "local", "metadata_store": "sqlite", "secret_store": "local"}
TOLD = {"file": "a.zip", "by": "ada@here", "at": "2026-01-01"}


class Odd:
    """Only a pickle saves it."""

    def __eq__(self, other):
        return type(other) is Odd


@pytest.fixture
def stack(tmp_path):
    components = tuple(ComponentSpec(kind=kind, flavor=name, name=name) for kind, name in EMBEDDED.items())
    with OpenStack(StackSpec(name="here", components=components), find_project(tmp_path), Registry()) as opened:
        yield opened


@pytest.fixture
def odd(stack):
    """Return an imported pickle."""
    saved, materializer = save_value(Odd(), stack)
    stack.database.write(saved.changes)
    return ArtifactRecord(
        id="0a1b2c3d",
        name="odd",
        version=2,
        digest=saved.manifest.digest(),
        manifest=saved.manifest,
        materializer=reference(materializer),
        metadata={IMPORTED: to_plain(TOLD)},
    )


def pin(stack, artifact):
    Pins(stack.database).put(artifact.manifest.digest(), who="ada@here", reason="made by her")


def test_a_pickle_from_elsewhere_loads_with_a_pin_and_not_without(stack, odd):
    with pytest.raises(MaterializerError):
        load(odd, stack)
    pin(stack, odd)
    assert is_pinned(odd, stack) and load(odd, stack) == Odd()
    Pins(stack.database).remove(odd.manifest.digest())
    with pytest.raises(MaterializerError):
        load(odd, stack)


def test_the_refusal_says_which_from_where_and_what_to_do(stack, odd):
    with pytest.raises(MaterializerError) as caught:
        load(odd, stack)
    text = str(caught.value)
    assert (
        "artifact 'odd' version 2 is a pickle that no run of this store made (imported from 'a.zip' by ada@here" in text
    )
    assert odd.manifest.digest() in text and "`zen artifact trust 0a1b2c3d --reason" in text
    assert caught.value.digest == odd.manifest.digest()


def test_no_pin_is_stronger_than_pickle_forbid(stack, odd):
    pin(stack, odd)
    stack.spec = replace(stack.spec, settings={"pickle": "forbid"})
    with pytest.raises(MaterializerError, match="pickle: forbid"):
        load(odd, stack)


def test_a_pin_is_for_what_the_manifest_says_now(stack, odd):
    """The digest that a record names counts for nothing: that of its manifest does."""
    pin(stack, odd)
    other = replace(odd, manifest=replace(odd.manifest, type="builtins.int"))
    with pytest.raises(MaterializerError, match="no run of this store made"):
        load(other, stack)


@pytest.mark.parametrize("unsafe", [True, False])
@pytest.mark.parametrize("format", ["pickle", "json", "npy"])
def test_whatever_a_manifest_claims_its_materializer_is_judged(stack, odd, format, unsafe):
    claimed = replace(odd, manifest=replace(odd.manifest, format=format, unsafe=unsafe))
    with pytest.raises(MaterializerError, match="no run of this store made|reads the format 'pickle'"):
        load(claimed, stack)


def test_nothing_that_an_import_names_is_advised_to_be_installed(stack, odd):
    wanted = replace(odd, manifest=replace(odd.manifest, unsafe=False), materializer="zen_plugin_evil.x:Y")
    with pytest.raises(PluginLoadError) as caught:
        load(wanted, stack)
    assert "pip" not in caught.value.hint
    known = replace(wanted, materializer="zen_plugin_polars.x:Y")
    with pytest.raises(PluginLoadError, match="pip install zen-plugin-polars"):
        load(known, stack)


def test_types_of_imports_are_those_that_are_imported(odd):
    assert imported_type(f"{__name__}.Odd", odd) is Odd
    assert loaded_type("json.decoder.JSONDecoder") is sys.modules["json.decoder"].JSONDecoder
    for name in (
        "antigravity.fly",
        "os.system",
        "x",
        "",
        ".",
        "json.decoder",
        "os.path.sys.exit",
        f"{__name__}.nothing",
    ):
        with pytest.raises(MaterializerError, match="whose module is not imported"):
            imported_type(name, odd)
    assert "antigravity" not in sys.modules
