"""Methods to be written, made from the interface itself, so that they cannot differ from it.

Each has the signature and the docstring of the interface, and raises an error whose message is a line of the author's
to-do list: what the conformance kit then shows as failed is what is left to do.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from zen.cli.authors.imports import Imports

__all__ = ["abstract_methods", "comment", "first_sentence", "method", "settings", "signature"]

_WIDTH = 120
_EMPTY = {"str": '"{name}"', "frozenset[str]": "frozenset()"}


def abstract_methods(interface: type) -> list[str]:
    """Return the names of the methods that an implementation must have, in the order in which they are defined."""
    order = [name for base in reversed(interface.__mro__) for name in vars(base)]
    missing: frozenset[str] = getattr(interface, "__abstractmethods__", frozenset())
    return [name for name in dict.fromkeys(order) if name in missing]


def first_sentence(documented: object) -> str:
    """Return the first sentence of a docstring on one line, without the full stop."""
    paragraph = " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".")


def method(interface: type, name: str, *, place: str, imports: Imports, body: str = "", note: str = "") -> str:
    """Return the code of one method, indented for a class.

    Args:
        interface: Where it is declared.
        name: The method or property.
        place: Where its author finds it, for the to-do line: `alerter.py: AcmeAlerter`.
        imports: Gets what the signature names.
        body: What it does; by default it raises its to-do line.
        note: What that line says beside the first sentence of the docstring.
    """
    declared: Any = inspect.getattr_static(interface, name)
    is_property = isinstance(declared, property)
    function: Callable[..., Any] = declared.fget if is_property else declared
    lines = ["    @property"] if is_property else []
    lines += signature(function, imports)
    lines += _docstring(function)
    lines += [body] if body else _to_do(f"to do: {place}.{name}: {first_sentence(function)}{note}")
    return "\n".join(lines)


def settings(interface: type, name: str, imports: Imports) -> Iterator[str]:
    """Yield a line for each attribute that the interface leaves to its implementations.

    Raises:
        LookupError: When it has a type for which nothing can be written yet.
    """
    for base in interface.__mro__:
        for attribute, annotation in inspect.get_annotations(base).items():
            if attribute in ("kind", "host") or hasattr(interface, attribute):
                continue
            imports.need(str(annotation), base.__module__)
            kind = str(annotation).removeprefix("ClassVar[").removesuffix("]")
            yield f"    {attribute}: {annotation} = {_EMPTY[kind].format(name=name)}"


def signature(function: Callable[..., Any], imports: Imports) -> list[str]:
    """Return the lines of `def`, broken where ruff breaks them; `imports` gets what they name."""
    parts, after_star = [], False
    declared = inspect.signature(function)
    for parameter in declared.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not after_star:
            parts.append("*")
            after_star = True
        parts.append(_parameter(parameter, imports, function.__module__))
    returned = _annotation(declared.return_annotation, imports, function.__module__)
    head, tail = f"    def {function.__name__}(", f") -> {returned}:"
    joined = ", ".join(parts)
    if len(head + joined + tail) <= _WIDTH:
        return [head + joined + tail]
    if len(joined) + 8 <= _WIDTH:
        return [head, f"        {joined}", f"    {tail}"]
    return [head, *(f"        {part}," for part in parts), f"    {tail}"]


def comment(text: str) -> list[str]:
    """Return a text as lines of comment inside a class, below the code that they are about."""
    prefix = "    #     "
    return textwrap.wrap(text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_long_words=False)


def _parameter(parameter: inspect.Parameter, imports: Imports, module: str) -> str:
    if parameter.annotation is parameter.empty:
        return parameter.name
    text = f"{parameter.name}: {_annotation(parameter.annotation, imports, module)}"
    return text if parameter.default is parameter.empty else f"{text} = {parameter.default!r}"


def _annotation(annotation: object, imports: Imports, module: str) -> str:
    """Return an annotation as the interface has it; its module postpones their evaluation."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    imports.need(text, module)
    return text if '"' in text else text.replace("'", '"')


def _docstring(function: Callable[..., Any]) -> list[str]:
    lines = (inspect.getdoc(function) or "").splitlines()
    if len(lines) == 1:
        return [f'        """{lines[0]}"""']
    return [f'        """{lines[0]}', *(f"        {line}".rstrip() for line in lines[1:]), '        """']


def _to_do(message: str) -> list[str]:
    """Return the lines that raise a message, as long as it may be."""
    line = f"        raise NotImplementedError({json.dumps(message, ensure_ascii=False)})"
    if len(line) <= _WIDTH:
        return [line]
    # Twelve columns of indentation and two quotes; ruff joins what fits on one line.
    width = _WIDTH - 14 - message.count('"')
    pieces = textwrap.wrap(message, width, drop_whitespace=False, break_long_words=False, break_on_hyphens=False)
    shown = [f"            {json.dumps(piece, ensure_ascii=False)}" for piece in pieces]
    return ["        raise NotImplementedError(", *shown, "        )"]
