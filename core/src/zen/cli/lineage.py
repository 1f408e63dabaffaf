"""`zen lineage`: from an endpoint back to data and code, and from data or a commit to what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command
from zen.cli.output import emit_json, printable, write
from zen.cli.session import open_client, stack_option

if TYPE_CHECKING:
    from zen.client import Lineage
    from zen.client.lineage import Node

_SHAPES = {"artifact": ("[(", ")]"), "step": ("[", "]"), "model": ("{{", "}}"), "deployment": ("([", "])")}


@click.command(
    "lineage",
    cls=Command,
    example=[
        "zen lineage churn",
        "zen lineage artifact:people@3 --downstream",
        "zen lineage run:last --format mermaid",
    ],
)
@click.argument("ref")
@click.option("--upstream", "direction", flag_value="upstream", default="upstream", help="What it came from. [default]")
@click.option("--downstream", "direction", flag_value="downstream", help="What came from it.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["tree", "json", "mermaid", "graphviz"]),
    default="tree",
    show_default=True,
    help="How to print it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@stack_option
def command(ref: str, direction: Any, shape: str, as_json: bool, stack: str | None) -> None:
    """Show what something was made from, or what was made from it.

    REF is a deployment, a model or a version of it, an artifact, a run, or a commit; `deployment:`, `model:`,
    `artifact:`, `run:` or `commit:` before it says which.
    """
    with open_client(stack) as client:
        found = client.lineage(ref, direction)
    if as_json or shape == "json":
        emit_json(found.to_json())
        return
    lines = {"tree": tree, "mermaid": mermaid, "graphviz": graphviz}[shape](found)
    for line in lines:
        write(printable(line))


def tree(lineage: Lineage) -> Iterator[str]:
    """Yield the lines of a tree; what was shown already is not followed again."""
    shown: set[str] = set()

    def branch(node: Node, name: str, before: str, here: str) -> Iterator[str]:
        again = node.id in shown
        shown.add(node.id)
        called = f"{name}: " if name and node.kind != "model" and name != "step" else ""
        yield f"{before}{here}{called}{node.label}{'  (above)' if again else _told(node)}"
        if again:
            return
        below = lineage.next(node.id)
        inner = before + {"": "", "├─ ": "│  ", "└─ ": "   "}[here]
        for index, (following, edge) in enumerate(below):
            yield from branch(following, edge, inner, "└─ " if index == len(below) - 1 else "├─ ")

    yield from branch(lineage.nodes[lineage.root], "", "", "")


def mermaid(lineage: Lineage) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart."""
    names = {node_id: f"n{number}" for number, node_id in enumerate(lineage.nodes)}
    yield "flowchart LR"
    for node in lineage.nodes.values():
        start, end = _SHAPES.get(node.kind, ("[/", "/]"))
        yield f'  {names[node.id]}{start}"{_quoted(node.label)}"{end}'
    for (first, second), name in lineage.edges.items():
        label = f'|"{_quoted(name)}"|' if name else ""
        yield f"  {names[first]} -->{label} {names[second]}"


def graphviz(lineage: Lineage) -> Iterator[str]:
    """Yield the lines of a Graphviz digraph."""
    forms = {"artifact": "cylinder", "step": "box", "model": "hexagon", "deployment": "component"}
    names = {node_id: f"n{number}" for number, node_id in enumerate(lineage.nodes)}
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for node in lineage.nodes.values():
        yield f'  {names[node.id]} [label="{_escaped(node.label)}", shape={forms.get(node.kind, "note")}];'
    for (first, second), name in lineage.edges.items():
        yield f'  {names[first]} -> {names[second]} [label="{_escaped(name)}"];'
    yield "}"


def _told(node: Node) -> str:
    facts = node.facts
    if node.kind == "artifact":
        told = [facts["type"].rpartition(".")[2], "imported" if facts["imported"] else ""]
    elif node.kind == "model":
        metrics = [f"{name} {value:.4g}" for name, value in list(facts["metrics"].items())[:3]]
        told = [", ".join(facts["aliases"]), *metrics]
    elif node.kind == "deployment":
        told = [facts["url"]]
    else:
        commit = str(facts.get("commit", ""))[:7]
        parameters = [f"{name}={value!r}"[:40] for name, value in (facts.get("parameters") or {}).items()]
        checks = [f"checks {name} {'passed' if passed else 'failed'}" for name, passed in _checks(facts)]
        told = [f"commit {commit}" if commit else "", f"stack {facts.get('stack', '')}", *parameters[:4], *checks]
    text = ", ".join(each for each in told if each)
    return f"  ({text})" if text else ""


def _checks(facts: dict[str, Any]) -> list[tuple[str, bool]]:
    return list((facts.get("checks") or {}).items())


def _quoted(text: str) -> str:
    return printable(text).replace('"', "#quot;").replace("\n", " ")


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
