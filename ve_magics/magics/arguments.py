"""The magics' lines: pure parsing of text into values, with errors that show how the magic is used."""

from __future__ import annotations

import argparse
import json
import keyword
import re
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from ve_magics.errors import ArgumentsError
from ve_magics.jobs import VideoRequest
from ve_magics.messages import ChatRequest, Image, Message, Part, Text, system


class Parser(argparse.ArgumentParser):
    """An argument parser for a magic: it raises instead of exiting and prints nothing."""

    def __init__(self, magic: str, description: str, examples: str = "") -> None:
        super().__init__(
            prog=magic,
            description=description,
            epilog=examples,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    @property
    def usage_line(self) -> str:
        """How the magic is used, in one line."""
        return " ".join(self.format_usage().split()).removeprefix("usage: ")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong.

        Raises:
            ArgumentsError: Always.
        """
        _, unknown, words = message.partition("unrecognized arguments: ")
        if not unknown:
            said = f"{self.prog}: {message.removeprefix('argument ')}."
        elif words.startswith("-"):
            said = f"{self.prog} has no flag {words.split()[0]}."
        else:
            said = (
                f"{self.prog} takes only a model and flags on its line, not {words!r}; the prompt goes below."
            )
        raise ArgumentsError(said, hint=f"Usage: {self.usage_line}")

    def read(self, line: str) -> argparse.Namespace:
        """Parse a magic's line.

        Raises:
            ArgumentsError: It is not understood; the hint is the usage line.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.error(f"{str(error).lower().rstrip('.')} in the line")
        return self.parse_args(words)


def number(text: str) -> float:
    """Return a number that is 0 or more; argparse words the error."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def duration(text: str) -> float:
    """Return a number of seconds that is more than 0."""
    value = number(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def count(text: str) -> int:
    """Return a whole number that is 1 or more."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def variable(text: str) -> str:
    """Return the name of a variable."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name for a variable")
    return text


def parameter(text: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`; the value is JSON where it is valid JSON, else the text itself."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


CHAT_EXAMPLES = """\
examples:
  %%chat
  What is a context manager?

  %%chat openai/gpt-5.4-mini -t 0 -o answer
  Name three rivers in China.

  %%chat -s "You are a poet." --param seed=7 --image photo.png
  Describe this picture in eight lines.

  %%chat -c report --new
  What stands out in this table? {{ df }}

  %%chat --schema Invoice -o invoice
  Read this invoice: {{ Path("invoice.txt") }}

  %%chat --fix
"""
LINE_EXAMPLES = """\
examples:
  %chat What is a context manager?
  answer = %chat -m openai/gpt-5.4-mini -t 0 Name three rivers in China.
  %chat --fix
"""


def chat_parser(*, line: bool = False) -> Parser:
    """Return the parser of `%%chat`, or of `%chat`, whose line holds the question behind the flags."""
    parser = Parser(
        "%chat" if line else "%%chat",
        "Ask a model; the answer streams into the cell.",
        LINE_EXAMPLES if line else CHAT_EXAMPLES,
    )
    add = parser.add_argument
    if line:
        parser.set_defaults(model=None)
    else:
        add(
            "model",
            nargs="?",
            metavar="MODEL",
            help="a route, an alias or provider/name; the default where left out",
        )
    add("-m", "--model", dest="named", metavar="MODEL", help="the model, by flag")
    add("-c", "--conversation", metavar="NAME", help="go on with this conversation")
    add("--new", action="store_true", help="begin the conversation anew with this cell")
    _add_question(parser)
    return parser


COMPARE_EXAMPLES = """\
examples:
  %%compare openai/gpt-5.4-mini anthropic/claude-haiku-5-5
  What is a context manager?

  %%compare sim/tutor sim/thinker -t 0 -o both
  Name three rivers in China.
"""


def compare_parser() -> Parser:
    """Return the parser of `%%compare`."""
    parser = Parser(
        "%%compare",
        "Ask several models the same at once; their answers stand side by side.",
        COMPARE_EXAMPLES,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="routes, aliases or provider/name")
    parser.set_defaults(model=None, named=None)
    _add_question(parser)
    return parser


def _add_question(parser: Parser) -> None:
    """Add the flags that say what is asked and how."""
    add = parser.add_argument
    add("-s", "--system", metavar="SYSTEM", help="a system prompt")
    add("-t", "--temperature", type=number, metavar="T", help="0 is the steadiest")
    add("--max-tokens", type=count, metavar="N", help="upper bound of the answer in tokens")
    add(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="K=V",
        help="any other setting: top_p=0.9, seed=7, effort=low, stop='[\"END\"]'",
    )
    add("-f", "--format", choices=("markdown", "text", "json", "code"), help="the form of the answer")
    add(
        "--schema",
        metavar="NAME",
        help="a class or JSON Schema that the answer must fit; list[NAME] for several",
    )
    add("--fix", action="store_true", help="send the last error and its cell along")
    add("--raw", action="store_true", help="send the prompt as it stands, {{ }} included")
    add(
        "--image",
        action="append",
        default=[],
        metavar="PATH",
        help="a picture to send along: path, URL or variable",
    )
    add("--file", action="append", default=[], metavar="PATH", help="a document to send along: path or URL")
    add("--fresh", action="store_true", help="ask again although the answer is known")
    add("--no-cache", action="store_true", help="neither look in the cache nor keep the answer")
    add("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    add("--timeout", type=duration, metavar="S", help="give up after so many seconds")
    add("--no-fallback", action="store_true", help="ask the first target only")
    add("-o", "--output", type=variable, metavar="NAME", help="keep the answer in this variable")
    add("-h", "--help", action="store_true", help="show this")


_WORD = re.compile(r"""\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)""")


def split_line(parser: Parser, line: str) -> tuple[str, str]:
    """Return the flags of a line magic, and the question behind them, untouched.

    Args:
        parser: Knows which flags take a value.
        line: The line. The question begins at the first word that is no flag, or behind `--`.
    """
    takes = {name: action.nargs != 0 for action in parser._actions for name in action.option_strings}
    end, value = 0, False
    while found := _WORD.match(line, end):
        word = found[1]
        if not value:
            if word == "--":
                return line[:end], line[found.end() :].strip()
            if not word.startswith("-") or word == "-":
                break
            value = takes.get(word, False)
        else:
            value = False
        end = found.end()
    return line[:end], line[end:].strip()


CHAT_PARAMETERS = frozenset(ChatRequest.__struct_fields__) - {
    "model",
    "messages",
    "tools",
    "tool_choice",
    "output",
    "stream",
    "dialect",
    "extra",
}
"""What `--param` may set by its own name; any other name goes to the provider as it is."""


def chat_settings(parameters: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the `ChatRequest` fields that `--param` flags set.

    Raises:
        ArgumentsError: A known setting got a value of the wrong type.
    """
    known = {name: value for name, value in parameters if name in CHAT_PARAMETERS}
    extra = {name: value for name, value in parameters if name not in CHAT_PARAMETERS}
    if isinstance(known.get("stop"), str):
        known["stop"] = [known["stop"]]
    try:
        checked = msgspec.convert({"model": "", **known}, ChatRequest)
    except msgspec.ValidationError as error:
        raise ArgumentsError(f"--param: {error}.", hint="Write it like --param top_p=0.9") from None
    settings = {name: getattr(checked, name) for name in known}
    if extra:
        settings["extra"] = extra
    return settings


def named_model(options: argparse.Namespace, default: str) -> str:
    """Return the model that a line names, in front or by flag; the default where it names none.

    Raises:
        ArgumentsError: It names two.
    """
    if options.model and options.named and options.model != options.named:
        raise ArgumentsError(
            f"Two models are named: {options.model} and {options.named}.",
            hint="Name one, in front or after -m.",
        )
    return options.model or options.named or default


def chat_request(
    options: argparse.Namespace,
    cell: str,
    *,
    model: str,
    words: Sequence[Part] | None = None,
    parts: Sequence[Part] = (),
    history: Sequence[Message] = (),
    magic: str = "%%chat",
) -> ChatRequest:
    """Return the request that a cell makes.

    Args:
        options: The parsed line.
        cell: The prompt, sent byte for byte but for the line end that IPython adds.
        model: The default model, for a line that names none.
        words: What is sent in the prompt's place, its expressions filled in.
        parts: Pictures and files to send along.
        history: Earlier turns of the conversation.
        magic: What the cell begins with, for the error.

    Raises:
        ArgumentsError: The prompt is empty, the model is named twice, or a setting has the wrong type.
    """
    said = (Text(cell.removesuffix("\n")),) if words is None else tuple(words)
    if not any(part.text.strip() if isinstance(part, Text) else part for part in said):
        raise ArgumentsError(
            "The prompt is empty.", hint=f"Write what you want to ask below the {magic} line."
        )
    settings = chat_settings(options.param)
    if options.temperature is not None:
        settings["temperature"] = options.temperature
    if options.max_tokens is not None:
        settings["max_tokens"] = options.max_tokens
    head = (system(options.system),) if options.system else ()
    return ChatRequest(
        model=named_model(options, model),
        messages=(*head, *history, Message("user", (*said, *parts))),
        stream=True,
        **settings,
    )


VIDEO_EXAMPLES = """\
examples:
  %%video --seconds 4
  A paper boat drifts down a rainy street.

  %%video vectorengine/sora-2 --size 1280x720 --image first.png -o clip
  The camera pulls back slowly.
"""


def size(text: str) -> str:
    """Return a size in pixels, written WIDTHxHEIGHT."""
    width, times, height = text.lower().partition("x")
    if not times or not width.isdigit() or not height.isdigit() or not int(width) or not int(height):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 1280x720")
    return f"{int(width)}x{int(height)}"


def video_parser() -> Parser:
    """Return the parser of `%%video`."""
    parser = Parser(
        "%%video", "Make a video; it plays in the cell and lies beside the notebook.", VIDEO_EXAMPLES
    )
    add = parser.add_argument
    add(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a route, an alias or provider/name; the default where left out",
    )
    add("-m", "--model", dest="named", metavar="MODEL", help="the same, by flag")
    add("--seconds", type=duration, metavar="N", help="length")
    add("--size", type=size, metavar="WxH", help="pixels, such as 1280x720")
    add("--image", metavar="PATH", help="the picture that it begins with: path, URL or variable")
    add("--seed", type=int, metavar="N", help="makes a result repeatable where the model can")
    add(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="K=V",
        help="any other setting: aspect=16:9, resolution=720p, negative_prompt=text",
    )
    add("--count", type=count, default=1, metavar="N", help="so many videos of the same prompt, side by side")
    add(
        "--background",
        action="store_true",
        help="end the cell at once; the video appears in it when it is made",
    )
    add("--fresh", action="store_true", help="make it again although it is there")
    add(
        "--dry-run",
        action="store_true",
        help="show what would be made and what it would cost, and make nothing",
    )
    add("--timeout", type=duration, metavar="S", help="stop waiting after so many seconds; the job goes on")
    add("--embed", action="store_true", help="put the video into the notebook, up to a size limit")
    add("-o", "--output", type=variable, metavar="NAME", help="keep the clip in this variable")
    add("-h", "--help", action="store_true", help="show this")
    return parser


VIDEO_PARAMETERS = frozenset(VideoRequest.__struct_fields__) - {"prompt", "model", "first_frame", "extra"}
"""What `--param` may set by its own name; any other name goes to the provider as it is."""


def video_request(
    options: argparse.Namespace, cell: str, *, first_frame: Image | None = None
) -> VideoRequest:
    """Return the request that a `%%video` cell makes, without its model.

    Raises:
        ArgumentsError: The prompt is empty, or a setting has the wrong type.
    """
    prompt = cell.removesuffix("\n")
    if not prompt.strip():
        raise ArgumentsError("The prompt is empty.", hint="Write what is to be seen below the %%video line.")
    known = {name: value for name, value in options.param if name in VIDEO_PARAMETERS}
    extra = {name: value for name, value in options.param if name not in VIDEO_PARAMETERS}
    for name in ("seconds", "size", "seed"):
        if getattr(options, name) is not None:
            known[name] = getattr(options, name)
    try:
        request = msgspec.convert({"prompt": prompt, **known}, VideoRequest)
    except msgspec.ValidationError as error:
        raise ArgumentsError(f"--param: {error}.", hint="Write it like --param aspect=16:9") from None
    return msgspec.structs.replace(request, first_frame=first_frame, extra=extra)
