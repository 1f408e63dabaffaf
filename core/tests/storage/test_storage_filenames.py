"""Names of files in artifacts, and names of files that are made of other names."""

from __future__ import annotations

import pytest

from zen.errors import MaterializerError
from zen.storage.filenames import check_file_name, check_portable, file_name, shown


@pytest.mark.parametrize("name", ["data", "a/b.c", "..a", "a b", "é", "CON", "a:b", "x."])
def test_relative_names_are_good(name):
    assert check_file_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\0", "a\n", "\ud800", "é" * 128]
)
def test_what_leads_elsewhere_is_refused(name):
    with pytest.raises(MaterializerError, match="cannot name a file of an artifact"):
        check_file_name(name)


@pytest.mark.parametrize("names", [["a", "b"], ["a/b", "a/c", "ab"], ["console", "comx", "lpt"], []])
def test_names_that_every_system_has_are_portable(names):
    check_portable(names)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["con"], "Windows"),
        (["a/LPT1.txt"], "Windows"),
        (["nul /x"], "Windows"),
        (["a."], "Windows"),
        (["a /b"], "Windows"),
        (["a:b"], "Windows"),
        (["a", "A"], "one file on some disks"),
        (["b/x", "B/y"], "one file on some disks"),
        (["\u00e9", "e\u0301"], "one file on some disks"),
        (["a", "a/b"], "a file itself"),
        (["A/b", "a"], "one file on some disks|a file itself"),
    ],
)
def test_names_that_some_system_lacks_are_not(names, why):
    with pytest.raises(MaterializerError, match=why):
        check_portable(names)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("loss curve", "loss-curve"),
        ("../x", "..-x"),
        ("", "file"),
        ("...", "file"),
        ("CON", "_CON"),
        ("nul.x", "_nul.x"),
    ],
)
def test_any_text_becomes_a_name_of_a_file(text, name):
    assert file_name(text) == name
    assert len(file_name(text * 1000)) <= 101


def test_names_are_shown_as_ascii():
    assert shown("a\u202eb") == "'a\\u202eb'"
    assert len(shown("x" * 5000)) < 150
