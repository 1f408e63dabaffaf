"""Why a step ran, or did not: where its result came from, or what has changed since the nearest earlier run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zen.client.explanation import Aspect, Change, Explanation
from zen.client.views import RunView, StepView
from zen.engine import file_content, files_of
from zen.errors import RunNotFound
from zen.identity import from_plain
from zen.records import CodeRef, Input, StepSpec
from zen.source import source_of
from zen.stacks.opening import OpenStack

_RUNS = 50
_SHOWN = 120


def explain(step: StepView, stack: OpenStack, earlier_runs: Callable[[RunView], Iterator[RunView]]) -> Explanation:
    """Return why a step ran or did not.

    Args:
        step: The step of a recorded run.
        stack: Where it is recorded.
        earlier_runs: Yields the earlier runs of the same pipeline, newest first.
    """
    decision = step.cache
    if decision is None:
        return Explanation(step.name, step.state, "", step.reason or "no decision was made: the step did not start")
    if decision.status == "hit":
        source = stack.database.step_run(decision.source)
        return Explanation(step.name, step.state, "hit", decision.reason, source.run_id)
    near = _nearest(step, earlier_runs)
    if near is None:
        reason = decision.reason if decision.status != "miss" else "no earlier run of this pipeline has this step"
        return Explanation(step.name, step.state, decision.status, reason)
    changes = tuple(_changes(near, step, stack))
    reason = decision.reason
    if decision.status == "miss" and changes:
        reason = "; ".join(f"{each.aspect} {each.name} changed" for each in changes[:5])
    return Explanation(step.name, step.state, decision.status, reason, near.run.id, changes)


def _nearest(step: StepView, earlier_runs: Callable[[RunView], Iterator[RunView]]) -> StepView | None:
    for count, run in enumerate(earlier_runs(step.run)):
        if count == _RUNS:
            return None
        found = run.steps.get(step.name)
        if found is not None and found.state in ("completed", "cached"):
            return found
    return None


def _changes(old: StepView, new: StepView, stack: OpenStack) -> Iterator[Change]:
    before, after = old.run.plan.step(old.name), new.run.plan.step(new.name)
    yield from _code(before.code, after.code, _texts(old.run, stack), _texts(new.run, stack), stack.project.root)
    yield from _inputs(before, after, old, new)
    yield from _each("library", before.code.distributions, after.code.distributions)
    yield from _each("python", _python(old.run), _python(new.run))
    yield from _each("outputs", _outputs(before), _outputs(after))
    yield from _each("checks", _plain(before.expectations), _plain(after.expectations))
    yield from _each("policy", {"version": before.cache.version}, {"version": after.cache.version})


def _code(old: CodeRef, new: CodeRef, old_text: _Text, new_text: _Text, root: Path) -> Iterator[Change]:
    if str(old) != str(new):
        yield Change("code", "step", str(old), str(new))
    for change in _each("code", old.parts, new.parts):
        kind, _, name = change.name.partition(" ")
        diff = _diff(source_of(name, root, read=old_text), source_of(name, root, read=new_text))
        yield Change("code", name, f"{kind} {change.old}".strip(), f"{kind} {change.new}".strip(), diff)


def _inputs(before: StepSpec, after: StepSpec, old: StepView, new: StepView) -> Iterator[Change]:
    yield from _each(
        "input",
        {name: _shown(given, name, old) for name, given in before.inputs.items()},
        {name: _shown(given, name, new) for name, given in after.inputs.items()},
    )


def _shown(given: Input, name: str, step: StepView) -> str:
    if given.kind == "value":
        return _short(repr(from_plain(given.value)))
    digests = [each.digest[:19] for each in step.inputs.get(name, ())]
    return ", ".join(digests) or given.kind


def _each(aspect: Aspect, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(aspect, name, str(old.get(name, "")), str(new.get(name, "")))


def _python(run: RunView) -> dict[str, str]:
    return {"version": ".".join(str(run.record.environment.get("python", "")).split(".")[:2])}


def _outputs(step: StepSpec) -> dict[str, str]:
    return {each.name: f"{each.type} {each.materializer}".strip() for each in step.outputs}


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _short(str(value)) for name, value in values.items()}


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_Text = Callable[[str], str | None]


def _texts(run: RunView, stack: OpenStack) -> _Text:
    """Return what reads the text of a module as it was when a run began."""
    try:
        files = {entry.name: entry for entry in files_of(stack, run.record)}
    except RunNotFound:  # the snapshot is gone: there is nothing to show
        files = {}

    def read(module: str) -> str | None:
        stem = module.replace(".", "/")
        for name in (f"{stem}.py", f"{stem}/__init__.py", f"src/{stem}.py", f"src/{stem}/__init__.py"):
            if name in files:
                return file_content(stack, files[name]).decode("utf-8", "replace")
        return None

    return read


def _diff(old: str | None, new: str | None) -> str:
    if old is None and new is None:
        return ""
    lines = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), "before", "now", lineterm="", n=2)
    return "\n".join(list(lines)[2:])
