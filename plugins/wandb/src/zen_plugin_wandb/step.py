"""What a step logs, as W&B keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from zen.errors import ComponentError
from zen.interfaces import StepTracking
from zen_plugin_wandb.place import Place, probe, valid_name
from zen_plugin_wandb.runs import translated

if TYPE_CHECKING:
    import logging

    from wandb import Run

INDEX = "zen_step"
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"})
_ROWS = 10_000  # what W&B shows of a logged table


class WandbStep(StepTracking):
    """One step run in W&B.

    Args:
        run: The `wandb.Run` of the step, or of all steps.
        place: Where it goes.
        prefix: What stands before all names: empty, or the step with a slash.
        scope: What stands before the names of files, which W&B keeps for the whole project: pipeline and step.
        origin: Facts that go with each artifact: the ids of run and step run.
    """

    def __init__(
        self, run: Run, place: Place, log: logging.Logger, *, prefix: str, scope: str, origin: Mapping[str, Any]
    ) -> None:
        self._run = run
        self._place = place
        self._log = log
        self._prefix = prefix
        self._scope = scope
        self._origin = dict(origin)
        self._defined: set[str] = set()

    @property
    def native(self) -> Run:
        """The `wandb.Run` that `wandb.run` is in this step."""
        return self._run

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Add to the run's config; the last value of a name counts."""
        values = {f"{self._prefix}{name}": value for name, value in params.items()}
        config: Any = self._run.config
        self._do("log params", lambda: config.update(values, allow_val_change=True))

    def log_metrics(self, metrics: Mapping[str, float], *, step: int | None, at: dt.datetime) -> None:
        """Add a row to the run's history. The author's index is a column, `zen_step`, and the x-axis of the charts.

        W&B's own index only ever grows, and drops rows that go back.
        """
        row: dict[str, Any] = {f"{self._prefix}{name}": value for name, value in metrics.items()}
        if step is not None:
            self._define(row)
            row[f"{self._prefix}{INDEX}"] = step
        self._do("log metrics", lambda: self._run.log({**row, "_timestamp": at.timestamp()}))

    def log_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Add to the run's summary, as `metadata/<name>`."""
        facts = {f"{self._prefix}metadata/{name}": value for name, value in metadata.items()}
        self._do("log metadata", lambda: self._run.summary.update(facts))

    def log_figure(self, name: str, path: Path) -> None:
        """Show an image in the run's media; of a kind that W&B does not show, keep the file."""
        suffix = path.suffix.lower()
        if suffix == ".svg":
            self._do("log a figure", lambda: self._run.log({f"{self._prefix}{name}": _drawing(path)}))
        elif suffix in _IMAGES:
            self._do("log a figure", lambda: self._run.log({f"{self._prefix}{name}": _image(path)}))
        else:
            self.log_file(name, path)

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show a table, of which W&B takes 10,000 rows."""
        if len(rows) > _ROWS:
            self._log.warning("W&B takes %d rows of the table %r, which has %d", _ROWS, name, len(rows))
        cells = [list(row) for row in rows[:_ROWS]]
        self._upload("log a table", lambda: self._run.log({f"{self._prefix}{name}": _table(columns, cells)}))

    def log_file(self, name: str, path: Path) -> None:
        """Keep a copy of a file or of a folder as an artifact of type `file`, named after pipeline, step and name."""
        inside = "" if path.is_dir() else Path(name).name if Path(name).suffix else path.name
        self._upload(
            "log a file", lambda: self._artifact(f"{self._scope}{name}", "file", {inside: path}, {"name": name})
        )

    def log_model(self, name: str, model: Any, files: Mapping[str, Path]) -> None:
        """Keep the files of a model as an artifact of type `model`, one version of `name` in the project."""
        facts = {"name": name, "class": f"{type(model).__module__}.{type(model).__qualname__}"}
        self._upload("log a model", lambda: self._artifact(name, "model", files, facts))

    def _artifact(self, name: str, kind: str, files: Mapping[str, Path], facts: Mapping[str, Any]) -> None:
        import wandb

        artifact = wandb.Artifact(valid_name(name), type=kind, metadata={**facts, "zen": self._origin})
        for inside, path in _each_file(files):
            # W&B copies what is added, as the file may be gone before it is sent, and needs no second copy.
            artifact.add_file(str(path), name=inside, skip_cache=True)
        self._run.log_artifact(artifact)

    def _define(self, row: Mapping[str, Any]) -> None:
        new = {name for name in row if name not in self._defined and "*" not in name}
        if not new:
            return
        index = f"{self._prefix}{INDEX}"

        def define() -> None:
            if not self._defined:
                self._run.define_metric(index, hidden=True)
            for name in new:
                self._run.define_metric(name, step_metric=index, step_sync=False)

        self._do("define metrics", define)
        self._defined |= new

    def _upload(self, what: str, action: Callable[[], Any]) -> None:
        """Do what asks the server something, if it is there: wandb itself would try for a long time."""
        probe(self._place)
        self._do(what, action)

    def _do(self, what: str, action: Callable[[], Any]) -> None:
        if self._place.mode == "disabled":
            return
        if getattr(self._run, "_is_finished", False):
            raise ComponentError(
                f"the W&B run {self._run.id} is over: the step ended it",
                hint="leave run.finish() out: the run ends with the step",
            )
        try:
            action()
        except Exception as err:  # wandb, its data types, and what they import
            raise translated(err, what, self._place) from err


def _each_file(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Yield all files with their names in the artifact; those of folders under the folder's name."""
    for name, path in files.items():
        if not path.is_dir():
            yield name, path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield PurePosixPath(name, file.relative_to(path).as_posix()).as_posix(), file


def _image(path: Path) -> Any:
    import wandb

    return wandb.Image(str(path))


def _drawing(path: Path) -> Any:
    import wandb

    return wandb.Html(path.read_text(encoding="utf-8"), inject=False)


def _table(columns: Sequence[str], cells: list[list[Any]]) -> Any:
    import wandb

    return wandb.Table(columns=list(columns), data=cells, allow_mixed_types=True)
