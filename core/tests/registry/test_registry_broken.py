"""Broken plugins beside a good one: each breaks what names it, says why and what to do, and nothing else."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from zen.errors import PluginLoadError
from zen.registry import loading
from zen.registry.loading import Subject, guard
from zen.registry.probe import probe

if TYPE_CHECKING:
    from conftest import Site

IMPORT = "from zen.plugins import Flavor, hookimpl\n"
FLAVOR = "Flavor(kind='alerter', name='bad', summary='', implementation='a:B')"

BROKEN = {
    "needs a tool": ("import nosuchtool", "needs the module 'nosuchtool'"),
    "syntax": ("def f(:\n", r"SyntaxError: .*bad\.py:1"),
    "raises": ("raise ValueError('first line\\nsecond')", r"ValueError: first line\n"),
    "raises oddly": ("class E(Exception):\n def __str__(self): raise E()\nraise E()", "its text cannot be shown"),
    "exits": ("import sys; sys.exit(7)", r"called sys.exit\(7\)"),
    "memory": ("raise MemoryError", "MemoryError"),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
    "base exception": ("raise BaseException('odd')", "BaseException: odd"),
    "wrong argument": (f"{IMPORT}@hookimpl\ndef zen_run_finished(run, oops): pass", "'oops'"),
    "unknown hook": (f"{IMPORT}@hookimpl\ndef zen_run_exploded(run): pass", "zen_run_exploded"),
    "unmarked hook": ("def zen_flavors(): return []", "without marking it as a hook"),
    "flavors raise": (f"{IMPORT}@hookimpl\ndef zen_flavors(): return [1/0]", "ZeroDivisionError"),
    "flavors exit": (f"{IMPORT}@hookimpl\ndef zen_flavors(): raise SystemExit", "sys.exit"),
    "flavors are no list": (f"{IMPORT}@hookimpl\ndef zen_flavors(): return {{1: 2}}", "returns dict from zen_flavors"),
    "flavors are none": (f"{IMPORT}@hookimpl\ndef zen_flavors(): return ['bad']", "returns a str from zen_flavors"),
    "flavor of no text": (
        f"{IMPORT}@hookimpl\ndef zen_flavors(): return [Flavor(kind='a', name=3, summary='', implementation='x')]",
        "whose name is 3",
    ),
    "flavor twice": (f"{IMPORT}@hookimpl\ndef zen_flavors(): return [{FLAVOR}, {FLAVOR}]", "two flavors of one kind"),
}


def install(site: Site, source: str, value: str = "bad") -> None:
    site.install(
        "zen-plugin-good", plugins={"good": "good.plugin"}, modules={"good.plugin": site.flavors("alerter:good")}
    )
    site.install("zen-plugin-bad", version="2.1", plugins={"bad": value}, modules={"bad": source})


@pytest.mark.parametrize("case", BROKEN)
def test_broken_plugin_breaks_only_what_names_it(site: Site, case: str) -> None:
    source, message = BROKEN[case]
    install(site, source)
    registry = site.registry()
    for _ in range(2):
        with pytest.raises(PluginLoadError, match=message) as caught:
            registry.flavor("alerter", "bad")
    assert caught.value.message.startswith("the plugin 'bad' of zen-plugin-bad 2.1 ")
    assert "ZEN_DISABLE_PLUGINS=zen-plugin-bad" in caught.value.hint
    assert registry.flavor("alerter", "good").distribution == "zen-plugin-good"
    found, errors = registry.flavors("alerter")
    assert [loaded.flavor.name for loaded in found] == ["good"]
    assert [error.distribution for error in errors] == ["zen-plugin-bad"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("bad:missing.attribute", "names bad:missing.attribute, but bad has no"),
        ("bad.missing", "its module bad.missing does not exist"),
        ("elsewhere", "its module elsewhere does not exist"),
        ("bad:lazy", "RuntimeError: lazy"),
    ],
)
def test_entry_that_names_nothing_is_told_from_a_missing_tool(site: Site, value: str, message: str) -> None:
    install(site, "def __getattr__(name):\n if name == 'lazy': raise RuntimeError(name)\n raise AttributeError", value)
    with pytest.raises(PluginLoadError, match=message):
        site.registry().flavor("alerter", "bad")


def test_load_error_has_the_cause(site: Site) -> None:
    install(site, "1/0")
    with pytest.raises(PluginLoadError) as caught:
        site.registry().flavor("alerter", "bad")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_refused_plugin_is_no_observer(site: Site) -> None:
    marked = "import counted\n@hookimpl\ndef zen_run_finished(run): counted.loads.append(run)"
    install(site, f"{IMPORT}{marked}\n@hookimpl\ndef zen_step_started(oops): pass")
    site.module("counted", "loads = []")
    registry = site.registry()
    (warning,) = registry.observe("zen_run_finished", ["zen-plugin-bad"], run=1)
    assert "'oops'" in warning
    assert sys.modules["counted"].loads == []


def test_interrupt_while_loading_is_passed_on_with_a_note(site: Site) -> None:
    install(site, "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt) as caught:
        site.registry().flavor("alerter", "bad")
    assert "zen-plugin-bad" in caught.value.__notes__[0]


def test_hanging_plugin_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LIGHT_SECONDS", 0.1)
    install(site, "import gate; gate.gate.wait(60)")
    site.module("gate", "import threading; gate = threading.Event()")
    registry = site.registry()
    stdout = sys.stdout
    with pytest.raises(PluginLoadError, match="did not finish"):
        registry.flavor("alerter", "bad")
    monkeypatch.setattr(loading, "LIGHT_SECONDS", 60)  # on a busy machine, a good one may take longer than that
    assert registry.flavor("alerter", "good").distribution == "zen-plugin-good"
    assert sys.stdout is stdout
    sys.modules["gate"].gate.set()


def test_slow_implementation_is_named_on_the_log(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loading, "LIGHT_SECONDS", 0.05)
    told = "'slow' of zen-plugin-slow: slow is still being imported"
    site.module("gate", "import threading; gate = threading.Event()")
    site.module("slow", "import gate; gate.gate.wait(60)")

    def release() -> None:
        deadline = time.monotonic() + 60
        while told not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        importlib.import_module("gate").gate.set()

    watching = threading.Thread(target=release)
    watching.start()
    loading.load(
        "slow", Subject(distribution="zen-plugin-slow", version="", entry="slow", part="the implementation of")
    )
    watching.join()
    assert told in caplog.text


def test_print_while_loading_goes_to_stderr(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    install(site, f"print('noise')\n{IMPORT}@hookimpl\ndef zen_flavors():\n print('more'); return [{FLAVOR}]")
    site.registry().flavor("alerter", "bad")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "noise\nmore\n")


def test_guard_leaves_a_stdout_alone_that_others_have_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    subject = Subject(distribution="zen-plugin-x", version="", entry="x", part="the plugin")
    with guard(subject):
        sys.stdout = theirs = sys.__stdout__
    assert sys.stdout is theirs


def test_one_plugin_is_loaded_once_by_many_threads(site: Site) -> None:
    body = f"import time, counted; time.sleep(0.05); counted.calls.append(1); return [{FLAVOR}]"
    install(site, f"{IMPORT}@hookimpl\ndef zen_flavors(): {body}")
    site.module("counted", "calls = []")
    registry, found = site.registry(), []
    threads = [threading.Thread(target=lambda: found.append(registry.flavor("alerter", "bad"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert sys.modules["counted"].calls == [1]


def test_module_of_two_distributions_is_registered_once(site: Site) -> None:
    site.install(
        "zen-plugin-new", plugins={"acme": "acme.plugin"}, modules={"acme.plugin": site.flavors("alerter:acme")}
    )
    site.install("zen-plugin-old", plugins={"acme": "acme.plugin"})
    assert site.registry().flavor("alerter", "acme@zen-plugin-old").distribution == "zen-plugin-old"
    registry = site.registry()
    assert registry.flavor("alerter", "acme@zen-plugin-new").flavor is not None
    assert registry.flavor("alerter", "acme@zen-plugin-old").flavor is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import time; time.sleep(60)", "did not finish in 1 s"),
        ("import os; os._exit(9)", "ended with code 9"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9"),
        ("x = bytearray(4 << 30)", "MemoryError"),
        ("print('{}'); 1/0", "ZeroDivisionError"),
    ],
)
def test_probe_survives_what_no_guard_can(site: Site, source: str, message: str) -> None:
    install(site, source)
    (entry,) = site.registry().catalog.named("zen.plugins.v1", "bad")
    error = probe(entry, seconds=1 if "sleep" in source else 20)
    assert error is not None
    assert message in error.message
    assert error.distribution == "zen-plugin-bad"


def test_probe_finds_no_fault_with_a_good_plugin(site: Site) -> None:
    install(site, "")
    (entry,) = site.registry().catalog.named("zen.plugins.v1", "good")
    assert probe(entry) is None


def test_data_on_stdout_stays_data_in_a_process_of_its_own(site: Site) -> None:
    install(site, f"print('noise')\n{IMPORT}@hookimpl\ndef zen_flavors(): return [{FLAVOR}]")
    program = (
        f"import sys, json; sys.path.insert(0, {str(site.path)!r});"
        "from zen.registry import Registry, scan;"
        f"print(json.dumps([f.flavor.name for f in Registry(scan([{str(site.path)!r}])).flavors('alerter')[0]]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["bad", "good"]
    assert done.stderr == "noise\n"
