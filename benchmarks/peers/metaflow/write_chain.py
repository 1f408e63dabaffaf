"""Writes chain_LENGTH.py: Metaflow reads a flow's graph from its source, so each step has to be spelled out."""

import sys
from pathlib import Path

STEP = """
    @step
    def {name}(self):
        self.number = {value}
        {onward}
"""


def flow(length: int) -> str:
    names = ["start", *(f"count_{place}" for place in range(1, length - 1)), "end"]
    steps = []
    for name, following in zip(names, [*names[1:], None], strict=True):
        value = "0" if name == "start" else "self.number + 1"
        steps.append(STEP.format(name=name, value=value, onward=f"self.next(self.{following})" if following else "pass"))
    head = "from metaflow import FlowSpec, step\n\n\nclass Chain(FlowSpec):"
    return head + "".join(steps) + '\n\nif __name__ == "__main__":\n    Chain()\n'


for argument in sys.argv[1:]:
    Path(f"chain_{argument}.py").write_text(flow(int(argument)))
