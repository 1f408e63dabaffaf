"""The bars that zen is held to: ratios of figures of one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from figures import Figures, ratio

PEERS = ("zenml", "prefect", "dagster", "metaflow", "kedro", "redun", "hamilton")
LISTS = ("list-stacks", "list-runs")
Verdict = Literal["pass", "FAIL", "not measured"]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One comparison.

    Attributes:
        number: The bar it belongs to.
        what: What is compared.
        value: The ratio or count; None when something of it was not measured.
        limit: The most that it may be.
        strict: Whether it must be below the limit.
    """

    number: int
    what: str
    value: float | None
    limit: float
    strict: bool = False

    @property
    def verdict(self) -> Verdict:
        """Whether zen holds it."""
        if self.value is None:
            return "not measured"
        held = self.value < self.limit if self.strict else self.value <= self.limit
        return "pass" if held else "FAIL"


def bars(figures: Figures) -> list[Bar]:
    """Return all bars that these cases can judge."""
    return [*_commands(figures), *_start(figures), *_three_steps(figures), *_executed(figures), *_cached(figures)]


def _commands(figures: Figures) -> Iterator[Bar]:
    for case, name, rivals in (
        ("help", "zen --help", ("help",)),
        ("list-stacks", "zen stack list", LISTS),
        ("list-runs", "zen runs", LISTS),
    ):
        own = figures.seconds("zen", case)
        yield _against_fastest(figures, 1, name, own, rivals)
        zenml = ratio(own, figures.seconds("zenml", case))
        yield Bar(number=1, what=f"{name} ÷ ZenML's", value=zenml, limit=1 / 15)


def _start(figures: Figures) -> Iterator[Bar]:
    name = "from zen import pipeline, step"
    modules = figures.figure("zen", "import", "modules")
    yield Bar(number=2, what=f"modules that `{name}` loads", value=modules, limit=120, strict=True)
    yield _against_fastest(figures, 2, name, figures.seconds("zen", "import"), ("import",))


def _three_steps(figures: Figures) -> Iterator[Bar]:
    for peer, limit in (("hamilton", 1 / 2), ("zenml", 1 / 20)):
        value = ratio(figures.seconds("zen", "three-steps"), figures.seconds(peer, "three-steps"))
        yield Bar(number=3, what=f"3 steps ÷ {peer}'s", value=value, limit=limit)


def _executed(figures: Figures) -> Iterator[Bar]:
    full = ratio(figures.per_step("zen", "chain"), figures.per_step("floor synced", "chain"))
    yield Bar(number=4, what="a step, durability full ÷ the synced floor", value=full, limit=1.5)
    # zen syncs one commit of the two. The bar does not ask for this, but a gain by syncing less is no gain in code.
    alike = ratio(figures.per_step("zen", "chain"), figures.per_step("floor half synced", "chain"))
    yield Bar(number=4, what="a step, durability full ÷ the floor synced as zen does", value=alike, limit=1.5)
    total = ratio(figures.seconds("zen", "chain-100"), figures.seconds("hamilton", "chain-100"))
    yield Bar(number=4, what="chain of 100, durability full ÷ hamilton's", value=total, limit=1, strict=True)
    relaxed = ratio(figures.per_step("zen relaxed", "chain"), figures.per_step("floor unsynced", "chain"))
    yield Bar(number=4, what="a step, durability relaxed ÷ the unsynced floor", value=relaxed, limit=5)


def _cached(figures: Figures) -> Iterator[Bar]:
    total = ratio(figures.seconds("zen", "cached-100"), figures.seconds("hamilton", "cached-100"))
    yield Bar(number=5, what="chain of 100, all cached ÷ hamilton's", value=total, limit=1, strict=True)
    step = ratio(figures.per_step("zen", "cached"), figures.per_step("floor unsynced", "cached"))
    yield Bar(number=5, what="a cached step ÷ the cached floor, unsynced", value=step, limit=3)


def _against_fastest(figures: Figures, number: int, what: str, own: float | None, cases: tuple[str, ...]) -> Bar:
    best = figures.fastest(PEERS, cases)
    peer, seconds = best or ("the fastest peer", None)
    return Bar(number=number, what=f"{what} ÷ {peer}'s", value=ratio(own, seconds), limit=1, strict=True)
