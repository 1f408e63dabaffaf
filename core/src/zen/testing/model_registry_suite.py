"""The suite of model registries; `zen.testing.models` says which rows of the usual list do not apply."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from zen.errors import ArtifactNotFound, ComponentError
from zen.records import ModelVersion
from zen.testing.checks import refusal, require
from zen.testing.life_checks import in_threads
from zen.testing.suite import ComponentSuite

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_NOT_FOUND = "raise zen.errors.ArtifactNotFound with what exists"


class ModelRegistrySuite(ComponentSuite):
    """What holds for every model registry. Each check has models of its own, which stay behind."""

    kind: ClassVar[str] = "model_registry"

    def version(self, kit: Kit, model: str) -> ModelVersion:
        """Return a version to register; a registry that wants more, such as a `uri` of its own, gets it from here."""
        return ModelVersion(
            model=model,
            version=99,
            artifact="00000000000000c1",
            run_id="00000000000000a1",
            description="größe",
            tags={"team": "risk", "note": "größe 模型"},
            metadata={"accuracy": 0.9, "layers": [64, 8]},
        )

    def use(self, component: Any) -> None:
        """List the models."""
        component.models()

    def test_numbers_grow(self, kit: Kit) -> None:
        """Versions are numbered 1, 2, 3 for each model, whatever number they are given."""
        for model in (_model(), _model()):
            numbers = [self._register(kit, model).version for _ in range(3)]
            require(
                numbers == [1, 2, 3], tried="register three versions", came=numbers, do="count from 1 in each model"
            )

    def test_a_version_comes_back_as_registered(self, kit: Kit) -> None:
        """Artifact, run, description, tags and metadata of a version are found under its number."""
        model = _model()
        given = self.version(kit, model)
        self._register(kit, model)
        found = kit.component.get(model, 1)
        names = ("model", "artifact", "run_id", "description", "tags", "metadata")
        wrong = {name: getattr(found, name) for name in names if getattr(found, name) != getattr(given, name)}
        require(not wrong, tried=f"register({given}), then get", came=wrong, do="keep every attribute as it is")

    def test_another_component_finds_it(self, kit: Kit) -> None:
        """What one component registered is found by another one."""
        model = _model()
        self._register(kit, model)
        other = kit.make()
        found = [each.version for each in other.versions(model)]
        require(found == [1], tried="versions(model) of another component", came=found, do="keep it in the service")

    def test_numbers_are_never_given_again(self, kit: Kit) -> None:
        """The number of a version that was deleted is not given to the next one."""
        model = _model()
        for _ in range(2):
            self._register(kit, model)
        kit.component.delete(model, 2)
        number = self._register(kit, model).version
        require(number == 3, tried="register 1 and 2, delete 2, register", came=number, do="remember the last number")

    def test_registering_at_once_gives_each_a_number(self, kit: Kit) -> None:
        """Two that register at the same time get numbers of their own, and both versions are kept."""
        component, model = kit.component, _model()
        given: list[int] = []

        def register() -> None:
            given.extend(component.register(self.version(kit, model)).version for _ in range(3))

        errors = in_threads(register, register)
        kept = sorted(version.version for version in component.versions(model))
        require(
            not errors and sorted(given) == kept == list(range(1, 7)),
            tried="register on two threads, three times each",
            came=errors or f"numbers {sorted(given)}, and kept are {kept}",
            do="let the service count, or try again when the number is taken",
        )

    def test_latest_is_the_newest(self, kit: Kit) -> None:
        """`latest` names the version with the highest number that is there."""
        model = self._three(kit)
        found = kit.component.get(model, "latest").version
        require(found == 3, tried="get(model, 'latest') of three versions", came=found, do="return the newest")

    def test_an_alias_names_one_version(self, kit: Kit) -> None:
        """An alias names the version that it was set to last, and no other; other aliases stay."""
        model, component = self._three(kit), kit.component
        component.set_alias(model, "steady", 1)
        for number in (1, 2):
            component.set_alias(model, "champion", number)
        found = {alias: component.get(model, alias).version for alias in ("champion", "steady")}
        held = {each.version: sorted(each.aliases) for each in component.versions(model)}
        require(
            found == {"champion": 2, "steady": 1} and held == {1: ["steady"], 2: ["champion"], 3: []},
            tried="set_alias(model, 'champion', 1), then 2; 'steady' on 1",
            came=f"get: {found}; versions: {held}",
            do="take the alias from the version that had it",
        )

    def test_an_alias_is_removed(self, kit: Kit) -> None:
        """Setting an alias to None removes it."""
        model, component = self._three(kit), kit.component
        component.set_alias(model, "champion", 1)
        component.set_alias(model, "champion", None)
        self._not_found(lambda: component.get(model, "champion"), "get an alias that was set to None")
        held = [alias for each in component.versions(model) for alias in each.aliases]
        require(not held, tried="set_alias(model, 'champion', None)", came=held, do="take it from the version")

    def test_an_alias_of_nothing_is_refused(self, kit: Kit) -> None:
        """An alias for a version that does not exist raises ArtifactNotFound."""
        model, component = self._three(kit), kit.component
        self._not_found(lambda: component.set_alias(model, "champion", 7), "set_alias(model, 'champion', 7) of three")

    def test_what_does_not_exist_is_not_found(self, kit: Kit) -> None:
        """A model, a number or an alias that does not exist raises ArtifactNotFound."""
        model, component = self._three(kit), kit.component
        for asked in ((_model(), 1), (_model(), "latest"), (model, 7), (model, "nobody")):
            self._not_found(partial(component.get, *asked), f"get{asked}")

    def test_versions_stand_newest_first(self, kit: Kit) -> None:
        """`versions` returns all versions of the model, newest first; none for a model that does not exist."""
        model, component = self._three(kit), kit.component
        found = [each.version for each in component.versions(model)]
        require(found == [3, 2, 1], tried="versions(model) of three", came=found, do="sort them, newest first")
        found = list(component.versions(_model()))
        require(found == [], tried="versions of a model that does not exist", came=found, do="return an empty list")

    def test_models_are_listed(self, kit: Kit) -> None:
        """`models` returns the names of the models, sorted, each once."""
        made = sorted((self._three(kit), self._three(kit)), reverse=True)
        found = list(kit.component.models())
        require(
            found == sorted(set(found)) and set(made) <= set(found),
            tried=f"models(), with {' and '.join(made)}",
            came=found,
            do="return sorted names",
        )

    def test_tags_are_merged(self, kit: Kit) -> None:
        """`set_tags` sets the given tags; the others stay, also those of other versions."""
        model, component = self._three(kit), kit.component
        before = dict(component.get(model, 2).tags)
        component.set_tags(model, 1, {"team": "fraud", "checked": "yes"})
        found = [dict(component.get(model, number).tags) for number in (1, 2)]
        require(
            found == [{**before, "team": "fraud", "checked": "yes"}, before],
            tried="set_tags(model, 1, {'team': 'fraud', 'checked': 'yes'})",
            came=found,
            do="change these tags of that version",
        )

    def test_a_deleted_version_is_gone(self, kit: Kit) -> None:
        """A version that was deleted is neither found nor listed; the others are."""
        model, component = self._three(kit), kit.component
        component.delete(model, 2)
        self._not_found(lambda: component.get(model, 2), "get a version that was deleted")
        found = sorted(each.version for each in component.versions(model))
        require(found == [1, 3], tried="delete(model, 2) of three", came=found, do="remove that version")

    def test_deleting_again_is_harmless(self, kit: Kit) -> None:
        """Deleting what is not there does nothing."""
        model, component = self._three(kit), kit.component
        component.delete(model, 2)
        for name, number in ((model, 2), (model, 7), (_model(), 1)):
            try:
                component.delete(name, number)
            except Exception as error:
                raise AssertionError(
                    f"tried: delete({name!r}, {number}), which is not there\n came: {error!r}\n   do: do nothing"
                ) from error

    def test_an_aliased_version_is_not_deleted(self, kit: Kit) -> None:
        """A version that an alias names is not deleted: it raises ComponentError, and the version stays."""
        model, component = self._three(kit), kit.component
        component.set_alias(model, "champion", 2)
        tried = "delete(model, 2), which the alias 'champion' names"
        do = "raise zen.errors.ComponentError that names the alias, and keep the version"
        refusal(ComponentError, lambda: component.delete(model, 2), tried=tried, do=do)
        found = sorted(each.version for each in component.versions(model))
        require(2 in found, tried=tried, came=found, do=do)

    def _register(self, kit: Kit, model: str) -> ModelVersion:
        added = kit.component.register(self.version(kit, model))
        assert isinstance(added, ModelVersion), f"register returned {added!r}: return the ModelVersion with its number"
        return added

    def _three(self, kit: Kit) -> str:
        model = _model()
        for _ in range(3):
            self._register(kit, model)
        return model

    def _not_found(self, action: Callable[[], object], tried: str) -> None:
        refusal(ArtifactNotFound, action, tried=tried, do=_NOT_FOUND)


def _model() -> str:
    return f"zen-testing-{uuid.uuid4().hex[:12]}"
