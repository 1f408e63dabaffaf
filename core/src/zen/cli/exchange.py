"""`zen artifact export` and `zen artifact import`: artifacts as files, to another store and from one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, fields, record_json, say, size, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import ArtifactView

    SizeType = click.ParamType[int]
else:
    SizeType = click.ParamType  # click before 8.5 has no type argument for it

_SIZE = re.compile(r"([0-9]{1,15})\s*(?:([KMGT])I?B?|B)?", re.IGNORECASE)


class Size(SizeType):
    """A number of bytes: `500000`, `20G`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes; the units are powers of 1024."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no size; give bytes, or a number with K, M, G or T", param, ctx)
        return int(found[1]) << 10 * " KMGT".index((found[2] or " ").upper())


@click.command("export", cls=Command, example=["zen artifact export model model.zip"])
@click.argument("artifact", metavar="ARTIFACT")
@click.argument("file", metavar="FILE.zip", type=click.Path(path_type=Path))
@click.option("--version", type=click.IntRange(min=1), help="Which version of a name; default the newest.")
@stack_option
def export(artifact: str, file: Path, version: int | None, stack: str | None) -> None:
    """Write an artifact as a zip file, with what is known about where it came from.

    ARTIFACT is a name, `name@version`, an id, or the start of an id.
    """
    with open_client(stack) as client:
        found = client.artifact(artifact, version)
        found.export(file)
    write(str(file))
    say(f"{found.name} version {found.version}, {size(found.size)}; whoever imports it can compare its digest:")
    say(f"  {found.digest}")


@click.command(
    "import", cls=Command, example=["zen artifact import model.zip", "zen artifact import data.zip --name data"]
)
@click.argument("file", metavar="FILE.zip", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", default="", help="What to call it; default as it was called there.")
@click.option("--max-bytes", type=Size(), default="8G", show_default=True, help="Refuse more bytes, unpacked.")
@click.option("--max-files", type=click.IntRange(1), default=100_000, show_default=True, help="Refuse more files.")
@click.option(
    "--max-ratio", type=click.IntRange(1), default=100, show_default=True, help="Refuse what unpacks to more."
)
@stack_option
@json_option
def import_(
    file: Path, name: str, max_bytes: int, max_files: int, max_ratio: int, stack: str | None, as_json: bool
) -> None:
    """Record an exported artifact in this store. Nothing of it is loaded.

    What can run code when it is loaded, such as a pickle, loads once somebody vouches for it: `zen artifact trust`.
    """
    from zen.storage.archive import Limits

    limits = Limits(most_bytes=max_bytes, most_files=max_files, most_ratio=max_ratio)
    with open_client(stack) as client:
        found = client.import_artifact(file, name=name, limits=limits)
        if as_json:
            emit_json(record_json(found.record))
        else:
            _show(found)


def _show(artifact: ArtifactView) -> None:
    fields(
        [
            ("imported", f"{artifact.name} version {artifact.version}"),
            ("id", artifact.id),
            ("format", artifact.format),
            ("type", artifact.type),
            ("size", size(artifact.size)),
            ("digest", artifact.digest),
        ]
    )
    if artifact.unsafe and artifact.pin is None:
        say(f"loading it can run any code, so it does not load until: zen artifact trust {artifact.id} --reason …")
