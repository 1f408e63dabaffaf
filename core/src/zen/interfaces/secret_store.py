"""Secret stores."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from zen.interfaces.component import Component


class SecretStore(Component):
    """Answers names with secret values. Values are never written to disk, logs or messages."""

    kind: ClassVar[str] = "secret_store"

    @abstractmethod
    def get(self, name: str) -> str:
        """Return the value of that name.

        Raises:
            SecretNotFound: When there is none.
            PermissionDenied: When there may be one, but not for us.
        """

    @abstractmethod
    def list(self) -> list[str]:
        """Return the names that can be asked for, sorted; empty where the store cannot tell."""
