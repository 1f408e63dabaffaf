"""The model registry: versions of models in MLflow's, with links to the runs and artifacts of zen."""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from zen import pack
from zen.errors import ArtifactNotFound, ComponentError, ZenError, listing
from zen.interfaces import Host, ModelRegistry
from zen.records import ModelVersion
from zen_plugin_mlflow import flavors, packed
from zen_plugin_mlflow.config import MLflowRegistryConfig
from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.experiments import experiment_id_of
from zen_plugin_mlflow.logged import LoggedModel, log_model
from zen_plugin_mlflow.place import locate
from zen_plugin_mlflow.versions import from_mlflow, is_ours, tags_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MLflowVersion
    from mlflow.models import Model

T = TypeVar("T")
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_TAKEN = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
_TRIES = 12


class MLflowRegistry(ModelRegistry):
    """Keeps versions in MLflow's model registry. MLflow counts them, and keeps the numbers of deleted ones."""

    config: MLflowRegistryConfig

    def open(self, host: Host) -> None:
        """Find out where MLflow is and whether something listens there; MLflow is imported when it is first needed."""
        super().open(host)
        self._connection = Connection(locate(self.config.tracking_uri, host), host.log)
        self._connection.probe()

    def check(self) -> None:
        """Read from the registry, within 9 seconds; MLflow itself would try for minutes."""
        self._connection.check("list models", lambda client: client.search_registered_models(max_results=1))

    def close(self) -> None:
        """Let go of the client."""
        connection = getattr(self, "_connection", None)  # close() before open() is harmless
        if connection is not None:
            connection.close()

    def register(self, version: ModelVersion) -> ModelVersion:
        """Add a version; if zen has its model, the model is logged to MLflow, so that MLflow's own tools load it."""
        logged = self._logged(version) if version.artifact else None
        with self._connection.doing(f"register a version of model {version.model!r}") as client:
            made = _again(lambda: self._created(client, version, logged))
            if logged is not None:
                _link(client, made, logged)
            return from_mlflow(made, ())

    def _created(self, client: MlflowClient, version: ModelVersion, logged: LoggedModel | None) -> MLflowVersion:
        with _existing():
            client.create_registered_model(version.model)
        facts: dict[str, Any] = {"tags": tags_of(version), "description": version.description or None}
        if not self._connection.place.uri.startswith("databricks"):
            facts["await_creation_for"] = 0  # ready at once: waiting would only be told in the log
        if logged is None:
            source = version.uri or f"zen:/{version.run_id or version.model}"
            return client.create_model_version(version.model, source, **facts)
        if not self._connection.place.uri.startswith(("http://", "https://", "databricks")):
            # A database: with the model's id, MLflow would look for it in the store that is active in this process.
            return client.create_model_version(version.model, logged.location, logged.run_id, **facts)
        source = f"models:/{logged.model_id}"
        return client.create_model_version(version.model, source, logged.run_id, model_id=logged.model_id, **facts)

    def _logged(self, version: ModelVersion) -> LoggedModel:
        """Log the model of a version to the experiment of its run if that was tracked here, else to that of models."""
        model = self.host.artifacts.load(version.artifact)
        reference = self._reference(version.run_id)
        run_id = self._run_of(version, reference) if reference else None
        with self._connection.doing(f"find the experiment of model {version.model!r}") as client:
            experiment_id = (
                reference["experiment_id"]
                if reference and run_id
                else experiment_id_of(client, self.config.experiment, self._connection.place.artifacts)
            )
        tags = {name: text for name, text in tags_of(version).items() if is_ours(name) and "metadata" not in name}
        with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as folder:
            return log_model(
                self._connection,
                self._save(version, model, Path(folder)),
                experiment_id=experiment_id,
                name=version.model,
                run_id=run_id,
                tags=tags,
            )

    def _save(self, version: ModelVersion, model: Any, folder: Path) -> Callable[[Path, Model], None]:
        """Return what writes the files: MLflow's flavor, else zen's files for MLflow to load, else zen's alone."""
        inside = flavors.unwrapped(model)
        flavor = flavors.flavor_of(inside)
        facts = version.metadata.get("signature")

        def save(target: Path, about: Model) -> None:
            if flavor is not None:
                flavors.save(inside, target, flavor=flavor, form=flavors.form_of(model, facts), about=about)
            elif callable(getattr(inside, "predict", None)):
                pack(inside, folder / "model")
                packed.save(inside, folder / "model", target, form=flavors.form_of(model, facts), about=about)
            else:
                name = type(inside).__qualname__
                self.host.log.warning("MLflow has no flavor for a %s, which cannot predict; its files are logged", name)
                pack(inside, target)

        return save

    def _reference(self, run_id: str) -> Mapping[str, Any] | None:
        """Return what the tracker has recorded of a run, if it was tracked in the same place."""
        try:
            trackers = self.host.records.run(run_id).trackers if run_id else {}
        except ZenError:  # a run of another store
            return None
        for reference in trackers.values():
            if isinstance(reference, Mapping) and reference.get("tracking_uri") == self._connection.place.label:
                return reference
        return None

    def _run_of(self, version: ModelVersion, reference: Mapping[str, Any]) -> str | None:
        """Return the MLflow run of the step that made a model, or of its pipeline; None when it is gone."""
        from mlflow.exceptions import MlflowException

        try:
            step_run = self.host.records.artifact(version.artifact).step_run
        except ZenError:
            step_run = ""
        with self._connection.doing("find the run of a model") as client:
            wanted = f"tags.`zen.step_run_id` = '{step_run}'"
            steps = client.search_runs([reference["experiment_id"]], wanted) if step_run else []
            try:
                return str(steps[0].info.run_id if steps else client.get_run(reference["run_id"]).info.run_id)
            except MlflowException:
                return None

    def get(self, model: str, version: int | str) -> ModelVersion:
        """Return a version by its number, an alias, or `latest`."""
        from mlflow.exceptions import MlflowException

        with self._connection.doing(f"find version {version!r} of model {model!r}") as client:
            try:
                if version == "latest":
                    return self.versions(model)[0]
                if isinstance(version, int) or version.isdigit():
                    found = client.get_model_version(model, str(version))
                else:
                    found = client.get_model_version_by_alias(model, version)
                return from_mlflow(found, self._aliases(client, model).get(int(found.version), ()))
            except IndexError:
                self._absent(model, version)
            except MlflowException as err:
                if err.error_code not in (_ABSENT, "INVALID_PARAMETER_VALUE"):
                    raise
                self._absent(model, version, err)

    def _absent(self, model: str, version: int | str, cause: Exception | None = None) -> NoReturn:
        there = self.versions(model)
        named = [alias for each in there for alias in each.aliases]
        raise ArtifactNotFound(
            f"model {model!r} has no version {version!r} in MLflow at {self._connection.place.label}; it has: "
            + listing([*(str(each.version) for each in there), *named])
            if there
            else f"MLflow at {self._connection.place.label} has no model {model!r}; it has: {listing(self.models())}",
            model=model,
            version=version,
        ) from cause

    def models(self) -> Sequence[str]:
        """Return the names of the models that have versions, sorted."""
        with self._connection.doing("list models") as client:
            found = _pages(lambda token: client.search_registered_models(page_token=token))
            return sorted(model.name for model in found if model.latest_versions)

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """Return the versions of a model, newest first; none for a model that does not exist."""
        if "'" in model:  # MLflow cannot be asked for it
            return []
        with self._connection.doing(f"list the versions of model {model!r}") as client:
            found = _pages(lambda token: client.search_model_versions(f"name = '{model}'", page_token=token))
            aliases = self._aliases(client, model) if found else {}
            made = [from_mlflow(each, aliases.get(int(each.version), ())) for each in found]
        return sorted(made, key=lambda each: each.version, reverse=True)

    def _aliases(self, client: MlflowClient, model: str) -> dict[int, list[str]]:
        held: dict[int, list[str]] = {}
        for alias, number in client.get_registered_model(model).aliases.items():
            held.setdefault(int(number), []).append(alias)
        return held

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Let an alias name one version, and no other; None removes the alias."""
        if version is not None:
            self.get(model, version)
        with self._connection.doing(f"set the alias {alias!r} of model {model!r}") as client:
            if version is not None:
                client.set_registered_model_alias(model, alias, str(version))
                return
            with _existing():
                client.delete_registered_model_alias(model, alias)

    def set_tags(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version; others stay as they are."""
        self.get(model, version)
        with self._connection.doing(f"tag version {version} of model {model!r}") as client:
            for name, value in tags.items():
                client.set_model_version_tag(model, str(version), name, value)

    def delete(self, model: str, version: int) -> None:
        """Remove a version that no alias names. The model that was logged for it stays in its experiment."""
        try:
            found = self.get(model, version)
        except ArtifactNotFound:
            return
        if found.aliases:
            raise ComponentError(
                f"version {version} of model {model!r} is named by {', '.join(found.aliases)}",
                hint="let the alias name another version first, or remove it",
            )
        with self._connection.doing(f"delete version {version} of model {model!r}") as client, _existing():
            client.delete_model_version(model, str(version))


def _link(client: MlflowClient, made: MLflowVersion, logged: LoggedModel) -> None:
    """Name the version on the page of the logged model, as MLflow does for its own."""
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

    known = json.dumps([{"name": made.name, "version": int(made.version)}])
    client.set_logged_model_tags(logged.model_id, {MLFLOW_MODEL_VERSIONS: known})


def _pages(search: Callable[[str | None], Any]) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(token)
        found += page
        token = page.token
        if not token:
            return found


@contextlib.contextmanager
def _existing() -> Iterator[None]:
    """Let pass that something is there already, or is not there any more."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as err:
        if err.error_code not in _TAKEN | {_ABSENT}:
            raise


def _again(create: Callable[[], T]) -> T:
    """Try again while others take the number: MLflow itself gives up after three times."""
    from mlflow.exceptions import MlflowException

    for left in range(_TRIES, 0, -1):
        try:
            return create()
        except MlflowException as err:
            clash = "Model Version creation error" in str(err) or "locked" in str(err)
            if left == 1 or not clash:
                raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  # not a secret
    raise AssertionError("the last try returns or raises")
