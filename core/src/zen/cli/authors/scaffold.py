"""A plugin's project: all of its files as texts, from templates and from the interfaces themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

from zen.cli.authors.components import Part, component_module, materializer_module
from zen.cli.authors.configuration import config_class, settings_of_kind, stack_lines
from zen.cli.authors.imports import Imports
from zen.cli.authors.naming import Names
from zen.cli.authors.suites import suite_class

__all__ = ["MATERIALIZER", "kinds", "project_files"]

MATERIALIZER = "materializer"
_TEMPLATES = Path(__file__).with_name("templates")


def kinds() -> tuple[str, ...]:
    """Return what a plugin can be written for: every kind of component, and values."""
    from zen.interfaces import KINDS

    return (*KINDS, MATERIALIZER)


def template(name: str, **values: str) -> str:
    """Return a template filled in.

    Raises:
        KeyError: When a placeholder gets no value.
    """
    return Template((_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")).substitute(values)


def project_files(names: Names, chosen: Sequence[str], *, oldest: str) -> dict[str, str]:
    """Return the files of a new project, by path.

    Args:
        names: What it is called.
        chosen: Names out of `kinds()`, each once.
        oldest: The version of zen-hub that it is written for.
    """
    parts = [Part.of(kind, names) for kind in chosen]
    components = [part for part in parts if part.kind != MATERIALIZER]
    facts = {"flavor": names.flavor, "distribution": names.distribution, "package": names.package}
    facts |= {"title": names.title, "oldest": oldest, "summary": _summary(names, chosen)}
    source = f"src/{names.package}"
    files = {
        "pyproject.toml": template("pyproject.toml", entry_points=_entry_points(names, parts), **facts),
        "README.md": template("README.md", usage=_usage(names, components), to_do=_to_do(parts), **facts),
        "CHANGELOG.md": template("CHANGELOG.md"),
        "LICENSE": (_TEMPLATES / "LICENSE.txt").read_text(encoding="utf-8"),
        ".gitignore": template("gitignore"),
        ".github/workflows/test.yml": template("test.yml", **facts),
        f"{source}/__init__.py": f'"""{_summary(names, chosen)}."""\n',
        f"{source}/py.typed": "",
        "tests/test_conformance.py": _tests(names, parts),
    }
    if components:
        flavors = "\n".join(_flavor(names, part) for part in components)
        files[f"{source}/plugin.py"] = template("plugin.py", flavors=flavors)
        files[f"{source}/config.py"] = _config(names, components)
        files["stack.example.yaml"] = _stack_file(names, components)
    for part in parts:
        write = component_module if part in components else materializer_module
        files[f"{source}/{part.module}.py"] = write(names, part, template)
    return files


def _summary(names: Names, chosen: Sequence[str]) -> str:
    said = [kind.replace("_", " ") if kind != MATERIALIZER else "artifacts" for kind in chosen]
    if len(said) > 3:
        return f"{names.flavor} as {len(said)} kinds of components of zen"
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"{names.flavor} as {listed} of zen"


def _entry_points(names: Names, parts: Sequence[Part]) -> str:
    tables = []
    if any(part.kind != MATERIALIZER for part in parts):
        tables.append(f'[project.entry-points."zen.plugins.v1"]\n{names.flavor} = "{names.package}.plugin"')
    for part in parts:
        if part.kind == MATERIALIZER:
            module = f"{names.package}.{part.module}"
            line = f'"{module}.{names.title}Value" = "{module}:{part.cls}"'
            tables.append(f'[project.entry-points."zen.types.v1"] # type → what saves it\n{line}')
    return "\n\n".join(tables)


def _flavor(names: Names, part: Part) -> str:
    fields = {
        "kind": part.kind,
        "name": names.flavor,
        "summary": "To do: say in one line what it is for",
        "config": f"{names.package}.config:{part.config}",
        "implementation": f"{names.package}.{part.module}:{part.cls}",
    }
    lines = [f'            {name}="{value}",' for name, value in fields.items()]
    return "\n".join(["        Flavor(", *lines, "        ),"])


def _config(names: Names, components: Sequence[Part]) -> str:
    imports = Imports()
    classes = [
        config_class(
            part.config,
            f"the {part.kind.replace('_', ' ')}",
            settings_of_kind(part.kind, names),
            imports,
        )
        for part in components
    ]
    exported = [f'"{name}"' for name in sorted(part.config for part in components)]
    joined = ", ".join(exported)
    return template(
        "config.py",
        flavor=names.flavor,
        imports=_future(imports, names),
        exported=joined if len(joined) < 100 else "\n    " + ",\n    ".join(exported) + ",\n",
        classes="\n\n\n".join(classes),
    )


def _tests(names: Names, parts: Sequence[Part]) -> str:
    imports = Imports()
    suites = "\n\n\n".join(suite_class(names, part, imports) for part in parts)
    return template("test_conformance.py", imports=_future(imports, names), suites=suites)


def _future(imports: Imports, names: Names) -> str:
    return "from __future__ import annotations\n\n" + imports.lines(names.package)


def _stack_file(names: Names, components: Sequence[Part]) -> str:
    settings = [each for part in components for each in settings_of_kind(part.kind, names)]
    variables = [str(each.example).rpartition("/")[2].removesuffix("}") for each in settings if each.secret]
    return template(
        "stack.example.yaml",
        flavor=names.flavor,
        describe=f"zen flavor describe {components[0].kind} {names.flavor}",
        variables=f"# Secrets are read where they are used: export {'=… '.join(variables)}=…" if variables else "#",
        stack=_stack(names, components),
    )


def _stack(names: Names, components: Sequence[Part]) -> str:
    return "\n".join(line for part in components for line in stack_lines(part.kind, names))


def _usage(names: Names, components: Sequence[Part]) -> str:
    if not components:
        return "Steps return values as they always do; this saves them."
    lines = ["```yaml", "# zen.yaml", "stacks:", f"  {names.flavor}:", _stack(names, components), "```"]
    return "\n".join(lines)


def _to_do(parts: Sequence[Part]) -> str:
    return "\n".join(_items(parts))


def _items(parts: Sequence[Part]) -> Iterator[str]:
    yield "1. `pyproject.toml`: the description, your tool among the dependencies; `README.md`: what it is for."
    if any(part.kind != MATERIALIZER for part in parts):
        yield "1. `config.py`: the settings that your tool needs, a help text each; then `stack.example.yaml`."
    for part in parts:
        if part.kind == MATERIALIZER:
            yield f"1. `{part.module}.py`: `save` and `load`; the type's name in `pyproject.toml`."
        else:
            yield f"1. `{part.module}.py`: the methods that raise, `check` first."
            if part.capabilities:
                known = ", ".join(f"`{name}`" for name in part.capabilities)
                yield f"1. `{part.cls}.capabilities`: {known}, or why not in `lacks` of its test."
    yield "1. `tests/test_conformance.py`: settings that reach your tool, and what else the suite can be told."
