"""A result as one HTML page: zen's own table of checks, and Data Docs' page of the same checks below it.

Data Docs loads its styles, its programs and a logo from four places on the internet, and puts values into the page as
they are. Here its templates are used for the contents only, and each text passes them in disguise.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from zen.records import CheckResult, ValidationResult
from zen_plugin_great_expectations.session import load
from zen_plugin_great_expectations.values import plain, shown

_TEMPLATES = __package__

# Characters of a private area stand for those that mean something to HTML or to the tool's templates, which escape
# some texts twice and others never.
_SPECIAL = "<>&\"'$="
_DISGUISES = {ord(character): 0xE000 + place for place, character in enumerate(_SPECIAL)}
_MEANT = {0xE000 + place: escape(character) for place, character in enumerate(_SPECIAL)}
_ADDRESS = re.compile(
    r"""\s(?:src|href|action|on\w+|data-[\w-]*)\s*=\s*(?:"(?!\#)[^"]*"|'(?!\#)[^']*'|(?!["'\#])[^\s>]+)"""
)
_PROGRAM = re.compile(
    r"<(script|iframe|object)\b.*?</\1>|<(?:link|img|embed|base|meta)\b[^>]*>", re.DOTALL | re.IGNORECASE
)


def page(result: ValidationResult, details: Any, log: logging.Logger) -> str:
    """Return the page of a result.

    Args:
        result: The result, of this validator or another one.
        details: What the tool itself said about it, as the validator keeps it; anything else is left out.
        log: Told when Data Docs cannot show the details.
    """
    docs = _data_docs(details, log) if isinstance(details, Mapping) and details.get("results") else ""
    template = _environment().get_template("report.html")
    failed = sum(not each.passed for each in result.results)
    facts = {"rows": result.statistics.get("rows"), "version": details.get("version") if docs else None}
    html: str = template.render(checks=[_row(each) for each in result.results], failed=failed, docs=docs, **facts)
    return html


def _row(check: CheckResult) -> dict[str, Any]:
    sample = ", ".join(shown(plain(value)) for value in check.sample)
    return {
        "rule": check.rule,
        "column": check.column,
        "passed": check.passed,
        "counts": f"{check.unexpected} of {check.total}" if check.unexpected else "",
        "message": check.message,
        "sample": "" if sample in check.message else sample,
    }


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader

    return Environment(loader=PackageLoader(_TEMPLATES, "templates"), autoescape=True, trim_blocks=True)


def _data_docs(details: Mapping[str, Any], log: logging.Logger) -> str:
    try:
        return _revealed(_rendered(_disguised(dict(details))))
    except Exception as error:  # noqa: BLE001  # the tool's renderers; an expectation may be somebody's own class, not here
        log.warning("Data Docs could not show this result: %s", error)
        return ""


def _rendered(details: Mapping[str, Any]) -> str:
    """Return the contents of Data Docs' page."""
    load()
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, PackageLoader

    result = ExpectationSuiteValidationResult(
        suite_name=details["suite"],
        success=all(each["success"] for each in details["results"]),
        results=[_result_of_tool(each) for each in details["results"]],
        statistics=_statistics(details["results"]),
        meta={"run_id": {}, "batch_spec": {"data_asset_name": "the table"}},  # older versions want a run
    )
    view = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([PackageLoader(_TEMPLATES, "templates/docs"), view.env.loader])
    return str(view.render(ValidationResultsPageRenderer(run_info_at_end=True).render(result)))


def _result_of_tool(told: Mapping[str, Any]) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    config = {name: value for name, value in told["expectation_config"].items() if name != "rendered_content"}
    return ExpectationValidationResult(**{**told, "expectation_config": ExpectationConfiguration(**config)})


def _statistics(results: list[Mapping[str, Any]]) -> dict[str, Any]:
    passed = sum(bool(each["success"]) for each in results)
    return {
        "evaluated_expectations": len(results),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(results) - passed,
        "success_percent": 100 * passed / len(results),
    }


def _disguised(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_DISGUISES)
    if isinstance(value, Mapping):
        return {_disguised(key): _disguised(each) for key, each in value.items()}
    return [_disguised(each) for each in value] if isinstance(value, (list, tuple)) else value


def _revealed(html: str) -> str:
    """Return the page with its texts, escaped, and without anything that would be fetched or executed."""
    return _ADDRESS.sub("", _PROGRAM.sub("", html)).translate(_MEANT)
