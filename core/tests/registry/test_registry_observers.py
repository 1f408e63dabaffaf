"""Observers: told once and in order, contained, bounded, and only those that were asked for."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from zen.registry import Registry

if TYPE_CHECKING:
    from conftest import Site

EVENT = "zen_run_finished"


def observer(site: Site, name: str, body: str) -> None:
    """Install a plugin whose hook has `body`; `seen` is a list that all share."""
    source = f"from zen.plugins import hookimpl\nfrom seen import *\n@hookimpl\ndef {EVENT}(run):\n    {body}\n"
    site.install(f"zen-plugin-{name}", plugins={name: name}, modules={name: source})


@pytest.fixture
def seen(site: Site) -> list[Any]:
    site.module("seen", "import threading\nseen = []\ngate = threading.Event()")
    import seen  # type: ignore[import-not-found]  # written by the line above

    found: list[Any] = seen.seen
    return found


def tell(registry: Registry, *names: str, run: int = 1, deadline: float = 5) -> list[str]:
    return registry.observe(EVENT, [f"zen-plugin-{name}" for name in names], deadline=deadline, run=run)


def test_observers_are_told_in_the_order_of_the_stack_and_no_others(site: Site, seen: list[Any]) -> None:
    for name in ("a", "b", "c"):
        observer(site, name, f"seen.append(({name!r}, run))")
    registry = site.registry()
    assert tell(registry, "b", "a", run=7) == []
    assert seen == [("b", 7), ("a", 7)]
    assert "c" not in sys.modules
    assert registry.observers(["zen-plugin-a", "zen-hub"]) == ["a@zen-plugin-a"]


def test_observers_have_only_the_events_that_they_implement(site: Site, seen: list[Any]) -> None:
    observer(site, "a", "seen.append(run)")
    assert site.registry().observe("zen_step_started", ["zen-plugin-a"], run=1, step_run=2) == []
    assert seen == []


@pytest.mark.parametrize(
    "failure", ["raise ValueError('down')", "raise SystemExit('down')", "raise KeyboardInterrupt('down')"]
)
def test_observer_that_raises_is_a_warning(site: Site, seen: list[Any], failure: str) -> None:
    observer(site, "bad", failure)
    observer(site, "good", "seen.append(run)")
    (warning,) = tell(site.registry(), "bad", "good")
    assert warning.startswith(f"observer bad@zen-plugin-bad: {EVENT} raised ")
    assert re.search(r"down after \d+\.\d", warning)
    assert seen == [1]


def test_observer_that_hangs_is_abandoned_and_left_out_until_it_returns(site: Site, seen: list[Any]) -> None:
    observer(site, "slow", "gate.wait(60); seen.append(run)")
    observer(site, "good", "seen.append(-run)")
    registry = site.registry()
    (abandoned,) = tell(registry, "slow", "good", run=1, deadline=0.1)
    (left_out,) = tell(registry, "slow", "good", run=2, deadline=0.1)
    assert "did not return in 0.1 s" in abandoned
    assert "was left out" in left_out
    assert seen == [-1, -2]
    sys.modules["seen"].gate.set()
    while 1 not in seen:
        time.sleep(0.01)
    deadline = time.monotonic() + 60  # it has returned, and a moment later that is known
    while tell(registry, "slow", run=3) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen == [-1, -2, 1, 3]


def test_observer_that_is_slow_is_mentioned(site: Site, seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zen.registry.observers.SLOW_SECONDS", 0.02)
    observer(site, "slow", "gate.wait(0.05)")
    (warning,) = tell(site.registry(), "slow")
    assert re.search(r"took \d+\.\d s", warning)


def test_observer_that_cannot_be_loaded_is_a_warning(site: Site, seen: list[Any]) -> None:
    site.install("zen-plugin-bad", plugins={"bad": "bad", "too": "bad"}, modules={"bad": "1/0"})
    observer(site, "good", "seen.append(run)")
    (warning,) = tell(site.registry(), "bad", "good", "missing")
    assert "cannot observe: the plugin 'bad' of zen-plugin-bad" in warning
    assert seen == [1]


def test_observer_that_is_disabled_is_not_told(site: Site, seen: list[Any]) -> None:
    observer(site, "a", "seen.append(run)")
    assert tell(site.registry(disabled=["a"]), "a") == []
    assert seen == []
