"""Parsing of the command line: options that take one of several names, lists, and hints for misspelled options."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


def one_of(what: str, *names: str) -> dict[str, Any]:
    """The arguments of an option that takes one of `names`; for another value, the error names the nearest one."""
    def checked(value: str) -> str:
        if value in names:
            return value
        near = difflib.get_close_matches(value, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise typer.BadParameter(f"{value!r} is none of {', '.join(names)}{hint}")

    def completed(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return {"parser": checked, "autocompletion": completed, "metavar": "NAME", "help": f"{what}: {', '.join(names)}."}


class ListCommand(TyperCommand):
    """A command without arguments whose list options take several values at once: `--seeds 0 1 2`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the name of a list option before each further value, as the parser expects it."""
        lists = {name for option in self.params if option.multiple for name in option.opts}
        spread: list[str] = []
        option, values = "", 0
        for word in args:
            option, values = (word, 0) if word.startswith("--") else (option, values + 1)
            spread += [option, word] if values > 1 and option in lists else [word]
        return super().parse_args(ctx, spread)


class Commands(TyperGroup):
    """A group of commands; the error for an unknown option names the nearest one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the group's own options."""
        with _nearest_option():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Read the options of the command, and run it."""
        with _nearest_option():
            return super().invoke(ctx)


@contextmanager
def _nearest_option() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if similar := getattr(error, "possibilities", None):  # only the error of an unknown option has it
            (nearest,) = difflib.get_close_matches(error.option_name, similar, n=1, cutoff=0)
            error.message, error.possibilities = f"{error.message}; did you mean {nearest}?", []
        raise
