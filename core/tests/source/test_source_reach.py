from __future__ import annotations
import __future__

import argparse
import ast
import dataclasses
import dis
import email.message
import symtable
import sys
import textwrap
import typing
from types import CodeType

import pytest

from zen.source.mentions import chain_of
from zen.source.reach import _LOADS, _STORES, global_names
from zen.source.scopes import Bound
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


def _by_symtable(table: symtable.SymbolTable) -> dict[tuple[str, int], set[str]]:
    found: dict[tuple[str, int], set[str]] = {}
    if table.get_type() == "function":
        own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_local()}
        found[table.get_name(), table.get_lineno()] = {name for name in own if not name.startswith(".")}
    for child in table.get_children():
        found.update(_by_symtable(child))
    return found


@pytest.mark.parametrize("module", [textwrap, email.message, dis, ast, argparse, typing, dataclasses])
def test_bound_names_are_those_of_the_compiler(module: object) -> None:
    with open(str(module.__file__)) as file:  # type: ignore[attr-defined]  # Modules of the standard library have one.
        text = file.read()
    expected = _by_symtable(symtable.symtable(text, "x", "exec"))
    names = {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    compared = 0
    inlined = sys.version_info >= (3, 12)  # There the tables hold the variables of comprehensions as well.
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = [node.lineno, *(each.lineno for each in node.decorator_list)]
            found = [expected[node.name, line] for line in lines if (node.name, line) in expected]
            if found and not _mangled(node):
                own = Bound(node).names - {each.name for each in getattr(node, "type_params", ())}
                assert own <= found[0] if inlined else own == found[0], node.name
                compared += 1
    assert compared > 5 and names


def _mangled(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.Name | ast.arg) and getattr(inner, "id", getattr(inner, "arg", "")).startswith("__")
        for inner in ast.walk(node)
    )


SCOPES = """
def f(a, *b, c=1, **d):
    import x, y.z as w
    from p import q
    e = [g for h in a if (i := h)]
    k = lambda l: (m := l)
    try: pass
    except E as n: pass
    match a:
        case {"r": s, **t}: pass
        case [u, *v]: pass
        case A() as aa: pass
    for bb, (cc, *dd) in a: pass
    with a as ee: pass
    global ff
    ff = 1
    gg: int = 1
    del hh
    def ii(jj): kk = 1
    class ll: mm = 1
    nn += 1
    oo[0] = pp.qq = 1
"""


def test_bound_names_are_those_of_the_compiler_for_every_way_to_bind() -> None:
    [function] = ast.parse(SCOPES).body
    table = symtable.symtable(SCOPES, "x", "exec").get_children()[0]
    expected = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_local()}
    assert Bound(function).names == expected - ({"h"} if sys.version_info >= (3, 12) else set())
