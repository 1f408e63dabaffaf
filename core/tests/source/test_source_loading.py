from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from zen.errors import UsageError
from zen.records import CodeRef
from zen.source import StopLoading, adopt_main, load_module, load_object, loading, module_name

Write = Callable[[str, str], Path]
SRC = str(Path(sys.modules["zen"].__path__[0]).parent)
PIPELINE = """
from zen.source import StopLoading, loading
ran = []
def pipeline():
    if loading(): raise StopLoading
    ran.append(1)
"""


@pytest.fixture
def bare(root: Path) -> Path:
    """The project root as a worker finds it: not on the path."""
    sys.path.remove(str(root))
    return root


def _as_main(monkeypatch: pytest.MonkeyPatch, file: Path | None, spec: str = "") -> ModuleType:
    main = ModuleType("__main__")
    if file is not None:
        main.__file__ = str(file)
    main.__spec__ = SimpleNamespace(name=spec, origin=str(file)) if spec else None  # type: ignore[assignment]  # A stand-in.
    monkeypatch.setitem(sys.modules, "__main__", main)
    return main


@pytest.mark.parametrize(
    ("file", "spec", "name"),
    [
        ("training.py", "", "training"),
        ("a/b.py", "", "a.b"),
        ("a/__init__.py", "", "a"),
        ("my-script.py", "", "my-script"),
        ("pkg/x.py", "pkg.x", "pkg.x"),
        ("src/pkg/__main__.py", "pkg.__main__", "pkg.__main__"),
        ("training.py", "__main__", "training"),
    ],
)
def test_module_name_of_main_is_its_path_or_what_python_m_was_given(
    file: str, spec: str, name: str, write: Write, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = _as_main(monkeypatch, write(file, ""), spec)
    assert module_name(main, root) == name


def test_module_name_of_an_imported_module_is_kept(root: Path) -> None:
    assert module_name(pickle, root) == "pickle"
    assert module_name(pickle.dumps, root) == "_pickle"


def test_module_name_of_a_notebook_is_main(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module_name(_as_main(monkeypatch, None), root) == "__main__"


def test_module_name_of_a_script_outside_the_root_is_its_stem(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside.py").write_text("")
    assert module_name(_as_main(monkeypatch, tmp_path / "outside.py"), root) == "outside"


def test_adopt_main_makes_the_script_importable(write: Write, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = _as_main(monkeypatch, write("a/b.py", "raise SystemExit"))
    adopt_main(root)

    assert sys.modules["a.b"] is main
    assert load_module("a.b", root) is main


def test_adopt_main_leaves_a_notebook_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sys.modules)
    _as_main(monkeypatch, None)
    adopt_main(root)
    assert set(sys.modules) == before


def test_load_module_executes_a_script_under_its_name(write: Write, bare: Path) -> None:
    script = write("training.py", "name = __name__\nif name == '__main__': raise SystemExit")
    module = load_module("training", bare, script=script)
    assert module.name == "training"
    assert load_module("training", bare, script=script) is module
    assert not (bare / "__pycache__").exists()


def test_load_module_keeps_what_an_unguarded_script_defines_before_its_pipeline(write: Write, bare: Path) -> None:
    script = write("training.py", PIPELINE + "def step(): pass\npipeline()\ndef late(): pass\n")
    module = load_module("training", bare, script=script)
    assert module.step.__name__ == "step"
    assert module.ran == []
    assert not loading()
    with pytest.raises(UsageError, match="define late above the pipeline call"):
        load_object(CodeRef(module="training", qualname="late"), bare, script=script)


def test_load_module_stops_a_script_that_catches_exceptions(write: Write, bare: Path) -> None:
    script = write("training.py", PIPELINE + "try:\n  pipeline()\nexcept Exception:\n  raise SystemExit\n")
    assert load_module("training", bare, script=script).ran == []


def test_load_module_finds_the_siblings_of_a_script(write: Write, bare: Path) -> None:
    write("scripts/helpers.py", "value = 'sibling'")
    write("helpers.py", "value = 'root'")
    write("shared.py", "value = 'shared'")
    script = write("scripts/train.py", "import helpers, shared\nvalues = helpers.value, shared.value")
    assert load_module("scripts.train", bare, script=script).values == ("sibling", "shared")
    assert load_module("helpers", bare, script=script).value == "sibling"


def test_load_module_finds_the_siblings_of_a_script_that_was_started_elsewhere(write: Write, bare: Path) -> None:
    write("scripts/helpers.py", "value = 'sibling'")
    write("scripts/train.py", "import helpers")
    assert load_module("scripts.train", bare).helpers.value == "sibling"


def test_load_module_loads_packages_with_relative_imports(write: Write, bare: Path) -> None:
    write("pkg/__init__.py", "from .train import step")
    write("pkg/helpers.py", "value = 1")
    script = write("pkg/train.py", "from . import helpers\nfrom .helpers import value\ndef step(): return value")
    module = load_module("pkg.train", bare, script=script)
    assert module.step() == 1
    assert sys.modules["pkg"].train is module
    assert sys.modules["pkg"].step is module.step


def test_load_module_does_not_let_a_package_hide_python(write: Write, bare: Path) -> None:
    write("pkg/__init__.py", "")
    write("pkg/colorsys.py", "raise SystemExit")
    script = write("pkg/train.py", "import colorsys\nfrom pkg import other")
    write("pkg/other.py", "")
    module = load_module("pkg.train", bare, script=script)
    assert module.colorsys.rgb_to_hsv
    assert sys.modules["pkg"].train is module


def test_load_module_finds_a_package_below_another_folder(write: Write, bare: Path) -> None:
    write("src/pkg/__init__.py", "")
    script = write("src/pkg/train.py", "from pkg import other\nname = __name__")
    write("src/pkg/other.py", "")
    assert load_module("pkg.train", bare, script=script).name == "pkg.train"


def test_load_module_passes_on_a_failure_and_forgets_the_module(write: Write, bare: Path) -> None:
    script = write("training.py", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        load_module("training", bare, script=script)
    assert "training" not in sys.modules


def test_load_module_sees_an_edit_of_the_same_second_and_size(write: Write, bare: Path) -> None:
    for value in ("1", "2"):
        script = write("training.py", f"value = {value}")
        assert load_module("training", bare, script=script).value == int(value)
        del sys.modules["training"]


def test_load_module_names_what_does_not_exist(bare: Path) -> None:
    with pytest.raises(UsageError, match=r"no module 'no\.where': neither no/where\.py under"):
        load_module("no.where", bare)


def test_load_module_refuses_a_script_with_the_name_of_a_loaded_module(write: Write, bare: Path) -> None:
    with pytest.raises(UsageError, match="rename the script"):
        load_module("json", bare, script=write("json.py", ""))


def test_load_module_finds_a_script_that_cannot_be_imported_by_name(write: Write, bare: Path) -> None:
    write("my-folder/my-script.py", "value = 1")
    assert load_module("my-folder.my-script", bare).value == 1


def test_load_module_does_not_load_a_notebook_elsewhere(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = CodeRef(module="__main__", qualname="train")
    main = _as_main(monkeypatch, None)
    main.train = 1  # type: ignore[attr-defined]  # What a cell would define.
    assert load_object(ref, bare) == 1
    _as_main(monkeypatch, Path(__file__))
    with pytest.raises(UsageError, match="move what the step needs to a module"):
        load_object(ref, bare)


def test_load_object_follows_attributes(write: Write, bare: Path) -> None:
    script = write("training.py", "class A:\n  class B:\n    x = 1")
    assert load_object(CodeRef(module="training", qualname="A.B.x"), bare, script=script) == 1


def test_load_object_says_what_exists_instead(write: Write, bare: Path) -> None:
    script = write("training.py", "def train(): pass")
    with pytest.raises(UsageError, match=r"no 'trian'; it has: train\n.*did you mean 'train'"):
        load_object(CodeRef(module="training", qualname="trian"), bare, script=script)


def test_load_object_refuses_what_only_the_launching_process_can_reach(bare: Path) -> None:
    with pytest.raises(UsageError, match="move train to the top level of a module"):
        load_object(CodeRef(module="training", qualname="make.<locals>.train"), bare)


def test_loading_is_true_only_in_the_thread_that_loads(write: Write, bare: Path) -> None:
    text = "import threading\nfrom zen.source import loading\nseen = [loading()]\n"
    text += "t = threading.Thread(target=lambda: seen.append(loading()))\nt.start()\nt.join()\n"
    assert load_module("training", bare, script=write("training.py", text)).seen == [True, False]
    assert threading.current_thread() is threading.main_thread()


def test_stop_loading_is_no_exception() -> None:
    assert not issubclass(StopLoading, Exception)


_STARTED = """
import os, sys
os.chdir("/")
sys.path.insert(0, {src!r})
from pathlib import Path
from zen.source import adopt_main, code_ref, fingerprint, load_module
root = Path({root!r})
def train(x):
    return x
adopt_main(root)
print(code_ref(train, root))
print(bool(fingerprint(train, root).digest), fingerprint(train, root).reasons)
print(load_module("scripts.train", root).train is train)
"""


def test_a_started_script_has_its_project_name(write: Write, root: Path) -> None:
    write("scripts/train.py", _STARTED.format(src=SRC, root=str(root)))
    out = subprocess.check_output([sys.executable, "train.py"], cwd=root / "scripts", text=True)
    assert out.split() == ["scripts.train:train", "True", "()", "True"]


def test_importing_the_layer_is_light() -> None:
    heavy = {"pydantic", "rich", "click", "yaml", "importlib.metadata", "importlib_metadata", "tempfile", "zen.builtin"}
    lazy = {f"zen.source.{name}" for name in ("annotations", "reach", "syntax", "walk")}
    code = f"import sys; sys.path.insert(0, {SRC!r}); import zen.source; print({heavy | lazy!r} & sys.modules.keys())"
    assert subprocess.check_output([sys.executable, "-I", "-S", "-c", code], text=True).strip() == "set()"
