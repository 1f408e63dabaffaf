#!/usr/bin/env python3
"""Times zen beside its peers, in one run. README.md tells what, and how to read it.

python benchmarks/run.py --setup                          make the environments, and time everything
python benchmarks/run.py --peers zenml,hamilton --only three-steps,chain --runs 3
python benchmarks/run.py --peers none                     zen and the floor alone
python benchmarks/run.py --read benchmarks/results/results.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cases import GROUPS, sequences
from contenders import PEERS
from environments import Environments
from places import Place, Unprepared
from report import report
from timing import Sample, adopt_orphans, wait_quiet
from tools import OWN, Tool

HOME = os.environ.get("ZEN_BENCH_HOME", os.path.join(tempfile.gettempdir(), "zen-benchmarks"))
NAMES = [tool.name for tool in PEERS]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    options = parse(arguments)
    results = json.loads(options.read.read_text()) if options.read else timed(options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    text = report(results)
    if options.report:
        options.report.write_text(text)
    print(text)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed, groups = ",".join(NAMES), ",".join(GROUPS)
    parser.add_argument("--peers", type=among(NAMES), default=NAMES, help=f"which of {listed}; or none (default: all)")
    parser.add_argument("--only", type=among(GROUPS), default=GROUPS, help=f"which of {groups} (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="how often each is timed (default: 5)")
    parser.add_argument("--setup", action="store_true", help="make missing environments, and install zen anew")
    parser.add_argument("--home", type=Path, default=Path(HOME), help="where environments are ($ZEN_BENCH_HOME)")
    parser.add_argument("--zen", type=Path, metavar="PYTHON", help="time the zen of this Python, whatever it is")
    parser.add_argument("--patience", type=float, default=5, help="seconds to wait for a quiet machine each time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report, which is also printed")
    parser.add_argument("--read", type=Path, metavar="FILE", help="report what --json wrote; times nothing")
    return parser.parse_args(arguments)


def among(known: Sequence[str]) -> Any:
    def chosen(text: str) -> list[str]:
        names = [] if text in ("", "none") else text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {unknown[0]!r}; there are: {', '.join(known)}")
        return names

    return chosen


def timed(options: argparse.Namespace) -> dict[str, Any]:
    """Time everything that was asked for, and return it as JSON has it."""
    # Commands run in folders of their own. A virtual environment's Python is a link that must stay one.
    home, own = options.home.absolute(), options.zen and options.zen.absolute()
    environments = Environments(home, own)
    tools = usable([*OWN, *(tool for tool in PEERS if tool.name in options.peers)], environments, setup=options.setup)
    adopt_orphans()
    places = prepared(tools, environments)
    began = time.strftime("%Y-%m-%d %H:%M")
    try:
        samples = rounds(places, options)
    finally:
        for place in places:
            place.discard()
    return {
        "taken": began,
        "runs": options.runs,
        "machine": machine(home),
        "versions": versions([place.tool for place in places], environments),
        "samples": samples,
    }


def usable(tools: Sequence[Tool], environments: Environments, *, setup: bool) -> list[Tool]:
    """Return the tools whose environments are there, made first when `setup` says so."""
    for tool in {tool.environment: tool for tool in tools}.values():
        if setup and not (tool.environment == "zen" and environments.own):
            say(f"setting up {tool.environment}")
            environments.make(tool.environment, tool.requires)
        elif not environments.exists(tool.environment):
            say(f"{tool.environment}: no environment in {environments.home}; --setup makes it")
    if environments.exists("zen") and environments.stale():
        say("zen: the repository has changed since it was installed in the environment; --setup installs it anew")
    found = [tool for tool in tools if environments.exists(tool.environment)]
    if "zen" not in [tool.name for tool in found]:
        sys.exit("there is no zen to time")
    return found


def prepared(tools: Sequence[Tool], environments: Environments) -> list[Place]:
    """Make each tool's store; a tool that cannot is left out."""
    places = []
    for tool in tools:
        place = Place(tool, environments)
        say(f"preparing {tool.name}")
        try:
            place.prepare()
        except Unprepared as error:
            say(f"left out: {error}")
            place.discard()
        else:
            places.append(place)
    return places


def rounds(places: Sequence[Place], options: argparse.Namespace) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Time all sequences as often as asked, the tools in turn: a busy moment hits all of them."""
    samples: dict[str, dict[str, list[dict[str, Any]]]] = {place.tool.name: {} for place in places}
    for turn in range(options.runs):
        for sequence in sequences(options.only):
            for place in places:
                cases = [case for case in sequence if case in place.tool.commands]
                if cases:
                    place.restore()
                for case in cases:
                    wait_quiet(options.patience)
                    sample = place.time(case)
                    samples[place.tool.name].setdefault(case, []).append(sample.plain())
                    tell(turn + 1, place, case, sample)
    return samples


def tell(turn: int, place: Place, case: str, sample: Sample) -> None:
    failed = f"  ended with {sample.code}; see {place.log(case)}" if sample.code else ""
    others = "" if sample.others is None else f"  others {sample.others:.2f}"
    say(f"{turn}  {place.tool.name:17} {case:12} {sample.seconds:8.3f} s  CPU {sample.cpu:7.3f}{others}{failed}")


def machine(home: Path) -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "stores on": file_system(home),
    }


def file_system(path: Path) -> str:
    """Return the type of the file system that a path is on: on one in memory a sync costs nothing."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "?"
    real = path.resolve()
    found = [(len(point), kind) for _, point, kind, *_ in mounts if real.is_relative_to(point)]
    return max(found)[1] if found else "?"


def versions(tools: Sequence[Tool], environments: Environments) -> dict[str, str]:
    found = {"zen-hub": environments.version("zen", "zen-hub")}
    for tool in tools:
        for requirement in tool.requires[:1]:
            name = requirement.split("[")[0].split("=")[0]
            found[name] = environments.version(tool.environment, name)
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
