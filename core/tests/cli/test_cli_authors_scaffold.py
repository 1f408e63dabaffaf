"""The project that `zen plugin new` writes: complete, valid, and never different from the interfaces."""

from __future__ import annotations

import ast
import inspect
import tomllib
from pathlib import Path

import pytest

from zen.cli.authors.components import Part
from zen.cli.authors.naming import Names, choose_names
from zen.cli.authors.scaffold import kinds, project_files
from zen.cli.authors.source import bound_problem
from zen.cli.authors.stubs import abstract_methods, first_sentence
from zen.errors import UsageError
from zen.interfaces import KINDS
from zen.registry import scan

NAMES = [Names(flavor="acme"), Names(flavor="great_expectations-in-a-cloud")]
COMPONENTS = [kind for kind in kinds() if kind != "materializer"]


def class_of(text: str, name: str) -> ast.ClassDef:
    [found] = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == name]
    return found


def methods(text: str, name: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in class_of(text, name).body if isinstance(node, ast.FunctionDef)}


def signature(node: ast.FunctionDef) -> str:
    return ast.unparse(ast.FunctionDef(node.name, node.args, [ast.Pass()], node.decorator_list, node.returns, lineno=0))


def declared(interface: type, name: str) -> ast.FunctionDef:
    found = inspect.getattr_static(interface, name)
    function = found.fget if isinstance(found, property) else found
    [node] = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)
    node.decorator_list = [each for each in node.decorator_list if ast.unparse(each) != "abstractmethod"]
    return node


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names.flavor)
@pytest.mark.parametrize("kind", kinds())
def test_the_module_of_a_kind_has_every_method_as_the_interface_declares_it(kind: str, names: Names) -> None:
    part = Part.of(kind, names)
    text = project_files(names, [kind], oldest="0.1")[f"src/{names.package}/{part.module}.py"]
    written = methods(text, part.cls)
    for name in abstract_methods(part.interface):
        assert signature(written[name]) == signature(declared(part.interface, name))
        assert ast.get_docstring(written[name]) == inspect.getdoc(inspect.getattr_static(part.interface, name))
        said = ast.literal_eval(written[name].body[-1].exc.args[0])  # type: ignore[attr-defined]
        documented = inspect.getattr_static(part.interface, name)
        assert said == f"to do: {kind}.py: {part.cls}.{name}: {first_sentence(documented)}"
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("kind", kinds())
def test_the_module_of_a_kind_can_be_executed_and_its_class_is_concrete(kind: str, monkeypatch, tmp_path: Path) -> None:
    names = Names(flavor=f"made-{kind}")
    part = Part.of(kind, names)
    for path, text in project_files(names, [kind], oldest="0.1").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    module = __import__(f"{names.package}.{part.module}", fromlist=[part.cls])
    cls = getattr(module, part.cls)
    assert issubclass(cls, part.interface) and not cls.__abstractmethods__
    assert all(hasattr(cls, name) for name in inspect.get_annotations(part.interface) if name not in ("host", "kind"))


@pytest.mark.parametrize("chosen", [["alerter"], ["materializer"], ["alerter", "materializer"], list(kinds())])
def test_a_project_is_complete(chosen: list[str]) -> None:
    files = project_files(NAMES[0], chosen, oldest="0.1")
    expected = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".github/workflows/test.yml"}
    expected |= {"src/zen_plugin_acme/py.typed", "tests/test_conformance.py", "src/zen_plugin_acme/__init__.py"}
    if chosen != ["materializer"]:
        expected |= {"src/zen_plugin_acme/plugin.py", "src/zen_plugin_acme/config.py", "stack.example.yaml"}
    assert expected <= set(files)
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
        if not path.startswith(".github"):
            assert "$$" not in text


def test_pyproject_has_entry_points_a_lower_bound_and_the_kit() -> None:
    project = tomllib.loads(project_files(NAMES[0], list(kinds()), oldest="0.1.0")["pyproject.toml"])
    points = project["project"]["entry-points"]
    assert points["zen.plugins.v1"] == {"acme": "zen_plugin_acme.plugin"}
    assert list(points["zen.types.v1"].values()) == ["zen_plugin_acme.materializer:AcmeMaterializer"]
    assert bound_problem(project["project"]["dependencies"]) == ""
    assert "zen-hub[testing]" in project["dependency-groups"]["dev"]


def test_a_plugin_of_values_alone_has_no_light_module() -> None:
    files = project_files(NAMES[0], ["materializer"], oldest="0.1")
    assert list(tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]) == ["zen.types.v1"]
    assert "src/zen_plugin_acme/plugin.py" not in files


@pytest.mark.parametrize("kind", COMPONENTS)
def test_the_tests_are_five_lines_for_each_kind(kind: str) -> None:
    text = project_files(NAMES[0], [kind], oldest="0.1")["tests/test_conformance.py"]
    cls = KINDS[kind].__name__
    suite = class_of(text, f"TestAcme{cls}")
    assert [ast.unparse(base) for base in suite.bases] == [f"{cls}Suite"]
    assert suite.end_lineno is not None and suite.end_lineno - suite.lineno < (5 if kind != "feature_store" else 8)


def test_what_is_optional_stands_in_the_module_with_its_meaning() -> None:
    text = project_files(NAMES[0], ["alerter"], oldest="0.1")["src/zen_plugin_acme/alerter.py"]
    assert "#   ask: asks people a question and waits for their answer" in text


@pytest.mark.parametrize(
    ("flavor", "title"), [("acme", "Acme"), ("great_expectations", "GreatExpectations"), ("3d", "Plugin3d")]
)
def test_names_are_made_from_the_flavor(flavor: str, title: str) -> None:
    names = Names(flavor=flavor)
    assert names.title == title
    assert names.package.isidentifier() and names.distribution == f"zen-plugin-{flavor.replace('_', '-')}"


def test_the_distribution_is_as_good_a_name() -> None:
    assert choose_names("zen-plugin-acme", scan()).flavor == "acme"


@pytest.mark.parametrize("name", ["local", "Acme", "a b", "", "zen-plugin-", "../x", "аcme"])
def test_names_that_stack_files_cannot_say_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        choose_names(name, scan())


def test_new_writes_the_project_and_says_what_is_next(zen, project: Path) -> None:
    result = zen("plugin", "new", "acme", "--kind", "alerter", "--kind", "model-registry")
    assert result.code == 0
    assert "wrote zen-plugin-acme/pyproject.toml" in result.out and "cd zen-plugin-acme" in result.err
    assert (project / "zen-plugin-acme/src/zen_plugin_acme/model_registry.py").exists()
    assert not list(project.rglob("*.txt"))


def test_new_overwrites_nothing(zen, project: Path) -> None:
    (project / "there").mkdir()
    (project / "there/README.md").write_text("mine", encoding="utf-8")
    result = zen("plugin", "new", "acme", "--kind", "alerter", "--folder", "there")
    assert result.code == 2 and "README.md" in result.err
    assert [path.name for path in (project / "there").iterdir()] == ["README.md"]


def test_new_names_the_nearest_kind(zen) -> None:
    result = zen("plugin", "new", "acme", "--kind", "alertr")
    assert result.code == 2 and "did you mean 'alerter'?" in result.err


def test_help_of_new_names_every_kind(zen) -> None:
    said = zen("plugin", "new", "--help").out
    assert [kind for kind in kinds() if kind not in said] == []


def test_new_says_when_a_known_plugin_has_the_name(zen) -> None:
    assert "recommend a zen-plugin-slack already" in zen("plugin", "new", "slack", "--kind", "alerter").err
