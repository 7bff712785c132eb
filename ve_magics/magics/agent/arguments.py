"""The line of `%%agent`."""

from __future__ import annotations

from ve_magics.magics.agent.tool_arguments import add_tools, names
from ve_magics.magics.chat.arguments import add_question
from ve_magics.magics.flags import add_conversation, add_model
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
    add_model(parser)
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
    add_conversation(parser)
    add_question(parser)
    return parser
