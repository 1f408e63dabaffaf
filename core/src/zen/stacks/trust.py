"""What may be loaded: what a run of this store made, what somebody vouches for, and formats that run nothing.

Judged by the record, never by the bytes and never by the name of a file: no format is ever guessed.
"""

from __future__ import annotations

import sys
from typing import Protocol

from zen.errors import MaterializerError
from zen.identity import from_plain
from zen.records import ArtifactRecord, StackSpec
from zen.storage import Database
from zen.storage.pins import Pins


class Judge(Protocol):
    """The part of an open stack that is asked."""

    spec: StackSpec

    @property
    def database(self) -> Database: ...


def is_pinned(artifact: ArtifactRecord, stack: Judge) -> bool:
    """Say whether somebody vouches for these very bytes, in this format."""
    return Pins(stack.database).get(artifact.manifest.digest()) is not None


def check_loadable(artifact: ArtifactRecord, stack: Judge) -> None:
    """See that an artifact whose bytes can run code may be loaded.

    Raises:
        MaterializerError: When the stack forbids it, or the artifact is from elsewhere and nobody vouches for it.
    """
    name = f"artifact {artifact.name!r} version {artifact.version}"
    if stack.spec.settings.get("pickle") == "forbid":
        raise MaterializerError(
            f"{name} is a {_format(artifact)}, and stack {stack.spec.name!r} says `pickle: forbid`",
            hint="make it again with a type that a materializer saves safely",
        )
    if not artifact.run_id and not is_pinned(artifact, stack):
        raise MaterializerError(
            f"{name} is a {_format(artifact)} that no run of this store made{_came_from(artifact)}; loading it could"
            f" run any code. Its digest is {artifact.manifest.digest()}",
            hint=f"if you know who made it, and this is the digest that they told you: {pin_command(artifact)}",
            digest=artifact.manifest.digest(),
        )


def pin_command(artifact: ArtifactRecord) -> str:
    """Return the command that vouches for an artifact."""
    return f"`zen artifact trust {artifact.id} --reason …`"


def imported_type(name: str, artifact: ArtifactRecord) -> type:
    """Return a class that an artifact from elsewhere names, if its module is imported already.

    Importing runs a module, and which one is not for the author of an archive to say.

    Raises:
        MaterializerError: When it is not.
    """
    found = loaded_type(name)
    if found is None:
        raise MaterializerError(
            f"artifact {artifact.name!r} is from elsewhere{_came_from(artifact)} and names the type {name!r}, whose"
            " module is not imported",
            hint="import the module that defines it first, if that is what you expect; or vouch for the artifact:"
            f" {pin_command(artifact)}",
            type=name,
        )
    return found


def loaded_type(name: str) -> type | None:
    """Return the class of a recorded type name among what is imported; nothing is imported, and no code of it runs."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found = sys.modules.get(".".join(parts[:cut]))
        for part in parts[cut:]:
            found = vars(found).get(part) if hasattr(found, "__dict__") else None
        if isinstance(found, type):
            return found
    return None


def _came_from(artifact: ArtifactRecord) -> str:
    if not artifact.imported:
        return ""
    try:
        told = from_plain(artifact.metadata["imported"])
        return f" (imported from {str(told['file'])!r} by {told['by']} at {told['at']})"
    except (ArithmeticError, LookupError, TypeError, ValueError):  # only text for people
        return " (imported)"


def _format(artifact: ArtifactRecord) -> str:
    return "pickle" if artifact.manifest.format == "pickle" else f"{artifact.manifest.format}, which can hold pickles,"
