"""What all components have in common."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from zen.interfaces.host import Host


class Component(ABC):
    """A component of a stack: one configured implementation of a kind.

    Its life: `Component(config)` does nothing but keep the configuration; `open(host)` connects; then the methods of
    the kind; `close()`. A component is opened in each process that needs it and is never pickled: what travels is its
    flavor and its configuration.

    Attributes:
        kind: The kind of component, set by the interface.
        api: The major version of the interface that it implements, set by the interface.
        capabilities: The optional features that it has, by name; what each means stands with the interface.
    """

    kind: ClassVar[str]
    api: ClassVar[int] = 1
    capabilities: ClassVar[frozenset[str]] = frozenset()
    known_capabilities: ClassVar[Mapping[str, str]] = {}

    host: Host

    def __init__(self, config: Any) -> None:
        """Keep the configuration. No I/O here."""
        self.config = config

    def open(self, host: Host) -> None:
        """Make ready for use. Called once in each process; `host` lends what zen has.

        Raises:
            ComponentUnavailable: When the service cannot be reached.
        """
        self.host = host

    def check(self) -> None:
        """Find out, after `open`, whether the service can be reached and used; at most 10 seconds.

        Raises:
            ComponentUnavailable: With what was tried and what to do.
        """

    def close(self) -> None:
        """Let go of everything. Calling it again is harmless."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__qualname__} belongs to its process and is not pickled: flavor and configuration travel"
        )
