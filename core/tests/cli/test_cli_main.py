"""The root command: help without imports, errors as messages, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from zen import errors
from zen.cli import main as entry
from zen.cli.group import load
from zen.cli.table import COMMANDS

HEAVY = ("rich", "pydantic", "mlflow", "zen.engine", "zen.authoring", "zen.client", "zen.storage", "zen.builtin")


def modules_of(*arguments: str) -> list[str]:
    program = (
        "import sys, zen.cli.main as m; code = m.main(sys.argv[1:]); print('MODULES', *sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split("MODULES ")[1].split()


@pytest.mark.parametrize("arguments", [["--help"], ["stack", "list"], ["plugin", "list"], ["stack", "--help"]])
def test_light_commands_import_nothing_heavy(project: Path, arguments: list[str]) -> None:
    modules = modules_of(*arguments)
    assert not [name for name in modules if name.startswith(HEAVY)]


def test_help_imports_no_command(project: Path) -> None:
    modules = modules_of("--help")
    assert not {row.target.partition(":")[0] for row in COMMANDS.values()} & set(modules)


def test_help_shows_every_command_of_the_table(zen) -> None:
    result = zen("--help")
    assert result.code == 0
    for row in COMMANDS.values():
        assert f"{row.name} " in result.out and row.summary in result.out


def test_zen_alone_shows_the_help(zen) -> None:
    assert zen() == zen("--help")


def commands() -> list[tuple[str, click.Command]]:
    found = []
    for row in COMMANDS.values():
        command = load(row)
        found.append((row.name, command))
        if isinstance(command, click.Group):
            found += [(f"{row.name} {name}", inner) for name, inner in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_command_help_has_an_example(name: str, command: click.Command, zen) -> None:
    result = zen(*name.split(), "--help")
    assert result.code == 0
    assert "Example" in result.out and f"  zen {name.split()[0]}" in result.out


@pytest.mark.parametrize("row", COMMANDS.values(), ids=lambda row: row.name)
def test_table_says_what_the_command_says_of_itself(row) -> None:
    command = load(row)
    assert (command.help or "").splitlines()[0] == row.summary
    assert command.name == row.name


def test_version_is_printed(zen) -> None:
    result = zen("--version")
    assert result.code == 0 and result.out.startswith("zen ")


def test_unknown_command_names_the_nearest(zen) -> None:
    result = zen("stakc", "list")
    assert result.code == 2 and not result.out
    assert "no command 'stakc'" in result.err and "did you mean 'stack'?" in result.err


def test_unknown_command_of_a_group_names_the_nearest(zen) -> None:
    assert "did you mean 'list'?" in zen("stack", "lits").err


def test_unknown_option_names_the_nearest(zen) -> None:
    result = zen("plugin", "list", "--jsn")
    assert result.code == 2
    assert "no option --jsn for 'zen plugin list'" in result.err and "did you mean '--json'?" in result.err


def test_missing_argument_points_to_the_help(zen) -> None:
    result = zen("stack", "use")
    assert result.code == 2 and "zen stack use --help" in result.err


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Return what makes `zen stack list` raise."""
    from zen.cli import stack

    def fail_with(error: BaseException) -> None:
        def fail() -> None:
            raise error

        monkeypatch.setattr(stack, "open_project", fail)

    return fail_with


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("wrong", hint="right"), 2),
        (errors.ConfigError("wrong", hint="right"), 3),
        (errors.PluginError("wrong", hint="right"), 4),
        (errors.ComponentError("wrong", hint="right"), 5),
        (errors.StorageError("wrong", hint="right"), 6),
        (errors.RunError("wrong", hint="right"), 1),
    ],
)
def test_error_becomes_message_hint_and_code(failing, zen, error: errors.ZenError, code: int) -> None:
    failing(error)
    result = zen("stack", "list")
    assert result.code == code
    assert result.err == "error: wrong\n  hint: right\n" and not result.out


def test_debug_shows_the_traceback(failing, zen) -> None:
    failing(errors.UsageError("wrong"))
    for arguments in (["--debug", "stack", "list"], ["stack", "list", "--debug"]):
        assert "Traceback" in zen(*arguments).err


def test_unexpected_error_shows_no_traceback(failing, zen) -> None:
    failing(RuntimeError("oh"))
    result = zen("stack", "list")
    assert result.code == 1
    assert "unexpected RuntimeError: oh" in result.err and "--debug" in result.err
    assert "Traceback" not in result.err


def test_interrupt_exits_with_130(failing, zen) -> None:
    failing(KeyboardInterrupt())
    assert zen("stack", "list").code == 130


def test_message_cannot_drive_the_terminal(failing, zen) -> None:
    failing(errors.UsageError("\x1b[2J\u202egone"))
    assert "error: \\x1b[2J\\u202egone" in zen("stack", "list").err


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise there")
@pytest.mark.parametrize("arguments", [["--help"], ["plugin", "list", "--json"], ["completion", "bash"]])
def test_closed_stdout_is_a_quiet_exit(project: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "zen.cli.main", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (entry.PIPE_CLOSED, "")


def test_works_without_home_and_utf8(zen_process) -> None:
    result = zen_process("init", "caf\u00e9", HOME="", PYTHONUTF8="0", PYTHONIOENCODING="ascii", PYTHONHASHSEED="7")
    assert (result.code, result.out.splitlines()[0]) == (0, "wrote caf\\xe9/zen.yaml")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(zen, shell: str) -> None:
    result = zen("completion", shell)
    assert result.code == 0 and "_ZEN_COMPLETE" in result.out


def test_shell_completes_commands(zen_process) -> None:
    result = zen_process(_ZEN_COMPLETE="bash_complete", COMP_WORDS="zen st", COMP_CWORD="1")
    assert result.out == "plain,stack\nplain,store\n"


def test_shell_completes_subcommands_and_options(zen_process) -> None:
    asked = {"_ZEN_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    assert "plain,--json" in zen_process(**asked, COMP_WORDS="zen stack list --").out
