"""The flags that several magics share, each declared once."""

from __future__ import annotations

from ve_magics.magics.parser import Parser, count, duration, number, parameter, size, variable

_MODEL = "a route, an alias or provider/name; the default where left out"


def add_model(parser: Parser, *, in_front: bool = True) -> None:
    """Add the model that is asked, as the line's next word and as `-m`.

    Args:
        parser: Gets the flags.
        in_front: False takes it by flag only.
    """
    if in_front:
        parser.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL)
        parser.add_argument("-m", "--model", dest="named", metavar="MODEL", help="the same, by flag")
    else:
        parser.set_defaults(model=None)
        parser.add_argument("-m", "--model", dest="named", metavar="MODEL", help=_MODEL)


def add_parameters(parser: Parser, examples: str) -> None:
    """Add `--param`, which sets what has no flag of its own.

    Args:
        parser: Gets the flag.
        examples: Settings that the help names.
    """
    parser.add_argument(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="K=V",
        help=f"any other setting: {examples}",
    )


def add_sampling(parser: Parser, *, prompt: str = "a system prompt", answer: str = "the answer") -> None:
    """Add the flags that say how a model answers: its system prompt, temperature and length.

    Args:
        parser: Gets the flags.
        prompt: What `-s` is, for the help.
        answer: What `--max-tokens` bounds, for the help.
    """
    add = parser.add_argument
    add("-s", "--system", metavar="SYSTEM", help=prompt)
    add("-t", "--temperature", type=number, metavar="T", help="0 is the steadiest")
    add("--max-tokens", type=count, metavar="N", help=f"upper bound of {answer} in tokens")


def add_conversation(parser: Parser) -> None:
    """Add the flags that say which conversation a cell goes on with."""
    parser.add_argument("-c", "--conversation", metavar="NAME", help="go on with this conversation")
    parser.add_argument("--new", action="store_true", help="begin the conversation anew with this cell")


def add_asking(parser: Parser, *, fresh: str = "ask again although the answer is known") -> None:
    """Add the flags of one question: whether a known answer will do, how long it may take, and who is asked.

    Args:
        parser: Gets the flags.
        fresh: What `--fresh` does, for the help.
    """
    add = parser.add_argument
    add("--fresh", action="store_true", help=fresh)
    add("--no-cache", action="store_true", help="neither look in the cache nor keep the answer")
    add("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    add("--timeout", type=duration, metavar="S", help="give up after so many seconds")
    add("--no-fallback", action="store_true", help="ask the first target only")


def add_film(parser: Parser, *, length: str = "length") -> None:
    """Add the flags that say what a video is like.

    Args:
        parser: Gets the flags.
        length: What `--seconds` is, for the help.
    """
    add = parser.add_argument
    add("--seconds", type=duration, metavar="N", help=length)
    add("--size", type=size, metavar="WxH", help="pixels, such as 1280x720")
    add("--seed", type=int, metavar="N", help="makes a result repeatable where the model can")
    add("--no-expand", action="store_true", help="film the words as they stand; no director writes it out")


def add_end(parser: Parser, kept: str) -> None:
    """Add the variable that keeps what came, and the help.

    Args:
        parser: Gets the flags.
        kept: What the variable holds, for the help.
    """
    parser.add_argument("-o", "--output", type=variable, metavar="NAME", help=f"keep {kept} in this variable")
    parser.add_argument("-h", "--help", action="store_true", help="show this")
