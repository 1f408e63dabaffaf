"""What model registries and model deployers can get wrong, and the check that finds it."""

import shutil
import time
from dataclasses import replace

from zen.testing import MemoryModelDeployer, MemoryModelRegistry, ModelDeployerSuite, ModelRegistrySuite


class Models(ModelRegistrySuite):
    flavor = "memory"


class Deployments(ModelDeployerSuite):
    flavor = "memory"
    seconds = 20

    def model(self, kit):
        (kit.tmp_path / "model").write_text("2.5")
        return {"data": kit.tmp_path / "model"}, [1, 2], [2.5, 5.0]

    def broken(self, kit):
        (kit.tmp_path / "broken").write_text("no number")
        return {"data": kit.tmp_path / "broken"}

    def replicas(self, kit, component, name):
        return component.get(name).metadata["replicas"]


class OneCountForAll(MemoryModelRegistry):
    class Count(dict):
        def get(self, model, default):
            return super().get("all", default)

        def __setitem__(self, model, number):
            super().__setitem__("all", number)

    def open(self, host):
        super().open(host)
        self._last = self.Count()


class WithoutMetadata(MemoryModelRegistry):
    def register(self, version):
        return super().register(replace(version, metadata={}))


class Forgetful(MemoryModelRegistry):
    def open(self, host):
        super().open(host)
        self._models, self._last = {}, {}


class NumbersComeBack(MemoryModelRegistry):
    def delete(self, model, version):
        super().delete(model, version)
        self._last[model] = max(self._models.get(model, {}), default=0)


class Racing(MemoryModelRegistry):
    def register(self, version):
        last = self._last.get(version.model, 0)
        time.sleep(0.02)
        self._last[version.model] = last
        return super().register(version)


class OldestIsLatest(MemoryModelRegistry):
    def get(self, model, version):
        found = super().get(model, version)
        return self._models[model][min(self._models[model])] if version == "latest" else found


class AliasesPileUp(MemoryModelRegistry):
    def set_alias(self, model, alias, version):
        before = self.versions(model)
        super().set_alias(model, alias, version)
        for each in before if version else ():
            now = self._models[model][each.version]
            self._models[model][each.version] = replace(now, aliases=tuple({*now.aliases, *each.aliases}))


class AliasesStay(MemoryModelRegistry):
    def set_alias(self, model, alias, version):
        if version is not None:
            super().set_alias(model, alias, version)


class AliasOfNothing(MemoryModelRegistry):
    def set_alias(self, model, alias, version):
        if version is None or version in self._models[model]:
            super().set_alias(model, alias, version)


class AnotherError(MemoryModelRegistry):
    def get(self, model, version):
        if model not in self._models:
            raise KeyError(model)
        return super().get(model, version)


class OldestFirst(MemoryModelRegistry):
    def versions(self, model):
        return super().versions(model)[::-1]


class Unsorted(MemoryModelRegistry):
    def models(self):
        return super().models()[::-1]


class TagsReplaced(MemoryModelRegistry):
    def set_tags(self, model, version, tags):
        self._models[model][version] = replace(self.get(model, version), tags=dict(tags))


class Immortal(MemoryModelRegistry):
    def delete(self, model, version):
        found = self._models.get(model, {}).get(version)
        super().delete(model, version)
        if found:
            self._models[model][version] = found


class DeletesOnce(MemoryModelRegistry):
    def delete(self, model, version):
        self.get(model, version)
        super().delete(model, version)


class DeletesAnything(MemoryModelRegistry):
    def delete(self, model, version):
        self._models.get(model, {}).pop(version, None)


class OtherModel(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        return super().deploy(name, replace(version, model="model"), files, settings)


class UrlGetsLost(MemoryModelDeployer):
    def get(self, name):
        found = super().get(name)
        return found and replace(found, url="")


class OffByOne(MemoryModelDeployer):
    def predict(self, name, data):
        return [value + 1 for value in super().predict(name, data)]


class UnknownIsKeyError(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        self.known = {name}
        return super().deploy(name, version, files, settings)

    def predict(self, name, data):
        if self.get(name) is None and name not in getattr(self, "known", ()):
            raise KeyError(name)
        return super().predict(name, data)


class WithoutReason(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        return replace(super().deploy(name, version, files, settings), reason="")


class BadIsReady(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        return replace(super().deploy(name, version, files, settings), state="ready")


class FailsInPlace(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        made = super().deploy(name, version, files, settings)
        self._keep(made)
        return made


class ListedBackwards(MemoryModelDeployer):
    def list(self):
        return super().list()[::-1]


class BinaryLogs(MemoryModelDeployer):
    def logs(self, name):
        return super().logs(name).encode()


class NeverStops(MemoryModelDeployer):
    def stop(self, name):
        pass


class StopsForGood(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        found = self.get(name)
        if found and found.state == "stopped":
            return found
        return super().deploy(name, version, files, settings)


class FirstVersionOnly(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        found = self.get(name)
        return found if found and found.state == "ready" else super().deploy(name, version, files, settings)


class LeavesFiles(MemoryModelDeployer):
    def delete(self, name):
        (self._folder(name) / "deployment.json").unlink(missing_ok=True)


class DeletesDeploymentOnce(MemoryModelDeployer):
    def delete(self, name):
        shutil.rmtree(self._folder(name))


class LivesInItsProcess(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        self.known = {*getattr(self, "known", ()), name}
        return super().deploy(name, version, files, settings)

    def get(self, name):
        return super().get(name) if name in getattr(self, "known", ()) else None


class StopsFirst(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        found = self.get(name)
        self.stop(name)
        time.sleep(0.02)
        made = super().deploy(name, version, files, settings)
        if made.state == "failed" and found is not None:
            self._keep(found)
        return made


class AlwaysOne(MemoryModelDeployer):
    def deploy(self, name, version, files, settings):
        return super().deploy(name, version, files, {})


SABOTEURS = {
    Models: {
        "test_numbers_grow": OneCountForAll,
        "test_a_version_comes_back_as_registered": WithoutMetadata,
        "test_another_component_finds_it": Forgetful,
        "test_numbers_are_never_given_again": NumbersComeBack,
        "test_registering_at_once_gives_each_a_number": Racing,
        "test_latest_is_the_newest": OldestIsLatest,
        "test_an_alias_names_one_version": AliasesPileUp,
        "test_an_alias_is_removed": AliasesStay,
        "test_an_alias_of_nothing_is_refused": AliasOfNothing,
        "test_what_does_not_exist_is_not_found": AnotherError,
        "test_versions_stand_newest_first": OldestFirst,
        "test_models_are_listed": Unsorted,
        "test_tags_are_merged": TagsReplaced,
        "test_a_deleted_version_is_gone": Immortal,
        "test_deleting_again_is_harmless": DeletesOnce,
        "test_an_aliased_version_is_not_deleted": DeletesAnything,
    },
    Deployments: {
        "test_a_deployment_becomes_ready": OtherModel,
        "test_a_deployment_is_found_by_its_name": UrlGetsLost,
        "test_predictions_are_those_of_the_model": OffByOne,
        "test_what_is_not_deployed_does_not_predict": UnknownIsKeyError,
        "test_a_bad_model_fails_with_a_reason": (WithoutReason, BadIsReady),
        "test_a_bad_model_leaves_the_old_one_serving": FailsInPlace,
        "test_deployments_are_listed": ListedBackwards,
        "test_logs_are_text": BinaryLogs,
        "test_a_stopped_deployment_does_not_serve": NeverStops,
        "test_a_stopped_deployment_is_deployed_again": StopsForGood,
        "test_deploying_again_serves_the_new_version": FirstVersionOnly,
        "test_nothing_is_left_after_delete": LeavesFiles,
        "test_deleting_again_is_harmless": DeletesDeploymentOnce,
        "test_it_is_found_in_a_fresh_process": LivesInItsProcess,
        "test_swapping_loses_no_request": StopsFirst,
        "test_replicas_are_as_set": AlwaysOne,
    },
}


def test_a_defect_fails_its_check_alone(trial, suite, check, saboteur):
    assert trial.failed(suite, saboteur) == [check]


def test_correct_ones_pass(trial):
    assert trial.skipped(Models, MemoryModelRegistry) == {}
    assert trial.skipped(Deployments, MemoryModelDeployer) == {}


def test_what_the_author_leaves_out_is_not_verified(trial):
    class WithoutExtras(Deployments):
        broken = ModelDeployerSuite.broken
        replicas = ModelDeployerSuite.replicas

    assert trial.skipped(WithoutExtras, MemoryModelDeployer) == {
        "test_a_bad_model_fails_with_a_reason": "no bad model was tried: write `broken(self, kit)` in WithoutExtras",
        "test_a_bad_model_leaves_the_old_one_serving": "no bad model was tried: write `broken(self, kit)` in"
        " WithoutExtras",
        "test_replicas_are_as_set": "how many serve cannot be seen: write `replicas(self, kit, component, name)` in"
        " WithoutExtras",
    }


def test_a_suite_without_a_model_is_told_what_to_write(trial):
    class WithoutModel(ModelDeployerSuite):
        flavor = "memory"

    name = "test_predictions_are_those_of_the_model"
    outcome = trial.outcomes(WithoutModel, MemoryModelDeployer, only=[name])[name]
    assert outcome.failed
    assert "write `model(self, kit)` in" in outcome.message


def test_every_check_has_a_saboteur(trial):
    assert {suite: set(rows) for suite, rows in SABOTEURS.items()} == {suite: trial.own(suite) for suite in SABOTEURS}
