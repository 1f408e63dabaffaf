"""Records and exceptions without secrets: their texts are masked, what they refer to stays."""

from __future__ import annotations

import json
import logging
import traceback

import pytest

from zen.errors import UsageError
from zen.records import CacheDecision, ErrorRecord, Plan, RunRecord, StepRunRecord
from zen.secrets.logged import mask_logs
from zen.secrets.raised import shown
from zen.secrets.recorded import masked
from zen.secrets.redaction import redactor

VALUE = "hunter2hunter2"
MASK = "***env/PW***"


@pytest.fixture(autouse=True)
def _one_is_known():
    redactor.forget()
    redactor.register("env/PW", VALUE)
    yield
    redactor.forget()


def test_the_texts_of_a_run_are_masked_and_its_references_stay():
    run = RunRecord(
        id=VALUE,
        name=f"n-{VALUE}",
        pipeline=VALUE,
        plan=VALUE,
        parameters={"a": [VALUE]},
        tags=(VALUE,),
        trackers={"t": {"url": VALUE}},
        warnings=(f"w {VALUE}",),
        error=ErrorRecord(type="E", message=VALUE, traceback=VALUE, hint=VALUE),
        environment={"python": VALUE},
        owner={"host": VALUE},
    )
    told = masked(run)
    assert (told.id, told.pipeline, told.plan, told.owner) == (VALUE, VALUE, VALUE, {"host": VALUE})
    assert told.error == ErrorRecord(type="E", message=MASK, traceback=MASK, hint=MASK)
    assert (told.name, told.parameters, told.tags, told.trackers) == (
        f"n-{MASK}",
        {"a": [MASK]},
        (MASK,),
        {"t": {"url": MASK}},
    )
    assert (told.warnings, told.environment) == ((f"w {MASK}",), {"python": MASK})


def test_a_record_inside_a_record_is_masked():
    step = StepRunRecord(id="s", run_id="r", name="n", cache=CacheDecision(status="miss", reason=VALUE, key=VALUE))
    told = masked([step])[0].cache
    assert (told.reason, told.key) == (MASK, VALUE)


def test_what_holds_no_secret_is_the_same_object():
    run = RunRecord(id="r", name="n", pipeline="p")
    assert masked(run) is run
    assert masked(Plan) is Plan


class Denied(UsageError):
    pass


class Coded(Exception):
    def __init__(self, code, *, reason):
        super().__init__(code)
        self.code, self.reason = code, reason

    def __str__(self):
        return f"{self.code}: {self.reason}"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"for {VALUE}"),
        KeyError(VALUE),
        OSError(2, f"no {VALUE}", f"/tmp/{VALUE}"),
        Denied(f"for {VALUE}", hint=VALUE),
        Coded(5, reason=VALUE),
        json.JSONDecodeError(f"no {VALUE}", VALUE, 3),
        UnicodeDecodeError("utf-8", VALUE.encode(), 0, 1, VALUE),
        ExceptionGroup("several", [ValueError(VALUE), KeyError(1)]),
        BaseExceptionGroup(f"all of {VALUE}", [KeyboardInterrupt(VALUE)]),
        KeyboardInterrupt(VALUE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_is_shown_masked_and_is_still_of_its_type(error):
    told = shown(error)
    assert isinstance(told, type(error))
    text = "".join(traceback.format_exception(told)) + repr(told) + repr(told.args) + repr(vars(told))
    assert VALUE not in text
    assert MASK in text


def test_causes_and_notes_are_masked_too():
    try:
        try:
            raise ValueError(VALUE)
        except ValueError as inner:
            inner.add_note(f"noted {VALUE}")
            raise RuntimeError("outer") from inner
    except RuntimeError as error:
        told = shown(error)
    text = "".join(traceback.format_exception(told))
    assert VALUE not in text
    assert text.count(MASK) == 2
    assert isinstance(told.__cause__, ValueError)


def test_an_exception_without_a_secret_is_itself():
    error = ValueError("boom")
    assert shown(error) is error


def test_log_records_are_masked_for_every_handler(caplog):
    mask_logs()
    log = logging.getLogger("some.library")
    log.error("as %s and %r", VALUE, {"pw": VALUE})
    try:
        raise ValueError(VALUE)
    except ValueError:
        log.exception("failed")
    text = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert VALUE not in text
    assert text.count(MASK) == 3


def test_a_log_record_with_wrong_arguments_shows_no_secret_when_logging_complains():
    mask_logs()
    record = logging.getLogRecordFactory()("some.library", logging.ERROR, "f.py", 1, "wrong %s %s", (VALUE,), None)
    assert record.args == (MASK,)
