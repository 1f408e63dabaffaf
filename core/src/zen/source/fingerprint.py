"""The fingerprint of a step's code: of everything of the project that it reaches, and never wrong.

It covers the function and, transitively, the functions, classes, methods, decorators, constants, defaults and closures
that it uses, and lists the installed distributions. Code that does what no reading shows has no fingerprint but
reasons, and its step is not cached.

What no reading shows, and what the caller has to add: the types of arguments without annotations (`origin_of` tells
whether a recorded type is the project's), files, the network, the clock and the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zen.records import CodeRef
from zen.source.modules import module_name


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of a function's code, or why it has none.

    Attributes:
        digest: `sha256:…`; empty when there are reasons. The same in every process of one Python minor version.
        reasons: Why results of the function cannot be cached, sorted: ``uses getattr with a computed name,
            in features.scale (features.py)``.
        distributions: Names and versions of the installed code that it reaches, sorted. Not part of the digest.
        parts: Kind (`function`, `class`, `constant`), name and short digest of each piece that is reached, sorted by
            name: ``("function", "features.scale", "sha256:0123456789abcdef")``. Says which one has changed.
        seen: The digest of what can be seen, for who trusts the rest; the same as `digest` where that is not empty.
    """

    digest: str = ""
    reasons: tuple[str, ...] = ()
    distributions: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, str, str], ...] = ()
    seen: str = ""


def fingerprint(function: Callable[..., Any], root: Path) -> Fingerprint:
    """Return the fingerprint of a function, or of a class. Never raises: what cannot be read is a reason.

    Args:
        function: The user's function, without zen's decorator.
        root: The project root.
    """
    from zen.source.walk import Walk

    walk = Walk(root)
    try:
        walk.start(function)
        seen = walk.identity()
    except Exception as error:  # noqa: BLE001  # Objects of anybody's classes are looked at; a run must not end by that.
        return Fingerprint(reasons=(f"reaches what cannot be read ({type(error).__name__}: {error})",))
    return Fingerprint(
        digest="" if walk.reasons else seen,
        reasons=tuple(sorted(walk.reasons)),
        distributions=tuple(sorted(walk.distributions.items())),
        parts=walk.parts(),
        seen=seen,
    )


def code_ref(function: Callable[..., Any], root: Path) -> CodeRef:
    """Return the reference to a function by which other processes find it, with its fingerprint where it has one."""
    return CodeRef(
        module=module_name(function, root),
        qualname=getattr(function, "__qualname__", type(function).__qualname__),
        fingerprint=fingerprint(function, root).digest,
    )


def source_of(name: str, root: Path, *, read: Callable[[str], str | None] | None = None) -> str | None:
    """Return the text of a piece as `Fingerprint.parts` names it, decorators and comments inside included.

    Args:
        name: Such as `features.Scaler.fit`, or `features.RATE`.
        root: The project root, where modules are looked for that cannot be imported.
        read: Returns the text of a module, or None: of another version of the project, for example.

    Returns:
        The lines of its definition, or of all statements that bind it; None if there are none.
    """
    from zen.source.excerpt import excerpt

    return excerpt(name, root, read)
