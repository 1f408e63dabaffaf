"""A secret store in memory."""

from __future__ import annotations

from typing import Any

from zen.errors import PermissionDenied, SecretNotFound
from zen.interfaces import SecretStore


class MemorySecretStore(SecretStore):
    """Answers names from a dictionary, `values`; names in `forbidden` are refused."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.values: dict[str, str] = {}
        self.forbidden: set[str] = set()

    def get(self, name: str) -> str:
        """Return the value of a name."""
        if name in self.forbidden:
            raise PermissionDenied(f"may not read the secret {name!r}", reference=name)
        if name not in self.values:
            raise SecretNotFound(f"the memory has no secret {name!r}", reference=name)
        return self.values[name]

    def list(self) -> list[str]:
        """Return the names."""
        return sorted(self.values)
