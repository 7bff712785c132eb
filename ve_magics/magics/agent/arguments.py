"""The line of `%%agent`."""

from __future__ import annotations

from ve_magics.magics.agent.tool_arguments import add_tools, names
from ve_magics.magics.chat.arguments import add_question
from ve_magics.magics.parser import Parser

AGENT_EXAMPLES = """\
examples:
  %%agent --tools weather,book_table
  Find a dry evening in Lyon this week and book a table for two.

  %%agent --tools generate_video --approve auto --budget 2 -o made
  Make a four second film of a paper boat on a rainy street.

  %%agent --team --kb handbook
  What does the handbook say about trains? Make a short film of it.
"""


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
