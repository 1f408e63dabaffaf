"""What checks of a suite share is made once, ended after the last of them, and made anew after one that failed."""

import os
import subprocess
import sys

import pytest

from zen.testing import Kit, MemoryModelDeployer, ModelDeployerSuite
from zen.testing.sharing import Sharing

LOOKING = ["test_a_deployment_becomes_ready", "test_predictions_are_those_of_the_model", "test_logs_are_text"]


class Noting(MemoryModelDeployer):
    said: list[str] = []

    def deploy(self, name, version, files, settings):
        self.said.append("deploy")
        return super().deploy(name, version, files, settings)

    def delete(self, name):
        self.said.append("delete")
        super().delete(name)


class Deployments(ModelDeployerSuite):
    flavor = "memory"

    def model(self, kit):
        (kit.tmp_path / "model").write_text("2.5")
        return {"data": kit.tmp_path / "model"}, [1, 2], [2.5, 5.0]


class WithService(Deployments):
    def config(self, kit):
        kit.service("place")
        return {}


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Return what makes one check as pytest does: in a folder of its own, with a kit that is closed afterwards."""
    monkeypatch.setattr(Noting, "said", [])

    def run(name: str, sharing: Sharing | None, suite: type = Deployments) -> None:
        folder = tmp_path / name
        folder.mkdir()
        kit = Kit(suite(), folder, component=Noting, sharing=sharing, services={"place": {}}.get)
        try:
            getattr(kit.suite, name)(kit)
        finally:
            kit.close()

    return run


def test_checks_that_look_share_one_deployment(check):
    sharing = Sharing()
    for name in LOOKING:
        check(name, sharing)
    assert Noting.said == ["deploy"]
    sharing.close()
    assert Noting.said == ["deploy", "delete"]


def test_a_check_that_fails_ends_what_it_was_lent(check, monkeypatch):
    sharing = Sharing()
    check(LOOKING[0], sharing)
    with monkeypatch.context() as patch, pytest.raises(AssertionError):
        patch.setattr(Noting, "predict", lambda self, name, data: "another")
        check(LOOKING[1], sharing)
    assert Noting.said == ["deploy", "delete"]
    check(LOOKING[2], sharing)
    assert Noting.said == ["deploy", "delete", "deploy"]
    sharing.close()


@pytest.mark.parametrize(("suite", "sharing"), [(Deployments, None), (WithService, Sharing())])
def test_each_check_has_its_own_where_nothing_can_be_shared(check, suite, sharing):
    for name in LOOKING:
        check(name, sharing, suite)
    assert Noting.said == ["deploy", "delete"] * 3


SOURCE = """
import os
from zen.testing import MemoryModelDeployer

class Kit(MemoryModelDeployer):
    def deploy(self, *told):
        print("deploy", file=open("said", "a"))
        return super().deploy(*told)

    def delete(self, name):
        print("delete for", os.environ["FOR"], file=open("said", "a"))
        super().delete(name)
"""
SUITES = """
import pytest
from zen.testing import ModelDeployerSuite

class Deployments(ModelDeployerSuite):
    flavor = "kit"

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch):
        monkeypatch.setenv("FOR", type(self).__name__)

    def model(self, kit):
        (kit.tmp_path / "model").write_text("2.5")
        return {"data": kit.tmp_path / "model"}, [1, 2], [2.5, 5.0]

class TestOne(Deployments): ...

class TestTwo(Deployments): ...
"""


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("all", ["deploy", "delete for TestOne", "deploy", "delete for TestTwo"]),
        ("none", ["deploy", "delete for TestOne"] * 3 + ["deploy", "delete for TestTwo"] * 3),
    ],
)
def test_a_session_ends_it_with_the_last_check_of_the_suite(installed, tmp_path, policy, said):
    """Its fixtures, such as what a service is reached with, are there until then."""
    installed("model_deployer", SOURCE)
    (tmp_path / "test_suites.py").write_text(SUITES)
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    options = ["-p", "no:cacheprovider", "-o", f"tmp_path_retention_policy={policy}", "-k", " or ".join(LOOKING)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_suites.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "said").read_text().splitlines() == said
