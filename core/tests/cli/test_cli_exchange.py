"""`zen artifact export`, `import`, `trust`, `distrust`, and what `list` and `show` say of imports."""

from __future__ import annotations

import pytest

from zen import save_artifact

PICKLED = """
from typing import Annotated
from zen import pipeline, step

class Odd: ...

@step
def make() -> Annotated[Odd, "odd"]:
    return Odd()

@pipeline
def odd():
    make()
"""


@pytest.fixture
def archive(pipelines, zen, monkeypatch):
    """Return an exported pickle, with another store in use."""
    (pipelines / "odd.py").write_text(PICKLED)
    assert zen("run", "odd.py").code == 0
    exported = zen("artifact", "export", "odd", "odd.zip")
    assert exported.out == "odd.zip\n" and "sha256:" in exported.err
    monkeypatch.setenv("ZEN_HOME", str(pipelines / "other"))
    return pipelines / "odd.zip"


def test_an_artifact_is_imported_shown_trusted_and_distrusted(archive, zen):
    imported = zen("artifact", "import", archive)
    assert imported.code == 0 and "pickle" in imported.out and "zen artifact trust" in imported.err
    assert "imported now" in zen("artifact", "list").out
    shown = zen("artifact", "show", "odd").out
    assert "odd.zip, by " in shown and 'step = "make"' in shown and "trusted" not in shown
    assert zen("artifact", "trust", "odd", "--reason", "from Ada").code == 0
    assert "from Ada" in zen("artifact", "show", "odd").out
    [pin] = zen("artifact", "trust", "--list", "--json").json
    assert (pin["reason"], pin) == ("from Ada", zen("artifact", "show", "odd", "--json").json["trust"])
    assert zen("artifact", "distrust", "odd").code == 0
    assert zen("artifact", "trust", "--list", "--json").json == []
    assert zen("artifact", "show", "odd", "--json").json["trust"] is None


def test_a_pin_wants_an_artifact_and_a_reason(archive, zen):
    zen("artifact", "import", archive)
    assert "needs its reason" in zen("artifact", "trust", "odd").err
    assert "give an artifact, or --list" in zen("artifact", "trust").err
    assert "give an artifact, or --list" in zen("artifact", "trust", "odd", "--list").err


def test_who_forbids_pickles_is_told_that_a_pin_changes_nothing(archive, zen, project):
    (project / "zen.yaml").write_text("stacks: {safe: {settings: {pickle: forbid}}}")
    zen("artifact", "import", archive)
    assert "`pickle: forbid`" in zen("artifact", "trust", "odd", "--reason", "x", "--stack", "safe").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-bytes", "10"), "--max-bytes"),
        (("--max-bytes", "1.5G"), "is no size"),
        (("--max-bytes", "9" * 400), "is no size"),
        (("--name", "a/b"), "cannot name an artifact"),
    ],
)
def test_limits_and_names_are_options(archive, zen, options, said):
    refused = zen("artifact", "import", archive, *options)
    assert refused.code != 0 and said in refused.err
    assert zen("artifact", "list", "--json").json == []


def test_sizes_have_units(archive, zen):
    assert zen("artifact", "import", archive, "--max-bytes", "1 GiB", "--json").json["name"] == "odd"


def test_listing_and_showing_load_nothing(project, zen, monkeypatch):
    from zen.storage import Objects

    save_artifact([1, 2], "plain").export(project / "plain.zip")
    zen("artifact", "import", "plain.zip")
    for name in ("open", "content", "path"):
        monkeypatch.setattr(Objects, name, lambda *_: pytest.fail("bytes were read"))
    for command in (("list",), ("show", "plain"), ("show", "plain", "--json")):
        assert zen("artifact", *command).code == 0
