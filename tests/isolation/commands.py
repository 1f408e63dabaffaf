"""Runs `zen` commands, one after the other, in one process: JSON in, JSON out.

In: `commands`, `light` (seconds that a light module may take), `memory` (bytes of address space). Out: for each command
its `code`, `out` and `err`, and the seconds that it took.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time


def call(arguments: list[str]) -> dict[str, object]:
    from zen.cli.main import main

    out, err, start = io.StringIO(), io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "seconds": time.monotonic() - start}


def serve() -> None:
    request = json.load(sys.stdin)
    if request.get("memory"):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    if request.get("light"):
        from zen.registry import loading

        loading.LIGHT_SECONDS = request["light"]
    answers = [call(arguments) for arguments in request["commands"]]
    modules = [name for name in sys.modules if name.startswith(("zen_plug", "fake_"))]
    json.dump({"answers": answers, "modules": modules}, sys.stdout)


if __name__ == "__main__":
    serve()
    sys.stdout.flush()
