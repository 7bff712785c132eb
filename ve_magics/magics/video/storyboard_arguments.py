"""The line of `%%storyboard`."""

from __future__ import annotations

from ve_magics.magics.parser import Parser, count, duration, parameter, variable
from ve_magics.magics.video.arguments import size

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
    add(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a route, an alias or provider/name; the default where left out",
    )
    add("-m", "--model", dest="named", metavar="MODEL", help="the same, by flag")
    add(
        "--shots",
        type=count,
        default=3,
        metavar="N",
        help="into so many shots a story in prose is divided; 3 where left out",
    )
    add("--seconds", type=duration, metavar="N", help="length of each shot")
    add("--size", type=size, metavar="WxH", help="pixels, such as 1280x720")
    add("--seed", type=int, metavar="N", help="makes a result repeatable where the model can")
    add(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="K=V",
        help="any other setting: aspect=16:9",
    )
    add(
        "--limit",
        type=count,
        default=4,
        metavar="N",
        help="so many shots are made at the same time; 4 where left out",
    )
    add(
        "--budget",
        type=duration,
        metavar="USD",
        help="refuse the film where it could cost more than so many dollars",
    )
    add("--no-expand", action="store_true", help="send each shot as it stands; no director writes it out")
    add("--raw", action="store_true", help="take the cell as it stands, {{ }} included")
    add("--fresh", action="store_true", help="make every shot again although it is there")
    add("--dry-run", action="store_true", help="show the shots and what they would cost, and make nothing")
    add("-o", "--output", type=variable, metavar="NAME", help="keep the film in this variable")
    add("-h", "--help", action="store_true", help="show this")
    return parser
