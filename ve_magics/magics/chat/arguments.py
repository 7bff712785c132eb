"""The lines of `%%chat` and `%%compare`, read into values, with errors that show how the magic is used."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import msgspec

from ve_magics.errors import ArgumentsError
from ve_magics.magics.agent.tool_arguments import add_tools
from ve_magics.magics.flags import (
    add_asking,
    add_conversation,
    add_end,
    add_model,
    add_parameters,
    add_sampling,
)
from ve_magics.magics.knowledge.arguments import add_search
from ve_magics.magics.parser import Parser
from ve_magics.messages import ChatRequest, Message, Part, Text, system

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
    add_model(parser, in_front=not line)
    add_conversation(parser)
    parser.add_argument(
        "--background",
        action="store_true",
        help="end the cell at once; the answer grows in it while other cells run",
    )
    add_tools(parser)
    add_search(parser)
    add_question(parser)
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
    add_question(parser)
    return parser


def add_question(parser: Parser) -> None:
    """Add the flags that say what is asked and how."""
    add = parser.add_argument
    add_sampling(parser)
    add_parameters(parser, "top_p=0.9, seed=7, effort=low, stop='[\"END\"]'")
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
    add(
        "--file",
        action="append",
        default=[],
        metavar="PATH",
        help="a document to send along: path, URL or variable",
    )
    add_asking(parser)
    add_end(parser, "the answer")


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
