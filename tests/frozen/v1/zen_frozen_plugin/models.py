import dataclasses
import json

from zen.errors import ArtifactNotFound, ComponentError, ComponentUnavailable
from zen.interfaces import ModelDeployer, ModelRegistry
from zen.records import Deployment, ModelVersion, from_json, to_json
from zen_frozen_plugin.journal import note


class _File:
    """Values by key in one JSON file."""

    def __init__(self, path):
        self.path = path

    def read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def write(self, values):
        self.path.write_text(json.dumps(values))


class FrozenRegistry(ModelRegistry):
    def open(self, host):
        super().open(host)
        self.file = _File(host.state / "frozen-models.json")

    def _all(self):
        return [from_json(ModelVersion, data) for data in self.file.read().get("versions", [])]

    def _keep(self, versions):
        self.file.write({"versions": [to_json(version) for version in versions]})

    def register(self, version):
        found = self._all()
        number = max((each.version for each in found if each.model == version.model), default=0) + 1
        numbered = dataclasses.replace(version, version=number)
        self._keep([*found, numbered])
        note("model_registry", f"register {version.model} {number}")
        return numbered

    def get(self, model, version):
        for each in self.versions(model):
            if version == "latest" or version == each.version or version in each.aliases:
                return each
        raise ArtifactNotFound(f"no version {version!r} of model {model!r}")

    def models(self):
        return sorted({each.model for each in self._all()})

    def versions(self, model):
        return sorted((each for each in self._all() if each.model == model), key=lambda each: -each.version)

    def set_alias(self, model, alias, version):
        if version is not None:
            self.get(model, version)
        self._keep([self._aliased(each, alias, version) if each.model == model else each for each in self._all()])

    def _aliased(self, each, alias, version):
        others = tuple(name for name in each.aliases if name != alias)
        return dataclasses.replace(each, aliases=(*others, alias) if each.version == version else others)

    def set_tags(self, model, version, tags):
        self._keep(
            [
                dataclasses.replace(each, tags={**each.tags, **tags})
                if (each.model, each.version) == (model, version)
                else each
                for each in self._all()
            ]
        )

    def delete(self, model, version):
        for each in self._all():
            if (each.model, each.version) == (model, version) and each.aliases:
                raise ComponentError(f"version {version} of {model!r} has an alias")
        self._keep([each for each in self._all() if (each.model, each.version) != (model, version)])


class FrozenDeployer(ModelDeployer):
    def open(self, host):
        super().open(host)
        self.file = _File(host.state / "frozen-deployments.json")

    def _keep(self, deployment):
        self.file.write({**self.file.read(), deployment.name: to_json(deployment)})
        return deployment

    def deploy(self, name, version, files, settings):
        note("model_deployer", f"deploy {version.model} {sorted(files)}")
        return self._keep(
            Deployment(
                name=name,
                model=version.model,
                version=version.version,
                state="ready",
                url=f"https://example.org/{name}",
                metadata=dict(settings),
            )
        )

    def get(self, name):
        found = self.file.read().get(name)
        return from_json(Deployment, found) if found else None

    def list(self):
        return [from_json(Deployment, found) for _, found in sorted(self.file.read().items())]

    def predict(self, name, data):
        deployment = self.get(name)
        if deployment is None or deployment.state != "ready":
            raise ComponentUnavailable(f"{name!r} does not serve")
        note("model_deployer", f"predict {data}")
        return data

    def logs(self, name):
        return "served\n"

    def stop(self, name):
        deployment = self.get(name)
        if deployment:
            self._keep(dataclasses.replace(deployment, state="stopped"))

    def delete(self, name):
        self.file.write({key: value for key, value in self.file.read().items() if key != name})
