"""What wandb keeps for a whole process: environment, settings, credentials, and the names of its module.

There is no public way to read, set and restore all of it, so this file and `process.py`, and no others, touch what is
not public in wandb.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zen_plugin_wandb.place import Place

SERVICE = "WANDB_SERVICE"
_VARIABLES = (
    SERVICE,
    "WANDB_BASE_URL",
    "WANDB_CACHE_DIR",
    "WANDB_DATA_DIR",
    "WANDB_DIR",
    "WANDB_ENTITY",
    "WANDB_ERROR_REPORTING",
    "WANDB_MODE",
    "WANDB_PROJECT",
    "WANDB_RUN_GROUP",
)
_SETTINGS = (
    "api_key",
    "base_url",
    "console",
    "disable_code",
    "disable_git",
    "entity",
    "identity_token_file",
    "mode",
    "project",
    "reinit",
    "root_dir",
    "save_code",
    "x_disable_stats",
)
_OF_THE_RUN = (
    "alert",
    "config",
    "define_metric",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "mark_preempting",
    "save",
    "summary",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """What the process looks like to wandb for a while.

    Attributes:
        place: Where runs go.
        project: What `wandb.init` takes where it is not told.
        service: The token of the service process to use, when it is another process's.
        settings: Settings of wandb that are not the place's.
        run: The current run.
    """

    place: Place
    project: str
    entity: str | None = None
    group: str = ""
    service: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    run: Any = None


@dataclass(frozen=True, slots=True, repr=False)
class State:
    """What is there before something is taken over; it may hold a key, so it is not shown."""

    environment: dict[str, str]
    module: dict[str, Any]
    settings: dict[str, Any]
    login: Any

    @classmethod
    def now(cls) -> State:
        """Return what is there."""
        import wandb

        settings = settings_of_process()  # loads them, if nobody did, from the environment as it is
        return cls(
            {name: os.environ[name] for name in _VARIABLES if name in os.environ},
            {name: vars(wandb).get(name) for name in ("run", "init", "finish", *_OF_THE_RUN)},
            {name: getattr(settings, name) for name in _SETTINGS if hasattr(settings, name)},
            _Login().get(),
        )

    def restore(self) -> None:
        """Make it so again."""
        import wandb

        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(self.environment)
        vars(wandb).update(self.module)
        _Login().put(self.login)
        settings = settings_of_process()
        for name, value in self.settings.items():
            setattr(settings, name, value)


def apply(wanted: Wanted, service: str, users: Mapping[str, str]) -> None:
    """Let the process look as wanted.

    Args:
        wanted: How.
        service: The token of the service process to use, unless another one is wanted; empty for a new one.
        users: The user's own environment, some of which has the last word.
    """
    import wandb

    place = wanted.place
    os.environ.update(_environment(wanted, service, users))
    if place.online and place.key:
        _Login().use(place)
    settings = settings_of_process()
    chosen = {
        "mode": place.mode,
        "root_dir": str(place.folder),
        "console": "off",
        "reinit": "return_previous",
        "project": wanted.project,
        **({"entity": wanted.entity} if wanted.entity else {}),
        **({"base_url": place.address} if place.address else {}),
        **wanted.settings,
    }
    for name, value in chosen.items():
        if name in _SETTINGS and hasattr(settings, name):
            setattr(settings, name, value)
    if wanted.run is not None:
        own = {name: getattr(wanted.run, name) for name in _OF_THE_RUN if hasattr(wandb, name)}
        vars(wandb).update({"run": wanted.run, "finish": wanted.run.finish, **own})


def _environment(wanted: Wanted, service: str, users: Mapping[str, str]) -> dict[str, str]:
    """Return variables for wandb, and for processes that a step starts. Never the key."""
    place = wanted.place
    token = "" if place.mode == "disabled" else wanted.service or service
    own = {
        "WANDB_DATA_DIR": str(place.files),
        "WANDB_CACHE_DIR": str(place.files / "cache"),
        "WANDB_ERROR_REPORTING": "false",  # else the process waits for W&B's own telemetry where there is no network
    }
    return {
        "WANDB_MODE": place.mode,
        "WANDB_DIR": str(place.folder),
        "WANDB_PROJECT": wanted.project,
        **({"WANDB_ENTITY": wanted.entity} if wanted.entity else {}),
        **({"WANDB_BASE_URL": place.address} if place.address else {}),
        **({"WANDB_RUN_GROUP": wanted.group} if wanted.group else {}),
        **({SERVICE: token} if token else {}),
        **{name: value for name, value in own.items() if name not in users},
    }


def settings_of_process() -> Any:
    """Return wandb's settings for the process; reading them for the first time loads them."""
    return library().settings


def library() -> Any:
    """Return wandb's own state of the process."""
    from wandb.sdk import wandb_setup

    return wandb_setup.singleton()


class _Login:
    """The credentials of the process."""

    def __init__(self) -> None:
        from wandb.sdk.lib.wbauth import authenticate

        self._module: Any = authenticate

    def get(self) -> Any:
        return self._module._session_auth

    def put(self, login: Any) -> None:
        if self._module._session_auth is not login:
            with self._module._session_auth_lock:
                self._module._locked_set_session_auth(login)

    def use(self, place: Place) -> None:
        from wandb.sdk.lib.wbauth import AuthApiKey, HostUrl

        self.put(AuthApiKey(host=HostUrl(place.address), api_key=place.key))
