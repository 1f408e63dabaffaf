"""`zen plugin disable` and `enable`: the list changes, everything else stays as it was written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zen.cli.authors.blocklist import blocked, with_name, without_names

LIGHT = "raise SystemExit('imported')\n"
ENTRIES = "[zen.plugins.v1]\nacme = acme_bomb\n"


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin that cannot be imported."""
    site = tmp_path_factory.mktemp("site")
    (site / "acme_bomb.py").write_text(LIGHT, encoding="utf-8")
    info = site / "zen_plugin_acme-1.2.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(ENTRIES, encoding="utf-8")
    monkeypatch.syspath_prepend(site)


ADDED = {
    "": "plugins:\n  disable: [x]\n",
    "# alone\n": "# alone\n\nplugins:\n  disable: [x]\n",
    "stacks:\n  a: {}  # kept": "stacks:\n  a: {}  # kept\n\nplugins:\n  disable: [x]\n",
    "stacks: {}\r\n": "stacks: {}\r\n\r\nplugins:\r\n  disable: [x]\r\n",
    "plugins:\nstacks: {}\n": "plugins: {disable: [x]}\nstacks: {}\n",
    "plugins:   # none\n": "plugins: {disable: [x]}   # none\n",
    "plugins: {}\n": "plugins: {disable: [x]}\n",
    "plugins: {allow: [b]} # c\n": "plugins: {disable: [x], allow: [b]} # c\n",
    "plugins: {disable: [a]} # c\n": "plugins: {disable: [a, x]} # c\n",
    "plugins: {disable: []}\n": "plugins: {disable: [x]}\n",
    "plugins:\n    allow: [b] # c\n": "plugins:\n    disable: [x]\n    allow: [b] # c\n",
    "plugins:\n  disable: # c\n  allow: [b]\n": "plugins:\n  disable: [x] # c\n  allow: [b]\n",
    "plugins:\n  disable: [\n    a, # why\n  ]\n": "plugins:\n  disable: [\n    a, x, # why\n  ]\n",
    "plugins:\n  disable:\n    - a # why\n  # end\n": "plugins:\n  disable:\n    - a # why\n    - x\n  # end\n",
    "plugins:\n  disable:\n  - a\n  - 'b'": "plugins:\n  disable:\n  - a\n  - 'b'\n  - x",
}
REMOVED = {
    "plugins: {disable: [x]} # c\n": "plugins: {disable: []} # c\n",
    "plugins: {disable: [x, a]}\n": "plugins: {disable: [a]}\n",
    "plugins: {disable: [a, x]}\n": "plugins: {disable: [a]}\n",
    "plugins: {disable: [a, X, b, x]}\n": "plugins: {disable: [a, b]}\n",
    "plugins:\n  disable:\n    - a # why\n    - x # not now\n    - b\n": "plugins:\n  disable:\n    - a # why\n    - b\n",
    "plugins:\n  disable: # c\n    - x\nstacks: {}\n": "plugins:\n  disable: [] # c\nstacks: {}\n",
}
UNSAFE = [
    "{stacks: {}}\n",
    "- a\n",
    "stacks: [\n",
    "stacks: {}\n...\n",
    "names: &names [a]\nplugins: {disable: *names}\n",
    "stacks: |+\n  every line break counts\n",
    "plugins: [a]\n",
    "plugins: {disable: a}\n",
    "plugins:\n  disable:\n  - a\n  disable: []\n",
]


@pytest.mark.parametrize(("text", "expected"), ADDED.items())
def test_a_name_is_added_and_the_rest_stays(text: str, expected: str) -> None:
    assert with_name(text, "x") == expected


@pytest.mark.parametrize(("text", "expected"), REMOVED.items())
def test_a_name_is_taken_out_and_the_rest_stays(text: str, expected: str) -> None:
    assert without_names(text, ["x"]) == expected


@pytest.mark.parametrize("text", UNSAFE)
def test_what_cannot_be_edited_safely_is_left_alone(text: str) -> None:
    assert with_name(text, "x") is None


@given(st.lists(st.sampled_from(["a", "b-c", "zen-plugin-x"]), unique=True), st.sampled_from(sorted(ADDED)))
def test_adding_and_taking_out_again_leaves_the_same_list(names: list[str], text: str) -> None:
    before = blocked(text)
    for name in names:
        changed = with_name(text, f"new-{name}")
        assert changed is not None
        text = changed
    again = without_names(text, [f"new-{name}" for name in names])
    assert again is not None and blocked(again) == before


@pytest.mark.usefixtures("acme")
def test_disable_and_enable_import_nothing_of_the_plugin(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("# mine\nstacks: {}\n", encoding="utf-8")
    assert zen("plugin", "disable", "acme").code == 0
    assert (project / "zen.yaml").read_text(encoding="utf-8").startswith("# mine\nstacks: {}\n")
    assert "disabled" in zen("plugin", "list").out
    assert "is disabled already" in zen("plugin", "disable", "zen-plugin-acme").err
    assert "no longer disabled" in zen("plugin", "enable", "acme").err
    assert "disabled" not in zen("plugin", "list").out
    assert "acme_bomb" not in sys.modules


@pytest.mark.usefixtures("acme")
def test_disable_makes_the_file_where_there_is_none(zen, project: Path) -> None:
    assert zen("plugin", "disable", "acme").code == 0
    assert (project / "zen.yaml").read_text(encoding="utf-8") == "plugins:\n  disable: [zen-plugin-acme]\n"


@pytest.mark.usefixtures("acme")
def test_disable_says_what_to_write_where_it_dares_not(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("{stacks: {}}\n", encoding="utf-8")
    result = zen("plugin", "disable", "acme")
    assert result.code == 3 and "disable: [zen-plugin-acme]" in result.err
    assert (project / "zen.yaml").read_text(encoding="utf-8") == "{stacks: {}}\n"


@pytest.mark.usefixtures("acme")
def test_enable_takes_out_the_entry_too(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("plugins: {disable: [Acme, zen_plugin_acme, other]}\n", encoding="utf-8")
    assert zen("plugin", "enable", "zen-plugin-acme").code == 0
    assert (project / "zen.yaml").read_text(encoding="utf-8") == "plugins: {disable: [other]}\n"


@pytest.mark.usefixtures("acme")
def test_enable_tells_what_else_is_in_the_way(zen, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "zen.yaml").write_text("plugins: {disable: [acme], allow: [b]}\n", encoding="utf-8")
    assert "`plugins: {allow: …}`" in zen("plugin", "enable", "acme").err
    monkeypatch.setenv("ZEN_DISABLE_PLUGINS", "1")
    assert "ZEN_DISABLE_PLUGINS=1 disables it" in zen("plugin", "enable", "acme").err


def test_own_components_and_strangers_cannot_be_disabled(zen, project: Path) -> None:
    assert zen("plugin", "disable", "sqlite").code == 2
    assert zen("plugin", "disable", "nobody").code == 4
    assert not (project / "zen.yaml").exists()


def test_enable_takes_out_what_is_not_installed(zen, project: Path) -> None:
    (project / "zen.yaml").write_text("plugins: {disable: [zen-plugin-gone]}\n", encoding="utf-8")
    assert "pip install zen-plugin-gone" in zen("plugin", "enable", "zen-plugin-gone").err
    assert blocked((project / "zen.yaml").read_text(encoding="utf-8")) == []
