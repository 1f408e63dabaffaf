"""The configuration that a plugin of each kind begins with: settings such as tools of that kind have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zen.cli.authors.imports import Imports
from zen.cli.authors.naming import Names

__all__ = ["Setting", "config_class", "settings_of_kind", "stack_lines", "unreachable"]

_WIDTH = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: What a stack file calls it.
        type: Its annotation, as source.
        help: What people read about it.
        default: As source; empty for a setting that every stack has to give.
        example: What the example stack says; empty for nothing.
        tried: What the tests say, where that is not the example.
        secret: What the tests put behind the reference that the example is; empty for a setting that is no secret.
        nowhere: A value that leads nowhere; empty where there is no such value.
    """

    name: str
    type: str
    help: str
    default: str = ""
    example: str | int = ""
    tried: str = ""
    secret: str = ""
    nowhere: str = ""

    @property
    def in_tests(self) -> str | int:
        """What the tests say."""
        return self.tried or self.example


_NOBODY = "http://127.0.0.1:9"  # the port of the discard service, which nobody runs
_KINDS: dict[str, tuple[Setting, ...]] = {
    "orchestrator": (
        Setting(name="workers", type="int", default="2", example=4, help="How many steps may run at the same time"),
    ),
    "artifact_store": (
        Setting(
            name="path",
            type="str",
            example=".zen/{flavor}-objects",
            help="A folder, from the project's root, or a bucket and prefix such as s3://bucket/zen",
        ),
    ),
    "metadata_store": (
        Setting(
            name="dsn",
            type="Secret",
            example="${{secret:env/{FLAVOR}_DSN}}",
            secret="postgresql://user:password@localhost/zen",
            nowhere="postgresql://127.0.0.1:9/zen",
            help="Where the database is and how to log in: ${{secret:env/{FLAVOR}_DSN}}",
        ),
    ),
    "secret_store": (
        Setting(
            name="folder",
            type="Path",
            example="/run/secrets",
            tried="secrets",
            help="The folder with a file for each secret; a relative one starts at the project's root",
        ),
    ),
    "experiment_tracker": (
        Setting(
            name="uri",
            type="str",
            example="https://{flavor}.example.com",
            tried="http://localhost:5000",
            nowhere=_NOBODY,
            help="Where the tracking server is, such as http://localhost:5000",
        ),
    ),
    "data_validator": (
        Setting(
            name="samples", type="int", default="5", help="How many of the values that break a rule a result shows"
        ),
    ),
    "model_registry": (
        Setting(
            name="uri",
            type="str",
            example="https://{flavor}.example.com",
            tried="http://localhost:5000",
            nowhere=_NOBODY,
            help="Where the registry is, such as http://localhost:5000",
        ),
    ),
    "model_deployer": (
        Setting(name="host", type="str", default='"127.0.0.1"', help="The address that deployments listen on"),
        Setting(name="first_port", type="int", default="8800", help="The lowest port that a deployment may get"),
        Setting(name="last_port", type="int", default="8899", help="The highest port that a deployment may get"),
    ),
    "step_operator": (
        Setting(name="queue", type="str", default='""', help="Where jobs are put; empty for the tool's own default"),
    ),
    "alerter": (
        Setting(
            name="url",
            type="str",
            example="https://{flavor}.example.com/hooks/zen",
            tried="http://localhost:8080",
            nowhere=_NOBODY,
            help="Where alerts are sent to, such as the URL of a webhook",
        ),
        Setting(
            name="token",
            type="Secret | None",
            default="None",
            example="${{secret:env/{FLAVOR}_TOKEN}}",
            secret="a token",
            help="What it lets us in with: ${{secret:env/{FLAVOR}_TOKEN}}, never the token itself",
        ),
    ),
    "feature_store": (
        Setting(
            name="path",
            type="Path",
            example="features",
            help="The folder of the features; a relative one starts at the project's root",
        ),
    ),
}


def settings_of_kind(kind: str, names: Names) -> list[Setting]:
    """Return the settings that a plugin of a kind begins with; none for a kind that is not known here."""
    facts = {"flavor": names.flavor, "FLAVOR": names.variable}
    return [
        Setting(
            name=each.name,
            type=each.type,
            help=each.help.format(**facts),
            default=each.default,
            example=each.example.format(**facts) if isinstance(each.example, str) else each.example,
            tried=each.tried,
            secret=each.secret,
            nowhere=each.nowhere,
        )
        for each in _KINDS.get(kind, ())
    ]


def config_class(name: str, what: str, settings: Sequence[Setting], imports: Imports) -> str:
    """Return the code of a configuration class.

    Args:
        name: The name of the class.
        what: Whose settings they are, for its docstring.
        settings: Its fields.
        imports: Gets what the annotations name.
    """
    imports.add("dataclasses", "dataclass")
    lines = ["@dataclass(frozen=True, kw_only=True)", f"class {name}:", f'    """The settings of {what}."""', ""]
    for each in settings:
        imports.add("dataclasses", "field")
        for type_name, module in (("Secret", "zen.secrets"), ("Path", "pathlib")):
            if type_name in each.type:
                imports.add(module, type_name)
        lines += _field(each)
    return "\n".join(lines)


def _field(setting: Setting) -> list[str]:
    """Return the lines of a field, broken where ruff breaks them."""
    head = f"    {setting.name}: {setting.type} = field("
    arguments = [f"default={setting.default}"] if setting.default else []
    arguments.append(f'metadata={{"help": {json.dumps(setting.help, ensure_ascii=False)}}}')
    joined = ", ".join(arguments)
    if len(head) + len(joined) + 1 <= _WIDTH:
        return [f"{head}{joined})"]
    if len(joined) + 8 <= _WIDTH:
        return [head, f"        {joined}", "    )"]
    return [head, *(f"        {each}," for each in arguments), "    )"]


def stack_lines(kind: str, names: Names) -> Iterator[str]:
    """Yield the lines of a stack file that name a component with its settings, indented for a stack."""
    given = [each for each in settings_of_kind(kind, names) if each.example != ""]
    if not given:
        yield f"    {kind}: {names.flavor}"
        return
    yield f"    {kind}:"
    yield f"      flavor: {names.flavor}"
    yield from (f"      {each.name}: {each.example}" for each in given)


def unreachable(kind: str, names: Names) -> dict[str, str]:
    """Return settings that lead nowhere, as a suite takes them; none for a kind that works on this machine."""
    found = {}
    for each in settings_of_kind(kind, names):
        if each.nowhere:
            found[each.name] = f"${{secret:env/{names.variable}_NOWHERE}}" if each.secret else each.nowhere
    return found
