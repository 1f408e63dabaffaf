"""Lineage: from an endpoint back to data and code, and from data or a commit to what came of it."""

from __future__ import annotations

import json
import subprocess

import pytest

from zen import Client, save_artifact
from zen.cli.lineage import graphviz, mermaid, tree
from zen.cli.main import main
from zen.errors import ArtifactNotFound, RunNotFound, UsageError
from zen.records import Serving
from zen.storage import Models

FLOW = """
class Constant:
    def __init__(self, value): self.value = value
    def predict(self, rows): return [self.value for _ in rows]

@step
def load(raw: list) -> Annotated[list, "people"]:
    return [*raw, 1]

@step
def train(people: list, lr: float) -> Annotated[Constant, "model"]:
    return Constant(lr)

@step
def report(people: list) -> Annotated[int, "count"]:
    return len(people)

@pipeline(model=Model("churn"), enable_cache=False)
def training(lr: float = 0.5):
    people = load(Client().artifact("raw"))
    train(people, lr)
    report(people)
"""


@pytest.fixture
def world(define, home):
    """A repository with an imported table, a model made of it, and an endpoint that serves it."""
    git(home, "init", "-q", "-b", "trunk")
    git(home, "commit", "-q", "--allow-empty", "-m", "first")
    save_artifact([1, 2, 3], "raw")
    run = define(FLOW).training()
    client = Client(root=home)
    serving = Serving(id="s1", name="churn-api", model="churn", version=1, started_at=client.database.now())
    Models(client.database).begin_serving(serving)
    return client, run


def git(folder, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def labels(lineage) -> list[str]:
    return [node.label.split(" (")[0].split(" of ")[0] for node in lineage.nodes.values()]


def test_an_endpoint_leads_back_to_model_step_code_and_data(world, home) -> None:
    client, run = world
    found = client.lineage("churn-api")
    assert labels(found) == ["churn-api", "churn@1", "model v1", "train", "people v1", "load", "raw v1"]
    [train] = [node for node in found.of("step") if node.facts["step"] == "train"]
    assert train.facts["commit"] == git(home, "rev-parse", "HEAD")
    assert (train.facts["branch"], train.facts["run"], train.facts["parameters"]) == ("trunk", run.id, {"lr": 0.5})
    [raw] = [node for node in found.of("artifact") if node.facts["name"] == "raw"]
    assert raw.facts["imported"]


@pytest.mark.parametrize("ref", ["artifact:raw", "raw", "raw@1"])
def test_data_leads_to_every_model_and_endpoint_that_came_of_it(world, ref) -> None:
    client, _ = world
    found = client.lineage(ref, "downstream")
    assert sorted(labels(found)) == sorted(
        ["raw v1", "load", "people v1", "train", "report", "model v1", "count v1", "churn@1", "churn-api"]
    )


def test_a_commit_leads_to_every_endpoint_that_came_of_it(world, home) -> None:
    client, _ = world
    commit = git(home, "rev-parse", "HEAD")
    assert "churn-api" in labels(client.lineage(f"commit:{commit[:8]}", "downstream"))
    assert [node.label for node in client.lineage(commit, "downstream").of("model")] == ["churn@1"]
    with pytest.raises(RunNotFound, match="no run is of commit 'ffffffff'"):
        client.lineage("commit:ffffffff", "downstream")


def test_a_run_leads_both_ways(world) -> None:
    client, run = world
    assert "churn-api" in labels(client.lineage(f"run:{run.id[:8]}", "downstream"))
    assert "raw v1" in labels(client.lineage("run:last"))


def test_a_cached_step_leads_to_the_step_that_made_its_result(define, home) -> None:
    flow = define("@step\ndef one() -> int:\n    return 1\n@pipeline\ndef flow():\n    one()\n")
    first, second = flow.flow(), flow.flow()
    assert second.steps["one"].state == "cached"
    found = Client(root=home).lineage(f"artifact:{second.steps['one'].output.id}")
    assert [node.facts["run"] for node in found.of("step")] == [first.id]


def test_what_nobody_knows_is_refused(world) -> None:
    client, _ = world
    with pytest.raises(ArtifactNotFound, match="nothing answers to 'nobody'"):
        client.lineage("nobody")
    with pytest.raises(ArtifactNotFound, match="no model 'x'"):
        client.lineage("model:x")
    with pytest.raises(UsageError, match="no direction"):
        client.lineage("raw", "sideways")


def test_it_is_drawn_as_a_tree(world) -> None:
    client, _ = world
    lines = list(tree(client.lineage("churn-api")))
    assert [line.strip("│├└─ ").split(" ")[0] for line in lines] == [
        *("churn-api", "churn@1", "model:", "model:", "people:", "people:", "raw:"),
    ]
    assert lines[3].startswith("      └─ ") and "commit " in lines[3] and "lr=0.5" in lines[3]


def test_what_was_shown_is_not_followed_again(define, home) -> None:
    flow = define(
        "@step\ndef one() -> int:\n    return 1\n@step\ndef both(a: int, b: list) -> int:\n    return a\n"
        "@pipeline\ndef flow():\n    x = one()\n    return both(x, [x, x])\n"
    )
    run = flow.flow()
    lines = list(tree(Client(root=home).lineage(f"artifact:{run.outputs[0].id}")))
    assert len([line for line in lines if "flow.one" in line]) == 1


def test_it_is_drawn_for_other_programs(world, capsys) -> None:
    client, _ = world
    found = client.lineage("churn-api")
    drawn = list(mermaid(found))
    assert drawn[0] == "flowchart LR" and sum(" --> " in line or "-->|" in line for line in drawn) == len(found.edges)
    dot = "\n".join(graphviz(found))
    assert dot.startswith("digraph lineage {") and dot.count(" -> ") == len(found.edges)
    assert main(["lineage", "churn-api", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_json()
    assert main(["lineage", "raw", "--downstream"]) == 0
    assert "churn-api" in capsys.readouterr().out
