"""What the Tab key offers on a magic's line: flags, models, conversations, commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from ve_magics.errors import VeError
from ve_magics.magics.agent.arguments import agent_parser
from ve_magics.magics.agent.toolbox import agents_known, tool_names
from ve_magics.magics.batch.arguments import batch_parser
from ve_magics.magics.chat.arguments import chat_parser, compare_parser
from ve_magics.magics.chat.formats import KINDS
from ve_magics.magics.knowledge.arguments import ask_parser
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.parser import Parser
from ve_magics.magics.usage import GROUPS
from ve_magics.magics.video.arguments import video_parser
from ve_magics.magics.video.storyboard_arguments import storyboard_parser

PARSERS: dict[str, Callable[[], Parser]] = {
    "%%agent": agent_parser,
    "%%ask": ask_parser,
    "%%batch": batch_parser,
    "%%chat": chat_parser,
    "%chat": lambda: chat_parser(line=True),
    "%%compare": compare_parser,
    "%%video": video_parser,
    "%%storyboard": storyboard_parser,
}
"""The magics whose line begins with a model, and what reads it."""

_CONVERSATION = ("list", "show", "use", "fork", "export", "drop")
_KB = ("list", "add", "update", "show", "search", "drop")
_COMMANDS = (
    "models",
    "use",
    "key",
    "usage",
    "budget",
    "cache",
    "conversation",
    "kb",
    "jobs",
    "panel",
    "gallery",
    "background",
    "wait",
    "last",
    "record",
    "recording",
    "replay",
    "live",
    "reload",
    "doctor",
)


_ASSIGNED = re.compile(r"[^%=]+=\s*(?=%)")
"""What stands in front of a magic whose answer goes into a variable."""


def offers(notebook: Notebook, line: str, symbol: str) -> list[str]:
    """Return what could stand at the cursor.

    Args:
        notebook: The running notebook; nobody is asked over the network.
        line: The line up to the cursor.
        symbol: The part of the word that is there already.
    """
    assigned = _ASSIGNED.match(line)
    before = line[assigned.end() if assigned else 0 : len(line) - len(symbol)]
    magic, *words = before.split() or [""]
    if not magic:  # the magic's own name is IPython's to complete
        return []
    try:
        if magic in PARSERS:
            found = _flagged(notebook, PARSERS[magic](), words, symbol, positional=magic.startswith("%%"))
        else:
            found = _command(notebook, words)
    except VeError:  # a configuration that can't be read is told when a cell runs
        return []
    return [one for one in dict.fromkeys(found) if one.startswith(symbol)]


def _flagged(
    notebook: Notebook, parser: Parser, words: list[str], symbol: str, *, positional: bool
) -> Iterable[str]:
    before = words[-1] if words else ""
    if before.endswith(",") and len(words) > 1:  # the next name of a list
        before = words[-2]
    match before:
        case "--tools":
            return listed(symbol, tool_names(notebook))
        case "--agents":
            return listed(symbol, agents_known(notebook))
        case "-m" | "--model":
            return notebook.session.config.names()
        case "-c" | "--conversation":
            return notebook.talks.book.names()
        case "--kb":
            return notebook.library.shelf.names()
        case "-f" | "--format":
            return KINDS
        case "--schema" | "-o" | "--output" | "--image":
            return _variables(notebook, schemas=before == "--schema")
    takes = {name for action in parser._actions if action.nargs != 0 for name in action.option_strings}
    if before in takes:
        return ()
    if symbol.startswith("-"):
        return (name for action in parser._actions for name in action.option_strings)
    if not words and any(action.dest == "kb" and not action.option_strings for action in parser._actions):
        return notebook.library.shelf.names()
    return notebook.session.config.names() if positional else ()


def listed(symbol: str, names: Iterable[str]) -> Iterable[str]:
    """Return names as they go on a list with commas that has begun."""
    head, comma, _ = symbol.rpartition(",")
    return (f"{head}{comma}{name}" for name in names)


def _variables(notebook: Notebook, *, schemas: bool) -> Iterable[str]:
    hidden = getattr(notebook.shell, "user_ns_hidden", {})
    for name, value in notebook.namespace.items():
        if name.startswith("_") or name in hidden or isinstance(value, ModuleType):
            continue
        if not schemas or isinstance(value, (type, dict)):
            yield name


def _command(notebook: Notebook, words: list[str]) -> Iterable[str]:
    match words:
        case []:
            return _COMMANDS
        case ["use"]:
            return notebook.session.config.names()
        case ["key" | "models"]:
            return notebook.session.config.providers
        case ["conversation"]:
            return _CONVERSATION
        case ["panel"] | ["conversation", "show" | "use" | "fork" | "export" | "drop"]:
            return notebook.talks.book.names()
        case ["kb"]:
            return _KB
        case ["kb", "add" | "update" | "show" | "search" | "drop"]:
            return notebook.library.shelf.names()
        case ["cache"]:
            return ("clear",)
        case ["usage", *_, "--by"]:
            return GROUPS
        case ["usage", *_]:
            return ("--by", "--since", "--all")
        case ["budget"]:
            return ("off",)
        case ["background"]:
            return ("stop",)
        case ["recording"]:
            return ("prune",)
        case _:
            return ()


def completer(notebook: Callable[[], Notebook]) -> Callable[[Any, Any], list[str]]:
    """Return what IPython calls for our magics when Tab is pressed.

    Args:
        notebook: Returns the running notebook.
    """

    def complete(_: Any, event: Any) -> list[str]:
        return offers(notebook(), event.text_until_cursor, event.symbol)

    return complete
