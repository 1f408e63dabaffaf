"""What a repeated run gave, beside what the recorded one gave: a verdict for each output, each step, and the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from zen.client.differences import Incomparable, difference
from zen.errors import ArtifactDamaged, ArtifactNotFound
from zen.records import SUCCEEDED, ArtifactRecord, ErrorRecord, Plan, StepRunRecord
from zen.records.codec import from_json, record, to_json

Verdict = Literal["identical", "equal values", "different", "not comparable"]
_ORDER: tuple[Verdict, ...] = ("identical", "equal values", "not comparable", "different")
_GOOD: tuple[Verdict, ...] = ("identical", "equal values")

Artifacts = Mapping[str, ArtifactRecord]
Load = Callable[[ArtifactRecord], Any]


@record()
class OutputVerdict:
    """One output of a step, then and now.

    Attributes:
        reason: The first difference, or why there is no comparison.
        then: The digest of what was recorded; empty where there is none.
        now: The digest of what the repeated run gave.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    then: str = ""
    now: str = ""


@record()
class StepVerdict:
    """One step, then and now: the verdict of its worst output.

    Attributes:
        reason: The first difference, or why there is no comparison.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    outputs: tuple[OutputVerdict, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it gave the same values."""
        return self.verdict in _GOOD


@record()
class Reproduction:
    """A run that was repeated, and how both compare.

    Attributes:
        of: Id of the recorded run.
        run: Id of the run that repeated it.
        folder: Where its source was put; it stays there.
        environment: The folder of the environment that was made for it; empty if it ran in the current one.
        notes: What people should know about how it was repeated.
    """

    of: str
    run: str
    folder: str
    steps: tuple[StepVerdict, ...] = ()
    environment: str = ""
    notes: tuple[str, ...] = ()

    @property
    def reproduced(self) -> bool:
        """Whether every step gave the same bytes, or at least equal values."""
        return all(step.good for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"reproduced": self.reproduced, **to_json(self)}

    @classmethod
    def from_json(cls, data: Any) -> Reproduction:
        """Return the reproduction of that JSON data."""
        return from_json(cls, data)

    def __repr__(self) -> str:
        counts = {verdict: sum(step.verdict == verdict for step in self.steps) for verdict in _ORDER}
        return f"<reproduction of {self.of[:8]}: {', '.join(f'{n} {name}' for name, n in counts.items() if n)}>"


def verdicts(
    plan: Plan,
    then: Mapping[str, StepRunRecord],
    now: Mapping[str, StepRunRecord],
    artifacts: Artifacts,
    load: Load,
) -> tuple[StepVerdict, ...]:
    """Return a verdict for each step of a plan.

    Args:
        plan: The plan of both runs.
        then: The last attempts of the recorded run, by step.
        now: Those of the repeated one.
        artifacts: What either gave, by id.
        load: Returns the value of an artifact; called only where digests differ.
    """
    return tuple(_step(step.name, then.get(step.name), now.get(step.name), artifacts, load) for step in plan.steps)


def _step(
    name: str, then: StepRunRecord | None, now: StepRunRecord | None, artifacts: Artifacts, load: Load
) -> StepVerdict:
    if reason := _ended_badly(then, now):
        return StepVerdict(name=name, verdict="not comparable", reason=reason)
    assert then is not None  # said above
    assert now is not None
    names = dict.fromkeys((*then.outputs, *now.outputs))
    outputs = tuple(_output(each, then, now, artifacts, load) for each in names)
    worst = max(outputs, key=lambda output: _ORDER.index(output.verdict), default=None)
    if worst is None:
        return StepVerdict(name=name, verdict="identical", reason="it gives nothing")
    reason = f"{worst.name}: {worst.reason}" if worst.reason and len(outputs) > 1 else worst.reason
    return StepVerdict(name=name, verdict=worst.verdict, reason=reason, outputs=outputs)


def _ended_badly(then: StepRunRecord | None, now: StepRunRecord | None) -> str:
    """Return why a step cannot be compared, or nothing."""
    states = [step.state if step is not None else "" for step in (then, now)]
    if all(state in SUCCEEDED for state in states):
        return ""
    if states[0] in SUCCEEDED:
        return f"it {_ended(now)}"
    before = f"it {_ended(then)} in the recorded run"
    if states[0] != states[1]:
        return f"{before}, and {_ended(now)} now" if states[1] not in SUCCEEDED else f"{before}, and completed now"
    if then is not None and now is not None and then.error and now.error and not _same(then.error, now.error):
        return f"{before}, and now with {_error(now.error)}"
    return f"{before}, and now as well"


def _ended(step: StepRunRecord | None) -> str:
    if step is None:
        return "did not start"
    why = _error(step.error) if step.error else step.reason
    what = {"skipped": "was skipped", "lost": "was lost", "cancelled": "was cancelled"}.get(step.state, step.state)
    return f"{what} ({why})" if why else what


def _error(error: ErrorRecord) -> str:
    lines = error.message.splitlines() or [""]
    return f"{error.type.rpartition('.')[2]}: {lines[0]}"


def _same(then: ErrorRecord, now: ErrorRecord) -> bool:
    return (then.type, then.message) == (now.type, now.message)


def _output(name: str, then: StepRunRecord, now: StepRunRecord, artifacts: Artifacts, load: Load) -> OutputVerdict:
    records = [artifacts.get(step.outputs.get(name, "")) for step in (then, now)]
    first, second = records
    digests = {key: each.digest for key, each in (("then", first), ("now", second)) if each is not None}
    if first is None or second is None:
        kept = name in then.outputs and name in now.outputs
        reason = "its record is gone" if kept else "only in the recorded run" if second is None else "it is new"
        return OutputVerdict(name=name, verdict="not comparable" if kept else "different", reason=reason, **digests)
    if first.digest == second.digest:
        return OutputVerdict(name=name, verdict="identical", **digests)
    verdict, reason = _values(first, second, load)
    return OutputVerdict(name=name, verdict=verdict, reason=reason, **digests)


def _values(then: ArtifactRecord, now: ArtifactRecord, load: Load) -> tuple[Verdict, str]:
    if then.manifest.type != now.manifest.type:
        return "different", f"a {then.manifest.type}, now a {now.manifest.type}"
    try:
        first = load(then)
    except (ArtifactNotFound, ArtifactDamaged) as error:
        return "not comparable", f"the recorded value is gone: {error.message}"
    except Exception as error:  # noqa: BLE001  # a plugin's code, and the project's
        return "not comparable", f"the recorded value cannot be loaded: {_told(error)}"
    try:
        found = difference(first, load(now))
    except Incomparable as error:
        return "not comparable", f"other bytes, and {error}"
    except Exception as error:  # noqa: BLE001  # the code of the values
        return "not comparable", f"the values cannot be compared: {_told(error)}"
    return ("different", found) if found else ("equal values", "other bytes")


def _told(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
