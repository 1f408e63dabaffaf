"""Which materializer saves a value, what may be loaded, and under which names."""

from __future__ import annotations

import importlib
import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from zen.errors import ArtifactDamaged, MaterializerError, PluginLoadError
from zen.interfaces import Materializer
from zen.records import ArtifactRecord, ComponentSpec, StackSpec
from zen.registry import Registry
from zen.stacks import find_project, materialization
from zen.stacks.materialization import load, reference, resolve_type, save_value
from zen.stacks.opening import OpenStack

EMBEDDED = {"orchestrator": "local", "artifact_store": "local", "metadata_store": "sqlite", "secret_store": "local"}


class Text(Materializer):
    """Saves whatever it is asked to as its text."""

    format = "text"

    def save(self, value, writer):
        writer.write(str(value).encode())

    def load(self, reader):
        return (self.format, reader.read().decode())


class Exact(Text):
    """Saves integers below ten, and leaves the rest to others."""

    format, exact = "exact", True

    def save(self, value, writer):
        if type(value) is not int or value > 9:
            raise MaterializerError("not for me")
        super().save(value, writer)


class Picky(Exact):
    format, exact = "picky", False


class Unsafe(Text):
    format, unsafe = "unsafe", True


class Types:
    """A registry of materializers and nothing else."""

    def __init__(self, claims):
        self.claims = {cls: materializer() for cls, materializer in claims.items()}

    def materializer(self, cls):
        return next((self.claims[base] for base in cls.__mro__ if base in self.claims), None)

    def materializer_by_reference(self, wanted):
        for materializer in self.claims.values():
            if reference(materializer) == wanted:
                return materializer
        raise PluginLoadError("not installed")


@pytest.fixture
def stack(tmp_path):
    components = tuple(ComponentSpec(kind=kind, flavor=name, name=name) for kind, name in EMBEDDED.items())
    with OpenStack(StackSpec(name="here", components=components), find_project(tmp_path), Registry()) as opened:
        opened.objects  # noqa: B018  # opens the stores before a test puts another registry in its place
        yield opened


@pytest.fixture
def claims(stack):
    def put(types, **settings):
        stack.registry = Types(types)
        stack.spec = replace(stack.spec, settings=settings)

    return put


def artifact(saved, materializer, run_id="r"):
    manifest = saved.manifest
    return ArtifactRecord(
        id="a",
        name="a",
        digest=manifest.digest(),
        manifest=manifest,
        materializer=reference(materializer),
        run_id=run_id,
    )


def saved_by(stack, value, **options):
    saved, materializer = save_value(value, stack, **options)
    stack.database.write(saved.changes, durable=False)
    assert saved.manifest.format == materializer.format
    return materializer.format


class Number(int):
    pass


# Saving


@pytest.mark.parametrize(
    ("types", "value", "by"),
    [
        ({int: Text, object: Unsafe}, 1, "text"),
        ({int: Text, object: Unsafe}, Number(1), "text"),
        ({Number: Text, int: Exact, object: Unsafe}, Number(1), "text"),
        ({int: Exact, object: Unsafe}, 1, "exact"),
        ({int: Exact, object: Unsafe}, Number(1), "unsafe"),
        ({int: Exact, object: Unsafe}, 10, "unsafe"),
        ({int: Exact, object: Text}, 10, "text"),
        ({Number: Unsafe, int: Text, object: Text}, Number(1), "unsafe"),
        ({object: Unsafe}, object(), "unsafe"),
    ],
)
def test_the_closest_type_decides(stack, claims, types, value, by):
    claims(types)
    assert saved_by(stack, value) == by


def test_what_knows_a_type_best_has_the_last_word(stack, claims):
    claims({int: Picky, object: Unsafe})
    with pytest.raises(MaterializerError, match="not for me"):
        save_value(10, stack)


def test_nobody_at_all(stack, claims):
    claims({})
    with pytest.raises(MaterializerError, match=r"no materializer saves a builtins\.int"):
        save_value(1, stack)
    claims({int: Exact})
    with pytest.raises(MaterializerError, match="not for me"):
        save_value(10, stack)


def test_the_chosen_one_is_asked_alone(stack, claims):
    claims({int: Text, object: Unsafe})
    assert saved_by(stack, 1, chosen=Exact()) == "exact"
    with pytest.raises(MaterializerError, match="not for me"):
        save_value(10, stack, chosen=Exact())


@pytest.mark.parametrize("options", [{}, {"chosen": Unsafe()}], ids=["found", "chosen"])
def test_pickle_forbid_forbids_what_is_unsafe(stack, claims, options):
    claims({int: Exact, object: Unsafe}, pickle="forbid")
    with pytest.raises(MaterializerError, match=r"only unsafe could save a builtins\.int.*`pickle: forbid`"):
        save_value(10, stack, **options)
    assert saved_by(stack, 1) == "exact"


def test_the_refusal_says_why_nothing_safe_could(stack, claims):
    claims({int: Exact, object: Unsafe}, pickle="forbid")
    with pytest.raises(MaterializerError, match=r"\(not for me\)"):
        save_value(10, stack)


def test_unsafe_formats_are_told_once_for_each_type(stack, claims, caplog, monkeypatch):
    monkeypatch.setattr(materialization, "_told", set())
    claims({object: Unsafe})
    with caplog.at_level(logging.WARNING):
        for value in (1, 2, "a", "b"):
            save_value(value, stack)
        save_value(b"", stack, chosen=Unsafe())
    assert [record.getMessage().split()[0] for record in caplog.records] == ["builtins.int", "builtins.str"]


# Names of the script that was started


class Renamed(Text):
    """Writes down a module's name."""

    format, rename = "renamed", {}

    def __init__(self, rename=None):
        self.rename = rename or {}

    def save(self, value, writer):
        writer.write(json.dumps(self.rename).encode())


def project_name(module):
    return "training" if module == "__main__" else module


def test_names_of_the_started_script_are_the_projects(stack, claims):
    claims({int: Renamed})
    started = type("Model", (int,), {"__module__": "__main__"})
    saved, materializer = save_value(started(1), stack, rename=project_name)
    assert saved.manifest.type == "training.Model"
    assert load(artifact(saved, materializer), stack) == ("renamed", '{"__main__": "training"}')
    assert saved.manifest.digest() != save_value(started(1), stack)[0].manifest.digest()


def test_a_pickle_of_a_class_of_the_started_script_loads_elsewhere(stack):
    """Nothing in the bytes may say `__main__`: every other process has another one."""
    code = "class Model:\n    def __init__(self): self.part = Part\nclass Part: pass"
    main = importlib.import_module("__main__")
    namespace = {"__name__": "__main__"}
    exec(code, namespace)
    try:
        main.Model, main.Part = namespace["Model"], namespace["Part"]
        saved, materializer = save_value(main.Model(), stack, rename=project_name)
    finally:
        del main.Model, main.Part
    stack.database.write(saved.changes, durable=False)
    training = SimpleNamespace(**namespace)

    def importer(name):
        if name != "training":
            raise ImportError(name)
        return training

    loaded = load(artifact(saved, materializer), stack, importer)
    assert type(loaded) is namespace["Model"]
    assert loaded.part is namespace["Part"]


# Loading


def test_a_value_comes_back(stack):
    for value in ({"a": (1, b"x")}, float("inf"), b"bytes", [None]):
        saved, materializer = save_value(value, stack)
        stack.database.write(saved.changes, durable=False)
        assert load(artifact(saved, materializer), stack) == value


def test_a_pickle_is_loaded_only_if_a_run_of_this_store_made_it(stack, claims):
    claims({object: Unsafe})
    saved, materializer = save_value(1, stack)
    assert load(artifact(saved, materializer), stack) == ("unsafe", "1")
    with pytest.raises(MaterializerError, match="no run of this store made"):
        load(artifact(saved, materializer, run_id=""), stack)


def test_pickle_forbid_forbids_loading(stack, claims):
    claims({object: Unsafe})
    saved, materializer = save_value(1, stack)
    claims({object: Unsafe}, pickle="forbid")
    with pytest.raises(MaterializerError, match="pickle: forbid"):
        load(artifact(saved, materializer), stack)


def test_a_materializer_that_became_unsafe_is_treated_as_such(stack, claims):
    """The record says safe; the code that would run now is not."""
    claims({object: Unsafe})
    saved, materializer = save_value(1, stack)
    claimed = replace(artifact(saved, materializer, run_id=""), manifest=replace(saved.manifest, unsafe=False))
    with pytest.raises(MaterializerError, match="no run of this store made"):
        load(claimed, stack)


@pytest.mark.parametrize("change", [{"format": "other"}, {"version": 2}])
def test_another_format_or_a_later_version_is_refused(stack, claims, change):
    claims({object: Text})
    saved, materializer = save_value(1, stack)
    other = replace(artifact(saved, materializer), manifest=replace(saved.manifest, **change))
    with pytest.raises(MaterializerError, match="reads the format 'text' up to version 1"):
        load(other, stack)


def test_an_earlier_version_is_the_materializers_business(stack, claims):
    class Later(Text):
        version = 3

    claims({object: Later})
    saved, materializer = save_value(1, stack)
    earlier = replace(artifact(saved, materializer), manifest=replace(saved.manifest, version=2))
    assert load(earlier, stack) == ("text", "1")


def test_a_materializer_of_the_project_is_imported_for_own_runs_only(stack, claims):
    claims({})
    saved, materializer = save_value(1, stack, chosen=Text())
    record = replace(artifact(saved, materializer), materializer=f"training:{Text.__qualname__}")
    assert load(record, stack, lambda name: SimpleNamespace(Text=Text)) == ("text", "1")
    for refused in (replace(record, run_id=""), replace(record, materializer="zen_plugin_x.y:Text")):
        with pytest.raises(PluginLoadError):
            load(refused, stack, lambda name: pytest.fail("imported"))
    with pytest.raises(PluginLoadError):
        load(record, stack, lambda name: SimpleNamespace(Text=int))


def test_damaged_bytes_never_reach_a_materializer(stack):
    saved, materializer = save_value(bytes(100_000), stack)
    (entry,) = saved.manifest.files
    path = stack.objects.path(entry)
    path.chmod(0o600)
    path.write_bytes(bytes(99_999) + b"x")
    with pytest.raises(ArtifactDamaged):
        load(artifact(saved, materializer), stack)


@pytest.mark.parametrize("name", ["", "x", "no.such.Type", "json.loads", "json.decoder.nothing", ".", "json."])
def test_a_type_that_is_none_is_an_error_that_names_it(name):
    with pytest.raises(MaterializerError, match="cannot be imported here"):
        resolve_type(name, importlib.import_module)


def test_inner_classes_are_found(stack):
    assert resolve_type("json.decoder.JSONDecoder", importlib.import_module) is json.JSONDecoder
    assert resolve_type("builtins.int", importlib.import_module) is int


def test_loading_a_pickle_elsewhere_runs_no_pipeline_of_its_script(script):
    """An ordinary import of an unguarded script would."""
    made = script(
        """
        class Outer:
            class Inner:
                number = 3

        @step
        def make() -> Outer.Inner:
            return Outer.Inner()

        @pipeline
        def chain():
            make()

        chain()
        """
    )
    assert made.returncode == 0, made.stderr
    loaded = script(
        """
        from zen import Client
        print(Client().run("last").steps["make"].output.load().number, len(Client().runs()))
        """,
        name="look.py",
    )
    assert loaded.stdout.split() == ["3", "1"], loaded.stderr
