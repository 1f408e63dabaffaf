"""The report: it stands alone, shows everything, and executes nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pytest

from zen import expect
from zen.records import CheckResult, ValidationResult, from_json, to_json
from zen_plugin_great_expectations import pages
from zen_plugin_great_expectations.validator import GreatExpectationsValidator

MARKUP = "\"'><script>alert(1)</script><b x=y>$x {{ y }} & http://example.com src=z"


class Page(HTMLParser):
    """The elements, the addresses and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def stands_alone(html: str) -> Page:
    page = Page(html)
    assert not {"script", "link", "img", "iframe"} & page.tags
    assert all(address.startswith("#") for address in page.addresses)
    assert not page.handlers
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|http", style)
    return page


def test_rules_are_shown_with_data_docs(validator: GreatExpectationsValidator) -> None:
    table = pd.DataFrame({"age": [30, 300], "größe": ["M", None]})
    checks = [expect.in_range("age", 0, 120), expect.not_null("größe"), expect.columns("age", "city")]
    page = stands_alone(validator.report(validator.validate(table, checks)))
    assert {"in_range", "not_null", "columns"} <= set(re.findall(r"\w+", page.text))
    assert "column 'age': 1 of 2 values is not between 0 and 120 (300)" in page.text
    assert "1 unexpected values found" in page.text
    assert "Table-Level Expectations" in page.text


def test_a_stored_result_gives_the_same_page(validator: GreatExpectationsValidator) -> None:
    result = validator.validate(pd.DataFrame({"a": [1, 1]}), [expect.unique("a"), expect.mean_in_range("a", 5)])
    stored = from_json(ValidationResult, json.loads(json.dumps(to_json(result))))
    assert validator.report(stored) == validator.report(result)


def test_results_of_others_are_shown(validator: GreatExpectationsValidator) -> None:
    check = CheckResult(rule="unique", column="id", passed=False, message="two are equal", sample=(7,))
    page = stands_alone(validator.report(ValidationResult(results=(check,), statistics={"great_expectations": "?"})))
    assert "two are equal" in page.text
    assert "Data Docs" not in page.text


def test_markup_is_shown_as_it_is(validator: GreatExpectationsValidator) -> None:
    table = pd.DataFrame({MARKUP: [MARKUP, None, MARKUP]})
    checks = [
        expect.in_set(MARKUP, [1]),
        expect.unique(MARKUP),
        expect.matches(MARKUP, re.escape(MARKUP)[:-1]),
        expect.shares_near(MARKUP, {MARKUP: 0.1}),
        expect.columns("<b>"),
    ]
    page = stands_alone(validator.report(validator.validate(table, checks)))
    assert "b" not in page.tags
    assert page.text.count(MARKUP) >= 9


def test_suites_are_shown(validator: GreatExpectationsValidator) -> None:
    notes = "see [this](http://example.com) ![x](http://example.com/x.png)"
    ranges = {"quantiles": [0.5], "value_ranges": [[0, 1]]}
    partition = {"values": ["a", "b"], "weights": [0.9, 0.1]}
    expectations = [
        gxe.ExpectColumnValuesToBeBetween(column="age", max_value=120, notes=notes),
        gxe.ExpectColumnValuesToMatchRegex(column="city", regex="<b>$"),
        gxe.ExpectColumnMeanToBeBetween(column="nowhere", max_value=1),
        gxe.ExpectColumnQuantileValuesToBeBetween(column="age", quantile_ranges=ranges),
        gxe.ExpectColumnKLDivergenceToBeLessThan(column="city", partition_object=partition, threshold=0.1),
    ]
    suite = gx.ExpectationSuite(name="ages <b>", expectations=expectations, meta={"notes": notes})
    result = validator.validate_suite(pd.DataFrame({"age": [30, 300], "city": ["a", "b"]}), suite)
    page = stands_alone(validator.report(result))
    assert "ages <b>" in page.text
    assert "values must match this regular expression: <b>$" in " ".join(page.text.split())
    assert "expect_column_values_to_be_between" in page.text
    assert "A chart that needs programs from elsewhere is left out" in page.text


def test_renderers_of_others_load_nothing() -> None:
    given = "<p onclick='x'>a<script src='http://a'>b</script><img src=http://c><a href=\"http://d\">d</a><a href='#e'>e</a></p>"
    page = Page(pages._revealed(given))
    assert (page.tags, page.addresses, page.handlers, page.text) == ({"p", "a"}, ["#e"], [], "ade")


def test_classes_that_are_not_here_cost_their_docs_only(
    validator: GreatExpectationsValidator, caplog: pytest.LogCaptureFixture
) -> None:
    result: Any = to_json(validator.validate_suite(pd.DataFrame({"a": [1]}), gxe.ExpectColumnToExist(column="b")))
    text = json.dumps(result).replace("expect_column_to_exist", "expect_what_nobody_knows")
    page = stands_alone(validator.report(from_json(ValidationResult, json.loads(text))))
    assert "expect_what_nobody_knows" in page.text
