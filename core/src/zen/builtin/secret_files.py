"""The local secret store: environment variables and files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zen.errors import PermissionDenied, SecretNotFound, nearest
from zen.interfaces import SecretStore


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSecretsConfig:
    """Configuration of the local secret store.

    Attributes:
        folder: What `file/PATH` is relative to; the project root by default.
    """

    folder: Path | None = None


class LocalSecretStore(SecretStore):
    """Answers `env/NAME` with an environment variable and `file/PATH` with the text of a file.

    One newline at the end of a file is not part of the secret. An absolute path is written with its slash,
    `file//run/secrets/token`.
    """

    def get(self, name: str) -> str:
        """Return the value of `env/NAME` or `file/PATH`; see the interface."""
        source, _, rest = name.partition("/")
        if source == "env" and rest:
            return self._variable(name, rest)
        if source == "file" and rest:
            return self._text(name, self._folder() / rest)
        raise SecretNotFound(
            f"the local secret store has no secret {name!r}: its secrets are env/NAME and file/PATH",
            hint=f"did you mean 'env/{name}'?" if "/" not in name else nearest(source, ("env", "file")),
            reference=name,
        )

    def list(self) -> list[str]:
        """Return `env/NAME` of all variables; files cannot be listed."""
        return sorted(f"env/{name}" for name in os.environ)

    def _folder(self) -> Path:
        return self.host.root / (self.config.folder or "")

    def _variable(self, reference: str, variable: str) -> str:
        try:
            return os.environ[variable]
        except KeyError:
            pass
        close = nearest(variable, os.environ)
        raise SecretNotFound(
            f"no secret {reference!r}: the environment variable {variable} is not set",
            hint=f"set it; {close}" if close else "set it",
            reference=reference,
        )

    def _text(self, reference: str, file: Path) -> str:
        facts: dict[str, Any] = {"reference": reference, "path": file}
        try:
            # A pipe or a device would wait, or never end.
            if not file.is_file():
                raise SecretNotFound(f"no secret {reference!r}: there is no file {file}", hint="create it", **facts)
            text = file.read_bytes().decode()
        except PermissionError as error:
            raise PermissionDenied(
                f"may not read the secret {reference!r} from {file}", hint="let this user read the file", **facts
            ) from error
        except UnicodeDecodeError:
            # Without the original, which carries the bytes.
            raise SecretNotFound(
                f"no secret {reference!r}: {file} is not UTF-8 text",
                hint="store it as text, for example in base64",
                **facts,
            ) from None
        except OSError as error:
            raise SecretNotFound(
                f"no secret {reference!r}: {file} cannot be read: {error.strerror}", **facts
            ) from error
        return text.removesuffix("\n").removesuffix("\r")
