"""The virtual environments: one per tool, made by `--setup`; zen comes from this repository, as a wheel."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "core"
# A project that is worth timing has these installed; some tools import what they find.
USUAL = ("numpy", "pandas", "pyarrow")
MARK = "zen.digest"
PROGRAMS = "Scripts" if os.name == "nt" else "bin"


class Environments:
    """The virtual environments in one folder.

    Attributes:
        home: The folder; beside the environments it keeps working folders and logs.
        own: The Python that zen is taken from, when it is not the one of the environment `zen`.
    """

    def __init__(self, home: Path, own: Path | None = None) -> None:
        self.home = home
        self.own = own

    def programs(self, name: str) -> Path:
        """Return the folder of an environment's programs."""
        return self.own.parent if self.own and name == "zen" else self.home / name / PROGRAMS

    def python(self, name: str) -> Path:
        """Return the Python of an environment."""
        return self.own if self.own and name == "zen" else self.programs(name) / "python"

    def exists(self, name: str) -> bool:
        """Say whether an environment is there."""
        return self.python(name).exists()

    def stale(self) -> bool:
        """Say whether the repository has changed since zen was installed from it."""
        mark = self.home / "zen" / MARK
        return not self.own and (not mark.exists() or mark.read_text() != source_digest())

    def make(self, name: str, requires: Iterable[str]) -> None:
        """Make an environment; one that is there stays as it is, only zen is installed anew."""
        folder = self.home / name
        if not self.exists(name):
            try:
                create(folder)
                install(folder, *USUAL, *requires)
                compile_all(folder)
            except BaseException:
                # Half an environment would look like one the next time.
                shutil.rmtree(folder, ignore_errors=True)
                raise
        if name == "zen":
            with tempfile.TemporaryDirectory() as built:
                install(folder, build(Path(built)), anew=True)
            compile_all(folder)
            (folder / MARK).write_text(source_digest())

    def version(self, name: str, distribution: str) -> str:
        """Return the version of a distribution in an environment."""
        code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        command = [str(self.python(name)), "-c", code, distribution]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "?"


def source_digest() -> str:
    """Return a digest of zen's source."""
    digest = hashlib.blake2b()
    for file in [CORE / "pyproject.toml", *sorted(CORE.glob("src/**/*.py"))]:
        digest.update(f"{file.relative_to(CORE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def create(folder: Path) -> None:
    uv = shutil.which("uv")
    if uv:
        call(uv, "venv", "--quiet", "--python", sys.executable, folder)
    else:
        call(sys.executable, "-m", "venv", folder)


def install(folder: Path, *requirements: str | Path, anew: bool = False) -> None:
    """Install into an environment; `anew` also what seems to be installed in that version already."""
    uv, python = shutil.which("uv"), folder / PROGRAMS / "python"
    if uv:
        again = ["--reinstall-package", "zen-hub"] if anew else []
        call(uv, "pip", "install", "--quiet", "--python", python, *again, *requirements)
        return
    call(python, "-m", "pip", "install", "--quiet", *requirements)
    if anew:
        call(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", *requirements)


def build(folder: Path) -> Path:
    """Build zen's wheel into a folder and return it."""
    uv = shutil.which("uv")
    if uv:
        call(uv, "build", "--quiet", "--wheel", "--out-dir", folder, CORE)
    else:
        call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CORE)
    (wheel,) = folder.glob("*.whl")
    return wheel


def compile_all(folder: Path) -> None:
    """Write all bytecode, so that no timed process does; files for other versions of Python may fail."""
    command = [str(folder / PROGRAMS / "python"), "-m", "compileall", "-q", str(folder / "lib")]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def call(*command: str | Path) -> None:
    code = subprocess.run([str(part) for part in command], check=False).returncode
    if code:
        sys.exit(f"{' '.join(str(part) for part in command)} ended with {code}")
