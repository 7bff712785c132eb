"""The line of `%%ask`, read into values."""

from __future__ import annotations

from ve_magics.magics.parser import Parser, count, duration, number, parameter, variable

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
    add(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a route, an alias or provider/name; the default where left out",
    )
    add("-m", "--model", dest="named", metavar="MODEL", help="the model, by flag")
    add("-c", "--conversation", metavar="NAME", help="go on with this conversation")
    add("--new", action="store_true", help="begin the conversation anew with this cell")
    add_search(parser)
    add("-s", "--system", metavar="SYSTEM", help="more for the model to know or to keep to")
    add("-t", "--temperature", type=number, metavar="T", help="0 is the steadiest")
    add("--max-tokens", type=count, metavar="N", help="upper bound of the answer in tokens")
    add("--param", type=parameter, action="append", default=[], metavar="K=V", help="any other setting")
    add("--raw", action="store_true", help="send the question as it stands, {{ }} included")
    add("--fresh", action="store_true", help="search and ask again although the answer is known")
    add("--no-cache", action="store_true", help="neither look in the cache nor keep the answer")
    add("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    add("--timeout", type=duration, metavar="S", help="give up after so many seconds")
    add("--no-fallback", action="store_true", help="ask the first target only")
    add("-o", "--output", type=variable, metavar="NAME", help="keep the answer in this variable")
    add("-h", "--help", action="store_true", help="show this")
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
