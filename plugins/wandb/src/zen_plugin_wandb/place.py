"""Where W&B runs go: the mode, the server, the folder, the credentials; and whether anybody is there."""

from __future__ import annotations

import base64
import json
import re
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from zen.errors import ComponentError, ComponentUnavailable, PermissionDenied
from zen.interfaces import Host
from zen_plugin_wandb.config import Mode, WandbConfig

_VIEWER = "query Viewer { viewer { id username entity } }"
_LOGIN = "set api_key of the experiment_tracker in zen.yaml, or WANDB_API_KEY, or run: wandb login"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where runs go.

    Attributes:
        mode: `offline`, `online` or `disabled`.
        folder: What W&B calls `dir`: the folder `wandb` is made in it.
        address: The server; empty while it is W&B's own choice.
        key: The API key; empty while it is W&B's own choice.
    """

    mode: Mode
    folder: Path
    address: str = ""
    key: str = field(default="", repr=False)

    @property
    def online(self) -> bool:
        """Whether runs go to a server as they happen."""
        return self.mode == "online"

    @property
    def files(self) -> Path:
        """The folder that holds all of W&B's files; it is hidden where somebody made it so."""
        hidden = self.folder / ".wandb"
        return hidden if hidden.is_dir() else self.folder / "wandb"

    @property
    def label(self) -> str:
        """What people are told of it."""
        return (self.address or "the W&B server") if self.online else str(self.files)

    def without_secrets(self, text: str) -> str:
        """Return a message of wandb's as people may see it."""
        return text.replace(self.key, "***") if len(self.key) > 3 else text


def locate(config: WandbConfig, host: Host) -> Place:
    """Return the place that a configuration means.

    Raises:
        SecretNotFound: When the reference of the API key has no answer.
    """
    online = config.mode == "online"
    return Place(
        mode=config.mode,
        folder=((host.root / config.dir) if config.dir else host.state).absolute(),
        address=(config.base_url or "") if online else "",
        key=host.secrets.reveal(config.api_key) if online and config.api_key is not None else "",
    )


def resolved(place: Place) -> Place:
    """Return a place whose server and credentials are known; what the configuration leaves open, wandb knows.

    W&B would ask for a key at the terminal, and a pipeline asks nobody.

    Raises:
        PermissionDenied: When there are no credentials.
    """
    if not place.online or (place.address and place.key):
        return place
    import os

    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    address = place.address or str(wandb_setup.singleton().settings.base_url).rstrip("/")
    key = place.key or os.environ.get("WANDB_API_KEY", "") or wbauth.read_netrc_auth(host=address) or ""
    if not key and not os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        raise PermissionDenied(f"there is no API key for {address}", hint=_LOGIN, address=address)
    return replace(place, address=address, key=key)


def probe(place: Place, *, timeout: float = 4.0) -> None:
    """Find out whether something listens at the address, as far as one connection tells.

    W&B itself would try again until its timeouts are over.

    Raises:
        ComponentUnavailable: When nothing does.
    """
    parts = urlsplit(place.address)
    if not place.online or not parts.hostname:
        return
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname):
        return  # only the proxy can reach it
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=timeout).close()
    except (OSError, ValueError) as err:  # ValueError: a port that is no number
        raise ComponentUnavailable(
            f"no W&B server answers at {place.address}: {err}",
            hint="start it, correct base_url of the experiment_tracker in zen.yaml, or set mode: offline",
            address=place.address,
        ) from err


def ask_who(place: Place, *, timeout: float = 5.0) -> None:
    """Ask the server whose the API key is.

    Raises:
        ComponentUnavailable: When it does not answer.
        PermissionDenied: When it does not know the key.
        ComponentError: When what answers is no W&B server.
    """
    if not place.key:  # a token of another kind, which only wandb can use
        return
    request = urllib.request.Request(  # noqa: S310  # the configuration takes http and https only
        f"{place.address}/graphql",
        data=json.dumps({"query": _VIEWER}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"api:{place.key}".encode()).decode(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310  # see above
            viewer = json.loads(answer.read(1 << 20))["data"]["viewer"]
    except urllib.error.HTTPError as err:
        if err.code in (401, 403):
            raise _unknown_key(place) from err
        raise ComponentError(f"{place.address} answers with HTTP status {err.code}", address=place.address) from err
    except OSError as err:
        raise ComponentUnavailable(f"{place.address} does not answer: {err}", address=place.address) from err
    except (ValueError, KeyError, TypeError) as err:
        hint = "base_url is the address of the server itself, such as https://api.wandb.ai"
        raise ComponentError(f"{place.address} is no W&B server", hint=hint, address=place.address) from err
    if not viewer:
        raise _unknown_key(place)


def valid_name(wanted: str, *, most: int = 128) -> str:
    """Return the nearest name that W&B takes for projects and artifacts."""
    return re.sub(r"[^\w\-.]", "-", wanted, flags=re.ASCII)[:most].strip("-.") or "unnamed"


def _unknown_key(place: Place) -> PermissionDenied:
    return PermissionDenied(f"{place.address} does not know this API key", hint=_LOGIN, address=place.address)
