"""`zen demo`: a small pipeline on real data, with an experiment tracker beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, say, write

if TYPE_CHECKING:
    from zen.client import RunView

PLUGINS = ("zen-plugin-mlflow", "zen-plugin-pandas", "zen-plugin-sklearn")
PROJECT = Path(__file__).with_name("demo_project")
FILES = ("training.py", "zen.yaml")


@click.command(cls=Command, name="demo", example=["zen demo", "zen demo --stack local", "zen demo --folder trial"])
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("zen-demo"),
    show_default=True,
    help="Where to write the project; files that exist stay as they are.",
)
@click.option("--stack", default="tracked", show_default=True, help="The stack to run on: tracked or local.")
@json_option
def command(folder: Path, stack: str, as_json: bool) -> int:
    """Run a small pipeline on real data.

    Writes a project of two files, trains and evaluates a classifier on the Wisconsin breast-cancer data, and tracks the
    run in MLflow's own SQLite store.
    """
    _require_plugins(stack)
    _write_project(folder)
    run = _run(folder, stack)
    if as_json:
        from zen.cli.runs import run_details

        emit_json(run_details(run))
    else:
        _show(run, folder)
    return 0 if run.state == "completed" else 1


def _require_plugins(stack: str) -> None:
    from zen.errors import PluginError
    from zen.registry import scan
    from zen.registry.known import pip_install

    installed = {entry.distribution for entry in scan().entries}
    needed = [name for name in PLUGINS if stack != "local" or name != "zen-plugin-mlflow"]
    missing = [name for name in needed if name not in installed]
    if missing:
        raise PluginError(f"the demo needs {', '.join(missing)}", hint=pip_install(missing))


def _write_project(folder: Path) -> None:
    from zen.cli.init import make_folder, write_new

    make_folder(folder)
    for name in FILES:
        if write_new(folder / name, (PROJECT / name).read_text(encoding="utf-8")):
            say(f"wrote {folder / name}")


def _run(folder: Path, stack: str) -> RunView:
    from zen.cli.progress import Progress
    from zen.cli.target import load_pipeline
    from zen.engine import use_progress

    say("loading scikit-learn and pandas")
    pipeline = load_pipeline(f"{folder / 'training.py'}:training")
    progress = Progress()
    with use_progress(progress), progress.beside_output():
        return pipeline.with_options(stack=stack, raise_on_failure=False).run()


def _show(run: RunView, folder: Path) -> None:
    from zen.cli.runs import show_run

    write("")
    show_run(run)
    write("\nWhere to look next")
    write(f"  cd {folder}")
    write("  zen run training.py --regularization 10     another run: what has not changed is taken from the cache")
    write("  zen runs                                    all runs")
    write("  zen artifact show tumor_classifier          the stored model")
    tracker = run.trackers.get("mlflow")
    if tracker:
        uri = tracker.get("tracking_uri", "")
        write(f"  mlflow ui --backend-store-uri {uri}    the same run in MLflow ({tracker.get('run_id', '')})")
