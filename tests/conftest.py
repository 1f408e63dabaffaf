"""What the journeys across packages share: a clean environment for the processes that they start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


class Site:
    """A folder of installed distributions, as an installer leaves them: to be put on PYTHONPATH."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def install(
        self,
        distribution: str,
        *,
        version: str = "1.0",
        entries: Mapping[str, Mapping[str, str]],
        modules: Mapping[str, str] | None = None,
        package: Path | None = None,
    ) -> None:
        """Write the modules, by dotted name, or a copy of a package, and the metadata of one distribution."""
        files = [self._module(name, source) for name, source in (modules or {}).items()]
        if package is not None:
            shutil.copytree(package, self.path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
            files += [path.relative_to(self.path).as_posix() for path in (self.path / package.name).rglob("*.py")]
        folder = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nRequires-Dist: zen-hub\n",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "INSTALLER": "tests\n",
            "entry_points.txt": "\n".join(_entry_points(entries)) + "\n",
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        listed = [*files, *(f"{folder.name}/{name}" for name in (*texts, "RECORD"))]
        (folder / "RECORD").write_text("".join(f"{name},,\n" for name in listed), encoding="utf-8")

    def _module(self, name: str, source: str) -> str:
        *packages, last = name.split(".")
        folder = self.path
        for each in packages:
            folder /= each
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        path = folder / f"{last}.py"
        path.write_text(dedent(source), encoding="utf-8")
        return path.relative_to(self.path).as_posix()


def _entry_points(entries: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [
        line
        for group, named in entries.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in named.items()), "")
    ]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository."""
    return ROOT


@pytest.fixture(scope="session")
def new_site() -> Callable[[Path], Site]:
    """Make a folder for installed distributions."""
    return Site


@pytest.fixture(scope="session")
def tool() -> Callable[[str], ModuleType]:
    """Load a program of tools/ as a module."""

    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(f"zen_tools_{name}", ROOT / "tools" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def mlflow_database(made_once: Callable[..., Path]) -> Path:
    """Return an empty MLflow database: making one takes seconds, copying it nothing."""
    from zen_plugin_mlflow.connection import create_database

    return made_once("mlflow.db", lambda path: create_database(path, str(path.parent)))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment without settings of zen or MLflow, and with the interpreter's own programs first."""
    return _environment(tmp_path)


@pytest.fixture(scope="session")
def new_environment() -> Callable[[Path], dict[str, str]]:
    """Make such an environment for a home folder."""
    return _environment


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZEN_", "MLFLOW_", "PYTEST_"))}
    kept |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "HOME": str(home),
    }
    return kept


@pytest.fixture
def run(tmp_path: Path, new_run: Callable[[Path], Run]) -> Run:
    """Run a command in the temporary folder; it must succeed unless `code` says otherwise."""
    return new_run(tmp_path)


@pytest.fixture(scope="session")
def new_run() -> Callable[[Path], Run]:
    """Make what runs commands in a folder, which is their home as well."""

    def make(home: Path) -> Run:
        environment = _environment(home)

        def call(
            *command: str | Path, cwd: Path = home, code: int = 0, **variables: str
        ) -> subprocess.CompletedProcess[str]:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=cwd,
                env={**environment, **variables},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
            return done

        return call

    return make


@pytest.fixture
def zen(run: Run, new_zen: Callable[[Run], Run]) -> Run:
    """Run a `zen` command."""
    return new_zen(run)


@pytest.fixture(scope="session")
def new_zen() -> Callable[[Run], Run]:
    """Make what runs `zen` commands of what runs commands."""
    program = shutil.which("zen", path=str(Path(sys.executable).parent))
    assert program, "the tests run in an environment with zen-hub installed: python3 dev.py test"
    return lambda run: lambda *arguments, **settings: run(program, *arguments, **settings)
