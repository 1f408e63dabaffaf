"""What an explanation of a step says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Aspect = Literal["code", "input", "library", "python", "outputs", "policy", "checks"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not what it was.

    Attributes:
        name: Which one: `features.scale`, `lr`, `numpy`.
        old: What it was, for people; empty where there was none.
        new: What it is.
        diff: For code, the lines that changed, as a unified diff.
    """

    aspect: Aspect
    name: str
    old: str
    new: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a step ran, or was taken from the cache.

    Attributes:
        status: Of the cache decision: `hit`, `miss`, `uncacheable`, `off`; empty where none was made.
        reason: One sentence.
        source: The run that a hit came from, or the nearest earlier one that was compared.
        changes: What has changed since that one.
    """

    step: str
    state: str
    status: str
    reason: str
    source: str = ""
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "step": self.step,
            "state": self.state,
            "status": self.status,
            "reason": self.reason,
            "source": self.source,
            "changes": [
                {"aspect": each.aspect, "name": each.name, "old": each.old, "new": each.new, "diff": each.diff}
                for each in self.changes
            ],
        }
