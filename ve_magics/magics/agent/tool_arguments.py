"""The flags that say what a model may call."""

from __future__ import annotations

import argparse
import re

from ve_magics.magics.parser import Parser, count, number

_TOOL = re.compile(r"[^\W\d][\w.-]*").fullmatch


def names(text: str) -> list[str]:
    """Return the names of a list with commas; argparse words the error."""
    found = [name.strip() for name in text.split(",")]
    for name in found:
        if not _TOOL(name):
            raise argparse.ArgumentTypeError(f"{name!r} is not a name; write them like a,b")
    return found


def add_tools(parser: Parser) -> None:
    """Add the flags that say what a model may call and how far it may go."""
    add = parser.add_argument
    add(
        "--tools",
        type=names,
        action="extend",
        default=[],
        metavar="A,B",
        help="what it may call: functions, generate_video, generate_image, fetch_url, python, MCP servers",
    )
    add("--kb", metavar="NAME", help="let it search this knowledge base")
    add("--max-steps", type=count, metavar="N", help="at most so many questions to the model")
    add("--budget", type=number, metavar="USD", help="what the whole run may cost, in US dollars")
    add(
        "--approve",
        choices=("ask", "auto"),
        default="ask",
        help="who says yes to calls that cost money or have effects: you, or the cell for the tools that it names",
    )
