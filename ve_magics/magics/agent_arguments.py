"""The line of `%%agent`."""

from __future__ import annotations

import argparse
import re

from ve_magics.magics.arguments import add_question
from ve_magics.magics.parser import Parser, count, number

AGENT_EXAMPLES = """\
examples:
  %%agent --tools weather,book_table
  Find a dry evening in Lyon this week and book a table for two.

  %%agent --tools generate_video --approve auto --budget 2 -o made
  Make a four second film of a paper boat on a rainy street.

  %%agent --team --kb handbook
  What does the handbook say about trains? Make a short film of it.
"""

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


def agent_parser() -> Parser:
    """Return the parser of `%%agent`."""
    parser = Parser(
        "%%agent",
        "Let a model work with tools, step by step, until it has the answer.",
        AGENT_EXAMPLES,
    )
    add = parser.add_argument
    add(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a route, an alias or provider/name; the default where left out",
    )
    add("-m", "--model", dest="named", metavar="MODEL", help="the model, by flag")
    add_tools(parser)
    add(
        "--agents",
        type=names,
        action="extend",
        default=[],
        metavar="A,B",
        help="let it hand work to these agents",
    )
    add("--team", action="store_true", help="let it hand work to all agents")
    add("-c", "--conversation", metavar="NAME", help="go on with this conversation")
    add("--new", action="store_true", help="begin the conversation anew with this cell")
    add_question(parser)
    return parser
