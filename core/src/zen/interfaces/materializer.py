"""Materializers: values of one type as files, and back."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol


class ArtifactWriter(Protocol):
    """Takes the files of one artifact. Names are relative POSIX paths; `data` is the name of a lone file."""

    def open(self, name: str = "data") -> AbstractContextManager[BinaryIO]:
        """Open a file to be written from start to end; its bytes are hashed on the way."""

    def path(self, name: str = "data") -> Path:
        """Return a path to write a file at, for tools that want one; it is taken when `save` returns."""

    def write(self, data: bytes, name: str = "data") -> None:
        """Write a whole file."""


class ArtifactReader(Protocol):
    """Gives the files of one artifact. Bytes were verified before the materializer sees them."""

    @property
    def format(self) -> str:
        """The recorded format."""

    @property
    def version(self) -> int:
        """The recorded version of the format."""

    @property
    def type(self) -> str:
        """The recorded type of the value, `module.qualname`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files."""

    def open(self, name: str = "data") -> AbstractContextManager[BinaryIO]:
        """Open a file for reading."""

    def path(self, name: str = "data") -> Path:
        """Return the path of a local copy that nobody may write to. It may be mapped into memory."""

    def read(self, name: str = "data") -> bytes:
        """Return the whole bytes of a file."""

    def tree(self) -> Path:
        """Return a local folder that holds all files under their own names; nobody may write to it."""

    def resolve(self, type_name: str) -> builtins.type:
        """Return the class of that recorded name, of this project or installed.

        Raises:
            MaterializerError: When it cannot be imported.
        """


class Materializer(ABC):
    """Saves and loads values of some types. Has no state: one instance serves all.

    Attributes:
        format: Name of the format, recorded with each artifact: `parquet`, `npy`, `skops`.
        version: Version of that format, recorded as well; `load` reads every version that was ever written.
        unsafe: Loading can run code that the bytes name. Such artifacts load only from runs of the same store, or once
            somebody vouches for them.
        exact: It is for the very types that it is registered for. What it refuses, such as a subclass of `str` or a
            list that holds a model, goes to the next materializer along the type's bases.
    """

    format: ClassVar[str]
    version: ClassVar[int] = 1
    unsafe: ClassVar[bool] = False
    exact: ClassVar[bool] = False

    @abstractmethod
    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the value. Equal values should give equal bytes.

        Raises:
            MaterializerError: When this value cannot be kept in this format.
        """

    @abstractmethod
    def load(self, reader: ArtifactReader) -> Any:
        """Return the value."""

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return cheap facts about the value as plain data (rows, columns, shape); shown with the artifact."""
        return {}
