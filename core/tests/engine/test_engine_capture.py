"""What a step prints and logs is kept with it, a line for a line, and cannot pretend to be more than it is."""

from __future__ import annotations

import pytest

from zen import Client
from zen.engine import capture, steplog
from zen.engine.capture import Captured
from zen.records import LogLine


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
        (["50%\r100%\n"], ["100%"]),
        (["\r 0%", "\r 50%", "\r100%", "\n"], ["100%"]),
        (["\r100%", "\r    ", "\r", "done\n"], ["done"]),
        (["\r100%", "\r    ", "\r", "\n"], ["100%"]),
        (["a\r", "\n", "b\r\r\n"], ["a", "b"]),
        (["ok\r\nERROR real\n"], ["ok", "ERROR real"]),
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


@pytest.fixture
def small(monkeypatch):
    """Keep 100 lines of 936 characters at the beginning and 10 at the end."""
    monkeypatch.setattr(capture, "HEAD", 100_000)
    monkeypatch.setattr(capture, "TAIL", 10_000)


def test_of_much_output_the_beginning_and_the_end_are_kept(small) -> None:
    lines = texts(*[f"{number:06}" + "x" * 930 + "\n" for number in range(500)])
    assert [int(line[:6]) for line in lines[:100]] == list(range(100))
    assert "390 lines (0.3 MiB) are left out here" in lines[100]
    assert [int(line[:6]) for line in lines[101:]] == list(range(490, 500))


def test_one_huge_write_is_capped_as_many_small_ones_are(small) -> None:
    lines = [f"{number:06}" + "x" * 930 + "\n" for number in range(3000)]
    assert texts("".join(lines)) == texts(*lines)


def test_a_line_without_end_is_cut_and_capped(small) -> None:
    lines = texts("y" * 1_000_000, "end")
    assert [len(line) for line in lines[:2]] == [64 * 1024] * 2
    assert "left out here" in lines[2]
    assert lines[-1].endswith("yend")
    assert [len(line) for line in texts("z" * 100_000)] == [65536, 34464]


def test_empty_lines_are_capped_as_well(small) -> None:
    assert len(texts("\n" * 100_000)) < 2000


def test_much_output_of_a_step_is_capped(logged, capsys) -> None:
    lines = logged('for _ in range(12):\n    print("x" * 1024 * 1024)\nprint("after")')
    assert 9_000_000 < sum(len(text) for _, text in lines) < 11_000_000
    assert any("left out here" in text for _, text in lines)
    assert lines[-1] == ("stdout", "after")
    assert capsys.readouterr().out.endswith("after\n")


@pytest.mark.parametrize("where", ["", "(isolate=True)"])
def test_lines_are_in_the_store_while_the_step_computes_on(script, home, where) -> None:
    done = script(f"""
        @step{where}
        def work() -> int:
            print("one")
            print("two, without end", end="")
            context = get_step_context()
            while not (found := Client().database.logs(context.step_run.id)):
                time.sleep(0.05)
            return len(found)

        @pipeline
        def numbers():
            return work()

        if __name__ == "__main__":
            print(numbers().outputs[0].load())
    """)
    assert done.stdout == "one\ntwo, without end1\n", done.stderr
    assert [line.text for line in Client(root=home).run().logs()] == ["one", "two, without end"]
    assert list((home / ".zen" / "runs").iterdir()) == []


def test_many_lines_are_kept_in_order_over_many_visits_to_the_store(define, monkeypatch) -> None:
    monkeypatch.setattr(steplog, "_SECONDS", 0.001)
    run = define("""
        @step
        def work() -> None:
            for number in range(20_000):
                print(number)

        @pipeline
        def numbers():
            work()
    """).numbers()
    assert [line.text for line in run.logs()] == [str(number) for number in range(20_000)]


def test_a_capped_log_is_shortened_while_it_grows(define, monkeypatch, small) -> None:
    monkeypatch.setattr(steplog, "_SECONDS", 0.001)
    monkeypatch.setattr(steplog, "TAIL", 10_000)
    monkeypatch.setattr(steplog, "_BLOCK", 2_000)
    run = define("""
        @step
        def work() -> None:
            for number in range(5_000):
                print(f"{number:06}" + "x" * 930)

        @pipeline
        def numbers():
            work()
    """).numbers()
    lines = [line.text for line in run.logs()]
    assert [int(line[:6]) for line in lines[:100]] == list(range(100))
    assert "left out here" in lines[100]
    tail = [int(line[:6]) for line in lines[101:]]
    assert tail == list(range(5000 - len(tail), 5000))
    assert 1 <= len(tail) <= 10
    assert f"{4900 - len(tail):,} lines" in lines[100]


def test_descriptors_that_a_step_closes_are_there_for_the_next(define, capfd) -> None:
    define("""
        @step
        def closes() -> None:
            os.close(1)
            os.close(2)

        @step
        def prints() -> None:
            os.write(1, b"out\\n")
            os.write(2, b"err\\n")

        @pipeline
        def numbers():
            prints(after=closes())
    """).numbers()
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("out\n", "err\n")


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


@pytest.mark.parametrize(
    ("stored", "seen", "rest"),
    [
        ("abc", "abcde", "de"),
        ("", "ab", "ab"),
        ("aaa", "aaaab", "ab"),
        ("bc", "xabcd", "d"),
        ("xyz", "ab", "ab"),
        ("abc", "abc", ""),
    ],
)
def test_of_what_was_seen_elsewhere_the_part_that_is_not_stored_is_kept(stored, seen, rest) -> None:
    def lines(texts: str) -> list[LogLine]:
        return [LogLine(stream="stdout", text=text) for text in texts]

    assert steplog._after(lines(stored), lines(seen)) == lines(rest)
