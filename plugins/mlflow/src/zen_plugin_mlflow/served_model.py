"""The model that is to be served, as a folder of MLflow: from its registry, or from the files that zen has."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from zen import unpack
from zen.errors import ComponentError, ComponentUnavailable
from zen.interfaces import Host
from zen.records import ModelVersion
from zen_plugin_mlflow import flavors, packed
from zen_plugin_mlflow.connection import Connection
from zen_plugin_mlflow.versions import ARTIFACT, RUN

_REGISTERED = re.compile(r"models:/([^/@]+)/(\d+)")


def fetch(version: ModelVersion, target: Path, connection: Connection, *, can_wait: bool) -> str:
    """Copy a registered model into a folder, if its version is one of this store, and of the same run and artifact.

    Args:
        version: Which one.
        target: Is made.
        connection: To the store.
        can_wait: Whether the model can be had elsewhere, so that a store that is away is no error.

    Returns:
        Where it was found; empty if nowhere.
    """
    try:
        for uri in registered(version):
            _fetch(uri, version, target, connection)
            if (target / "MLmodel").is_file():
                return uri
    except ComponentUnavailable as err:
        if not can_wait:
            raise
        connection.log.warning("%s; the model is made of zen's own files", err.message)
    return ""


def registered(version: ModelVersion) -> list[str]:
    """Return the addresses in MLflow registries that a version may have: its own, and what zen noted of the stack's."""
    links = [link for name, link in version.metadata.items() if name.startswith("registry.")]
    uris = [version.uri, *(str(link.get("uri", "")) for link in links if isinstance(link, Mapping))]
    return [uri for uri in dict.fromkeys(uris) if _REGISTERED.fullmatch(uri)]


def _fetch(uri: str, version: ModelVersion, target: Path, connection: Connection) -> None:
    _, name, number = uri.split("/")
    source = _source(name, number, version, connection)
    if source is not None:
        _download(source, target, connection)


def _source(name: str, number: str, version: ModelVersion, connection: Connection) -> str | None:
    from mlflow.exceptions import MlflowException

    with connection.doing(f"find version {number} of model {name!r}") as client:
        try:
            found = client.get_model_version(name, number)
        except MlflowException as err:
            if err.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        tags = found.tags or {}
        ours = tags.get(ARTIFACT, "") == version.artifact and tags.get(RUN, "") == version.run_id
        return str(client.get_model_version_download_uri(name, number)) if ours else None


def _download(source: str, target: Path, connection: Connection) -> None:
    if source.startswith("zen:"):
        return  # registered without files
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as folder:
        with connection.doing(f"get the files of {source}"):
            got = download_artifacts(artifact_uri=source, dst_path=folder, tracking_uri=connection.place.uri)
        shutil.move(got, target)


def make(version: ModelVersion, files: Mapping[str, Path], target: Path, host: Host, *, allow_pickle: bool) -> None:
    """Make a model of the files that zen saved it as.

    Raises:
        ZenError: When they cannot be loaded, or MLflow cannot save what they hold.
    """
    if not files:
        raise ComponentError(
            f"version {version.version} of model {version.model!r} has no files, and MLflow does not have it either"
        )
    with tempfile.TemporaryDirectory(prefix="zen-mlflow-") as name:
        folder = Path(name)
        for file, path in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / file)
        loaded = unpack(folder, root=host.root, allow_pickle=allow_pickle)
        model = flavors.unwrapped(loaded)
        form = flavors.form_of(loaded, version.metadata.get("signature"))
        flavor = flavors.flavor_of(model)
        if flavor is not None:
            flavors.save(model, target, flavor=flavor, form=form)
        elif callable(getattr(model, "predict", None)):
            packed.save(model, folder, target, form=form)
        else:
            raise ComponentError(f"a {type(model).__qualname__} cannot be served: it has no `predict`")
