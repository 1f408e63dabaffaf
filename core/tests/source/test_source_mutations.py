"""The law of the fingerprint: an edit that may change a result changes it; one that cannot does not; else no digest.

Each row is a file before and after an edit, or a file and the reason that it gets.
"""

# A row is one line.

from __future__ import annotations

from collections.abc import Callable
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
    "attribute of a function": ("def f(): return f.k\nf.k = 1\ndef train(x): return f()", "def f(): return f.k\nf.k = 2\ndef train(x): return f()"),
    "changed defaults of a function": ("def f(x=1): return x\nf.__defaults__ = (2,)\ndef train(x): return f()", "def f(x=1): return x\nf.__defaults__ = (3,)\ndef train(x): return f()"),
    "default of a named tuple": ("import typing\nclass P(typing.NamedTuple):\n  a: int = 1\ndef train(x): return P()", "import typing\nclass P(typing.NamedTuple):\n  a: int = 2\ndef train(x): return P()"),
    "one list or two": ("A = [1]\nB = A\ndef train(x): return A is B", "A = [1]\nB = [1]\ndef train(x): return A is B"),
    "method that was put into a class": ("class C: pass\ndef g(self): return 2\nC.f = g\ndef train(x): return C().f()", "class C: pass\ndef g(self): return 3\nC.f = g\ndef train(x): return C().f()"),
    "class decorator": ("def deco(c):\n  c.z = 1\n  return c\n@deco\nclass C: pass\ndef train(x): return C.z", "def deco(c):\n  c.z = 2\n  return c\n@deco\nclass C: pass\ndef train(x): return C.z"),
    "class made in a function": ("def make(n):\n  class C:\n    k = n\n  return C\nC = make(1)\ndef train(x): return C.k", "def make(n):\n  class C:\n    k = n\n  return C\nC = make(2)\ndef train(x): return C.k"),
    "members of a made enumeration": ("import enum\nE = enum.Enum('E', 'A B')\ndef train(x): return E.A.value", "import enum\nE = enum.Enum('E', 'B A')\ndef train(x): return E.A.value"),
    "method of an enumeration": ("import enum\nclass E(enum.Enum):\n  A = 1\n  def f(self): return 1\ndef train(x): return E.A.f()", "import enum\nclass E(enum.Enum):\n  A = 1\n  def f(self): return 2\ndef train(x): return E.A.f()"),
    "content of a derived dictionary": ("class D(dict): pass\nd = D(a=1)\ndef train(x): return d['a']", "class D(dict): pass\nd = D(a=2)\ndef train(x): return d['a']"),
    "factory of a default dictionary": ("from collections import defaultdict as D\nd = D(lambda: 1)\ndef train(x): return d.get(x)", "from collections import defaultdict as D\nd = D(lambda: 2)\ndef train(x): return d.get(x)"),
    "operator function": ("from operator import itemgetter\ng = itemgetter(1)\ndef train(x): return g(x)", "from operator import itemgetter\ng = itemgetter(2)\ndef train(x): return g(x)"),
    "type that a function is for": ("import functools\n@functools.singledispatch\ndef f(x): return 1\n@f.register\ndef _(x: int): return 2\ndef train(x): return f(x)", "import functools\n@functools.singledispatch\ndef f(x): return 1\n@f.register\ndef _(x: str): return 2\ndef train(x): return f(x)"),
    "function that had the name before": ("def f(x): return 1\ng = f\ndef f(x): return 2\ndef train(x): return g(x)", "def f(x): return 3\ng = f\ndef f(x): return 2\ndef train(x): return g(x)"),
    "order of a dictionary in a class": ("class C: d = {'a': 1, 'b': 2}\ndef train(x): return C.d", "class C: d = {'b': 2, 'a': 1}\ndef train(x): return C.d"),
    "docstring that a helper reads": ("def f():\n  'a'\ndef h(): return f.__doc__\ndef train(x): return h()", "def f():\n  'b'\ndef h(): return f.__doc__\ndef train(x): return h()"),
    "docstring that inspect reads": ("import inspect\ndef f():\n  'a'\ndef train(x): return inspect.getdoc(f)", "import inspect\ndef f():\n  'b'\ndef train(x): return inspect.getdoc(f)"),
    "annotation that is read": ("import typing\ndef f(a: int): pass\ndef train(x): return typing.get_type_hints(f)", "import typing\ndef f(a: str): pass\ndef train(x): return typing.get_type_hints(f)"),
    "other variable of two": ("def train(x, y):\n  a = x\n  b = y\n  return a - b", "def train(x, y):\n  a = x\n  b = y\n  return b - a"),
    "variable that hides a global name": ("y = 1\ndef train(x):\n  z = x\n  return y", "y = 1\ndef train(x):\n  y = x\n  return y"),
    "variable of a nested function": ("def train(x):\n  a = 1\n  def f():\n    b = 2\n    return a\n  return f()", "def train(x):\n  a = 1\n  def f():\n    a = 2\n    return a\n  return f()"),
    "variable of a comprehension": ("def train(x):\n  a = 1\n  return [a for b in x]", "def train(x):\n  a = 1\n  return [b for b in x]"),
    "variable of a nested class": ("def train(x):\n  a = 1\n  class C:\n    a = 2\n    def f(self): return a\n  return C", "def train(x):\n  a = 1\n  class C:\n    a = 2\n    def f(self): return self.a\n  return C"),
    "nonlocal": ("def train(x):\n  a = 1\n  def f():\n    nonlocal a\n    a = 2\n  f()\n  return a", "def train(x):\n  a = 1\n  def f():\n    a = 2\n  f()\n  return a"),
    "parameters of a lambda that are given by name": ("def train(x):\n  f = lambda a, b: a - b\n  return f(a=1, b=2)", "def train(x):\n  f = lambda b, a: b - a\n  return f(a=1, b=2)"),
    "parameter of a lambda that is given by name": ("def train(x):\n  f = lambda a: a\n  return f(a=1)", "def train(x):\n  f = lambda b: b\n  return f(a=1)"),
    "parameters of a lambda that a library may give by name": ("def train(x): return x(lambda a, b: a - b)", "def train(x): return x(lambda b, a: b - a)"),
    "variables that locals shows": ("def train(x):\n  a = 1\n  b = 2\n  return locals()", "def train(x):\n  b = 1\n  a = 2\n  return locals()"),
    "variables that a text names": ("def train(x):\n  a = 1\n  b = 2\n  return x('a > 1'), b", "def train(x):\n  b = 1\n  a = 2\n  return x('a > 1'), b"),
    "variables that a query names": ("Q = 'x > @a'\ndef train(x):\n  a = 1\n  b = 2\n  return x.query(Q), b", "Q = 'x > @a'\ndef train(x):\n  b = 1\n  a = 2\n  return x.query(Q), b"),
    "variable that an f-string shows": ("def train(x):\n  a = x\n  return f'{a=}'", "def train(x):\n  b = x\n  return f'{b=}'"),
}  # fmt: skip
LATE = {
    "attribute put on a class": ("class D: pass\nD.k = 1", "class D: pass\nD.k = 2"),
    "item put into a dictionary": ("D = {}\nD['a'] = 1", "D = {}\nD['a'] = 2"),
    "item appended": ("D = [1]\nD.append(2)", "D = [1]\nD.append(3)"),
    "list added": ("D = [1]\nD += [2]", "D = [1]\nD += [3]"),
    "filled in a loop": ("D = {}\nfor i in range(2): D[i] = i", "D = {}\nfor i in range(3): D[i] = i"),
    "branch": ("import sys\nif sys.platform: D = 1\nelse: D = 2", "import sys\nif sys.platform: D = 1\nelse: D = 3"),
    "helper of a method": (
        "K = 1\nclass B:\n  def f(self): return K\nclass D(B): pass",
        "K = 2\nclass B:\n  def f(self): return K\nclass D(B): pass",
    ),
    "decorator": ("def deco(f): return f\n@deco\ndef D(): pass", "def deco(f): return len\n@deco\ndef D(): pass"),
    "default": ("K = 1\ndef D(x=K): pass", "K = 2\ndef D(x=K): pass"),
    "handed on by a star": ("from features import *\nD = scale", "from features import *\nD = Net"),
    "global name": ("from math import sin as D", "from math import cos as D"),
}
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
REACHED = {
    "project function": ("def scale(x): return x\ndef train(x): return scale(x)", "training.scale"),
    "project class": ("class Net: pass\ndef train(x): return Net()", "training.Net"),
    "project attribute": ("import features\ndef train(x): return features.scale(x)", "features.scale"),
    "project import": ("from features import scale\ndef train(x): return scale(x)", "features.scale"),
    "project import inside": ("def train(x):\n  from features import scale\n  return scale(x)", "features.scale"),
    "project module inside": ("def train(x):\n  import features\n  return features.scale(x)", "features.scale"),
    "helper as default": ("def scale(x): return x\ndef train(x, f=scale): return f(x)", "training.scale"),
    "helper as the default of a helper": ("def scale(x): return x\ndef h(*, f=scale): return f(1)\ndef train(x): return h()", "training.scale"),
    "helper in a closure": ("def h(): return 1\ndef make(f):\n  def train(x): return f()\n  return train\ntrain = make(h)", "training.h"),
    "helper in a tuple": ("def h(): return 1\nH = (h,)\ndef train(x): return H[0]()", "training.h"),
    "helper in a list": ("def h(): return 1\nH = [h]\ndef train(x): return H[0]()", "training.h"),
    "helper in a set": ("def h(): return 1\nH = {h}\ndef train(x): return H", "training.h"),
    "helper in a dictionary": ("def h(): return 1\nH = {'a': [h]}\ndef train(x): return H['a']()", "training.h"),
    "helper in a nested function": ("def h(): return 1\ndef train(x):\n  def f(): return h()\n  return f", "training.h"),
    "helper by constant getattr": ("import features\ndef train(x): return getattr(features, 'scale')(x)", "features.scale"),
    "helper as getattr default": ("def h(): return 1\ndef train(x): return getattr(x, 'a', h)()", "training.h"),
    "private helper in a class": ("def _A__h(): return 1\ndef train(x):\n  class A:\n    def f(self): return __h()\n  return A", "training._A__h"),
    "wrapped helper": ("import functools\n@functools.lru_cache\ndef h(): return 1\ndef train(x): return h()", "training.h"),
    "helper of a context": ("import contextlib\ndef g(): return 1\n@contextlib.contextmanager\ndef h(): yield g()\ndef train(x):\n  with h(): return 1", "training.g"),
    "helper for each type": ("import functools\n@functools.singledispatch\ndef h(x): return 1\n@h.register\ndef other(x: int): return 2\ndef train(x): return h(x)", "training.other"),
    "partial of a helper": ("import functools\ndef h(a): return a\np = functools.partial(h, 1)\ndef train(x): return p()", "training.h"),
    "wrapper that says it is the library's": ("import json\ndef g(): return 1\ndef h(): return g()\nh.__module__ = 'json'\ndef train(x): return h()", "training.g"),
    "recursion through a wrapper": ("import functools\ndef h(): return 1\ndef deco(f):\n  @functools.wraps(f)\n  def w(x): return f(h())\n  return w\ndef train(x): return train(x - 1)\ntrain = deco(train)", "training.h"),
    "import that is assigned again": ("from json import dumps\ndumps = [1]\ndef train(x): return dumps", "training.dumps"),
    "patched library": ("import json\ndef f(x): return x\njson.zen_patched = f\ndef train(x): return json.zen_patched(x)", "training.f"),
    "other decorator": ("def deco(f): return f\n@deco\ndef train(x): return x", "training.deco"),
    "decorator below the step": ("from zen import step\ndef deco(f): return f\n@step\n@deco\ndef train(x): return x", "training.deco"),
    "method of an object": ("class A:\n  def f(self): return 1\nm = A().f\ndef train(x): return m()", "training.A.f"),
    "method of a class": ("class A:\n  @classmethod\n  def f(cls): return 1\nm = A.f\ndef train(x): return m()", "training.A.f"),
    "function of a class": ("class A:\n  @staticmethod\n  def f(): return 1\ndef train(x): return A.f()", "training.A.f"),
    "object": ("class A:\n  def f(self): return 1\na = A()\ndef train(x): return a.f()", "training.A.f"),
    "object with slots": ("class B: pass\nclass A:\n  __slots__ = ('b',)\na = A()\na.b = B\ndef train(x): return a", "training.B"),
    "property that is computed once": ("import functools\nclass A:\n  @functools.cached_property\n  def f(self): return 1\na = A()\na.f\ndef train(x): return a.f", "training.A.f"),
    "named tuple": ("import typing\ndef h(): return 1\nclass P(typing.NamedTuple):\n  a: int\n  def f(self): return h()\np = P(1)\ndef train(x): return p.f()", "training.h"),
    "made class": ("import collections\nP = collections.namedtuple('P', 'a b')\ndef train(x): return P(1, 2)", "training.P"),
    "class of a class": ("class A:\n  class B:\n    def f(self): return 1\ndef train(x): return A.B().f()", "training.A.B.f"),
    "descriptor": ("class D:\n  def __get__(self, a, b): return 1\nclass A:\n  d = D()\ndef train(x): return A.d", "training.D.__get__"),
    "argument of a project class": ("class Net: pass\ndef train(x: Net): return x.fit()", "training.Net"),
    "argument of a helper": ("class Net: pass\ndef h(x: Net): return x.fit()\ndef train(x): return h(x)", "training.Net"),
    "argument of a project class as text": ("from __future__ import annotations\nclass Net: pass\ndef train(x: list[Net]): return x.fit()", "training.Net"),
    "argument that only the type checker knows": ("from __future__ import annotations\nimport typing as t\nif t.TYPE_CHECKING:\n  from features import Net\ndef train(x: Net): return x.fit()", "features.Net"),
    "a method": ("class A:\n  def f(self): return 1\n  def train(self, x): return self.f()\ntrain = A.train", "training.A.f"),
    "another step": ("from zen import step\n@step\ndef first(x): return x\ndef train(x): return first(x)", "training.first"),
    "registered by a decorator": ("H = {}\ndef register(f):\n  H[f.__name__] = f\n  return f\n@register\ndef h(): return 1\ndef train(x): return H['h']()", "training.h"),
    "sentinel": ("NONE = object()\ndef train(x): return x is NONE", "training.NONE"),
    "lock": ("import threading\nL = threading.Lock()\ndef train(x):\n  with L: return 1", "training.L"),
}  # fmt: skip
UNCACHEABLE = {
    "project module": ("import features\ndef train(x): return features", "uses the project module features as a whole"),
    "missing name": ("import features\ndef train(x): return features.nowhere", "uses the project name features.nowhere, which it does not define"),
    "name made when it is asked for": ("import features\nfeatures.__getattr__ = tuple\ndef train(x): return features.nowhere", "uses the project name features.nowhere, which it makes when it is asked for"),
    "missing name inside": ("def train(x):\n  from features import nowhere\n  return nowhere", "uses the project name features.nowhere, which it does not define"),
    "random state": ("import random\nR = random.Random(1)\ndef train(x): return R.random()", "uses the global `R`, a Random that has a state that cannot be seen"),
    "iterator": ("I = iter([1])\ndef train(x): return list(I)", "uses the global `I`, a list_iterator that has a state that cannot be seen"),
    "container in itself": ("L = []\nL.append(L)\ndef train(x): return L", "uses the global `L`, which contains itself or is nested too deep"),
    "assigned global": ("N = 1\ndef train(x):\n  global N\n  N = 2", "assigns the global `N`"),
    "global that a helper assigns": ("N = 1\ndef h():\n  global N\n  N = 2\ndef train(x): h()", "assigns the global `N`"),
    "global that others assign": ("N = 1\ndef other():\n  global N\n  N = 2\ndef pipe(): other()\ndef train(x): return N", "uses the global `N`, which training.other changes"),
    "list that is changed": ("L = []\ndef train(x): L.append(x)", "changes the global `L`"),
    "list that others change": ("L = []\ndef other(x): L.append(x)\ndef pipe(): other(1)\ndef train(x): return L", "uses the global `L`, which training.other changes"),
    "list that is changed by another name": ("L = [[]]\ndef train(x):\n  rows = L\n  for row in rows:\n    row += [1]\n    row.append(2)", "changes the global `L`"),
    "list that is added to": ("L = []\ndef train(x):\n  rows = L\n  rows += [1]", "changes the global `L`"),
    "list that is shuffled": ("import random\nL = [1, 2]\ndef train(x): random.shuffle(L)", "changes the global `L`"),
    "list in a closure that is changed": ("def make():\n  seen = []\n  def train(x): seen.append(x)\n  return train\ntrain = make()", "changes the global `seen`"),
    "outer variable that is assigned": ("def make():\n  n = 0\n  def train(x):\n    nonlocal n\n    n += 1\n  return train\ntrain = make()", "assigns the outer variable `n`"),
    "dictionary that is changed": ("D = {}\ndef h(x): D[x] = 1\ndef train(x): h(x)", "changes the global `D`"),
    "dictionary of another module": ("import features\ndef train(x): features.TABLE[x] = 1", "changes the global `features.TABLE`"),
    "default that is changed": ("def h(x, seen=[]):\n  seen.append(x)\n  return seen\ndef train(x): return h(x)", "changes the default of `seen`"),
    "object that is changed": ("class A: n = 1\na = A()\ndef train(x): a.n = 2", "changes the global `a`"),
    "object that changes itself": ("class A:\n  n = 1\n  def add(self): self.n += 1\na = A()\ndef train(x): a.add()", "uses the global `a`, a A that A.add changes"),
    "class attribute that is changed": ("class A:\n  heard_of = []\n  def add(self): self.heard_of.append(1)\ndef train(x): A().add()", "uses A.heard_of, which training.A.add changes"),
    "class attribute that is assigned": ("class A:\n  n = 0\n  def add(self): type(self).n += 1\ndef train(x): A().add()", "uses A.n, which training.A.add changes"),
    "class attribute that is assigned from outside": ("class A: n = 1\ndef train(x): A.n = 2", "assigns A.n"),
    "module attribute that is assigned": ("import features\ndef train(x): features.RATE = x", "assigns features.RATE"),
    "library that is patched": ("import json\ndef train(x): json.dumps = x", "replaces json.dumps"),
    "library that is patched by setattr": ("import json\ndef train(x): setattr(json, 'dumps', x)", "replaces json.dumps"),
    "own attributes": ("def train(x): train.n = 1", "assigns train.n"),
    "undefined name": ("def train(x): return nowhere(x)", "uses the name `nowhere`, which is not defined"),
    "computed getattr": ("def train(x, n): return getattr(x, n)", "uses getattr with a computed name"),
    "computed getattr in a helper": ("def h(x, n): return getattr(x, n)\ndef train(x): return h(x, 'a')", "uses getattr with a computed name, in training.h"),
    "computed getattr in a method": ("class A:\n  def f(self, n): return getattr(self, n)\ndef train(x): return A().f('a')", "uses getattr with a computed name, in training.A.f"),
    "computed getattr inside": ("def train(x):\n  from features import blind\n  return blind(x)", "uses getattr with a computed name, in features.blind (features.py)"),
    "getattr as a value": ("def train(x, n): return map(getattr, x, n)", "uses getattr with a computed name (getattr)"),
    "eval": ("def train(x): return eval(x)", "evaluates text as code (eval)"),
    "registry that is imported inside": ("def train(x):\n  from features import REGISTRY\n  return REGISTRY", "is changed by register, in features.REGISTRY (features.py)"),
    "global that is assigned inside": ("def train(x):\n  from features import assign\n  return assign()", "assigns the global `RATE`, in features.assign"),
    "dictionary that is changed inside": ("def train(x):\n  from features import put\n  return put()", "changes the global `TABLE`, in features.put"),
    "object with hidden state": ("class A(Exception): pass\na = A(1)\ndef train(x): return a", "uses the global `a`, a A that has a state that cannot be seen"),
    "eval inside": ("def train(x):\n  from features import evaluated\n  return evaluated(x)", "evaluates text as code (eval), in features.evaluated (features.py)"),
    "exec": ("def train(x): exec(x)", "executes text as code (exec)"),
    "globals": ("def train(x): return globals()[x]", "reads all global names (globals)"),
    "__import__": ("def train(x): return __import__(x)", "imports by name (__import__)"),
    "importlib": ("import importlib\ndef train(x): return importlib.import_module(x)", "imports by name (importlib.import_module)"),
    "importlib inside": ("def train(x):\n  import importlib as i\n  return i.import_module(x)", "imports by name (importlib.import_module)"),
    "imported import_module": ("from importlib import import_module as m\ndef train(x): return m(x)", "imports by name (importlib.import_module)"),
    "sys.modules": ("import sys\ndef train(x): return sys.modules[x]", "reads modules by name (sys.modules)"),
    "sys.modules inside": ("def train(x):\n  import sys\n  return sys.modules[x]", "reads modules by name (sys.modules)"),
    "reflection": ("def train(x): return x.__globals__['h']", "uses __globals__"),
    "own source": ("import inspect\ndef train(x): return inspect.getsource(train)", "reads source code (inspect.getsource)"),
    "another program": ("import subprocess\ndef train(x): subprocess.run(x)", "runs another program (subprocess.run)"),
    "another program by os": ("from os import system\ndef train(x): system(x)", "runs another program (os.system)"),
    "unpickling": ("import pickle\ndef train(x): return pickle.loads(x)", "unpickles, which imports by name (pickle.loads)"),
    "unknown annotation": ("from __future__ import annotations\ndef train(x: Nowhere): return x", "the annotation of 'x' names 'Nowhere', which cannot be resolved"),
    "no source": ("exec('def train(x): return x')", "its source is not available"),
    "helper without source": ("exec('def h(x): return x')\ndef train(x): return h(x)", "its source is not available, in training.h"),
    "method without source": ("class A: pass\nexec('def f(self): return 1')\nA.f = f\ndef train(x): return A().f()", "its source is not available, in training.f"),
    "two lambdas on a line": ("train, other = lambda x: x, lambda x: -x", "several functions stand on its line"),
    "an artifact by name": ("from zen import load_artifact\ndef train(x): return load_artifact(x)", "reads what no cache key holds (zen.load_artifact)"),
    "an artifact by attribute": ("import zen\ndef train(x): return zen.load_artifact(x)", "reads what no cache key holds (zen.load_artifact)"),
    "an artifact by name inside": ("def train(x):\n  from zen import load_artifact as l\n  return l(x)", "reads what no cache key holds (zen.load_artifact)"),
    "the step context": ("from zen import get_step_context\ndef train(x): return get_step_context()", "reads what no cache key holds (zen.get_step_context)"),
    "the step context in a helper": ("from zen import get_step_context\ndef h(): return get_step_context()\ndef train(x): return h()", "reads what no cache key holds (zen.get_step_context)"),
    "the client": ("def train(x):\n  import zen\n  return zen.Client()", "reads what no cache key holds (zen.Client)"),
    "a pipeline": ("from zen import pipeline\n@pipeline\ndef p(): pass\ndef train(x): return p()", "reads what no cache key holds"),
}  # fmt: skip
FEATURES = """
TABLE = {}
RATE = 1
class Net: pass
def scale(x): return x
def blind(x): return getattr(x, x)
def evaluated(x): return eval(x)
REGISTRY = {}
def register(f): REGISTRY[f] = f
def assign():
    global RATE
    RATE = 2
def put(): TABLE["a"] = 1
"""


@pytest.fixture(autouse=True)
def features(write: Callable[[str, str], Path]) -> None:
    write("features.py", FEATURES)


@pytest.mark.parametrize("edit", CHANGE)
def test_edit_that_may_change_a_result_changes_the_fingerprint(
    edit: str, define: Callable[[str], ModuleType], root: Path
) -> None:
    before, after = (fingerprint(_function(define(text)), root) for text in CHANGE[edit])
    assert before.reasons == after.reasons == ()
    assert before.digest.startswith("sha256:")
    assert before.digest != after.digest


@pytest.mark.parametrize("edit", LATE)
def test_edit_of_what_a_step_imports_when_it_runs_changes_the_fingerprint(
    edit: str, define: Callable[[str], ModuleType], write: Callable[[str, str], Path], root: Path
) -> None:
    step = define("def train(x):\n  from late import D\n  return D").train
    found = []
    for text in LATE[edit]:
        write("late.py", text)
        found.append(fingerprint(step, root))
        assert found[-1].reasons == ()
        write("late.py", "\n# Comment.\n" + text.replace("K", "K "))
        assert fingerprint(step, root).digest == found[-1].digest
    assert found[0].digest != found[1].digest


@pytest.mark.parametrize("edit", SAME)
def test_edit_that_cannot_change_a_result_keeps_the_fingerprint(
    edit: str, define: Callable[[str], ModuleType], root: Path
) -> None:
    before, after = (fingerprint(_function(define(text)), root) for text in SAME[edit])
    assert before.reasons == after.reasons == ()
    assert before == after


@pytest.mark.parametrize("case", REACHED)
def test_code_that_is_used_is_reached(case: str, define: Callable[[str], ModuleType], root: Path) -> None:
    text, name = REACHED[case]
    found = fingerprint(_function(define(text)), root)
    assert found.reasons == ()
    assert name in {part[1] for part in found.parts}


@pytest.mark.parametrize("case", UNCACHEABLE)
def test_code_that_cannot_be_seen_has_a_reason_and_no_fingerprint(
    case: str, define: Callable[[str], ModuleType], root: Path
) -> None:
    text, reason = UNCACHEABLE[case]
    found = fingerprint(_function(define(text)), root)
    assert any(each.startswith(reason) for each in found.reasons), found.reasons
    assert found.digest == ""
    assert found.seen.startswith("sha256:")


def _function(module: ModuleType) -> Callable[..., object]:
    """Return the step without zen's decorator, as a pipeline hands it over."""
    return getattr(module.train, "function", module.train)  # type: ignore[no-any-return]  # Whatever the text defines.
