from __future__ import annotations

import json
import linecache
import os
import subprocess
import sys
import time
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


def test_fingerprint_refuses_an_object_made_by_a_library(define: Define, root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": "def make(k):\n  def inner(): return k\n  return inner\none = make(1)"})
    made = fingerprint(define("import fakelib\nf = fakelib.make(2)\ndef train(x): return f()").train, root)
    imported = fingerprint(define("from fakelib import one\ndef train(x): return one()").train, root)
    assert "a state that cannot be seen" in made.reasons[0]
    assert imported.reasons == ()


def test_fingerprint_refuses_a_module_that_no_distribution_owns(define: Define, root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": ""})
    (Path(sys.path[0]) / "stray.py").write_text("def f(): pass")
    found = fingerprint(define("import stray\ndef train(x): return stray.f()").train, root)
    assert found.reasons == ("uses the module stray, which no installed distribution owns",)


def test_fingerprint_counts_an_uninstalled_module_as_the_project(define: Define, root: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "sharedcode.py").write_text("def f(): pass")
    sys.path.insert(0, str(tmp_path / "shared"))
    found = fingerprint(define("import sharedcode\ndef train(x): return sharedcode.f()").train, root)
    assert found.reasons == ("uses the project function sharedcode.f",)


def test_fingerprint_of_installed_code_is_its_address(root: Path, site: Any) -> None:
    site("fake-lib", "1.0", {"fakelib.py": "def helper(): pass\ndef f(): return helper()\ndef g(): pass"})
    import fakelib  # type: ignore[import-not-found]  # Written by the line above.

    found = fingerprint(fakelib.f, root)
    assert found.reasons == ()
    assert found.distributions == (("fake-lib", "1.0"),)
    assert found.digest != fingerprint(fakelib.g, root).digest
    assert fingerprint(len, root).digest


def test_fingerprint_of_a_callable_object_has_a_reason(root: Path) -> None:
    from functools import partial

    assert fingerprint(partial(len, []), root).reasons


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
print(json.dumps([fingerprint(f, Path(sys.argv[1])).digest for f in (training.a, training.b)]))
"""


def test_fingerprint_is_the_same_under_any_hash_seed(write: Write, root: Path) -> None:
    write(
        "training.py",
        "import json, math, re\nN = frozenset('abcdef')\ndef a(x): return x in N, math.pi, json, re, len, sum\n",
    )
    (root / "training.py").open("a").write(
        "def b(x, *, k=frozenset('xyz'), d={'b': 1, 'a': {3, 1}}): return {'a', 'b'}\n"
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


def test_fingerprint_of_an_ordinary_step_is_fast(define: Define, root: Path) -> None:
    body = "".join(f"    y{i} = x * {i} + RATE\n" for i in range(30))
    module = define("RATE = 1\n" + "".join(f"def train{i}(x):\n{body}    return y1\n\n" for i in range(10)))
    fingerprint(module.train0, root)
    started = time.perf_counter()
    for number in range(1, 10):
        assert fingerprint(getattr(module, f"train{number}"), root).digest
    first = (time.perf_counter() - started) / 9
    started = time.perf_counter()
    fingerprint(module.train1, root)
    assert first < 0.02  # 0.0015 on an idle machine; the bar holds on a busy one.
    assert time.perf_counter() - started < 0.002


def test_code_ref_holds_name_and_fingerprint(define: Define, root: Path) -> None:
    module = define("def helper(): pass\ndef train(x): return 1\ndef other(x): return helper()")
    assert code_ref(module.train, root).fingerprint == fingerprint(module.train, root).digest
    assert str(code_ref(module.train, root)) == "training:train"
    assert code_ref(module.other, root).fingerprint == ""


def test_code_ref_of_a_local_function_works(root: Path) -> None:
    def train(x: int) -> int:
        return x

    ref = code_ref(train, root)
    assert ref.qualname.endswith("<locals>.train")
    assert ref.fingerprint


@pytest.mark.parametrize("text", ["train = lambda x: x", "train = (\n    lambda x:\n    x\n)"])
def test_fingerprint_of_a_lambda_works(text: str, define: Define, root: Path) -> None:
    assert fingerprint(define(text).train, root).digest
