from __future__ import annotations

import functools
import itertools
import json
import linecache
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from zen.source import code_ref, fingerprint

Define = Callable[[str], ModuleType]
Write = Callable[[str, str], Path]


def test_fingerprint_names_the_distributions_that_are_reached(define: Define, root: Path, site: Any) -> None:
    site(
        "fake-lib",
        "1.0",
        {"fakelib/__init__.py": "from fakelib import linalg", "fakelib/linalg.py": "def norm(x): pass"},
    )
    site("acme-tools", "2.0", {"acme/tools.py": "def f(): pass"})
    site("acme-more", "3.0", {"acme/more.py": "def f(): pass"})
    found = fingerprint(
        define("import acme.tools, fakelib as fl\ndef train(x): return fl.linalg.norm(x), acme.tools.f()").train, root
    )
    assert found.reasons == ()
    assert found.distributions == (("acme-tools", "2.0"), ("fake-lib", "1.0"))
    inside = fingerprint(define("def train(x):\n  import acme.tools\n  return acme.tools.f()").train, root)
    assert inside.digest
    assert inside.distributions == (("acme-tools", "2.0"),)


def test_fingerprint_does_not_import_what_the_step_imports(define: Define, root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib/__init__.py": "raise SystemExit"})
    site("acme-tools", "2.0", {"acme/tools.py": "raise SystemExit"})
    found = fingerprint(define("def train(x):\n  import fakelib\n  from acme import tools\n  return tools").train, root)
    assert found.distributions == (("acme-tools", "2.0"), ("fake-lib", "1.0"))


def test_fingerprint_counts_annotated_arguments_as_reached(define: Define, root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": "class Frame: pass"})
    text = "from __future__ import annotations\nimport typing\nif typing.TYPE_CHECKING:\n  import fakelib as f\n"
    assert fingerprint(define("import fakelib\ndef train(x: list[fakelib.Frame]): pass").train, root).distributions
    assert fingerprint(define(text + "def train(x: f.Frame | None): pass").train, root).distributions == (
        ("fake-lib", "1.0"),
    )


def test_fingerprint_sees_what_a_function_made_by_a_library_holds(define: Define, root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": "def make(k):\n  def inner(): return k\n  return inner\none = make(1)"})
    made = fingerprint(define("import fakelib\nf = fakelib.make(2)\ndef train(x): return f()").train, root)
    imported = fingerprint(define("from fakelib import one\ndef train(x): return one()").train, root)
    more = fingerprint(define("import fakelib\nf = fakelib.make(3)\ndef train(x): return f()").train, root)
    assert made.reasons == more.reasons == imported.reasons == ()
    assert made.distributions == (("fake-lib", "1.0"),)
    assert made.digest != more.digest


def test_fingerprint_refuses_a_module_that_no_distribution_owns(define: Define, root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": ""})
    (Path(sys.path[0]) / "stray.py").write_text("def f(): pass")
    found = fingerprint(define("import stray\ndef train(x): return stray.f()").train, root)
    assert "uses the module stray, which no installed distribution owns" in found.reasons[0]


def test_fingerprint_counts_an_uninstalled_module_as_the_project(define: Define, root: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "sharedcode.py").write_text("def f(): pass")
    sys.path.insert(0, str(tmp_path / "shared"))
    found = fingerprint(define("import sharedcode\ndef train(x): return sharedcode.f()").train, root)
    assert found.reasons == ()
    assert "sharedcode.f" in {name for _, name, _ in found.parts}


def test_fingerprint_of_installed_code_is_its_address(root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": "def helper(): pass\ndef f(): return helper()\ndef g(): pass"})
    import fakelib  # type: ignore[import-not-found]  # Written by the line above.

    found = fingerprint(fakelib.f, root)
    assert found.reasons == ()
    assert found.distributions == (("fake-lib", "1.0"),)
    assert found.digest != fingerprint(fakelib.g, root).digest
    assert fingerprint(len, root).digest


def test_fingerprint_never_fails_for_what_cannot_be_looked_at(define: Define, root: Path) -> None:
    text = "class A:\n  @property\n  def __dict__(self): raise OSError('gone')\na = A()\ndef train(x): return a"
    assert fingerprint(define(text).train, root).reasons == ("reaches what cannot be read (OSError: gone)",)


def test_fingerprint_of_a_callable_object_holds_its_state(define: Define, root: Path) -> None:
    text = "import functools\nclass A:\n  def __init__(self, n): self.n = n\n  def __call__(self): return self.n\n"
    module = define(
        text + "def add(a, b): return a + b\none, two = A(1), A(2)\np, q = (functools.partial(add, n) for n in (1, 2))"
    )
    found = [fingerprint(getattr(module, name), root) for name in ("one", "two", "p", "q", "A")]
    assert not any(each.reasons for each in found)
    assert len({each.digest for each in found}) == 5


def test_fingerprint_refuses_a_file_that_was_edited_after_its_import(define: Define, root: Path) -> None:
    module = define("def train(x):\n    return x + 1\n")
    Path(str(module.__file__)).write_text("def train(x):\n    return x + 2\n")
    assert "the file changed after its import" in fingerprint(module.train, root).reasons[0]


def test_fingerprint_survives_an_edit_elsewhere_in_the_file(define: Define, root: Path) -> None:
    text = "def train(x):\n    return x + 1\n"
    first, second = define(text), define(text)
    Path(str(second.__file__)).write_text(text + "\ndef other(): pass\n")
    assert fingerprint(first.train, root) == fingerprint(second.train, root)


def test_fingerprint_follows_a_constant_that_is_assigned_again(define: Define, root: Path) -> None:
    module = define("RATE = 1\ndef train(x): return RATE")
    before = fingerprint(module.train, root)
    module.RATE = 2  # type: ignore[attr-defined]  # Defined by the text.
    assert fingerprint(module.train, root) != before


def test_fingerprint_reads_the_source_of_a_notebook_cell(root: Path) -> None:
    def run(text: str, number: int) -> Any:
        name = f"<ipython-input-{number}-abc>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, name, "exec"), space)
        return space["train"]

    one, same, other = (
        run("def train(x):\n  return 1\n", 1),
        run("def train(x): return 1\n", 2),
        run("def train(x): pass\n", 3),
    )
    assert fingerprint(one, root).digest
    assert fingerprint(one, root) == fingerprint(same, root)
    assert fingerprint(one, root) != fingerprint(other, root)


def test_fingerprint_is_the_same_for_a_started_and_an_imported_script(write: Write, root: Path) -> None:
    write("placed.py", "def train(x): return __name__, __file__, json\nimport json\n")
    (root / "placed.py").open("a").write(
        "if __name__ == '__main__':\n"
        f"  import sys, pathlib; sys.path[1:] = {sys.path!r}\n"
        "  from zen.source import fingerprint\n"
        f"  print(fingerprint(train, pathlib.Path({str(root)!r})).digest)\n"
    )
    started = subprocess.check_output([sys.executable, "placed.py"], cwd=root, text=True).strip()
    import placed  # type: ignore[import-not-found]  # Written by the lines above.

    assert started == fingerprint(placed.train, root).digest != ""


_SEEDED = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import training
from zen.source import fingerprint
print(json.dumps([fingerprint(f, Path(sys.argv[1])).digest for f in (training.a, training.b, training.c)]))
"""


def test_fingerprint_is_the_same_under_any_hash_seed(write: Write, root: Path) -> None:
    write(
        "training.py",
        "import json, math, re\nN = frozenset('abcdef')\ndef a(x): return x in N, math.pi, json, re, len, sum\n",
    )
    (root / "training.py").open("a").write(
        "def b(x, *, k=frozenset('xyz'), d={'b': 1, 'a': {3, 1}}): return {'a', 'b'}\n"
        "import enum\nclass A:\n  names = {'x', 'y', 'z'}\nclass E(enum.Enum):\n  ONE = frozenset('abc')\n  TWO = 2\n"
        "ALL = {A, E, a, b, len, E.ONE, E.TWO, 'text', 1}\ndef c(x): return ALL, {n: n for n in A.names}\n"
    )
    seen = {
        subprocess.check_output(
            [sys.executable, "-c", _SEEDED, str(root)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path[2:])},
        )
        for seed in ("0", "1", "77")
    }
    assert len(seen) == 1
    assert all(json.loads(seen.pop()))


def test_fingerprint_refuses_a_set_that_has_no_order(define: Define, root: Path) -> None:
    found = fingerprint(define("S = {(lambda: 1),\n(lambda: 2)}\ndef train(x): return S").train, root)
    assert "a set of objects that have no order" in found.reasons[0]


def test_fingerprint_of_an_ordinary_step_is_little_work(
    define: Define, root: Path, count_calls: Callable[..., int]
) -> None:
    body = "".join(f"    y{i} = x * {i} + RATE\n" for i in range(30))
    module = define("RATE = 1\n" + "".join(f"def train{i}(x):\n{body}    return y1\n\n" for i in range(10)))
    fingerprint(module.train0, root)
    for number in range(1, 10):
        assert count_calls(functools.partial(fingerprint, getattr(module, f"train{number}"), root)) < 60_000  # 21,000
    assert count_calls(lambda: fingerprint(module.train1, root)) < 5_000  # 900


def test_code_ref_holds_name_and_fingerprint(define: Define, root: Path) -> None:
    module = define("def helper(): pass\ndef train(x): return 1\ndef other(x): return helper()")
    assert code_ref(module.train, root).fingerprint == fingerprint(module.train, root).digest
    assert str(code_ref(module.train, root)) == "training:train"
    assert code_ref(module.other, root).fingerprint == fingerprint(module.other, root).digest != ""


def test_code_ref_of_a_local_function_works(root: Path) -> None:
    def train(x: int) -> int:
        return x

    ref = code_ref(train, root)
    assert ref.qualname.endswith("<locals>.train")
    assert ref.fingerprint


@pytest.mark.parametrize("text", ["train = lambda x: x", "train = (\n    lambda x:\n    x\n)"])
def test_fingerprint_of_a_lambda_works(text: str, define: Define, root: Path) -> None:
    assert fingerprint(define(text).train, root).digest


HELPED = {
    "training.py": "from features import normalise\ndef train(x): return normalise(x)\ndef other(x): return normalise(x) + 1\n",
    "features.py": "RATE = 2\ndef normalise(x): return even(x) * RATE\ndef even(x): return x and odd(x)\ndef odd(x): return even(x)\n",
}


def test_fingerprint_names_the_parts_that_changed(define: Define, write: Write, root: Path) -> None:
    def parts(text: str) -> dict[str, tuple[str, str]]:
        sys.modules.pop("features", None)
        write("features.py", text)
        return {name: (kind, own) for kind, name, own in fingerprint(define(HELPED["training.py"]).train, root).parts}

    before = parts(HELPED["features.py"])
    assert {name: kind for name, (kind, _) in before.items()} == {
        "features.RATE": "constant",
        "features.even": "function",
        "features.normalise": "function",
        "features.odd": "function",
        "training.train": "function",
    }
    for name, old, new in (
        ("features.odd", "odd(x): return even(x)", "odd(x): return even(-x)"),
        ("features.RATE", "= 2", "= 3"),
    ):
        after = parts(HELPED["features.py"].replace(old, new))
        assert {part for part in after if after[part] != before[part]} == {name}


def test_parts_are_the_same_wherever_the_walk_began(define: Define, write: Write, root: Path) -> None:
    write("features.py", HELPED["features.py"])
    module = define(HELPED["training.py"])
    first, second = (set(fingerprint(getattr(module, name), root).parts) for name in ("train", "other"))
    assert {part[1] for part in first ^ second} == {"training.train", "training.other"}


def test_fingerprint_follows_a_helper_that_a_notebook_defines_anew(root: Path) -> None:
    space: dict[str, Any] = {"__name__": "__main__"}

    def run(text: str, number: int) -> str:
        name = f"<ipython-input-{number}-abc>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), space)
        found = fingerprint(space["train"], root)
        assert found.reasons == ()
        return found.digest

    first = run(
        "RATE = 2\nclass Net:\n  size = 1\ndef helper(x):\n  return x\ndef train(x):\n  return helper(x), RATE, Net()\n",
        1,
    )
    assert run("def helper(x):\n  return -x\n", 2) != first
    assert run("def helper(x):\n  # as it was\n  return x\n", 3) == first
    assert run("class Net:\n  size = 2\n", 4) != first
    assert run("class Net:\n  size = 1\n", 5) == first
    assert run("RATE = 3\n", 6) != first


def test_fingerprint_sees_the_decorators_of_libraries(define: Define, root: Path, site: Any) -> None:
    library = "import functools\nclass State: pass\ndef retry(n):\n  def deco(f):\n    state = iter([n])\n    @functools.wraps(f)\n    def w(*a): return f(*a), state\n    return w\n  return deco\n"
    site("fake-lib", "1.0", {"fakelib.py": library})
    text = "from fakelib import retry\ndef g(): return 1\n@retry(3)\ndef h(x): return g()\ndef train(x): return h(x)\n"
    found = [
        fingerprint(define(each).train, root)
        for each in (text, text.replace("(3)", "(4)"), text.replace("1\n@", "2\n@"))
    ]
    assert not any(each.reasons for each in found)
    assert len({each.digest for each in found}) == 3
    assert found[0].distributions == (("fake-lib", "1.0"),)
    assert "iterator" in fingerprint(define(text + "h = retry(5)(h)\n").train, root).reasons[0]


MODEL = "from fakelib import Model, Field\ndef low(v): return v\nclass Config(Model):\n  rate: float = Field(1, low)\n  def double(self): return 2\ndef train(x): return Config()\n"


def test_fingerprint_reads_the_text_of_classes_that_a_library_makes(write: Write, root: Path, site: Any) -> None:
    library = "class Field:\n  def __init__(self, *a): self.a = a\nclass Meta(type):\n  def __new__(m, n, b, d):\n    fields = {k: d.pop(k) for k in list(d) if isinstance(d[k], Field)}\n    return super().__new__(m, n, b, {**d, '__fields': fields})\nclass Model(metaclass=Meta): pass\n"
    site("fake-lib", "1.0", {"fakelib.py": library})

    seconds = itertools.count()

    def found(text: str) -> Any:
        sys.modules.pop("made", None)
        os.utime(write("made.py", text), (1e9, 1e9 + next(seconds)))  # Long before this process was started.
        sys.dont_write_bytecode = True
        import made  # type: ignore[import-not-found]  # Written by the line above.

        return fingerprint(made.train, root)

    edits = [
        MODEL,
        MODEL.replace("Field(1", "Field(2"),
        MODEL.replace("return v", "return -v"),
        MODEL.replace("return 2", "return 3"),
    ]
    digests = [found(text).digest for text in edits]
    assert all(digests)
    assert len(set(digests)) == 4
    assert found(MODEL.replace("low)\n", "low)  # why\n")).digest == digests[0]
    write("made.py", MODEL)
    sys.modules.pop("made", None)
    import made

    assert "was written after this process was started" in fingerprint(made.train, root).reasons[0]


def test_fingerprint_of_compiled_code_of_the_project_has_a_reason(define: Define, root: Path) -> None:
    module = define("def train(x): return fast(x)")
    native = sys.modules["native"] = ModuleType("native")
    native.__file__ = str(root / "native.so")

    class Fast:
        """What `fast` of an extension module is bound to says where it comes from, and has no source."""

    Fast.__module__ = "native"
    (root / "native.so").write_text("")
    try:
        module.fast = Fast().__init_subclass__  # type: ignore[attr-defined]  # A builtin function of that module.
        assert "compiled code of the project" in fingerprint(module.train, root).reasons[0]
    finally:
        del sys.modules["native"]


def test_paths_inside_the_project_count_from_its_root(define: Define, root: Path, tmp_path: Path) -> None:
    module = define("import pathlib\ndef train(x): return DATA, TEXT")
    found = []
    for base in (root, tmp_path / "elsewhere"):
        base.mkdir(exist_ok=True)
        module.DATA, module.TEXT = base / "data", f"{base}/data"  # type: ignore[attr-defined]  # Read by the text.
        found.append(fingerprint(module.train, root).digest)
    module.DATA = root / "other"  # type: ignore[attr-defined]  # Read by the text.
    assert len({*found, fingerprint(module.train, root).digest}) == 3
