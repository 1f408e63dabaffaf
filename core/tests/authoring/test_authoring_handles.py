"""While a pipeline is traced, the output of a step has no value, and says so however it is used."""

from __future__ import annotations

import pytest

from zen.errors import TracingError

USES = {
    "if out: pass": "used as a condition",
    "not out": "used as a condition",
    "out and 1": "used as a condition",
    "for item in out: pass": "iterated over or unpacked",
    "a, b = out": "iterated over or unpacked",
    "list(out)": "it was iterated over or unpacked",
    "print(*out)": "iterated over or unpacked",
    "dict(**out)": "its attribute 'keys' was read",
    "len(out)": "length",
    "out[0]": "indexed with 0",
    "out['x']": "indexed with 'x'",
    "out[1:]": "indexed",
    "out[0] = 1": "indexed with 0",
    "1 in out": "looked for",
    "out(1)": "called",
    "out.shape": "its attribute 'shape' was read",
    "out.fit()": "its attribute 'fit' was read",
    "f'{out}'": "put into a text",
    "f'{out:.2f}'": "put into a text",
    "str(out)": "put into a text",
    "'%s' % out": "put into a text",
    "'{}'.format(out)": "put into a text",
    "print(out)": "put into a text",
    "int(out)": "converted to a number",
    "float(out)": "converted to a number",
    "complex(out)": "converted to a number",
    "range(out)": "converted to a number",
    "round(out)": "converted to a number",
    "out + 1": "computed with",
    "1 + out": "computed with",
    "out * 2": "computed with",
    "out ** 2": "computed with",
    "2 ** out": "computed with",
    "out @ out": "computed with",
    "out / 2": "computed with",
    "out // 2": "computed with",
    "out % 2": "computed with",
    "divmod(out, 2)": "computed with",
    "out << 1": "computed with",
    "1 >> out": "computed with",
    "out & 1": "computed with",
    "out | 1": "computed with",
    "out ^ 1": "computed with",
    "-out": "computed with",
    "+out": "computed with",
    "~out": "computed with",
    "abs(out)": "computed with",
    "out += 1": "computed with",
    "sum([out, 1])": "computed with",
    "out == 1": "compared",
    "1 == out": "compared",
    "out != None": "compared",
    "out < 1": "compared",
    "out >= 1": "compared",
    "max(out, 1)": "compared",
    "with out: pass": "used in a with statement",
    "next(out)": "iterated over or unpacked",
    "next(iter(out))": "iterated over or unpacked",
    "reversed(out)": "iterated over or unpacked",
    "bytes(out)": "converted to bytes",
    "math.floor(out)": "converted to a number",
    "match_it(out)": "compared",
}


@pytest.mark.parametrize("use", USES)
def test_using_an_output_as_a_value_is_refused(define, use) -> None:
    flow = define(f"""
        import math

        def match_it(out):
            match out:
                case [1, *rest]:
                    return rest
                case {{"a": 1}}:
                    return 1
                case 1:
                    return 2

        @step
        def make() -> int:
            return 1

        @pipeline
        def numbers():
            out = make()
            {use}
    """)
    with pytest.raises(TracingError) as caught:
        flow.numbers.plan()
    assert caught.value.message.startswith("output 'output' of step 'make' has no value yet")
    assert USES[use] in caught.value.message
    assert caught.value.hint
    assert (caught.value.step, caught.value.output) == ("make", "output")


def test_an_output_shows_itself_in_a_debugger(define) -> None:
    flow = define("""
        seen = []

        @step
        def make() -> Annotated[int, "count"]:
            return 1

        @step
        def nothing() -> None:
            pass

        @pipeline
        def numbers():
            out, done = make(), nothing()
            seen.extend([repr(out), repr(done), hash(out) == hash(out), out is None])
    """)
    flow.numbers.plan()
    assert flow.seen == [
        "<output 'count' of step 'make'>",
        "<step 'nothing' of the pipeline that is being traced>",
        True,
        False,
    ]


def test_unpacking_one_output_says_how_several_are_declared(define) -> None:
    flow = define("""
        @step
        def make() -> list[int]:
            return [1, 2]

        @pipeline
        def numbers():
            a, b = make()
    """)
    with pytest.raises(TracingError) as caught:
        flow.numbers.plan()
    assert "tuple[Annotated" in caught.value.hint
