from __future__ import annotations
import __future__

import ast
import dis
import email.message
import textwrap
from types import CodeType

import pytest

from zen.source.reach import _LOADS, _STORES, chain_of, global_names
from zen.source.syntax import _FUTURE_ANNOTATIONS


def _by_dis(code: CodeType) -> tuple[set[str], set[str]]:
    loads, stores = set(), set()
    for instruction in dis.get_instructions(code):
        if instruction.opcode in _LOADS:
            loads.add(instruction.argval)
        elif instruction.opcode in _STORES:
            stores.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = _by_dis(constant)
            loads |= inner[0]
            stores |= inner[1]
    return loads, stores


@pytest.mark.parametrize("module", [textwrap, email.message, dis, ast])
def test_global_names_are_those_that_dis_shows(module: object) -> None:
    with open(str(module.__file__)) as file:  # type: ignore[attr-defined]  # Modules of the standard library have one.
        code = compile(file.read(), "x", "exec")
    assert global_names(code) == _by_dis(code)


def test_global_names_reads_extended_arguments() -> None:
    code = compile("def f():\n" + "".join(f"  name{i}.attribute\n" for i in range(700)), "x", "exec")
    loads, _ = global_names(code.co_consts[0])
    assert loads == {f"name{i}" for i in range(700)}


def test_chain_takes_constant_getattr_for_an_attribute() -> None:
    def chain(text: str) -> object:
        return chain_of(ast.parse(text, mode="eval").body)

    assert chain("np.linalg.norm") == ("np", ("linalg", "norm"))
    assert chain("getattr(np, 'linalg').norm") == ("np", ("linalg", "norm"))
    assert chain("getattr(np, name).norm") is None
    assert chain("f(x).y") is None


def test_future_annotations_flag_is_that_of_python() -> None:
    assert __future__.annotations.compiler_flag == _FUTURE_ANNOTATIONS
