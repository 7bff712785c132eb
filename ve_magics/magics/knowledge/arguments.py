"""The line of `%%ask`, read into values."""

from __future__ import annotations

from ve_magics.magics.flags import (
    add_asking,
    add_conversation,
    add_end,
    add_model,
    add_parameters,
    add_sampling,
)
from ve_magics.magics.parser import Parser, count

PASSAGES = 8
"""Passages that go to the model where the line says nothing."""

EXAMPLES = """\
examples:
  %%ask manuals
  How is the pump switched off in an emergency?

  %%ask manuals openai/gpt-5.4-mini -c pumps -k 12 -o answer
  And who has to be told?
"""


def ask_parser() -> Parser:
    """Return the parser of `%%ask`."""
    parser = Parser("%%ask", "Answer a question from the user's documents, with citations.", EXAMPLES)
    add = parser.add_argument
    add("kb", nargs="?", metavar="KB", help="the knowledge base (%%ve kb list)")
    add_model(parser)
    add_conversation(parser)
    add_search(parser)
    add_sampling(parser, prompt="more for the model to know or to keep to")
    add_parameters(parser, "top_p=0.9")
    add("--raw", action="store_true", help="send the question as it stands, {{ }} included")
    add_asking(parser, fresh="search and ask again although the answer is known")
    add_end(parser, "the answer")
    return parser


def add_search(parser: Parser) -> None:
    """Add the flags that say how documents are searched."""
    parser.add_argument(
        "-k",
        "--passages",
        type=count,
        default=PASSAGES,
        metavar="N",
        help=f"passages of the knowledge base that are read ({PASSAGES})",
    )
    parser.add_argument(
        "--rerank", metavar="MODEL", help="a model that puts what was found in order; off for none"
    )
