"""Where MLflow keeps runs: the address, what of it may be shown, and whether anybody is there."""

from __future__ import annotations

import re
import socket
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from zen.errors import ComponentUnavailable
from zen.interfaces import Host
from zen.secrets import Secret

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
_USER = re.compile(r"//[^/\s]*@")
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A tracking store.

    Attributes:
        uri: What MLflow takes; may hold a secret, so it is neither shown nor recorded.
        label: The same for people and records: without user, password and query.
        database: The file, for SQLite.
        hidden: The secrets in the address.
    """

    uri: str = field(repr=False)
    label: str
    database: Path | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @property
    def artifacts(self) -> str | None:
        """The folder for artifacts, next to a SQLite file, as a URI; None where the server decides."""
        return (self.database.parent / ARTIFACTS).as_uri() if self.database else None

    def page(self, experiment_id: str, run_id: str) -> str | None:
        """Return the web page of a run, where there is a server that shows one."""
        if not self.label.startswith(("http://", "https://")) or "<" in self.label:
            return None
        return f"{self.label.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"

    def without_secrets(self, text: str) -> str:
        """Return a message of MLflow's with this address as people may see it."""
        text = _USER.sub("//", text.replace(self.uri, self.label))
        for secret in self.hidden:
            text = text.replace(secret, "***") if len(secret) > 3 else text  # not every "a"
        return text


def locate(tracking_uri: str | Secret | None, host: Host) -> Place:
    """Return the place that a configuration means.

    Raises:
        SecretNotFound: When a reference in the address has no answer.
    """
    if tracking_uri is None:
        return _file(host.state / DATABASE)
    hidden: tuple[str, ...] = ()
    shown = uri = str(tracking_uri)
    if isinstance(tracking_uri, Secret):
        shown = tracking_uri.resolve(lambda name: f"<{name.replace('/', ':')}>")
        uri = host.secrets.reveal(tracking_uri)
        hidden = (*(host.secrets.get(name) for name in tracking_uri.references), urlsplit(uri).password or "")
    path = re.fullmatch(r"sqlite:///([^?]+)", uri)
    if path and path.group(1) != ":memory:":
        return _file(host.root / path.group(1))
    return Place(uri=uri, label=_USER.sub("//", shown).partition("?")[0], hidden=hidden)


def _file(path: Path) -> Place:
    path = path.absolute()
    uri = f"sqlite:///{path.as_posix()}"
    return Place(uri=uri, label=uri, database=path)


def probe(place: Place, *, timeout: float = 4.0) -> None:
    """Find out whether something listens at the address, as far as one connection tells.

    MLflow itself tries again for four minutes before it says that nobody answers.

    Raises:
        ComponentUnavailable: When nothing does.
    """
    try:
        address = _endpoint(place.uri)
        if address is not None:
            socket.create_connection(address, timeout=timeout).close()
    except (OSError, ValueError) as err:  # ValueError: a port that is no number
        raise ComponentUnavailable(
            f"no MLflow answers at {place.label}: {err}",
            hint="start it (mlflow server), or correct tracking_uri in zen.yaml",
            address=place.label,
        ) from err


def _endpoint(uri: str) -> tuple[str, int] | None:
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme not in PORTS or not parts.hostname:
        return None
    if scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname):
        return None  # only the proxy can reach it
    return parts.hostname, parts.port or PORTS[scheme]
