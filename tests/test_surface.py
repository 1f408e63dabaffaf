"""The public surface is what tests/surface/*.txt say: a difference is meant, and reviewed, or it is a mistake."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from zen.testing.imports import PUBLIC as MODULES


def order(name: str) -> tuple[int, list[str | int]]:
    """Return what linters sort `__all__` by: constants, classes, functions; numbers by their value."""
    rank = 0 if re.fullmatch(r"[A-Z0-9_]+", name) and len(name) > 1 else 1 if name[0].isupper() else 2
    return rank, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@pytest.mark.parametrize("module", MODULES)
def test_the_surface_is_as_reviewed(tool, module):
    difference = tool("surface").difference(module)
    assert not difference, f"{difference}\n\nif it is meant: python tools/surface.py --write, and review the difference"


@pytest.mark.parametrize("module", MODULES)
def test_the_public_names_are_sorted_and_there(module):
    found = import_module(module)
    assert list(found.__all__) == sorted(set(found.__all__), key=order)
    assert [name for name in found.__all__ if not hasattr(found, name)] == []


def test_every_public_module_has_a_reviewed_file_and_no_other_has_one(root):
    assert sorted(path.stem for path in (root / "tests" / "surface").glob("*.txt")) == sorted(MODULES)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def send(self, alert, *, wait=1): ...", "def It.send(alert, *, wait=1)"),
        ("@abstractmethod\n  def send(self): ...", "abstract def It.send()"),
        ("@property\n  def name(self) -> str: ...", "property It.name -> str"),
        ("limit: int = 3", "It.limit: int = 3"),
        ("_hidden = 1", "class It(ABC)"),
    ],
)
def test_each_public_member_is_a_line(tool, source, line):
    scope: dict[str, object] = {}
    exec(f"from abc import ABC, abstractmethod\nclass It(ABC):\n  {source}", scope)
    lines = list(tool("surface").describe("It", scope["It"], tool("surface")))
    assert line in lines
    assert not any("_hidden" in each for each in lines)
