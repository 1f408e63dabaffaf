"""The reader: YAML 1.2 values, places of everything, and every fault of a file as such."""

from __future__ import annotations

import json
import math
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zen.errors import StackFileError
from zen.stacks.document import Document
from zen.stacks.reader import parse_document, read_document


def parsed(text: str | bytes, file: str = "zen.yaml") -> Document:
    return parse_document(text if isinstance(text, bytes) else text.encode(), file)


def faults(text: str | bytes, file: str = "zen.yaml") -> list[str]:
    return [str(fault) for fault in parsed(text, file).faults]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0o14", 12),
        ("0xC", 12),
        ("1e3", 1000.0),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("-.inf", -math.inf),
        (".5", 0.5),
        (".", "."),
        ('"12"', "12"),
    ],
)
def test_words_mean_what_yaml_1_2_says(word: str, value: object) -> None:
    found = parsed(f"key: {word}\n").data["key"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("word", ["9" * 4100, "0x" + "f" * 5000, "1e999"])
def test_numbers_that_cannot_be_held_are_refused(word: str) -> None:
    assert "is too l" in faults(f"key: {word}")[0]


def test_places_are_those_of_keys_and_values() -> None:
    document = parsed("stacks:\n  prod:\n    alerter: [slack, {flavor: mail}]\n")
    path = ("stacks", "prod", "alerter", 1, "flavor")
    assert document.value(path) == "mail"
    assert document.marks.find(path) == (3, 31)
    assert document.marks.find(path, key=True) == (3, 23)
    assert document.marks.find((*path, "nothing", 3)) == (3, 31)


def test_places_below_an_alias_are_those_of_its_anchor() -> None:
    document = parsed("a: &a {x: {y: 1}}\nb: &b [*a]\nc: *b\n")
    assert document.data["c"] == [{"x": {"y": 1}}]
    assert document.marks.find(("c", 0, "x", "y")) == (1, 15)


def test_a_duplicate_key_is_refused_and_the_first_one_named() -> None:
    document = parsed("a: 1\nb: 2\na: {c: [3]}\n")
    assert [str(fault) for fault in document.faults] == [
        "zen.yaml:3:1: the key 'a' stands twice; the first is in line 1\n    remove one of them"
    ]
    assert document.data == {"a": 1, "b": 2}


def test_a_file_that_is_not_yaml_is_told_with_its_place() -> None:
    [fault] = faults("a: 1\nb: [2\nc: 3\n")
    assert fault.startswith("zen.yaml:3:2: not YAML: ")


def test_a_tab_is_named() -> None:
    assert "zen.yaml:2:1: not YAML" in (fault := faults("a:\n\tb: 1\n")[0])
    assert "tab" in fault


def test_a_reference_without_quotes_in_braces_is_explained() -> None:
    assert '"${env:NAME}"' in faults("a: {b: ${env:X}}\n")[0]


def test_tags_are_refused_and_nothing_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    [fault] = faults(f'a: !!python/object/apply:os.system ["touch {marker}"]\n')
    assert "python/object/apply:os.system' is refused" in fault
    assert not marker.exists()


def test_merge_keys_are_refused() -> None:
    document = parsed('a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {"<<": 3}\n')
    assert [fault.line for fault in document.faults] == [2]
    assert document.data["b"] == {"y": 2}
    assert document.data["c"] == {"<<": 3}


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    [fault] = faults("\n".join(lines))  # what it stands for has 9¹⁰ values
    assert "10,000 values" in fault


def test_aliases_cannot_make_a_file_deeper() -> None:
    nested = "[" * 40 + "1" + "]" * 40
    assert "deeper than 50" in faults(f"a: &a {nested}\nb: {'[' * 20}*a{']' * 20}\n")[0]


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: *b\n"])
def test_an_alias_without_a_finished_anchor_is_refused(text: str) -> None:
    assert "alias" in faults(text)[0]


@pytest.mark.parametrize("text", ["[" * 10_000, "- " * 10_000, "a: " + "{a: " * 10_000, "[" * 51 + "]" * 51])
def test_deep_nesting_is_refused(text: str) -> None:
    assert any("deeper than 50 levels" in fault for fault in faults(text)) or "not YAML" in faults(text)[0]


def test_fifty_levels_are_read() -> None:
    assert faults("[" * 50 + "]" * 50) == []


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "zen.yaml"
    with path.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)
    tracemalloc.start()
    try:
        [fault] = read_document(path).faults
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "larger than 1 MiB (209,715,200 bytes)" in fault.message
    assert most < 20 * 1024 * 1024


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"a: 1\nb: x\x00y\n", "2:5: the character U+0000 at byte offset 9"),
        (b"\xef\xbb\xbfa: 1\n", "a byte order mark at byte offset 0"),
        ("a: 1\n".encode("utf-16"), "UTF-16 at byte offset 0"),
        ("a: 1\n".encode("utf-32"), "UTF-32 at byte offset 0"),
        ("ä: 1\nb: ü\n".encode("latin-1"), "1:1: not UTF-8: the byte 0xe4 at byte offset 0"),
        ("a: ä\nb: ".encode() + b"\xff\n", "2:4: not UTF-8: the byte 0xff at byte offset 9"),
        ("ä: x\ufeffy\n".encode(), "1:5: the character U+FEFF at byte offset 5"),
    ],
)
def test_another_encoding_is_told_with_its_byte_offset(source: bytes, said: str) -> None:
    [fault] = faults(source)
    assert said in fault


def test_a_second_document_is_refused() -> None:
    assert faults("a: 1\n---\nb: 2\n")[0].startswith("zen.yaml:2:1: a second document")


def test_a_mapping_as_key_is_refused() -> None:
    document = parsed("? {a: 1}\n: b\nc: 2\n")
    assert "cannot be a key" in str(document.faults[0])
    assert document.data == {"c": 2}


def test_all_faults_of_a_file_are_told_at_once() -> None:
    assert [fault.line for fault in parsed("a: !x 1\na: 2\nb: *c\nd: [\n").faults] == [1, 2, 3, 5]


def test_a_missing_file_and_a_pipe_are_faults(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "No such file" in read_document(tmp_path / "zen.yaml").faults[0].message
    assert "not a regular file" in read_document(tmp_path / "pipe").faults[0].message
    with pytest.raises(StackFileError):
        read_document(tmp_path / "pipe").check()


def test_keys_that_are_no_texts_are_kept_for_others_to_judge() -> None:
    assert parsed("weights: {0: 0.5, 1: 2}\n").data == {"weights": {0: 0.5, 1: 2}}


def test_json_is_read_with_places(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{\n\t"parameters": {"lr": 1E-2, "face": "\\ud83d\\ude00", "url": "a\\/b"}\n}', encoding="utf-8")
    document = read_document(path)
    assert document.faults == ()
    assert document.data == {"parameters": {"lr": 0.01, "face": "\U0001f600", "url": "a/b"}}
    assert document.marks.find(("parameters", "lr")) == (2, 23)


def test_half_a_character_in_json_is_refused() -> None:
    assert "not YAML" in faults(r'{"a": "\\ud83d\ude00"}', "run.json")[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 2]))
def test_reading_inverts_writing_json(value: object, indent: int | None) -> None:
    """The law: for every JSON value, reading what `json.dumps` writes gives that value."""
    document = parsed(json.dumps(value, indent=indent), "run.json")
    assert document.faults == ()
    assert (document.data, repr(document.data)) == (value, repr(value))
