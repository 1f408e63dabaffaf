"""Medians of what was measured, and what follows from them: cost per step, ratios, how busy the machine was."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Above this many cores of other work a figure is marked.
BUSY = 0.4
SHORT, LONG = 3, 100

Samples = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]


class Figures:
    """Figures of one run: samples by tool and case, as JSON has them."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    @property
    def tools(self) -> list[str]:
        """The tools that were timed, in order."""
        return list(self.samples)

    def seconds(self, tool: str, case: str) -> float | None:
        """Return the median wall time of a case; None when it was not timed or always failed."""
        return _median(sample["seconds"] for sample in self._good(tool, case))

    def figure(self, tool: str, case: str, name: str) -> float | None:
        """Return the median of a number that the case printed itself."""
        return _median(sample["figures"][name] for sample in self._good(tool, case) if name in sample["figures"])

    def per_step(self, tool: str, kind: str) -> float | None:
        """Return the seconds of one step of a `chain`, or of one that is `cached`.

        What the program measured itself; else the long chain less the short one, which leaves start-up out.
        """
        measured = self.figure(tool, f"{kind}-{LONG}", "seconds_per_step")
        long, short = self.seconds(tool, f"{kind}-{LONG}"), self.seconds(tool, f"{kind}-{SHORT}")
        if measured is not None or long is None or short is None:
            return measured
        # On a busy machine the long one can be the faster: then nothing is known.
        return (long - short) / (LONG - SHORT) if long > short else None

    def others(self, tool: str, case: str) -> float | None:
        """Return how many cores others used meanwhile, as a median."""
        return _median(sample["others"] for sample in self._good(tool, case) if sample["others"] is not None)

    def busy(self, tool: str, case: str) -> bool:
        """Say whether the machine was too busy for this figure to be trusted."""
        return (self.others(tool, case) or 0.0) > BUSY

    def failures(self) -> dict[str, int]:
        """Return how many runs failed, by tool and case."""
        found: dict[str, int] = {}
        for tool, cases in self.samples.items():
            for case, samples in cases.items():
                count = sum(1 for sample in samples if sample["code"])
                if count:
                    found[f"{tool}, {case}"] = count
        return found

    def fastest(self, tools: Iterable[str], cases: Iterable[str]) -> tuple[str, float] | None:
        """Return the tool that does any of the cases fastest, and its seconds."""
        timed = [(self.seconds(tool, case), tool) for case in cases for tool in tools]
        known = [(seconds, tool) for seconds, tool in timed if seconds is not None]
        return (min(known)[1], min(known)[0]) if known else None

    def _good(self, tool: str, case: str) -> list[Mapping[str, Any]]:
        return [sample for sample in self.samples.get(tool, {}).get(case, ()) if not sample["code"]]


def ratio(value: float | None, other: float | None) -> float | None:
    """Return `value` ÷ `other`; None when one is missing."""
    return None if value is None or not other else value / other


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None
