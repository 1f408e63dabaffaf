"""The project that `zen plugin new` writes: complete, valid, and never different from the interfaces."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import tomllib
import types
from pathlib import Path

import pytest

import zen.testing
from zen.cli.authors.components import Part
from zen.cli.authors.configuration import settings_of_kind
from zen.cli.authors.naming import Names, choose_names
from zen.cli.authors.scaffold import kinds, project_files
from zen.cli.authors.source import bound_problem
from zen.cli.authors.stubs import abstract_methods, first_sentence
from zen.cli.authors.suites import options
from zen.cli.settings import settings_of
from zen.errors import Fault, UsageError
from zen.interfaces import KINDS
from zen.registry import scan
from zen.stacks import Place, find_project, load_stack_file, parse
from zen.stacks.references import resolve_references

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


SUITE = {kind: Part.of(kind, NAMES[0]).suite for kind in kinds()}
NEEDED = {"secret_store": "keep", "model_deployer": "model", "feature_store": "fill"}


def suite_text(kind: str, names: Names = NAMES[0]) -> str:
    return project_files(names, [kind], oldest="0.1")["tests/test_conformance.py"]


@pytest.mark.parametrize("kind", COMPONENTS)
def test_the_tests_are_few_lines_for_each_kind(kind: str) -> None:
    suite = class_of(suite_text(kind), f"TestAcme{KINDS[kind].__name__}")
    assert [ast.unparse(base) for base in suite.bases] == [SUITE[kind]]
    assert suite.end_lineno is not None and suite.end_lineno - suite.lineno < (7 if kind not in NEEDED else 12)


def takes_away_the_signs(text: str) -> str:
    """Return the tests with every line of code that stands in a comment made code; what is said about it stays."""
    return re.sub(r"^    # (?=\S)(?!What else)", "    ", text, flags=re.MULTILINE)


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names.flavor)
@pytest.mark.parametrize("kind", kinds())
def test_whatever_a_suite_can_be_told_stands_in_a_comment_that_is_code(kind: str, names: Names) -> None:
    text = suite_text(kind, names)
    part = Part.of(kind, names)
    plain, told = (class_of(each, f"Test{part.cls}") for each in (text, takes_away_the_signs(text)))
    before, after = (
        {getattr(node, "name", "") or ast.unparse(node.targets[0]) for node in cls.body}  # type: ignore[attr-defined]
        for cls in (plain, told)
    )
    assert after - before == set(options(getattr(zen.testing, SUITE[kind])))
    assert max(map(len, text.splitlines())) <= 120


def test_what_a_suite_can_be_told_is_what_its_author_may_give() -> None:
    told = {kind: set(options(getattr(zen.testing, suite))) for kind, suite in SUITE.items()}
    assert told["alerter"] >= {"lacks", "unreachable", "provoke", "received", "answer"}
    assert told["artifact_store"] >= {"read_only", "large", "many", "kills"}
    assert "provoke" not in told["metadata_store"]  # its suite knows how
    assert not set().union(*told.values()) & {"use", "about", "names", "modules", "distribution", "kind", "config"}
    assert not [kind for kind, suite in SUITE.items() if not all(options(getattr(zen.testing, suite)).values())]


def test_what_a_plugin_may_lack_is_named() -> None:
    assert 'lacks = {"map": "why", "detached": "why", "unreachable": "why"}' in suite_text("orchestrator")
    assert 'lacks = {"ask": "why"}' in suite_text("alerter")
    assert 'unreachable = {"url": "http://127.0.0.1:9"}' in suite_text("alerter")


@pytest.mark.parametrize(("kind", "name"), NEEDED.items())
def test_what_a_suite_needs_is_on_the_list(kind: str, name: str) -> None:
    suite = class_of(suite_text(kind), f"TestAcme{KINDS[kind].__name__}")
    [written] = [node for node in suite.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert "to do: test_conformance.py: " in ast.unparse(written.body[-1])


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names.flavor)
@pytest.mark.parametrize("kind", COMPONENTS)
def test_the_settings_are_those_of_the_kind_in_all_three_places(kind: str, names: Names, tmp_path, monkeypatch) -> None:
    """The class takes what the example stack says, and what the tests say; each setting has a help text."""
    part = Part.of(kind, names)
    files = project_files(names, [kind], oldest="0.1")
    module = types.ModuleType(f"made_{kind}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(files[f"src/{names.package}/config.py"], vars(module))
    config = getattr(module, part.config)
    assert all(setting["summary"] for setting in settings_of(config))
    (tmp_path / "zen.yaml").write_text(files["stack.example.yaml"], encoding="utf-8")
    file = load_stack_file(find_project(tmp_path))
    file.check()
    [entry] = file.complete(names.flavor).entries[kind]
    for given in (entry.config, ast.literal_eval(returned(files["tests/test_conformance.py"], f"Test{part.cls}"))):
        faults: list[Fault] = []
        place = Place(faults, None, (kind,))
        assert parse(config, resolve_references(given, place, {}), place) is not None, faults


def returned(text: str, cls: str) -> str:
    [config] = [
        node for node in class_of(text, cls).body if isinstance(node, ast.FunctionDef) and node.name == "config"
    ]
    statement = config.body[-1]
    assert isinstance(statement, ast.Return) and statement.value is not None
    return ast.unparse(statement.value)


def test_the_settings_differ_by_kind() -> None:
    found = {kind: {setting.name for setting in settings_of_kind(kind, NAMES[0])} for kind in COMPONENTS}
    assert (found["orchestrator"], found["alerter"]) == ({"workers"}, {"url", "token"})
    assert (found["metadata_store"], found["artifact_store"]) == ({"dsn"}, {"path"})
    assert [kind for kind, names in found.items() if not names] == []


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
