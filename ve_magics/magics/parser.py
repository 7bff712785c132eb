"""What every magic's line is read with: a parser that raises instead of exiting, and the kinds of values."""

from __future__ import annotations

import argparse
import difflib
import json
import keyword
import re
import shlex
from collections.abc import Iterable
from typing import Any, NoReturn

from ve_magics.errors import ArgumentsError

_NEAR = 0.75
"""How much of two words must be the same for one to be offered instead of the other."""


class Parser(argparse.ArgumentParser):
    """An argument parser for a magic: it raises instead of exiting and prints nothing."""

    def __init__(self, magic: str, description: str, examples: str = "") -> None:
        super().__init__(
            prog=magic,
            description=description,
            epilog=examples,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    @property
    def usage_line(self) -> str:
        """How the magic is used, in one line."""
        return " ".join(self.format_usage().split()).removeprefix("usage: ")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong.

        Raises:
            ArgumentsError: Always.
        """
        hint = f"Usage: {self.usage_line}"
        _, unknown, words = message.partition("unrecognized arguments: ")
        if not unknown:
            said = f"{self.prog}: {message.removeprefix('argument ')}."
        elif words.startswith("-"):
            flag = words.split()[0].partition("=")[0]
            said = f"{self.prog} has no flag {flag}."
            if near := nearest(flag, self._option_string_actions):
                hint = f"Did you mean {near}? All flags: {self.prog} --help"
        elif not self.prog.startswith("%%"):
            said = f"{self.prog} does not understand {words!r}."
        else:
            said = (
                f"{self.prog} takes only a model and flags on its line, not {words!r}; the prompt goes below."
            )
        raise ArgumentsError(said, hint=hint)

    def read(self, line: str) -> argparse.Namespace:
        """Parse a magic's line.

        Raises:
            ArgumentsError: It is not understood; the hint is the usage line.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.error(f"{str(error).lower().rstrip('.')} in the line")
        return self.parse_args(words)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was most likely meant; nothing where none is near."""
    words = [*known]
    begun = [one for one in words if len(word.strip("-")) > 1 and one.startswith(word)]
    found = begun or difflib.get_close_matches(word, words, 1, _NEAR)
    return found[0] if found else ""


def number(text: str) -> float:
    """Return a number that is 0 or more; argparse words the error."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def duration(text: str) -> float:
    """Return a number of seconds that is more than 0."""
    value = number(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def dollars(text: str) -> float:
    """Return an amount in US dollars; 0 stands for what costs nothing."""
    try:
        return number(text.removeprefix("$"))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in US dollars") from None


def count(text: str) -> int:
    """Return a whole number that is 1 or more."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def size(text: str) -> str:
    """Return a size in pixels, written WIDTHxHEIGHT."""
    width, times, height = text.lower().partition("x")
    if not times or not width.isdigit() or not height.isdigit() or not int(width) or not int(height):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 1280x720")
    return f"{int(width)}x{int(height)}"


def variable(text: str) -> str:
    """Return the name of a variable."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name for a variable")
    return text


def parameter(text: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`; the value is JSON where it is valid JSON, else the text itself."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


_WORD = re.compile(r"""\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)""")


def split_line(parser: Parser, line: str) -> tuple[str, str]:
    """Return the flags of a line magic, and the question behind them, untouched.

    Args:
        parser: Knows which flags take a value.
        line: The line. The question begins at the first word that is no flag, or behind `--`.
    """
    takes = {name: action.nargs != 0 for action in parser._actions for name in action.option_strings}
    end, value = 0, False
    while found := _WORD.match(line, end):
        word = found[1]
        if not value:
            if word == "--":
                return line[:end], line[found.end() :].strip()
            if not word.startswith("-") or word == "-":
                break
            value = takes.get(word, False)
        else:
            value = False
        end = found.end()
    return line[:end], line[end:].strip()
