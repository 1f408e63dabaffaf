"""Writes chain_LENGTH.py: a node of Hamilton is a function of its own, and the cache reads its source."""

import sys
from pathlib import Path


def module(length: int) -> str:
    nodes = ["def number_1() -> int:\n    return 0\n"]
    for place in range(2, length + 1):
        before = f"number_{place - 1}"
        nodes.append(f"def number_{place}({before}: int) -> int:\n    return {before} + 1\n")
    return "\n\n".join(nodes)


for argument in sys.argv[1:]:
    Path(f"chain_{argument}.py").write_text(module(int(argument)))
