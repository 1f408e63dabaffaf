from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zen.source import source_of

TEXT = """
RATE = 1  # the rate

try:
    import fast
except ImportError:
    fast = None

@decorated
def helper(x):
    # why
    return x

class Net:
    size = (
        1
    )

    @property
    def fit(self):
        return 1

    class Inner:
        def deep(self): pass

if RATE:
    def either(): return 1
else:
    def either(): return 2
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("features.RATE", "RATE = 1  # the rate\n"),
        ("features.fast", "    import fast\n    fast = None\n"),
        ("features.helper", "@decorated\ndef helper(x):\n    # why\n    return x\n"),
        ("features.Net.size", "    size = (\n        1\n    )\n"),
        ("features.Net.fit", "    @property\n    def fit(self):\n        return 1\n"),
        ("features.Net.Inner.deep", "        def deep(self): pass\n"),
        ("features.either", "    def either(): return 1\n    def either(): return 2\n"),
        ("features.nothing", None),
        ("nowhere.helper", None),
    ],
)
def test_source_of_a_piece_is_its_definition(name: str, text: str | None, root: Path, write: Any) -> None:
    write("features.py", TEXT)
    assert source_of(name, root) == text


def test_source_of_another_version_is_read_from_there(root: Path) -> None:
    versions = {"a.b": "def f(): return 2\n"}
    assert source_of("a.b.f", root, read=versions.get) == "def f(): return 2\n"
    assert source_of("a.f", root, read=versions.get) is None
    assert source_of("a.b.f", root, read={"a.b": "def f(:"}.get) is None
