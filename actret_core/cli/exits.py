"""How the program ends: exit code 0, 1 after an ActretError, 2 for wrong usage, 130 after Ctrl-C."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from actret_core.errors import ActretError

INTERRUPTED = 130  # what a shell expects after Ctrl-C: 128 and the signal's number
NOT_ALLOWED = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


def run(app: typer.Typer, program: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command of `app`, and return if all is well.

    Otherwise it ends with SystemExit and one line on the standard error, which begins with the last word of `program`,
    the command as it was called. The exception of a bug is not caught.
    """
    name = program.split()[-1]
    try:
        with _ends_by(signal.SIGINT, INTERRUPTED):  # in a training too, where Lightning would exit with 1
            app(arguments, prog_name=program)
    except ActretError as error:
        sys.exit(f"{name}: {' '.join(str(error).split())}")
    except NOT_ALLOWED as error:
        sys.exit(f"{name}: {error.filename}: {error.strerror}")
    except SystemExit as end:  # typer always ends by it
        if end.code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        if end.code:
            raise


@contextmanager
def terminable() -> Iterator[None]:
    """Stop with a message on SIGTERM, by which schedulers end a job. Nothing that is on disk is lost."""
    with _ends_by(signal.SIGTERM, "actret: told to stop; call again to resume after the last whole epoch"):
        yield


@contextmanager
def _ends_by(number: signal.Signals, status: int | str) -> Iterator[None]:
    def stop(*_: object) -> None:
        sys.exit(status)

    before = signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, before)
