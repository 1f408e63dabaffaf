"""Services by name: an author's own fixtures, and those of the kit; what cannot run here is not verified."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from zen import testing
from zen.testing import Checks, NotVerified, run_checks, services
from zen.testing.plugin_checks import FlavorChecks

OWN = """
import pytest

@pytest.fixture(scope="session")
def zen_service_bus():
    with open("started", "a") as file:
        file.write("x")
    yield {"url": "http://127.0.0.1:1"}
    with open("ended", "a") as file:
        file.write("x")

@pytest.fixture
def zen_service_list():
    return ["no", "mapping"]

@pytest.fixture
def zen_service_engine():
    pytest.skip("no container engine")

@pytest.fixture
def zen_service_odd(nothing_like_this):
    return {}
"""
CHECKS = """
import os, time
from zen.testing import Checks, NotVerified

class TestBus(Checks):
    flavor = "bus"

    def test_one(self, kit):
        assert not os.path.exists("started")  # nobody has asked yet
        assert kit.service("bus") is kit.service("bus")
        assert kit.service("bus")["url"] == "http://127.0.0.1:1"

    def test_two(self, kit):
        kit.service("bus")
        assert open("started").read() == "x"
        assert not os.path.exists("ended")

class TestOthers(Checks):
    flavor = "others"

    def test_misspelt(self, kit):
        kit.service("buss")

    def test_no_mapping(self, kit):
        kit.service("list")

    def test_engine(self, kit):
        kit.service("engine")

    def test_odd(self, kit):
        kit.service("odd")
"""
POSTGRES = """
import json, socket
from zen.testing import Checks

class TestPostgres(Checks):
    flavor = "pg"

    def test_one(self, kit):
        self.look(kit)

    def test_two(self, kit):
        self.look(kit)

    def look(self, kit):
        found = dict(kit.service("postgres"))
        assert kit.service("postgres") == found
        socket.create_connection((found["host"], found["port"]), 5).close()
        with open("found", "a") as file:
            file.write(json.dumps(found) + "\\n")
"""
S3 = """
import json, urllib.request
from zen.testing import Checks

class TestS3(Checks):
    flavor = "s3"

    def test_one(self, kit):
        self.look(kit)

    def test_two(self, kit):
        self.look(kit)

    def look(self, kit):
        found = dict(kit.service("s3"))
        urllib.request.urlopen(found["endpoint_url"] + "/" + found["bucket"], timeout=5).close()
        with open("found", "a") as file:
            file.write(json.dumps(found) + "\\n")
"""


@pytest.fixture
def session(tmp_path):
    """Run pytest on checks in a process of its own; return what its report says of them."""

    def run(source: str, *arguments: str, own: str = "", **variables: str) -> dict[str, dict[str, str]]:
        (tmp_path / "conftest.py").write_text(own)
        (tmp_path / "test_suite.py").write_text(source)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--zen-report=report.json"]
        done = subprocess.run(
            [*command, *arguments, "test_suite.py"],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, **variables},
            check=False,
        )
        assert (tmp_path / "report.json").exists(), done.stdout + done.stderr
        suites = json.loads((tmp_path / "report.json").read_text())["suites"]
        return {name: check for suite in suites for name, check in suite["checks"].items()}

    return run


def found_in(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "found").read_text().splitlines()]


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True


def test_an_authors_service_starts_with_the_first_check_that_asks_and_ends_with_the_session(session, tmp_path):
    checks = session(CHECKS, "-k", "Bus", own=OWN)
    assert [check["outcome"] for check in checks.values()] == ["passed"] * 2, checks
    assert (tmp_path / "started").read_text() == (tmp_path / "ended").read_text() == "x"


def test_nobody_asks_and_nothing_is_started(session, tmp_path):
    session(CHECKS, "-k", "misspelt", own=OWN)
    assert not (tmp_path / "started").exists()


def test_a_service_that_is_not_there_is_no_skip(session):
    checks = session(CHECKS, "-k", "Others", own=OWN)
    assert {name: check["outcome"] for name, check in checks.items()} == {
        "test_misspelt": "failed",
        "test_no_mapping": "failed",
        "test_engine": "not-verified",
        "test_odd": "failed",
    }
    assert "came: there is no such service" in checks["test_misspelt"]["message"]
    assert "do: write a fixture `zen_service_buss` in conftest.py" in checks["test_misspelt"]["message"]
    assert "['no', 'mapping']" in checks["test_no_mapping"]["message"]
    assert checks["test_engine"]["reason"] == "no container engine"
    assert "nothing_like_this" in checks["test_odd"]["message"]


def test_without_pytest_services_are_handed_in(tmp_path):
    class Bus(Checks):
        flavor = "bus"

        def test_it_is_there(self, kit):
            assert kit.service("bus")["port"] == 1

    here = run_checks(Bus, tmp_path=tmp_path, services={"bus": {"port": 1}})
    assert here["test_it_is_there"].passed
    assert "there is no such service" in run_checks(Bus, tmp_path=tmp_path)["test_it_is_there"].message


KINDS = {
    testing.AlerterSuite: testing.MemoryAlerter,
    testing.ArtifactStoreSuite: testing.MemoryArtifactStore,
    testing.DataValidatorSuite: testing.MemoryValidator,
    testing.ExperimentTrackerSuite: testing.MemoryTracker,
    testing.FeatureStoreSuite: testing.MemoryFeatureStore,
    testing.MetadataStoreSuite: testing.TemporaryMetadataStore,
    testing.ModelDeployerSuite: testing.MemoryModelDeployer,
    testing.ModelRegistrySuite: testing.MemoryModelRegistry,
    testing.OrchestratorSuite: testing.DetachedOrchestrator,
    testing.SecretStoreSuite: testing.MemorySecretStore,
    testing.StepOperatorSuite: testing.SubprocessStepOperator,
}


@pytest.mark.parametrize("base", KINDS, ids=lambda base: base.kind)
def test_a_service_that_cannot_run_leaves_checks_not_verified(tmp_path, base):
    """Whatever a check tries with the component, and wherever: that the service is missing is no failure of it."""

    class Suite(base):
        flavor = "kit"
        unreachable = {"port": 9}

        def config(self, kit):
            raise NotVerified("no bus", give="install it")

        def model(self, kit):
            return {}, None, None

        def keep(self, kit, component, name, value):
            return name

    component = type("Declared", (KINDS[base],), {"capabilities": frozenset(KINDS[base].known_capabilities)})
    names = [name for name in Suite.names() if name not in set(FlavorChecks.names())]
    outcomes = run_checks(Suite, component=component, config=Config, tmp_path=tmp_path, only=names)
    assert {name: each.message for name, each in outcomes.items() if each.failed} == {}
    asked = [name for name, each in outcomes.items() if each.message == "no bus: install it"]
    assert len(asked) > 5


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings.

    Attributes:
        port: Where it is.
    """

    port: int


# PostgreSQL


def has_postgres() -> bool:
    try:
        services.postgres_programs()
    except NotVerified:
        return False
    return True


@pytest.mark.skipif(not has_postgres(), reason="PostgreSQL's server is not installed")
def test_each_check_gets_an_empty_database_of_one_server(session, tmp_path):
    checks = session(POSTGRES)
    assert [check["outcome"] for check in checks.values()] == ["passed"] * 2, checks
    one, two = found_in(tmp_path)
    assert one["port"] == two["port"]
    assert one["database"] != two["database"]
    assert one["url"] == f"postgresql://{one['user']}@127.0.0.1:{one['port']}/{one['database']}"
    assert not answers("127.0.0.1", one["port"])  # it ended with the session


@pytest.mark.skipif(not has_postgres(), reason="PostgreSQL's server is not installed")
def test_a_database_is_empty_and_gone_afterwards():
    with services.postgres() as server:
        with server.database() as found:
            server.sql(found["database"], "CREATE TABLE a (b int)")
        with server.database() as other:
            assert server.sql(other["database"], "SELECT count(*) FROM pg_tables WHERE tablename = 'a'") == "0"
            assert server.sql(other["database"], "SHOW server_encoding") == "UTF8"
        assert server.sql("postgres", f"SELECT count(*) FROM pg_database WHERE datname = '{found['database']}'") == "0"
        folder = server.folder
        assert folder.exists()
    assert not folder.exists()


def test_without_postgres_nothing_is_verified_and_the_reason_is_told(session, monkeypatch):
    monkeypatch.setattr(services, "_PLACES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotVerified, match="PostgreSQL's initdb and pg_ctl are not on this machine: install"):
        services.postgres_programs()


@pytest.mark.skipif(not has_postgres(), reason="PostgreSQL's server is not installed")
def test_a_server_that_does_not_start_is_told_with_its_last_words(monkeypatch):
    monkeypatch.setattr(services, "_SETTINGS", {"shared_buffers": "nonsense"})
    with (
        pytest.raises(NotVerified, match='PostgreSQL does not start here: .*"nonsense"'),
        services.postgres(),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="for root only")
def test_root_lends_the_server_another_user(monkeypatch):
    user, prefix = services.ordinary_user()
    assert user
    assert "runuser" in prefix[0]
    monkeypatch.setattr(services, "_USERS", ())
    with pytest.raises(NotVerified, match="PostgreSQL refuses root"):
        services.ordinary_user()


# S3

has_moto = importlib.util.find_spec("moto") is not None


@pytest.mark.skipif(not has_moto, reason="moto is not installed")
def test_each_check_gets_a_bucket_of_one_server(session, tmp_path):
    checks = session(S3)
    assert [check["outcome"] for check in checks.values()] == ["passed"] * 2, checks
    one, two = found_in(tmp_path)
    assert one["endpoint_url"] == two["endpoint_url"]
    assert one["bucket"] != two["bucket"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(one["endpoint_url"], timeout=2)  # it ended with the session


@pytest.mark.skipif(not has_moto, reason="moto is not installed")
def test_a_bucket_takes_objects_with_the_keys_of_the_service():
    boto3 = pytest.importorskip("boto3")
    with services.s3() as server:
        found = server.bucket()
        client = boto3.client(
            "s3",
            endpoint_url=found["endpoint_url"],
            region_name=found["region"],
            aws_access_key_id=found["access_key_id"],
            aws_secret_access_key=found["secret_access_key"],
        )
        client.put_object(Bucket=found["bucket"], Key="a", Body=b"zen")
        assert client.get_object(Bucket=found["bucket"], Key="a")["Body"].read() == b"zen"
        assert client.list_objects_v2(Bucket=server.bucket()["bucket"])["KeyCount"] == 0


@pytest.mark.skipif(has_moto, reason="moto is installed")
def test_without_moto_nothing_is_verified_and_the_reason_is_told(session):
    checks = session(S3)
    assert {(check["outcome"], check["reason"]) for check in checks.values()} == {
        ("not-verified", "moto, which stands in for S3, is not installed: pip install 'moto[server]'")
    }


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path, monkeypatch):
    program = tmp_path / "moto_server"
    program.write_text(f"#!{sys.executable}\nraise SystemExit('flask is missing')\n")
    program.chmod(0o755)
    monkeypatch.setattr(services, "_moto", lambda: [str(program)])
    with pytest.raises(NotVerified, match="moto does not start here: flask is missing"), services.s3():
        pass
