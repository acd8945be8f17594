"""How a program ends, shown by small ones."""

import os
import signal
import sys
from collections.abc import Callable

import pytest
import typer

from actret_core.cli.exits import run, terminable
from actret_core.errors import DataError


def end_of(command: Callable[[], None]) -> int | str | None:
    """The code of the SystemExit that a program of one command ends by."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    with pytest.raises(SystemExit) as end:
        run(app, "python -m demo", [])
    return end.value.code


def test_all_is_well(capsys: pytest.CaptureFixture) -> None:
    app = typer.Typer()
    app.command()(lambda: print("done"))
    run(app, "demo", [])
    assert capsys.readouterr() == ("done\n", "")


def test_ctrl_c_is_one_word_and_status_130(capsys: pytest.CaptureFixture) -> None:
    def training() -> None:
        """As Lightning does it, which would end the program with 1."""
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            sys.exit(1)

    before = signal.getsignal(signal.SIGINT)
    assert end_of(training) == 130 and capsys.readouterr() == ("", "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_end_of_a_lease_is_a_clear_word() -> None:
    def training() -> None:
        with terminable():
            os.kill(os.getpid(), signal.SIGTERM)

    assert end_of(training) == "actret: told to stop; call again to resume after the last whole epoch"


def test_an_error_of_ours_is_one_line() -> None:
    def reading() -> None:
        raise DataError("a.yaml: line 1\n  line 2")

    assert end_of(reading) == "demo: a.yaml: line 1 line 2"


def test_a_file_that_may_not_be_written_is_named() -> None:
    def writing() -> None:
        open("/", "w")

    assert end_of(writing) == "demo: /: Is a directory"


@pytest.mark.parametrize("bug", [ZeroDivisionError, FileNotFoundError, ValueError])
def test_a_bug_shows_its_trace(bug: type[Exception]) -> None:
    def wrong() -> None:
        raise bug("a bug")

    with pytest.raises(bug, match="a bug"):
        end_of(wrong)
