"""Great Expectations in this process: imported when it is first needed, one context for each validator."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zen.errors import ComponentError, ZenError

if TYPE_CHECKING:
    import pandas as pd

_T = TypeVar("_T")
_SILENT = {"GX_ANALYTICS_ENABLED": "false"}  # read when the tool is imported, and when a context is made
# The tool keeps its current context in one place for the whole process, so its users take turns.
_TURN = threading.RLock()


class Session:
    """Lends a context of Great Expectations. Safe for threads: one at a time is in the tool.

    Args:
        folder: Where the tool's own project lies (`great_expectations.yml`); None for a validator without one.
        sample: How many of the values that break a check results keep.
    """

    def __init__(self, folder: Path | None, sample: int) -> None:
        self.folder = folder
        self.format = {"result_format": "SUMMARY", "partial_unexpected_count": sample}
        self._context: Any = None
        self._project: Any = None

    def run(self, table: pd.DataFrame, expectations: Callable[[], Any]) -> Any:
        """Check a table with a suite or an expectation, and return the tool's result.

        Args:
            table: A table of our own.
            expectations: Makes them, once the tool is imported.
        """
        with self._doing("check the table"), _current(self._own()):
            name = f"zen-{uuid.uuid4()}"
            source = self._own().data_sources.add_pandas(name)
            try:
                batch = source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("table")
                return batch.get_batch({"dataframe": table}).validate(expectations(), result_format=self.format)
            finally:
                # The source's engine keeps every table that it has seen.
                self._own().data_sources.delete(name)

    def launch(self, action: Callable[[], _T]) -> _T:
        """Run something of the tool's that belongs to the context that its author made."""
        with self._doing("run what was given"):
            return action()

    def in_project(self, action: Callable[[Any], _T]) -> _T:
        """Run something in the context of the tool's own project, and put back the one that was current."""
        with self._doing(f"work in {self.folder}"), _current(self._of_project()) as context:
            return action(context)

    def close(self) -> None:
        """Let go of the contexts."""
        with _TURN:
            self._context = self._project = None

    @contextlib.contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            with _TURN:
                yield
        except ZenError:
            raise
        except Exception as err:  # the tool, its stores and the actions of checkpoints raise anything
            raise ComponentError(f"Great Expectations could not {what}: {_short(err)}") from err

    def _own(self) -> Any:
        if self._context is None:
            load()
            from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

            config = DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(),
                analytics_enabled=False,
                progress_bars={"globally": False},
            )
            self._context = _made(mode="ephemeral", project_config=config)
        return self._context

    def _of_project(self) -> Any:
        if self._project is None:
            self._project = _made(mode="file", context_root_dir=self.folder)
            # In memory only: the project's own file is not ours to write.
            self._project.variables.config.progress_bars = {"globally": False}
        return self._project


def load() -> None:
    """Import the tool, without its telemetry, and the expectations that it does not have."""
    with _TURN, _environment(**_SILENT):
        import zen_plugin_great_expectations.expectations  # noqa: F401  # they are known by having been imported


def _made(**arguments: Any) -> Any:
    """Return a new context, without making it the current one."""
    load()
    import great_expectations as gx

    with _environment(**_SILENT), _current(None):
        return gx.get_context(**arguments)


@contextlib.contextmanager
def _current(context: Any) -> Iterator[Any]:
    """Make a context the current one; afterwards the one of the process's other code is current again."""
    from great_expectations.data_context.data_context.context_factory import project_manager
    from great_expectations.exceptions.exceptions import DataContextRequiredError

    try:
        before = project_manager._project
    except DataContextRequiredError:
        before = None
    project_manager.set_project(context)
    try:
        yield context
    finally:
        project_manager.set_project(before)


@contextlib.contextmanager
def _environment(**changes: str) -> Iterator[None]:
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _short(err: Exception, limit: int = 400) -> str:
    lines: Sequence[str] = str(err).strip().splitlines() or [type(err).__name__]
    return lines[0] if len(lines[0]) <= limit else f"{lines[0][: limit - 1]}…"
