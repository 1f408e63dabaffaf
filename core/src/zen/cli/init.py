"""`zen init`: a commented zen.yaml and a first pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from zen.cli.group import Command
from zen.cli.output import say, write

STACK_FILE = """\
# The stacks of this project. Without this file everything runs on the stack `local`, which needs nothing.
# Which components there are: zen flavor list. Is it all right? zen stack check NAME.

default_stack: local

stacks:
  # Runs on this machine; runs and artifacts are kept in .zen/.
  local: {}

  # The same pipelines with an experiment tracker beside them (pip install zen-plugin-mlflow):
  # tracked:
  #   extends: local
  #   experiment_tracker: mlflow

  # A team's stack, where such plugins are installed. Secrets are given by reference, never as they are:
  # prod:
  #   extends: tracked
  #   artifact_store: {flavor: s3, bucket: models}
  #   metadata_store: {flavor: postgres, url: "postgresql://zen:${secret:env/PGPASSWORD}@db/zen"}
"""

PIPELINE = '''\
"""A first pipeline: plain functions, the artifacts between them stored, every run recorded."""

from typing import Annotated

from zen import pipeline, step


@step
def load(rows: int) -> Annotated[list[float], "numbers"]:
    """Make some numbers; read your own data here."""
    return [index * 0.5 for index in range(rows)]


@step
def train(numbers: list[float], scale: float) -> Annotated[dict[str, float], "model"]:
    """Fit the smallest model there is: a mean."""
    return {"mean": scale * sum(numbers) / len(numbers)}


@pipeline
def training(rows: int = 100, scale: float = 1.0):
    """Load and train."""
    return train(load(rows), scale)


if __name__ == "__main__":
    run = training()
    print(run.steps["train"].outputs["model"].load())
'''

FILES = {"zen.yaml": STACK_FILE, "training.py": PIPELINE}


@click.command(cls=Command, name="init", example=["zen init", "zen init churn"])
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
def command(folder: Path) -> None:
    """Write a commented zen.yaml and a first pipeline.

    FOLDER is the current one if it is left out, and is made if it does not exist. Files that exist stay as they are.
    """
    make_folder(folder)
    for name, text in FILES.items():
        if write_new(folder / name, text):
            write(f"wrote {folder / name}")
        else:
            say(f"kept {folder / name}, which exists")
    place = "" if folder == Path() else f"cd {folder} && "
    say(f"\nnext: {place}zen run training.py")
    say("then change a parameter and look at the run: zen run training.py --scale 2; zen show last")


def make_folder(folder: Path) -> None:
    """Make a folder, unless it exists.

    Raises:
        UsageError: When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_new(path: Path, text: str) -> bool:
    """Write a file and return True, or return False if there is one already."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


def _unwritable(path: Path, error: OSError) -> Exception:
    from zen.errors import UsageError

    return UsageError(f"{path} cannot be written: {error.strerror}", hint="choose another folder: zen init FOLDER")
