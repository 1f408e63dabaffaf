"""Results of Great Expectations as results of zen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from zen.expect import Expectation
from zen.records import CheckResult
from zen_plugin_great_expectations.sentences import TABLE_RULES, Finding, counted, failure, has, samples
from zen_plugin_great_expectations.values import plain, shown

Json = dict[str, Any]

_SAMPLES = frozenset(
    {
        "partial_unexpected_counts",
        "partial_unexpected_index_list",
        "partial_unexpected_list",
        "unexpected_index_list",
        "unexpected_list",
        "unexpected_rows",
    }
)
_UNSAID = frozenset({"column", "column_A", "column_B", "column_list", "batch_id", "mostly", "catch_exceptions"})


def as_json(result: Any, sample: int) -> Json:
    """Return a result of the tool's for one expectation as plain data.

    At most `sample` of the values that break it are kept, whatever a checkpoint asks for, and no traces of errors,
    which name this machine's files.
    """
    told: Json = plain(result.to_json_dict())
    found = told.get("result") or {}
    cut = {name: found[name][:sample] for name in _SAMPLES & found.keys() if isinstance(found[name], list)}
    return {
        "success": bool(told["success"]),
        "expectation_config": {**told["expectation_config"], "rendered_content": None},
        "result": {name: value for name, value in found.items() if name not in _SAMPLES} | cut,
        "meta": told.get("meta") or {},
        "exception_info": {
            "raised_exception": bool(_problem(told)),
            "exception_message": _problem(told),
            "exception_traceback": "",
        },
    }


def of_rule(expectation: Expectation, told: Json, labels: Sequence[str], rows: int) -> CheckResult:
    """Return the result of a rule of zen's vocabulary."""
    about_table = expectation.rule in TABLE_RULES
    if not about_table and expectation.column not in labels:
        return unusable(expectation, labels, rows)
    finding = _finding(told, 0 if about_table else rows)
    if expectation.rule == "columns":  # the tool tells them sorted
        finding = replace(finding, observed=list(labels))
    return _result(expectation.rule, expectation.column, finding, failure(expectation, finding))


def unusable(expectation: Expectation, labels: Sequence[str], rows: int) -> CheckResult:
    """Return the failed result of a rule about a column that is not there, or there more than once."""
    name, times = expectation.column, labels.count(expectation.column)
    message = f"the table has {times} columns {name!r}" if times else f"the table has no column {name!r}; {has(labels)}"
    return CheckResult(rule=expectation.rule, column=name, passed=False, total=rows, message=message)


def of_tool(told: Json, rows: int) -> CheckResult:
    """Return the result of an expectation that was written with the tool; its rule is the tool's name for it."""
    config = told["expectation_config"]
    column = _column(config["kwargs"])
    finding = _finding(told, rows if column else 0)
    return _result(config["type"], column, finding, _failure_of_tool(config, column, finding))


def _result(rule: str, column: str, finding: Finding, message: str) -> CheckResult:
    return CheckResult(
        rule=rule,
        column=column,
        passed=finding.passed,
        unexpected=finding.unexpected,
        total=finding.total,
        sample=finding.sample,
        message="" if finding.passed else message,
    )


def _finding(told: Json, rows: int) -> Finding:
    found = told.get("result") or {}
    problem = _problem(told)
    return Finding(
        passed=told["success"],
        unexpected=found.get("unexpected_count") or 0,
        total=found.get("element_count") or rows,
        sample=tuple(value for value in found.get("partial_unexpected_list") or () if value is not None),
        observed=found.get("observed_value"),
        details=found.get("details") or {},
        problem=f"it could not be checked: {problem}" if problem else "",
    )


def _failure_of_tool(config: Json, column: str, finding: Finding) -> str:
    where = f"column {column!r}: " if column else ""
    what = _demand_of_tool(config)
    if finding.problem:
        return f"{where}{what}: {finding.problem}"
    if finding.unexpected:
        return f"{where}{counted(finding, 'breaks', 'break')} {what}{samples(finding.sample)}"
    observed = f"; observed {shown(finding.observed)}" if finding.observed is not None else ""
    return f"{where}{what} is not met{observed}"


def _demand_of_tool(config: Json) -> str:
    name = str(config["type"])
    if config.get("description"):
        return f"{name}, {shown(config['description'])}"
    given = {key: value for key, value in config["kwargs"].items() if key not in _UNSAID and value is not None}
    return name + (f" ({', '.join(f'{key}={shown(value)}' for key, value in given.items())})" if given else "")


def _column(given: Mapping[str, Any]) -> str:
    if "column" in given:
        return str(given["column"])
    several = [given[name] for name in ("column_A", "column_B") if name in given] or given.get("column_list") or []
    return ", ".join(map(str, several))


def _problem(told: Json) -> str:
    """Return why a check could not be made: the tool tells it once, or for each metric."""
    info = told.get("exception_info") or {}
    each = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    said = [str(one["exception_message"]).strip() for one in each if one.get("exception_message")]
    return said[0] if said else ""
