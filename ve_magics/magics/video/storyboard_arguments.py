"""The line of `%%storyboard`."""

from __future__ import annotations

from ve_magics.magics.flags import add_end, add_film, add_model, add_parameters
from ve_magics.magics.parser import Parser, count, dollars

EXAMPLES = """\
examples:
  %%storyboard --seconds 4 -o film
  A lighthouse keeper in the 1920s, warm film grain.
  - He climbs the stairs at dawn.
  - (6 s) A storm breaks over the tower.
  - He sleeps in his chair while the light turns.

  %%storyboard --shots 5
  The life of a paper boat, from the hands of a child to the sea.
"""


def storyboard_parser() -> Parser:
    """Return the parser of `%%storyboard`."""
    parser = Parser("%%storyboard", "Several shots, made side by side and joined into one film.", EXAMPLES)
    add = parser.add_argument
    add_model(parser)
    add(
        "--shots",
        type=count,
        default=3,
        metavar="N",
        help="into so many shots a story in prose is divided; 3 where left out",
    )
    add_film(parser, length="length of each shot")
    add_parameters(parser, "aspect=16:9")
    add(
        "--limit",
        type=count,
        default=4,
        metavar="N",
        help="so many shots are made at the same time; 4 where left out",
    )
    add(
        "--budget",
        type=dollars,
        metavar="USD",
        help="refuse the film where it could cost more than so many dollars; 0 makes only what is free",
    )
    add("--raw", action="store_true", help="take the cell as it stands, {{ }} included")
    add("--fresh", action="store_true", help="make every shot again although it is there")
    add("--dry-run", action="store_true", help="show the shots and what they would cost, and make nothing")
    add_end(parser, "the film")
    return parser
