"""The registry that every stack has: it keeps the promises of a model registry, and its history."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from zen.builtin.sqlite import SQLiteConfig, SQLiteStore
from zen.errors import ArtifactNotFound, ComponentError, WriteConflict
from zen.interfaces import ModelRegistry
from zen.records import ModelVersion, Serving
from zen.storage import Database, Models
from zen.testing import ModelRegistrySuite, run_checks

NUMBERS = itertools.count(1)


def new_id() -> str:
    return f"{next(NUMBERS):016x}"


class Embedded(ModelRegistry):
    """The models of a store, as the component that a plugin would offer."""

    def open(self, host):
        super().open(host)
        self.store = SQLiteStore(SQLiteConfig())
        self.store.open(host)
        database = Database(self.store)
        database.prepare()
        self.kept = Models(database)

    def close(self):
        self.store.close()

    def check(self):
        self.kept.models()

    def register(self, version):
        return self.kept.register(version, new_id())

    def get(self, model, version):
        return self.kept.get(model, version)

    def models(self):
        return self.kept.models()

    def versions(self, model):
        return self.kept.versions(model)

    def set_alias(self, model, alias, version):
        self.kept.set_alias(model, alias, version, event_id=new_id())

    def set_tags(self, model, version, tags):
        self.kept.amend(model, version, tags=tags, metadata={})

    def delete(self, model, version):
        self.kept.delete(model, version)


@pytest.mark.parametrize("check", [name for name in vars(ModelRegistrySuite) if name.startswith("test_")])
def test_the_embedded_registry_keeps_the_promises_of_registries(check, tmp_path) -> None:
    outcome = run_checks(ModelRegistrySuite, component=Embedded, tmp_path=tmp_path, only=[check])[check]
    assert outcome.passed, outcome.message


@pytest.fixture
def models(vault) -> Models:
    models = Models(vault.database)
    for number in range(3):
        models.register(ModelVersion(model="churn", version=0, artifact=f"a{number}", run_id=f"r{number}"), new_id())
    return models


def test_registering_one_id_twice_adds_one_version(models) -> None:
    version = ModelVersion(model="churn", version=0)
    assert models.register(version, "same").version == models.register(version, "same").version == 4


def test_the_history_tells_who_was_what_when(models) -> None:
    models.set_alias("churn", "champion", 1, event_id=new_id(), reason="by hand")
    models.set_alias("churn", "champion", 3, event_id=new_id(), run_id="r2", reason="accuracy 0.9 > 0.8")
    assert models.set_alias("churn", "champion", 3, event_id=new_id()) is None
    models.set_alias("churn", "champion", None, event_id=new_id())
    told = [(event.before, event.version, event.run_id, event.reason) for event in models.history("churn")]
    assert told == [(None, 1, "", "by hand"), (1, 3, "r2", "accuracy 0.9 > 0.8"), (3, None, "", "")]
    assert all(event.at is not None for event in models.history("churn"))


def test_an_alias_is_only_taken_from_the_version_that_was_expected(models) -> None:
    models.set_alias("churn", "champion", 1, event_id=new_id())
    with pytest.raises(WriteConflict, match="names version 1, not 2"):
        models.set_alias("churn", "champion", 3, event_id=new_id(), expected=2)
    assert models.get("churn", "champion").version == 1


def test_versions_are_found_by_run_and_by_artifact(models) -> None:
    assert [each.version for each in models.of_run("r1")] == [2]
    assert [each.version for each in models.of_artifacts(["a0", "a2", "other"])] == [1, 3]
    assert models.of_artifacts([]) == []


def test_what_does_not_exist_is_said_with_what_does(models) -> None:
    models.set_alias("churn", "champion", 1, event_id=new_id())
    with pytest.raises(ArtifactNotFound, match=r"no model 'chrun'; there are: 'churn'|no model 'chrun'"):
        models.get("chrun")
    with pytest.raises(ArtifactNotFound, match="champion"):
        models.get("churn", "campion")


def test_what_served_is_known_for_every_time(models) -> None:
    start = models._database.now()
    later = start + dt.timedelta(days=1)
    models.begin_serving(Serving(id="s1", name="churn-api", model="churn", version=1, started_at=start))
    models.begin_serving(
        Serving(id="s2", name="churn-api", model="churn", version=2, started_at=models._database.now())
    )
    assert [each.version for each in models.serving("churn-api")] == [2]
    assert [each.version for each in models.serving(at=start)] == [1]
    assert [each.version for each in models.serving(at=later)] == [2]
    assert models.serving(at=start - dt.timedelta(seconds=1)) == []
    models.end_serving("churn-api", "stopped")
    assert models.serving() == []
    assert [(each.version, each.reason) for each in models.servings(name="churn-api")] == [
        (1, "another version was deployed"),
        (2, "stopped"),
    ]


def test_a_version_that_serves_is_not_deleted(models) -> None:
    now = models._database.now()
    models.begin_serving(Serving(id="s1", name="churn-api", model="churn", version=1, started_at=now))
    with pytest.raises(ComponentError, match="'?churn-api'? serves it"):
        models.delete("churn", 1)
    models.end_serving("churn-api", "stopped")
    models.delete("churn", 1)
    assert [each.version for each in models.versions("churn")] == [3, 2]
