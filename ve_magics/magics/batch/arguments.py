"""The line of `%%batch`."""

from __future__ import annotations

from ve_magics.magics.flags import add_end, add_film, add_model, add_parameters, add_sampling
from ve_magics.magics.parser import Parser, count, dollars, duration

EXAMPLES = """\
examples:
  %%batch reviews --schema Opinion -o rated
  What does this customer think? {{ row.text }}

  %%batch cities -m openai/gpt-5.4-mini --limit 4 --max-tokens 200 --budget 0.50 -o facts
  Tell me one thing about {{ row }}.

  %%batch scenes --video --seconds 4 -o clips
  {{ row.scene }}, warm film grain
"""


def batch_parser() -> Parser:
    """Return the parser of `%%batch`."""
    parser = Parser("%%batch", "Ask the same of every row of a table or list, or film every row.", EXAMPLES)
    add = parser.add_argument
    add("rows", metavar="ROWS", help="a DataFrame, a list or a dict of columns: a variable or an expression")
    add_model(parser, in_front=False)
    add_sampling(parser, answer="each answer")
    add_parameters(parser, "top_p=0.9")
    add(
        "--schema",
        metavar="NAME",
        help="a class or JSON Schema that each answer must fit; its fields become columns",
    )
    add(
        "--limit",
        type=count,
        metavar="N",
        help="so many at the same time; 8 where left out, 4 videos",
    )
    add(
        "--budget",
        type=dollars,
        metavar="USD",
        help="ask nothing that could make the batch cost more; 0 asks only what is free",
    )
    add("--video", action="store_true", help="film each row instead")
    add_film(parser, length="length of each video")
    add("--fresh", action="store_true", help="ask again although answers are known")
    add(
        "--dry-run",
        action="store_true",
        help="show the first prompts and what all could cost, and send nothing",
    )
    add("--timeout", type=duration, metavar="S", help="give up on a row after so many seconds")
    add("--no-fallback", action="store_true", help="ask the first target only")
    add_end(parser, "the table of results")
    parser.set_defaults(no_cache=False)
    return parser
