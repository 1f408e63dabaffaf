"""What a step prints and logs is kept with it, a line for a line, and cannot pretend to be more than it is."""

from __future__ import annotations

import pytest

from zen.engine import capture
from zen.engine.capture import Captured


@pytest.fixture
def logged(define):
    """Run a step with that body and return the captured lines as `(stream, text)`."""

    def run(body: str, head: str = ""):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        flow = define(
            f"import logging\n{head}\n@step\ndef work() -> None:\n{lines}\n@pipeline\ndef numbers():\n    work()\n"
        )
        return [(line.stream, line.text) for line in flow.numbers().logs("work")]

    return run


def texts(*pieces: str) -> list[str]:
    captured = Captured()
    for piece in pieces:
        captured.add("stdout", piece)
    return [line.text for line in captured.take(end=True)]


def test_prints_are_kept_and_still_shown(logged, capsys) -> None:
    assert logged('print("one", 2)\nprint("three", file=sys.stderr)\nsys.stdout.write("four")') == [
        ("stdout", "one 2"),
        ("stderr", "three"),
        ("stdout", "four"),
    ]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("one 2\nfour", "three\n")


def test_log_records_are_kept(logged) -> None:
    assert logged('logging.getLogger("mine").warning("a %s", 1)\nlogging.error("two\\nlines")') == [
        ("log", "WARNING mine: a 1"),
        ("log", "ERROR root: two"),
        ("log", "lines"),
    ]


def test_lines_have_times_in_order(define) -> None:
    flow = define("""
        @step
        def work() -> None:
            for number in range(5):
                print(number)

        @pipeline
        def numbers():
            work()
    """)
    run = flow.numbers()
    times = [line.at for line in run.logs()]
    assert times == sorted(times)
    assert run.started_at <= times[0] <= times[-1] <= run.finished_at


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["a\nb\n"], ["a", "b"]),
        (["a", "b\nc"], ["ab", "c"]),
        (["\n\n"], ["", ""]),
        (["a\r\n"], ["a"]),
        (["50%\r100%\n"], ["50%\\r100%"]),
        (["ok\rERROR forged\n"], ["ok\\rERROR forged"]),
        (["\x1b[31mred\x1b[0m\n"], ["\\x1b[31mred\\x1b[0m"]),
        (["\x9b31m csi\n"], ["\\x9b31m csi"]),
        (["a\x08b\x00c\x7f\n"], ["a\\x08b\\x00c\\x7f"]),
        (["a\x0bb\x0cc\x85d\u2028e\u2029f\n"], ["a\\x0bb\\x0cc\\x85d\\u2028e\\u2029f"]),
        (["\u202egnp.exe\n"], ["\\u202egnp.exe"]),
        (["bad \ud800 half\n"], ["bad \\ud800 half"]),
        (["tab\tand ümläut 😀\n"], ["tab\tand ümläut 😀"]),
        ([""], []),
    ],
)
def test_lines_are_kept_as_text_that_cannot_forge_others(written, kept) -> None:
    assert texts(*written) == kept
    assert all(len(text.splitlines()) <= 1 for text in kept)
    assert all(text.encode("utf-8").decode("utf-8") == text for text in kept)


def test_invalid_text_in_a_step_is_kept_and_fails_nothing(logged) -> None:
    assert logged('print("bad \\udc80 half")') == [("stdout", "bad \\udc80 half")]


def test_output_is_capped_and_says_so(monkeypatch) -> None:
    monkeypatch.setattr(capture, "LIMIT", 100_000)
    lines = texts(*["x" * 999 + "\n"] * 500)
    assert sum(map(len, lines)) < 101_000
    assert "the rest of this step's output is not kept" in lines[-1]
    assert lines[:-1] == ["x" * 999] * 100


def test_a_line_without_end_is_cut_and_capped(monkeypatch) -> None:
    monkeypatch.setattr(capture, "LIMIT", 300_000)
    lines = texts("y" * 1_000_000)
    assert [len(line) for line in lines[:-1]] == [64 * 1024] * 4
    assert "not kept" in lines[-1]
    assert [len(line) for line in texts("z" * 100_000)] == [65536, 34464]


def test_much_output_of_a_step_is_capped(logged, capsys) -> None:
    lines = logged('for _ in range(12):\n    print("x" * 1024 * 1024)\nprint("after")')
    assert 9_000_000 < sum(len(text) for _, text in lines) < 11_000_000
    assert "not kept" in lines[-1][1]
    assert capsys.readouterr().out.endswith("after\n")


def test_many_lines_are_written_while_the_step_runs(define) -> None:
    run = define("""
        @step
        def work() -> int:
            for number in range(1200):
                print(number)
            context = get_step_context()
            return len(Client().database.logs(context.step_run.id))

        @pipeline
        def numbers():
            return work()
    """).numbers()
    assert 500 <= run.outputs[0].load() <= 1200
    assert [line.text for line in run.logs()] == [str(number) for number in range(1200)]


def test_logging_set_up_in_one_step_is_kept_in_the_next(script) -> None:
    done = script("""
        import logging

        @step
        def first() -> None:
            logging.warning("one")

        @step
        def second() -> None:
            logging.warning("two")
            print("three")

        @pipeline
        def numbers():
            second(after=first())

        if __name__ == "__main__":
            run = numbers()
            print([line.text for line in run.logs("first")], [line.text for line in run.logs("second")])
            logging.warning("four")
    """)
    assert done.stdout.splitlines() == ["three", "['WARNING:root:one'] ['WARNING:root:two', 'three']"]
    assert done.stderr.splitlines() == ["WARNING:root:one", "WARNING:root:two", "WARNING:root:four"]


@pytest.mark.parametrize("where", ["enable_cache=False", "enable_cache=False, isolate=True"])
def test_logging_set_up_by_the_script_is_kept_once(script, where) -> None:
    done = script(f"""
        import logging
        logging.basicConfig(level=logging.INFO)
        log = logging.getLogger("mine")

        @step({where})
        def work() -> None:
            log.info("told")
            log.debug("not told")
            print("printed")

        @pipeline
        def numbers():
            work(), work()

        if __name__ == "__main__":
            run = numbers()
            for name in run.steps:
                print([line.text for line in run.logs(name)])
    """)
    found = done.stdout.splitlines()
    assert found[0] == found[1] == "printed"
    assert [line.replace("INFO:mine:told", "INFO mine: told") for line in found[2:]] == [
        "['INFO mine: told', 'printed']"
    ] * 2
    assert done.stderr.splitlines() == ["INFO:mine:told"] * 2


def test_what_another_thread_prints_after_the_step_is_not_the_steps(define, capsys) -> None:
    flow = define("""
        import logging
        go, done = threading.Event(), threading.Event()

        def late(out):
            go.wait(60)
            print("late", file=out)
            done.set()

        @step
        def work() -> None:
            print("in time")
            threading.Thread(target=late, args=[sys.stdout], daemon=True).start()

        @pipeline
        def numbers():
            work()
    """)
    run = flow.numbers()
    flow.go.set()
    assert flow.done.wait(60)
    assert [line.text for line in run.logs()] == ["in time"]
    assert capsys.readouterr().out == "in time\nlate\n"
