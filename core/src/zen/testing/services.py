"""Services that checks ask for by name: `kit.service("postgres")`, `kit.service("s3")`.

A server starts when the first check of a session asks for it, and ends with the session; each check gets something
empty on it. What cannot be started here is `NotVerified`, with the reason. The fixtures stand in
`zen.testing.pytest_plugin`; a service of one's own is a fixture as well, in `conftest.py`:

    @pytest.fixture(scope="session")
    def zen_service_bus():
        with started("bus-server") as port:
            yield {"url": f"http://127.0.0.1:{port}"}
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zen.testing.checks import NotVerified

_HOST = "127.0.0.1"
_PROGRAMS = ("initdb", "pg_ctl", "createdb", "dropdb", "psql")
# Where distributions put PostgreSQL's server, which is seldom on PATH.
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
# Who may run it when root does the testing.
_USERS = ("postgres", "nobody")
# Nothing here has to survive a power cut, and there is no socket whose path could be too long.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "unix_socket_directories": "", "listen_addresses": _HOST}
_SECONDS = 60.0


class Postgres:
    """A PostgreSQL server of a session.

    Attributes:
        folder: What it keeps.
        port: Where it listens, on 127.0.0.1.
        user: Who may do everything, without a password.
    """

    user = "zen"

    def __init__(self, folder: Path, programs: Path, port: int, prefix: Sequence[str]) -> None:
        self.folder = folder
        self.port = port
        self._programs = programs
        self._prefix = prefix

    @contextmanager
    def database(self) -> Iterator[dict[str, Any]]:
        """Make an empty database; it is dropped at the end, whoever still uses it."""
        name = f"zen_{uuid.uuid4().hex[:12]}"
        self._ask("createdb", name)
        url = f"postgresql://{self.user}@{_HOST}:{self.port}/{name}"
        try:
            yield {"url": url, "host": _HOST, "port": self.port, "user": self.user, "database": name}
        finally:
            self._ask("dropdb", "--force", "--if-exists", name)

    def sql(self, database: str, statement: str) -> str:
        """Return what a statement answers, as text."""
        return self._ask("psql", "-X", "-A", "-t", "-c", statement, database).strip()

    def _ask(self, program: str, *arguments: str) -> str:
        return self.run(program, "-h", _HOST, "-p", str(self.port), "-U", self.user, *arguments)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of its programs and return what it says.

        Raises:
            NotVerified: When that fails.
        """
        command = [*self._prefix, str(self._programs / program), *arguments]
        # Through a file: a server that one of them starts would keep a pipe open.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said}
            done = subprocess.run(command, cwd=self.folder, timeout=_SECONDS, check=False, **streams)
            said.seek(0)
            text = said.read()
        if done.returncode:
            raise NotVerified(f"PostgreSQL does not start here: {self._last_words(text)}")
        return text

    def _last_words(self, text: str) -> str:
        log = self.folder / "log"
        lines = [*text.splitlines(), *(log.read_text(errors="replace").splitlines() if log.exists() else [])]
        return " / ".join(line.strip() for line in lines[-3:])


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL server of this machine's programs; nothing of it is left at the end.

    Raises:
        NotVerified: When they are not installed, or cannot be run here.
    """
    programs = postgres_programs()
    user, prefix = ordinary_user()
    # Not in a folder of pytest, which other users may not enter.
    folder = Path(tempfile.mkdtemp(prefix="zen-postgres-"))
    try:
        if user:
            shutil.chown(folder, user)
        server = Postgres(folder, programs, free_port(), prefix)
        data = str(folder / "data")
        server.run("initdb", "-D", data, "-U", server.user, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in {**_SETTINGS, "port": server.port}.items())
        server.run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "start")
        try:
            yield server
        finally:
            server.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs, the newest that is found.

    Raises:
        NotVerified: When there is none.
    """
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    for pattern in _PLACES:
        places += sorted(Path("/").glob(pattern.lstrip("/")), key=_version, reverse=True)
    for place in places:
        if all((place / program).exists() for program in _PROGRAMS):
            return place
    raise NotVerified(
        "PostgreSQL's initdb and pg_ctl are not on this machine", give="install its server, or put them on PATH"
    )


def ordinary_user() -> tuple[str, list[str]]:
    """Return who runs PostgreSQL, and what a command starts with for that; nothing unless this process is root's.

    Raises:
        NotVerified: When it is root's and there is nobody else.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "", []
    import pwd

    program, known = shutil.which("runuser"), {each.pw_name for each in pwd.getpwall()}
    user = next((name for name in _USERS if name in known), "")
    if not program or not user:
        raise NotVerified("PostgreSQL refuses root", give="run pytest as another user")
    return user, [program, "-u", user, "--"]


class S3:
    """A server that speaks S3.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def bucket(self) -> dict[str, Any]:
        """Make an empty bucket; it goes with the server."""
        name = f"zen-{uuid.uuid4().hex[:12]}"
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT")  # noqa: S310  # our own http address
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310  # the same
            pass
        return {
            "endpoint_url": self.url,
            "bucket": name,
            "region": "us-east-1",
            "access_key_id": "zen-testing-key-id",
            "secret_access_key": "zen-testing-access-key",
        }


@contextmanager
def s3() -> Iterator[S3]:
    """Start moto, which stands in for S3.

    Raises:
        NotVerified: When it is not installed, or does not start.
    """
    url = f"http://{_HOST}:{(port := free_port())}"
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen([*_moto(), "-H", _HOST, "-p", str(port)], stdout=said, stderr=said)
        try:
            if not _answers(url, process):
                said.seek(0)
                lines = said.read().splitlines() or ["it says nothing"]
                raise NotVerified(f"moto does not start here: {lines[-1]}", give="pip install 'moto[server]'")
            yield S3(url)
        finally:
            process.kill()
            process.wait()


def _moto() -> list[str]:
    # That of this environment: what else may lie on PATH is of another one.
    program = shutil.which("moto_server", path=sysconfig.get_path("scripts"))
    if not program:
        raise NotVerified("moto, which stands in for S3, is not installed", give="pip install 'moto[server]'")
    return [program]


def free_port() -> int:
    """Return a port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[Any]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # our own http address
                return True
        except urllib.error.HTTPError:
            return True  # it answers, whatever it thinks of the request
        except OSError:
            time.sleep(0.05)
    return False


def _version(place: Path) -> tuple[int, ...]:
    digits = "".join(letter if letter.isdigit() else " " for letter in str(place))
    return tuple(map(int, digits.split()))
