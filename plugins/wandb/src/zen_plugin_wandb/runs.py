"""The W&B runs that are open in this process: started, picked up again, joined from another process, ended."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zen.errors import ComponentError, ComponentUnavailable, PermissionDenied, ZenError
from zen_plugin_wandb.place import Place, probe, resolved
from zen_plugin_wandb.process import abandon, active, forget, starting
from zen_plugin_wandb.state import Wanted

_ID = "abcdefghijklmnopqrstuvwxyz0123456789"
_DIED = frozenset({"HandleAbandonedError", "MailboxClosedError"})
_open: dict[str, Any] = {}
_joined: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """What a W&B run is started with.

    Attributes:
        resume: Whether it goes on if it is there, in the server or in files that are synchronized later.
        watch: Whether W&B records the use of the machine meanwhile.
        code: Whether W&B records commit, program and packages.
    """

    run_id: str
    name: str
    project: str
    entity: str | None = None
    group: str = ""
    job_type: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    notes: str | None = None
    resume: bool = False
    watch: bool = False
    code: bool = False
    init_timeout: float = 30.0
    finish_timeout: float = 60.0


class Runs:
    """Starts and ends the runs of one tracker. Safe for threads.

    wandb keeps its runs for the process, so those that are open are known to all trackers of a process.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def new_id(self) -> str:
        """Return the id of a new run: 8 letters and digits, as W&B itself makes them."""
        return "".join(secrets.choice(_ID) for _ in range(8))

    def is_open(self, run_id: str) -> bool:
        """Say whether a run was started in this process and goes on."""
        return run_id in _open

    def start(self, opening: Opening) -> Any:
        """Start a run, or go on with it; return the `wandb.Run`.

        Raises:
            ComponentUnavailable: When the server does not answer in time.
            PermissionDenied: When there are no credentials, or the server refuses them.
        """
        with self._doing(f"start the run {opening.name!r}"):
            self.place = resolved(self.place)
            probe(self.place)
            if self.place.mode != "disabled":
                self.place.files.mkdir(parents=True, exist_ok=True)
            with starting(self._wanted(opening)):
                run = _init(self.place, opening)
        forget(run)
        _open[opening.run_id] = run
        return run

    def join(self, run_id: str, opening: Opening, token: str) -> Any:
        """Return a run of this process, or one of another process of this machine, through the service of that one.

        Raises:
            ComponentUnavailable: When that service cannot be reached from here.
        """
        if run_id in _open or run_id in _joined:
            return _open.get(run_id) or _joined[run_id]
        with self._doing(f"join the run {run_id}"):
            self.place = resolved(self.place)
            run = self._attached(run_id, opening, token)
        forget(run)
        _joined[run_id] = run
        return run

    def _attached(self, run_id: str, opening: Opening, token: str) -> Any:
        import wandb

        try:
            with starting(replace(self._wanted(opening), service=token)):
                return wandb.attach(run_id=run_id)  # type: ignore[attr-defined,unused-ignore]  # not in its stubs
        except Exception as err:  # wandb's service, which is another process's, perhaps on another machine
            raise ComponentUnavailable(
                f"the W&B run {run_id} was started by another process, whose W&B service cannot be reached from here",
                hint="with `steps: single` all steps run on the machine that launches; `steps: grouped` takes any",
                run_id=run_id,
            ) from err

    @contextlib.contextmanager
    def current(self, run: Any, opening: Opening) -> Iterator[None]:
        """Make a run the current one of the process."""
        with active(replace(self._wanted(opening), run=run)):
            yield

    def finish(self, run_id: str, exit_code: int, **summary: Any) -> None:
        """End a run, if it is open here: what it logged is in files then, and in online mode on the server.

        Args:
            run_id: Its id.
            exit_code: By which W&B knows how it ended.
            summary: The last facts.

        Raises:
            ComponentUnavailable: When the server did not take all of it in time.
        """
        run = _open.pop(run_id, None)
        if run is None:
            return
        with self._doing(f"end the run {run_id}"):
            try:
                if summary:
                    run.summary.update(summary)
                run.finish(exit_code=exit_code)
            except TimeoutError as err:
                folder = run.settings.sync_dir
                raise ComponentUnavailable(
                    f"{self.place.label} did not take all of run {run_id} in time; the rest is in {folder}",
                    hint=f"send it with: wandb sync {folder}",
                    run_id=run_id,
                ) from err

    def _wanted(self, opening: Opening) -> Wanted:
        own = {"disable_git": not opening.code, "disable_code": not opening.code, "save_code": opening.code}
        return Wanted(
            place=self.place,
            project=opening.project,
            entity=opening.entity,
            group=opening.group,
            settings={**own, "x_disable_stats": not opening.watch},
        )

    @contextlib.contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Say of an error inside that `what` could not be done."""
        try:
            yield
        except ZenError:
            raise
        except Exception as err:  # wandb raises its own errors, OSErrors, and what its process does not answer
            if type(err).__name__ in _DIED or isinstance(err, ConnectionResetError):
                abandon()
                _open.clear()
                _joined.clear()
            raise translated(err, what, self.place) from err


def translated(err: Exception, what: str, place: Place) -> ComponentError:
    """Return an error of wandb's as one of ours, without secrets."""
    name = type(err).__name__
    said = place.without_secrets(str(err)).strip() or name
    message = f"W&B ({place.label}) could not {what}: {' '.join(said.split())[:400]}"
    if name in _DIED or isinstance(err, ConnectionResetError):
        hint = f"see the logs in {place.files}"
        return ComponentUnavailable(f"W&B's own process ended; it could not {what}", hint=hint)
    if name == "AuthenticationError" or "not logged in" in said or "API key" in said:
        return PermissionDenied(message, hint="see api_key of the experiment_tracker in zen.yaml")
    if isinstance(err, OSError) or name in ("CommError", "TimeoutError"):
        hint = "see whether the server runs and can be reached, or set mode: offline"
        return ComponentUnavailable(message, hint=hint, address=place.label)
    return ComponentError(message, address=place.label)


def _init(place: Place, opening: Opening) -> Any:
    import wandb

    return wandb.init(
        id=opening.run_id,
        name=opening.name,
        project=opening.project,
        entity=opening.entity,
        group=opening.group or None,
        job_type=opening.job_type or None,
        config=dict(opening.config),
        tags=opening.tags,
        notes=opening.notes,
        mode=place.mode,
        dir=str(place.folder),
        resume="allow" if opening.resume else None,
        reinit="create_new",
        settings=_settings(place, opening),
    )


def _settings(place: Place, opening: Opening) -> Any:
    """Return wandb's settings of a run, beside those that the process has then: no prints, nothing recorded unasked."""
    import wandb

    wanted: dict[str, Any] = {
        **({"base_url": place.address} if place.address else {}),
        **({"api_key": place.key} if place.key else {}),
        "disable_job_creation": True,
        "finish_timeout": opening.finish_timeout,
        "finish_timeout_raises": True,
        "init_timeout": opening.init_timeout,
        "label_disable": True,
        "silent": True,
        "symlink": False,  # `latest-run` of several processes at once
        "x_save_requirements": opening.code,
        "x_transaction_log_flush_interval": 1.0,  # what a step logged that is killed; wandb 0.31
    }
    known = wandb.Settings.model_fields
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in known})
