"""The law of the transitive fingerprint: an edit anywhere in a project changes it if and only if it may change a result.

One project of many modules, and a table of edits to it. Each edited project lies in a folder of its own, so that no
path can count either.
"""

# A row is one line.

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from zen.source import Fingerprint, fingerprint

PROJECT = {
    "training.py": '''
        """Trains."""
        import functools
        import features
        import models
        from zen import step
        from models import Net, Tree
        from lib import shared, star_helper
        from lib.deep import deepest as renamed
        from settings import *
        from registry import HANDLERS, SQUARE, PARTIAL, FAST

        WEIGHTS = [0.5, [1, 2]]
        OPTIONS = {"a": 1, "b": 2}

        def make(k):
            def inner(x):
                return x * k
            return inner

        closure = make(3)

        @step
        def other_step(x: int) -> int:
            return x + 40

        @step(retries=2)
        def train(data: int, lr: float = 0.5) -> float:
            """Train."""
            # A comment.
            total = 0
            for index in range(data):
                total += features.normalise(index) * lr
            net = Net(width=2)
            total += net.fit(total) + Tree().grow(total) + models.Config().rate + models.mode().value
            total += shared(total) + star_helper(total) + renamed(total) + STAR + closure(total) + HANDLERS["double"](total)
            total += SQUARE(total) + PARTIAL(total) + FAST(total) + other_step(data) + WEIGHTS[0] + OPTIONS["a"]
            total += features.kinds(data) + features.flow(data) + models.CALLABLE(total) + models.Net.build(2).width
            total += features.parity(data) + features.lazy(total)
            return float(total)
        ''',
    "features.py": '''
        import math
        from functools import wraps
        import constants
        from constants import OFFSET as START

        UNUSED = 1

        def logged(function):
            @wraps(function)
            def wrapper(x):
                return function(x) + 0
            return wrapper

        def checked(limit):
            def decorate(function):
                def wrapper(x):
                    return min(function(x), limit)
                return wrapper
            return decorate

        def normalise(x: float, *, scale: float = 2.0) -> float:
            """Normalise."""
            return centre(x) / scale * constants.RATE

        @logged
        @checked(1000)
        def centre(x):
            shifted = x - START
            return math.floor(shifted)

        def kinds(x):
            number: int = 1
            text = f"{x:.1f} of {number}"
            data = b"raw"
            found = [each * 2 for each in (1, 2, 3) if each != x]
            if (length := len(found)) > 2:
                del found[0]
            ordered = sorted(found, key=lambda item: -item)
            return number + len(text) + len(data) + length + max(ordered, default=0)

        def flow(x):
            try:
                result = int(x)
            except ValueError as problem:
                result = len(str(problem))
            match result:
                case 0:
                    result = 1
                case [first, *rest]:
                    result = first
                case _:
                    result = result + 1

            def nested(y):
                return y + result

            return nested(pow(result, exp=2))

        def even(n):
            return True if n == 0 else odd(n - 1)

        def odd(n):
            return False if n == 0 else even(n - 1)

        def parity(n):
            return even(n)

        def lazy(x):
            from late import later
            return later(x)

        def unused():
            return 1
        ''',
    "constants.py": "RATE = 2\nOFFSET = 1\nOTHER = 3\n",
    "models.py": '''
        import enum
        from dataclasses import dataclass, field
        from base import Base, Meta

        class Mode(enum.Enum):
            FAST = 1
            SLOW = 2

        def mode():
            return Mode.FAST

        def default_tags():
            return ["a"]

        @dataclass
        class Config:
            rate: float = 0.1
            depth: int = 3
            tags: list = field(default_factory=default_tags)

            def doubled(self):
                return self.rate * 2

        class Net(Base):
            """A net."""
            momentum = 0.9
            layers = [1, 2]

            def __init__(self, width):
                self.width = width

            def fit(self, x):
                return self.step(x) * self.momentum + self.size + self.helper(x)

            @property
            def size(self):
                return self.width * 2

            @staticmethod
            def helper(x):
                return x + 5

            @classmethod
            def build(cls, width):
                return cls(width)

        class Tree(metaclass=Meta):
            def grow(self, x):
                return x

        class Adder:
            def __init__(self, amount):
                self.amount = amount

            def __call__(self, x):
                return x + self.amount

        CALLABLE = Adder(7)

        class Unused:
            pass
        ''',
    "base.py": """
        class Base:
            def step(self, x):
                return x + 11

        class Meta(type):
            def __call__(cls):
                return super().__call__()
        """,
    "settings.py": "STAR = 8\nNOT_USED = 9\n",
    "late.py": "import constants\nLATE = 21\ndef later(x):\n    return x + LATE + constants.OTHER\ndef unused_later(x):\n    return eval(x)\n",
    "registry.py": """
        import functools
        try:
            import no_such_library as fast
        except ImportError:
            import slow as fast

        HANDLERS = {}

        def register(name):
            def decorate(function):
                HANDLERS[name] = function
                return function
            return decorate

        @register("double")
        def double(x):
            return x * 2

        def power(x, exponent):
            return x ** exponent

        SQUARE = {"square": lambda x: x * x}["square"]
        PARTIAL = functools.partial(power, exponent=3)
        FAST = fast.run
        """,
    "slow.py": "def run(x):\n    return x + 13\n",
    "lib/__init__.py": "from .inner import shared\nfrom .stars import *\nVERSION = 1\n",
    "lib/inner.py": "from . import deep\ndef shared(x):\n    return deep.deepest(x) + 1\n",
    "lib/deep.py": "def deepest(x):\n    return x + 17\n",
    "lib/stars.py": "def star_helper(x):\n    return x + 19\n",
    "unrelated.py": "def nothing():\n    return 1\n",
    "test_training.py": "def test_nothing():\n    pass\n",
    "README.md": "# A project\n",
}
DELETED = None

CHANGE = {
    # In the step itself.
    "statement in the step": ("training.py", "total = 0", "total = 1"),
    "default of a parameter": ("training.py", "lr: float = 0.5", "lr: float = 0.6"),
    "parameter renamed": ("training.py", ["data: int, lr", "range(data)"], ["rows: int, lr", "range(rows)"]),
    "return annotation of the step": ("training.py", "lr: float = 0.5) -> float:", "lr: float = 0.5) -> int:"),
    "closure cell": ("training.py", "make(3)", "make(4)"),
    "function that makes a closure": ("training.py", "return x * k", "return x / k"),
    "another step that is called": ("training.py", "x + 40", "x + 41"),
    "element of a list": ("training.py", "[0.5, [1, 2]]", "[0.6, [1, 2]]"),
    "element of an inner list": ("training.py", "[0.5, [1, 2]]", "[0.5, [1, 3]]"),
    "value of a dictionary": ("training.py", '{"a": 1, "b": 2}', '{"a": 1, "b": 3}'),
    "order of a dictionary": ("training.py", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
    "key that is used": ("training.py", 'HANDLERS["double"]', 'HANDLERS.get("double")'),
    "method that is called": ("training.py", "Tree().grow", "Tree().grow.__call__"),
    # In helpers.
    "helper": ("features.py", "centre(x) / scale", "centre(x) * scale"),
    "helper of a helper": ("features.py", "x - START", "x + START"),
    "operator": ("features.py", "min(function(x), limit)", "max(function(x), limit)"),
    "default of a helper": ("features.py", "scale: float = 2.0", "scale: float = 2.5"),
    "type of a default": ("features.py", "scale: float = 2.0", "scale: float = 2"),
    "kind of a parameter": ("features.py", "x: float, *, scale", "x: float, scale"),
    "constant in another module": ("constants.py", "RATE = 2", "RATE = 3"),
    "constant under another name": ("constants.py", "OFFSET = 1", "OFFSET = 2"),
    "type of a constant": ("constants.py", "RATE = 2", "RATE = 2.0"),
    "constant that is true": ("constants.py", "OFFSET = 1", "OFFSET = True"),
    "text for a constant": ("constants.py", "RATE = 2", "RATE = '2'"),
    "other name of a constant": ("features.py", "OFFSET as START", "RATE as START"),
    "decorator's code": ("features.py", "function(x) + 0", "function(x) + 1"),
    "decorator's argument": ("features.py", "@checked(1000)", "@checked(100)"),
    "decorator added": ("features.py", "def normalise", "@logged\n        def normalise"),
    "decorator removed": ("features.py", "@logged\n", "\n"),
    "order of decorators": ("features.py", "@logged\n        @checked(1000)", "@checked(1000)\n        @logged"),
    "text of an f-string": ("features.py", "} of {", "} in {"),
    "format of an f-string": ("features.py", ":.1f", ":.2f"),
    "bytes": ("features.py", 'b"raw"', 'b"row"'),
    "text for bytes": ("features.py", 'b"raw"', '"raw"'),
    "comprehension": ("features.py", "each * 2 for", "each * 3 for"),
    "condition of a comprehension": ("features.py", "if each != x", "if each == x"),
    "kind of a comprehension": ("features.py", ["[each * 2 for each in (1, 2, 3) if each != x]"], ["{each * 2 for each in (1, 2, 3) if each != x}"]),
    "walrus": ("features.py", "(length := len(found)) > 2", "(length := len(text)) > 2"),
    "del": ("features.py", "del found[0]", "del found[1]"),
    "lambda": ("features.py", "lambda item: -item", "lambda item: item"),
    "number 1 for 1.0": ("features.py", "number: int = 1", "number: int = 1.0"),
    "number 1 for True": ("features.py", "number: int = 1", "number: int = True"),
    "caught exception": ("features.py", "except ValueError", "except TypeError"),
    "case": ("features.py", "case 0:", "case 1:"),
    "capture of a case": ("features.py", "case [first, *rest]", "case [*rest, first]"),
    "nested function": ("features.py", "y + result", "y - result"),
    "keyword for a position": ("features.py", "pow(result, exp=2)", "pow(result, 2)"),
    "one of two that call each other": ("features.py", "False if n == 0", "None if n == 0"),
    "async": ("features.py", "def parity(n):", "async def parity(n):"),
    "global statement": ("features.py", "def parity(n):\n", "def parity(n):\n            global UNUSED\n"),
    "imported function of Python": ("features.py", "math.floor", "math.ceil"),
    "statement order": ("features.py", ['text = f"', "            data = b\"raw\"\n"], ['data = b"raw"\n            text = f"', ""]),
    "variable for another": ("features.py", "len(text) + len(data)", "len(data) + len(text)"),
    # Classes.
    "method": ("models.py", "self.step(x) *", "self.step(x) +"),
    "class attribute": ("models.py", "momentum = 0.9", "momentum = 0.8"),
    "element of a class attribute": ("models.py", "layers = [1, 2]", "layers = [1, 3]"),
    "property": ("models.py", "self.width * 2", "self.width * 3"),
    "property for a method": ("models.py", "@property\n            def size", "def size"),
    "static method": ("models.py", "x + 5", "x + 6"),
    "class method": ("models.py", "return cls(width)", "return cls(width + 1)"),
    "static for a class method": ("models.py", "@staticmethod\n            def helper(x)", "@classmethod\n            def helper(cls, x)"),
    "initialiser": ("models.py", "self.width = width", "self.width = width + 1"),
    "inherited method": ("base.py", "x + 11", "x + 12"),
    "base class removed": ("models.py", "class Net(Base):", "class Net:"),
    "metaclass": ("base.py", "return super().__call__()", "return super().__call__() or 1"),
    "field of a dataclass": ("models.py", "rate: float = 0.1", "rate: float = 0.2"),
    "field of a dataclass added": ("models.py", "depth: int = 3", "depth: int = 3\n            more: int = 4"),
    "order of fields": ("models.py", "rate: float = 0.1\n            depth: int = 3", "depth: int = 3\n            rate: float = 0.1"),
    "type of a field": ("models.py", "depth: int", "depth: float"),
    "factory of a field": ("models.py", '["a"]', '["b"]'),
    "method of a dataclass": ("models.py", "self.rate * 2", "self.rate * 4"),
    "parameter of a dataclass": ("models.py", "@dataclass\n", "@dataclass(frozen=True)\n"),
    "member of an enumeration": ("models.py", "FAST = 1", "FAST = 3"),
    "member of an enumeration added": ("models.py", "SLOW = 2", "SLOW = 2\n            LAST = 3"),
    "member that is used": ("models.py", "return Mode.FAST", "return Mode.SLOW"),
    "__call__ of an object": ("models.py", "x + self.amount", "x - self.amount"),
    "state of an object": ("models.py", "Adder(7)", "Adder(8)"),
    "moved class": ("models.py", "from base import Base, Meta", "from base import Meta\n        from newbase import Base", ("newbase.py", "class Base:\n    def step(self, x):\n        return x + 11\n")),
    # Between modules.
    "re-exported function": ("lib/inner.py", "+ 1", "+ 2"),
    "function behind a re-export": ("lib/deep.py", "x + 17", "x + 18"),
    "re-export of another": ("lib/__init__.py", "from .inner import shared", "from .deep import deepest as shared"),
    "star import": ("settings.py", "STAR = 8", "STAR = 9"),
    "function from a star import": ("lib/stars.py", "x + 19", "x + 20"),
    "star import of another": ("lib/__init__.py", "from .stars import *", "from .stars import *\nstar_helper = shared"),
    "relative import": ("lib/inner.py", "from . import deep", "from . import stars as deep\ndeep.deepest = deep.star_helper"),
    "name in the package's own file": ("lib/__init__.py", "VERSION = 1", "def shared(x): return x"),
    "conditional import": ("slow.py", "x + 13", "x + 14"),
    "other branch of a conditional import": ("registry.py", "import no_such_library as fast", "import lib.fast as fast", ("lib/fast.py", "def run(x):\n    return x\n")),
    "function in a dictionary": ("registry.py", "return x * 2", "return x * 3"),
    "dictionary of functions": ("registry.py", '@register("double")', '@register("double")\n        @register("twice")'),
    "lambda in a dictionary": ("registry.py", "lambda x: x * x", "lambda x: x + x"),
    "function in a partial": ("registry.py", "x ** exponent", "x * exponent"),
    "argument of a partial": ("registry.py", "exponent=3", "exponent=4"),
    "function imported inside": ("late.py", "x + LATE", "x - LATE"),
    "constant imported inside": ("late.py", "LATE = 21", "LATE = 22"),
    "constant behind an import inside": ("constants.py", "OTHER = 3", "OTHER = 4"),
}  # fmt: skip

SAME = {
    "nothing": ("README.md", "project", "project"),
    "comment": ("training.py", "# A comment.", "# Another one."),
    "comment in a helper": ("features.py", "shifted = x", "# Why?\n            shifted = x"),
    "docstring": ("training.py", '"""Train."""', '"""Train more."""'),
    "docstring of a module": ("training.py", '"""Trains."""', '"""Trains more."""'),
    "docstring of a helper": ("features.py", '"""Normalise."""', '"""Scale; x and shifted."""'),
    "docstring that names a variable": ("features.py", "shifted = x", '"The shifted x."\n            shifted = x'),
    "docstring of a class": ("models.py", '"""A net."""', '"""A better net."""'),
    "docstring added": ("features.py", "def parity(n):\n", 'def parity(n):\n            "Say whether."\n'),
    "renamed local": ("training.py", ["for index in", "normalise(index)"], ["for number in", "normalise(number)"]),
    "renamed local of a helper": ("features.py", ["shifted = x", "floor(shifted)"], ["moved = x", "floor(moved)"]),
    "renamed variable of a comprehension": ("features.py", "each * 2 for each in (1, 2, 3) if each != x", "one * 2 for one in (1, 2, 3) if one != x"),
    "renamed parameter of a lambda": ("features.py", "lambda item: -item", "lambda one: -one"),
    "renamed walrus": ("features.py", ["(length :=", "+ length +"], ["(size :=", "+ size +"]),
    "renamed exception": ("features.py", ["as problem", "str(problem)"], ["as error", "str(error)"]),
    "renamed capture": ("features.py", ["case [first, *rest]", "result = first"], ["case [head, *rest]", "result = head"]),
    "renamed local that a nested function uses": ("features.py", ["int(x)", "result = len(", "match result", "result = 1", "result = first", "result = result + 1", "y + result", "pow(result", "result = int"], ["int(x)", "outcome = len(", "match outcome", "outcome = 1", "outcome = first", "outcome = outcome + 1", "y + outcome", "pow(outcome", "outcome = int"]),
    "formatting as black does it": ("features.py", "return number + len(text) + len(data) + length + max(ordered, default=0)", "return (\n                number\n                + len(text)\n                + len(data)\n                + length\n                + max(ordered, default=0)\n            )"),
    "quotes": ("features.py", 'b"raw"', "b'raw'"),
    "blank lines": ("features.py", "            return math.floor", "\n\n            return math.floor"),
    "number format": ("features.py", "@checked(1000)", "@checked(1_000)"),
    "import order": ("features.py", "import math\n        from functools import wraps\n", "from functools import wraps\n        import math\n"),
    "import order in the step's module": ("training.py", "import features\n        import models\n", "import models\n        import features\n"),
    "unused import added": ("features.py", "import math\n", "import math\n        import json\n"),
    "function moved down": ("training.py", ["        WEIGHTS = [0.5, [1, 2]]\n", "        closure = make(3)\n"], ["", "        closure = make(3)\n        WEIGHTS = [0.5, [1, 2]]\n"]),
    "lines added above": ("features.py", "UNUSED = 1\n", "UNUSED = 1\n\n\n        def added():\n            return 2\n"),
    "unused helper": ("features.py", "def unused():\n            return 1", "def unused():\n            return eval('2')"),
    "unused constant": ("features.py", "UNUSED = 1", "UNUSED = [2]"),
    "unused class": ("models.py", "class Unused:\n            pass", "class Unused:\n            x = 1"),
    "unused name of a star import": ("settings.py", "NOT_USED = 9", "NOT_USED = 10"),
    "unused name of a package": ("lib/__init__.py", "VERSION = 1", "VERSION = 2"),
    "unused function imported inside": ("late.py", "return eval(x)", "return x"),
    "annotation of a helper": ("features.py", "x: float, *", "x: int, *"),
    "return annotation of a helper": ("features.py", "scale: float = 2.0) -> float:", "scale: float = 2.0) -> int:"),
    "annotation of a variable": ("features.py", "number: int = 1", "number: float = 1"),
    "annotation of a variable removed": ("features.py", "number: int = 1", "number = 1"),
    "settings of the step": ("training.py", "@step(retries=2)", "@step(retries=3)"),
    "module that is not reached": ("unrelated.py", "return 1", "return 2"),
    "test": ("test_training.py", "pass", "assert True"),
    "readme": ("README.md", "project", "better project"),
    "pass": ("features.py", "shifted = x", "pass\n            shifted = x"),
    "moved helper": ("lib/inner.py", "from . import deep", "from . import moved as deep", ("lib/moved.py", "def deepest(x):\n    return x + 17\n"), "both"),
    "moved file": ("registry.py", "import slow as fast", "import moved as fast", ("moved.py", "def run(x):\n    return x + 13\n"), ("slow.py", DELETED)),
    "moved constant": ("features.py", ["import constants\n", "constants.RATE"], ["import constants, rates as constants_of\n", "constants.RATE"], ("rates.py", "RATE = 2\n")),
    "constant from another module": ("constants.py", "RATE = 2", "from rates import RATE", ("rates.py", "RATE = 2\n")),
    "moved function that is imported inside": ("features.py", "from late import later", "from later_module import later", ("later_module.py", "import constants\nLATE = 21\ndef later(x):\n    return x + LATE + constants.OTHER\n")),
    "helper handed on by another module": ("lib/__init__.py", "from .inner import shared", "from .between import shared", ("lib/between.py", "from .inner import shared\n")),
    "constant that is computed": ("constants.py", "RATE = 2", "RATE = 1 + 1"),
    "method moved inside its class": ("models.py", ["            @staticmethod\n            def helper(x):\n                return x + 5\n", "            @property\n            def size"], ["", "            @staticmethod\n            def helper(x):\n                return x + 5\n\n            @property\n            def size"]),
    "class moved inside its module": ("models.py", ["        class Unused:\n            pass\n", "        class Adder:"], ["", "        class Unused:\n            pass\n\n        class Adder:"]),
}  # fmt: skip


def _files(edit: tuple) -> dict[str, str]:
    name, old, new, *more = edit
    files = {file: _dedent(text) for file, text in PROJECT.items()}
    text = PROJECT[name]
    for before, after in zip(*([each] if isinstance(each, str) else each for each in (old, new)), strict=True):
        assert before in text, f"{before!r} is not in {name}"
        text = text.replace(before, after)
    files[name] = _dedent(text)
    for extra in more:
        if extra == "both":  # `lib.deep` is imported directly as well: the two must stay one.
            files["training.py"] = files["training.py"].replace("lib.deep", "lib.moved")
            files["lib/deep.py"] = ""
        elif extra[1] is DELETED:
            del files[extra[0]]
        else:
            files[extra[0]] = extra[1]
    return files


def _dedent(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(
        line[8:] if line.startswith("        ") else line.lstrip(" ") if line.isspace() else line for line in lines
    )


def _fingerprint(files: dict[str, str], folder: Path) -> Fingerprint:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    modules = {name.partition("/")[0].removesuffix(".py") for name in files if name.endswith(".py")}
    for name in list(sys.modules):
        if name.partition(".")[0] in modules:
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return fingerprint(importlib.import_module("training").train.function, folder)
    finally:
        sys.path.remove(str(folder))
        for name in list(sys.modules):
            if name.partition(".")[0] in modules:
                del sys.modules[name]


@pytest.fixture(autouse=True)
def forget_modules() -> None:
    """Replace the fixture of that name: what is installed stays known."""


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    return _fingerprint({name: _dedent(text) for name, text in PROJECT.items()}, tmp_path_factory.mktemp("project"))


def test_project_has_a_fingerprint(unchanged: Fingerprint) -> None:
    assert unchanged.reasons == ()
    assert unchanged.digest.startswith("sha256:")
    assert len(CHANGE) + len(SAME) > 60


@pytest.mark.parametrize("edit", CHANGE)
def test_edit_that_may_change_a_result_changes_the_fingerprint(
    edit: str, unchanged: Fingerprint, tmp_path: Path
) -> None:
    found = _fingerprint(_files(CHANGE[edit]), tmp_path)
    assert found.seen != unchanged.digest
    assert found.parts != unchanged.parts


@pytest.mark.parametrize("edit", SAME)
def test_edit_that_cannot_change_a_result_keeps_the_fingerprint(
    edit: str, unchanged: Fingerprint, tmp_path: Path
) -> None:
    found = _fingerprint(_files(SAME[edit]), tmp_path)
    assert found.reasons == ()
    assert found.digest == unchanged.digest
