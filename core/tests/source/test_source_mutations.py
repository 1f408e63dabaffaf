"""The law of the fingerprint: an edit that may change a result changes it; one that cannot does not; else no digest.

Each row is a file before and after an edit, or a file and the reason that it gets.
"""

# A row is one line.

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from pathlib import Path
from types import ModuleType

import pytest

from zen.source import fingerprint

STEP = "def train(x, lr=0.1):\n    y = x * lr + 1\n    return y\n"
CHANGE = {
    "operator": (STEP, STEP.replace("x * lr", "x + lr")),
    "constant": (STEP, STEP.replace("+ 1", "+ 2")),
    "constant type": (STEP, STEP.replace("+ 1", "+ 1.0")),
    "integer for boolean": (STEP, STEP.replace("+ 1", "+ True")),
    "integer for text": (STEP.replace("+ 1", "and 1"), STEP.replace("+ 1", "and '1'")),
    "negative zero": (STEP.replace("+ 1", "+ 0.0"), STEP.replace("+ 1", "+ -0.0")),
    "statement order": ("def train(x):\n    a = x()\n    b = x()\n    return a, b", "def train(x):\n    b = x()\n    a = x()\n    return a, b"),
    "added statement": (STEP, STEP.replace("    return", "    y += 1\n    return")),
    "indentation": ("def train(x):\n  for i in x:\n    y = i\n    x = y\n  return x", "def train(x):\n  for i in x:\n    y = i\n  x = y\n  return x"),
    "default": (STEP, STEP.replace("lr=0.1", "lr=0.2")),
    "default type": (STEP, STEP.replace("lr=0.1", "lr='0.1'")),
    "default by name": ("D = 1\ndef train(x=D): return x", "D = 2\ndef train(x=D): return x"),
    "keyword default": ("def train(*, x=1): return x", "def train(*, x=2): return x"),
    "mutable default": ("def train(x=[1]): return x", "def train(x=[2]): return x"),
    "parameter kind": ("def train(x, y=1): return x, y", "def train(x, *, y=1): return x, y"),
    "annotation": (STEP, STEP.replace("lr=", "lr: float =")),
    "return annotation": (STEP, STEP.replace("):", ") -> float:")),
    "nested function": ("def train(x):\n  def f(): return 1\n  return f", "def train(x):\n  def f(): return 2\n  return f"),
    "nested class": ("def train(x):\n  class A: y = 1\n  return A.y", "def train(x):\n  class A: y = 2\n  return A.y"),
    "lambda": ("def train(x): return map(lambda i: i, x)", "def train(x): return map(lambda i: -i, x)"),
    "comprehension": ("def train(x): return [i for i in x]", "def train(x): return {i for i in x}"),
    "f-string": ("def train(x): return f'{x:.1f}'", "def train(x): return f'{x:.2f}'"),
    "attribute": ("def train(x): return x.mean()", "def train(x): return x.median()"),
    "async": ("def train(x): return x", "async def train(x): return x"),
    "global number": ("RATE = 1\ndef train(x): return x * RATE", "RATE = 2\ndef train(x): return x * RATE"),
    "global tuple": ("C = ('a', 'b')\ndef train(x): return x[C]", "C = ('a', 'c')\ndef train(x): return x[C]"),
    "global pattern": ("import re\nP = re.compile('a')\ndef train(x): return P.match(x)", "import re\nP = re.compile('b')\ndef train(x): return P.match(x)"),
    "global pattern flags": ("import re\nP = re.compile('a')\ndef train(x): return P.match(x)", "import re\nP = re.compile('a', re.I)\ndef train(x): return P.match(x)"),
    "global in a comprehension": ("R = 1\ndef train(x): return [i * R for i in x]", "R = 2\ndef train(x): return [i * R for i in x]"),
    "global in a nested class": ("R = 1\ndef train(x):\n  class A: y = R\n  return A", "R = 2\ndef train(x):\n  class A: y = R\n  return A"),
    "imported function": ("from math import sin as f\ndef train(x): return f(x)", "from math import cos as f\ndef train(x): return f(x)"),
    "imported bound method": ("from random import random as f\ndef train(x): return f()", "from random import gauss as f\ndef train(x): return f()"),
    "imported module": ("import json as m\ndef train(x): return m.dumps(x)", "import marshal as m\ndef train(x): return m.dumps(x)"),
    "import inside": ("def train(x):\n  from math import sin as f\n  return f(x)", "def train(x):\n  from math import cos as f\n  return f(x)"),
    "shadowed builtin": ("def train(x): return sum(x)", "from math import fsum as sum\ndef train(x): return sum(x)"),
    "closure": ("def make(k):\n  def train(x): return x * k\n  return train\ntrain = make(1)", "def make(k):\n  def train(x): return x * k\n  return train\ntrain = make(2)"),
    "docstring that is used": ("def train(x):\n  'a'\n  return x.train.__doc__", "def train(x):\n  'b'\n  return x.train.__doc__"),
    "global in a query": ("LIMIT = 1\ndef train(x): return x.query('a > @LIMIT')", "LIMIT = 2\ndef train(x): return x.query('a > @LIMIT')"),
    "type alias": ("T = int | None\nfrom typing import cast\ndef train(x): return cast(T, x)", "T = str | None\nfrom typing import cast\ndef train(x): return cast(T, x)"),
}  # fmt: skip
SAME = {
    "comment": (STEP, STEP.replace("    y", "    # why\n    y")),
    "trailing comment": (STEP, STEP.replace("+ 1", "+ 1  # one")),
    "blank lines": (STEP, "\n\n\n" + STEP.replace("    return", "\n\n    return")),
    "docstring": (STEP, STEP.replace("    y", "    '''Train.'''\n    y", 1)),
    "changed docstring": ("def train(x):\n  'a'\n  return x", "def train(x):\n  'b'\n  return x"),
    "docstring of a nested function": ("def train(x):\n  def f():\n    return 1\n  return f", "def train(x):\n  def f():\n    'one'\n    return 1\n  return f"),
    "quotes": ("def train(x): return x['a']", 'def train(x): return x["a"]'),
    "parentheses": (STEP, STEP.replace("x * lr + 1", "((x * lr) + 1)")),
    "line breaks": (STEP, STEP.replace("x * lr + 1", "(\n        x\n        * lr\n        + 1\n    )")),
    "trailing comma": ("def train(x): return [x]", "def train(x,): return [x,]"),
    "one line": ("def train(x): return x", "def train(x):\n    return x"),
    "number format": ("def train(x): return x + 1000", "def train(x): return x + 1_000"),
    "joined strings": ("def train(x): return 'ab'", "def train(x): return 'a' 'b'"),
    "pass": ("def train(x):\n  return x", "def train(x):\n  pass\n  return x"),
    "other function": (STEP, STEP + "\ndef other(): return 2\n"),
    "unused global": (STEP, "UNUSED = [1]\n" + STEP),
    "global of the same value": ("R = 2\ndef train(x): return x * R", "R = 1 + 1\ndef train(x): return x * R"),
    "frozen set order": ("C = frozenset(['a', 'b'])\ndef train(x): return x in C", "C = frozenset(['b', 'a'])\ndef train(x): return x in C"),
    "attribute named like a helper": ("def train(x): return x.scale()", "def scale(): return 1\ndef train(x): return x.scale()"),
    "local named like a helper": ("def train(x):\n  scale = x.scale()\n  return scale", "def scale(): return 1\ndef train(x):\n  scale = x.scale()\n  return scale"),
    "logger": ("import logging\nlog = logging.getLogger('a')\ndef train(x): log.info(x)", "import logging\nlog = logging.getLogger('b')\ndef train(x): log.info(x)"),
    "recursion": ("def train(x): return train(x - 1)", "def train(x): return (train(x - 1))"),
    "settings of the step": ("from zen import step\n@step(retries=1)\ndef train(x): return x", "from zen import step\n@step(retries=2)\ndef train(x): return x"),
    "bare step": ("from zen import step\n@step\ndef train(x): return x", "import zen\n@zen.step\ndef train(x): return x"),
    "plain annotations": ("from typing import Annotated, Literal\ndef train(x: Literal['a']) -> Annotated[int, 'b']: return x",) * 2,
    "logging to zen": ("from zen import log_metrics\ndef train(x): log_metrics(x)", "from zen import log_metrics\ndef train(x): (log_metrics(x))"),
    "logging to zen by attribute": ("import zen\ndef train(x): zen.log_metrics(x)", "import zen\n\ndef train(x): (zen.log_metrics(x))"),
    "constant getattr": ("def train(x): return getattr(x, 'a')",) * 2,
    "text annotation": ("from __future__ import annotations\ndef train(x: int | None): return x",) * 2,
}  # fmt: skip
UNCACHEABLE = {
    "project function": ("def scale(x): return x\ndef train(x): return scale(x)", "uses the project function training.scale"),
    "project class": ("class Net: pass\ndef train(x): return Net()", "uses the project class training.Net"),
    "project module": ("import features\ndef train(x): return features", "uses the project module features"),
    "project attribute": ("import features\ndef train(x): return features.scale(x)", "uses the project function features.scale"),
    "project import": ("from features import scale\ndef train(x): return scale(x)", "uses the project function features.scale"),
    "project import inside": ("def train(x):\n  from features import scale\n  return scale(x)", "uses the project name features.scale"),
    "helper as default": ("def scale(x): return x\ndef train(x, f=scale): return f(x)", "uses the project function training.scale"),
    "helper in a closure": ("def h(): return 1\ndef make(f):\n  def train(x): return f()\n  return train\ntrain = make(h)", "uses the project function training.h"),
    "helper in a tuple": ("def h(): return 1\nH = (h,)\ndef train(x): return H[0]()", "uses the project function training.h"),
    "helper in a nested function": ("def h(): return 1\ndef train(x):\n  def f(): return h()\n  return f", "uses the project function training.h"),
    "helper by constant getattr": ("import features\ndef train(x): return getattr(features, 'scale')(x)", "uses the project function features.scale"),
    "helper as getattr default": ("def h(): return 1\ndef train(x): return getattr(x, 'a', h)()", "uses the project function training.h"),
    "private helper in a class": ("def _A__h(): return 1\ndef train(x):\n  class A:\n    def f(self): return __h()\n  return A", "uses the project function training._A__h"),
    "wrapped helper": ("import functools\n@functools.lru_cache\ndef h(): return 1\ndef train(x): return h()", "uses the project function training.h"),
    "partial of a helper": ("import functools\ndef h(a): return a\np = functools.partial(h, 1)\ndef train(x): return p()", "uses the global `p`, a partial that has a state that cannot be seen"),
    "wrapper that says it is the library's": ("import json\ndef h(): return 1\nh.__module__ = 'json'\ndef train(x): return h()", "uses the project function json.h"),
    "recursion through a wrapper": ("import functools\ndef deco(f):\n  @functools.wraps(f)\n  def w(x): return f(x)\n  return w\ndef train(x): return train(x - 1)\ntrain = deco(train)", "uses the project function training.train"),
    "import that is assigned again": ("from json import dumps\ndumps = [1]\ndef train(x): return dumps", "uses the global `dumps`, a list that can be changed"),
    "patched library": ("import json\ndef f(x): return x\njson.zen_patched = f\ndef train(x): return json.zen_patched(x)", "uses the project function training.f"),
    "other decorator": ("def deco(f): return f\n@deco\ndef train(x): return x", "is decorated with deco"),
    "decorator below the step": ("from zen import step\nimport functools\ndef deco(f): return f\n@step\n@deco\ndef train(x): return x", "is decorated with deco"),
    "list": ("L = [1]\ndef train(x): return L[0]", "uses the global `L`, a list that can be changed"),
    "dictionary": ("D = {}\ndef train(x): return D", "uses the global `D`, a dict that can be changed"),
    "object": ("class A: pass\na = A()\ndef train(x): return a", "uses the global `a`, a A that has a state that cannot be seen"),
    "assigned global": ("N = 1\ndef train(x):\n  global N\n  N = 2", "assigns the global `N`"),
    "undefined name": ("def train(x): return nowhere(x)", "uses the name `nowhere`, which is not defined"),
    "computed getattr": ("def train(x, n): return getattr(x, n)", "uses getattr with a computed name"),
    "getattr as a value": ("def train(x, n): return map(getattr, x, n)", "uses getattr with a computed name (getattr)"),
    "eval": ("def train(x): return eval(x)", "evaluates text as code (eval)"),
    "exec": ("def train(x): exec(x)", "executes text as code (exec)"),
    "globals": ("def train(x): return globals()[x]", "reads all global names (globals)"),
    "__import__": ("def train(x): return __import__(x)", "imports by name (__import__)"),
    "importlib": ("import importlib\ndef train(x): return importlib.import_module(x)", "imports by name (importlib.import_module)"),
    "importlib inside": ("def train(x):\n  import importlib as i\n  return i.import_module(x)", "imports by name (importlib.import_module)"),
    "imported import_module": ("from importlib import import_module as m\ndef train(x): return m(x)", "imports by name (importlib.import_module)"),
    "sys.modules": ("import sys\ndef train(x): return sys.modules[x]", "reads modules by name (sys.modules)"),
    "sys.modules inside": ("def train(x):\n  import sys\n  return sys.modules[x]", "reads modules by name (sys.modules)"),
    "reflection": ("def train(x): return x.__globals__['h']", "uses __globals__"),
    "another program": ("import subprocess\ndef train(x): subprocess.run(x)", "runs another program (subprocess.run)"),
    "another program by os": ("from os import system\ndef train(x): system(x)", "runs another program (os.system)"),
    "unpickling": ("import pickle\ndef train(x): return pickle.loads(x)", "unpickles, which imports by name (pickle.loads)"),
    "own attributes": ("def train(x): train.n = 1", "uses attributes of itself"),
    "argument of a project class": ("class Net: pass\ndef train(x: Net): return x.fit()", "uses the project class training.Net"),
    "argument of a project class as text": ("from __future__ import annotations\nclass Net: pass\ndef train(x: list[Net]): return x.fit()", "uses the project class training.Net"),
    "argument that only the type checker knows": ("from __future__ import annotations\nimport typing as t\nif t.TYPE_CHECKING:\n  from features import Net\ndef train(x: Net): return x.fit()", "uses the project name features.Net"),
    "unknown annotation": ("from __future__ import annotations\ndef train(x: Nowhere): return x", "the annotation of 'x' names 'Nowhere', which cannot be resolved"),
    "a method": ("class A:\n  def train(self, x): return x\ntrain = A.train", "is a method of the project class training.A"),
    "no source": ("exec('def train(x): return x')", "its source is not available"),
    "two lambdas on a line": ("train, other = lambda x: x, lambda x: -x", "several functions stand on its line"),
    "an artifact by name": ("from zen import load_artifact\ndef train(x): return load_artifact(x)", "reads what no cache key holds (zen.load_artifact)"),
    "an artifact by attribute": ("import zen\ndef train(x): return zen.load_artifact(x)", "reads what no cache key holds (zen.load_artifact)"),
    "an artifact by name inside": ("def train(x):\n  from zen import load_artifact as l\n  return l(x)", "reads what no cache key holds (zen.load_artifact)"),
    "the step context": ("from zen import get_step_context\ndef train(x): return get_step_context()", "reads what no cache key holds (zen.get_step_context)"),
    "the client": ("def train(x):\n  import zen\n  return zen.Client()", "reads what no cache key holds (zen.Client)"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def features(write: Callable[[str, str], Path]) -> None:
    write("features.py", "def scale(x): return x\n")


@pytest.mark.parametrize("edit", CHANGE)
def test_edit_that_may_change_a_result_changes_the_fingerprint(
    edit: str, define: Callable[[str], ModuleType], root: Path
) -> None:
    before, after = (fingerprint(unwrap(define(text).train), root) for text in CHANGE[edit])
    assert before.reasons == after.reasons == ()
    assert before.digest.startswith("sha256:")
    assert before.digest != after.digest


@pytest.mark.parametrize("edit", SAME)
def test_edit_that_cannot_change_a_result_keeps_the_fingerprint(
    edit: str, define: Callable[[str], ModuleType], root: Path
) -> None:
    before, after = (fingerprint(unwrap(define(text).train), root) for text in SAME[edit])
    assert before.reasons == after.reasons == ()
    assert before == after


@pytest.mark.parametrize("case", UNCACHEABLE)
def test_code_that_cannot_be_seen_has_a_reason_and_no_fingerprint(
    case: str, define: Callable[[str], ModuleType], root: Path
) -> None:
    text, reason = UNCACHEABLE[case]
    found = fingerprint(unwrap(define(text).train), root)
    assert reason in found.reasons
    assert found.digest == ""
