#!/usr/bin/env python3
"""Sets up the repository's environment and runs a job in it.

    python3 dev.py demo     install zen with its plugins, and run `zen demo`
    python3 dev.py test     install all that the tests need, and run them
    python3 dev.py check    lint, types, import contracts, and the tests
    python3 dev.py lock     write constraints.txt anew

Needs Python 3.11 or newer and a package index; everything goes into `.venv` beside this file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("ZEN_VENV", ROOT / ".venv"))
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PACKAGES = [ROOT / "core", *PLUGINS]


def run(*command: str | Path, **environment: str) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env={**os.environ, **environment}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def uv(*command: str | Path) -> None:
    # Compiled once here: otherwise every process of every test compiles the tools anew.
    run(BIN / "uv", *command, UV_COMPILE_BYTECODE="1", UV_PYTHON_DOWNLOADS="never", VIRTUAL_ENV=str(VENV))


def install(*, dev: bool) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  # the message is the point
        sys.exit(f"zen needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable})")
    if not (BIN / "uv").exists() and not (BIN / "uv.exe").exists():
        run(sys.executable, "-m", "venv", VENV)
        run(BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.5")
    # With all that is optional: the MLflow UI for the demo, its server for the tests.
    editable = [part for package in PACKAGES for part in ("-e", f"{package}[{','.join(extras(package))}]")]
    groups = ["--group", "dev"] if dev else []
    uv("pip", "install", "--quiet", "-c", "constraints.txt", *editable, *groups)


def demo(*arguments: str) -> None:
    install(dev=False)
    run(BIN / "zen", "demo", *arguments)


def test(*arguments: str) -> None:
    install(dev=True)
    # With bytecode, whatever this shell says: each of some thousand processes would compile zen anew.
    run(BIN / "python", "-m", "pytest", *(arguments or ("-n", "2", "-q")), PYTHONDONTWRITEBYTECODE="")


def check() -> None:
    install(dev=True)
    lint()
    test()


def lint() -> None:
    install(dev=True)
    run(BIN / "ruff", "format", "--check", ".")
    run(BIN / "ruff", "check", ".")
    run(BIN / "lint-imports")
    for package in PACKAGES:
        run(BIN / "mypy", package / "src")


def lock() -> None:
    install(dev=True)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.in"
        wanted.write_text("\n".join(requirements()))
        flags = ("--quiet", "--universal", "--upgrade", "--no-emit-index-url", "--no-annotate", "--no-header")
        uv("pip", "compile", *flags, "--python-version", "3.11", wanted, "-o", "constraints.txt")


def extras(package: Path) -> list[str]:
    return sorted(tomllib.loads((package / "pyproject.toml").read_text())["project"].get("optional-dependencies", {}))


def requirements() -> list[str]:
    """What the packages and the tools need, our own packages apart."""
    found: list[str] = []
    for package in PACKAGES:
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        found += project.get("dependencies", [])
        found += [each for extra in project.get("optional-dependencies", {}).values() for each in extra]
    found += tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    return sorted(each for each in set(found) if not each.startswith("zen-"))


JOBS = {"demo": demo, "test": test, "check": check, "lint": lint, "lock": lock}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in JOBS:
        sys.exit(__doc__)
    JOBS[sys.argv[1]](*sys.argv[2:])
