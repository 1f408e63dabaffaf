"""Working folders: a tool's workloads with a prepared store, put back to that state before each sequence."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from environments import Environments
from timing import Sample, measure
from tools import Tool

HERE = Path(__file__).resolve().parent
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


class Unprepared(Exception):
    """A tool's store could not be made."""


class Place:
    """The working folder of a tool.

    Stores keep absolute paths, so it is always the same folder: a copy beside it holds the state to go back to.
    """

    def __init__(self, tool: Tool, environments: Environments) -> None:
        self.tool = tool
        name = tool.name.replace(" ", "-")
        self.folder = environments.home / "work" / name
        self.kept = self.folder.with_name(f"{name}.prepared")
        self.logs = environments.home / "logs"
        self.name = name
        self._words = {
            "bin": str(environments.programs(tool.environment)),
            "python": str(environments.python(tool.environment)),
            "place": str(self.folder),
        }

    def prepare(self) -> None:
        """Copy the workloads and make the store.

        Raises:
            Unprepared: When a command failed; it names the log.
        """
        self.discard()
        self.logs.mkdir(parents=True, exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__", *self.tool.without)
        shutil.copytree(HERE / self.tool.workloads, self.folder, ignore=ignored)
        for folder in (".home", ".tmp"):
            (self.folder / folder).mkdir()
        log = self.logs / f"{self.name}-prepare.log"
        with log.open("wb") as output:
            for command in self.tool.prepare:
                words, variables = self.command(command)
                done = subprocess.run(words, cwd=self.folder, env=variables, stdout=output, stderr=output, check=False)
                if done.returncode:
                    raise Unprepared(f"{self.tool.name}: `{command}` ended with {done.returncode}; see {log}")
        shutil.copytree(self.folder, self.kept, symlinks=True)

    def restore(self) -> None:
        """Go back to the prepared store."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.kept, self.folder, symlinks=True)
        # What is not written yet would be waited for by the first command that syncs.
        os.sync()

    def discard(self) -> None:
        """Remove the folder and the copy."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.kept, ignore_errors=True)

    def time(self, case: str) -> Sample:
        """Time the tool's command of a case."""
        words, variables = self.command(self.tool.commands[case])
        return measure(words, variables=variables, folder=self.folder, log=self.log(case))

    def log(self, case: str) -> Path:
        """Return where the output of a case's last command is."""
        return self.logs / f"{self.name}-{case}.log"

    def command(self, text: str) -> tuple[Sequence[str], dict[str, str]]:
        """Return a command's words and its environment variables."""
        words = shlex.split(text.format(**self._words))
        variables = self._variables()
        while _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        return words, variables

    def _variables(self) -> dict[str, str]:
        own = {name: value.format(**self._words) for name, value in self.tool.variables.items()}
        return {
            "PATH": os.pathsep.join([self._words["bin"], "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(self.folder / ".home"),
            "TMPDIR": str(self.folder / ".tmp"),
            "LANG": "C.UTF-8",
            "USER": "bench",
            "USERNAME": "bench",  # Metaflow asks for it
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "DO_NOT_TRACK": "1",
            **own,
        }
