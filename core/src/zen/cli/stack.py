"""`zen stack`: the stacks of zen.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Group, json_option
from zen.cli.output import duration, emit_json, fields, record_json, say, table, write
from zen.cli.session import complete_stack, open_project, open_registry

if TYPE_CHECKING:
    from zen.records import ComponentSpec, StackSpec
    from zen.stacks import Project
    from zen.stacks.opening import OpenStack

group = Group(
    name="stack",
    help="List, show, choose and check the stacks of zen.yaml.",
    example=["zen stack list", "zen stack use prod", "zen stack check prod"],
)


@group.command("list", example=["zen stack list", "zen stack list --json"])
@json_option
def list_stacks(as_json: bool) -> None:
    """List the stacks of this project. No plugin is imported."""
    from zen.stacks import stack_names

    project = open_project()
    names, active = stack_names(project), _active(project)
    if as_json:
        emit_json([{"name": name, "active": name == active} for name in names])
        return
    table(("stack", ""), [(name, "active" if name == active else "") for name in names])
    if project.file is None:
        say("there is no zen.yaml; zen init writes one")


def _active(project: Project) -> str:
    """Return the active stack; one that is chosen and does not exist is told, and does not keep the list back."""
    from zen.errors import StackNotFound
    from zen.stacks import active_stack

    try:
        return active_stack(project)
    except StackNotFound as error:
        say(f"warning: {error.message}")
        return ""


@group.command("show", example=["zen stack show", "zen stack show prod --json"])
@click.argument("name", required=False, shell_complete=complete_stack)
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show the components of a stack, by default the active one, as they are resolved."""
    spec = _resolved(name)
    if as_json:
        emit_json(record_json(spec))
        return
    fields([("stack", spec.name), ("settings", _config(spec.settings))])
    write("")
    rows = [(each.kind, each.name, each.flavor, _plugin(each), _config(each.config)) for each in spec.components]
    table(("kind", "component", "flavor", "plugin", "settings"), rows)


def _resolved(name: str | None) -> StackSpec:
    from zen.stacks import active_stack, resolve

    project = open_project()
    return resolve(project, open_registry(project), active_stack(project, name))


def _plugin(component: ComponentSpec) -> str:
    return f"{component.distribution} {component.version}".strip()


def _config(config: dict[str, Any]) -> str:
    import json

    return ", ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in config.items())


@group.command("use", example="zen stack use prod")
@click.argument("name", shell_complete=complete_stack)
def use(name: str) -> None:
    """Make a stack the active one in this project.

    `--stack` and the variable ZEN_STACK go before it, `default_stack` of zen.yaml comes after it.
    """
    import os

    from zen.stacks import use_stack

    project = open_project()
    use_stack(project, name)
    say(f"the active stack of {project.root} is now {name}")
    chosen = os.environ.get("ZEN_STACK")
    if chosen and chosen != name:
        say(f"ZEN_STACK={chosen} is set, and goes before it")


@group.command("check", example=["zen stack check", "zen stack check prod --json"])
@click.argument("name", required=False, shell_complete=complete_stack)
@json_option
def check(name: str | None, as_json: bool) -> int:
    """Resolve, open and check every component of a stack, and show all results.

    Exits with 1 when a component cannot be used.
    """
    from zen.stacks.opening import OpenStack

    project = open_project()
    spec = _resolved(name)
    with OpenStack(spec, project, open_registry(project)) as opened:
        results = [check_component(opened, component) for component in spec.components]
    if as_json:
        emit_json({"stack": spec.name, "ok": all(result["ok"] for result in results), "components": results})
    else:
        _show_results(spec, results)
    return 0 if all(result["ok"] for result in results) else 1


def check_component(opened: OpenStack, component: ComponentSpec) -> dict[str, Any]:
    """Open and check one component, and return how that went."""
    import time

    from zen.errors import ZenError

    start, message, hint = time.monotonic(), "", ""
    try:
        opened.component(component).check()
    except ZenError as error:
        message, hint = error.message, error.hint
    except Exception as error:  # noqa: BLE001  # a plugin's code: the other components are still to be checked
        message = f"{type(error).__name__}: {error}"
        hint = f"this is a fault of {component.distribution or 'its plugin'}; it should raise ComponentUnavailable"
    return {
        "kind": component.kind,
        "name": component.name,
        "flavor": component.flavor,
        "ok": not message,
        "message": message,
        "hint": hint,
        "seconds": round(time.monotonic() - start, 3),
    }


def _show_results(spec: StackSpec, results: list[dict[str, Any]]) -> None:
    rows = [
        (each["kind"], each["name"], each["flavor"], "ok" if each["ok"] else "broken", duration(each["seconds"]))
        for each in results
    ]
    table(("kind", "component", "flavor", "state", "took"), rows)
    broken = [result for result in results if not result["ok"]]
    for result in broken:
        say(f"\n{result['kind']} {result['name']!r}: {result['message']}")
        if result["hint"]:
            say(f"  hint: {result['hint']}")
    say(f"\nstack {spec.name}: " + (f"{len(broken)} of {len(results)} components broken" if broken else "all right"))


@group.command("schema", example=["zen stack schema", "zen stack schema --write zen.schema.json"])
@click.option("--write", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
def schema(file: Path | None) -> None:
    """Print the JSON Schema of zen.yaml, made from the installed plugins, for editors to complete and check it.

    An editor finds it by a first line in zen.yaml: # yaml-language-server: $schema=zen.schema.json
    """
    import json

    from zen.stacks import json_schema

    data = json_schema(open_registry())
    if file is None:
        emit_json(data)
        return
    file.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    say(f"wrote {file}; name it in the first line of zen.yaml:\n# yaml-language-server: $schema={file}")


@group.command("requirements", example=["zen stack requirements", "zen stack requirements prod > requirements.txt"])
@click.argument("name", required=False, shell_complete=complete_stack)
@json_option
def requirements(name: str | None, as_json: bool) -> None:
    """Print what a stack needs installed, by default the active one, as requirement lines for pip.

    With the installed versions; a plugin that is not installed stands there by its name. Settings are not looked at.
    What pipelines themselves import, and plugins for the types of their values, are not part of a stack.
    """
    from zen.cli.authors.requirements import requirements as needed

    project = open_project()
    stack, found = needed(project, open_registry(project), name)
    if as_json:
        packages = [{**record_json(each), "requirement": each.line} for each in found]
        emit_json({"stack": stack, "requirements": packages})
        return
    for each in found:
        write(each.line)
    missing = [each.distribution for each in found if not each.version]
    if missing:
        say(f"not installed: {', '.join(missing)}")
