"""The magics' lines."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat.arguments import chat_parser, chat_request, chat_settings, named_model
from ve_magics.magics.parser import Parser
from ve_magics.magics.video.arguments import video_parser, video_request
from ve_magics.messages import Image, Text, user

CHAT = chat_parser()
VIDEO = video_parser()


def prompt_of(cell: str) -> str:
    """Return the prompt that is sent for a cell."""
    message = chat_request(CHAT.read(""), cell, model="m").messages[-1]
    (part,) = message.parts
    assert isinstance(part, Text)
    return part.text


@given(st.text(min_size=1).filter(str.strip))
def test_prompt_is_literal(prompt: str) -> None:
    """Every prompt goes out byte for byte, but for the one line end that IPython adds."""
    assert prompt_of(prompt + "\n") == prompt


@pytest.mark.parametrize(
    "prompt",
    ["{x}", "{}", "{{x}}", "100 % $HOME %(a)s", '{"a": {"b": 1}}', r"\frac{1}{2}", 'f"{x!r:>10}"', "a\n\n"],
)
def test_braces_and_percents_are_text(prompt: str) -> None:
    """Nothing in a prompt is a template."""
    assert prompt_of(prompt + "\n") == prompt


@given(st.text(st.sampled_from(string.printable + "中é"), max_size=60))
def test_any_line_is_parsed_or_refused(line: str) -> None:
    """A line gives values or an error that shows how the magic is used, never anything else."""
    for parser in (CHAT, VIDEO):
        hint = ""
        try:
            parser.read(line)
        except ArgumentsError as error:
            hint = error.hint
        assert not hint or hint.startswith(f"Usage: {parser.prog} ")


def test_chat_line_becomes_the_request() -> None:
    """Each flag sets its field, and `--param` sets what has no flag."""
    options = CHAT.read(
        'fast -s "You are {brief}." -t 0.5 --max-tokens 9 --param seed=7 --param stop=END --param house_style=4 -o answer'
    )
    picture = Image(data=b"1", media_type="image/png")
    request = chat_request(options, "Hello\n", model="default", parts=[picture], history=[user("before")])
    assert request.model == "fast"
    assert [message.role for message in request.messages] == ["system", "user", "user"]
    assert request.messages[-1].parts == (Text("Hello"), picture)
    assert (request.temperature, request.max_tokens, request.seed, request.stop) == (0.5, 9, 7, ("END",))
    assert request.extra == {"house_style": 4}
    assert request.stream
    assert options.output == "answer"


def test_default_model_is_taken_where_none_is_named() -> None:
    """The model may stand in front, behind a flag, or nowhere."""
    assert [named_model(CHAT.read(line), "usual") for line in ("", "a/b", "-m a/b", "a/b -m a/b")] == [
        "usual",
        "a/b",
        "a/b",
        "a/b",
    ]


def test_video_line_becomes_the_request() -> None:
    """Each flag sets its field; unknown settings go to the provider as they are."""
    options = VIDEO.read("--seconds 4 --size 1280X0720 --seed 3 --param aspect=16:9 --param style=ink")
    request = video_request(options, "A boat")
    assert (request.prompt, request.seconds, request.size, request.seed) == ("A boat", 4, "1280x720", 3)
    assert (request.aspect, request.extra) == ("16:9", {"style": "ink"})


@pytest.mark.parametrize(
    ("parser", "line", "said"),
    [
        (CHAT, "--bogus", "%%chat has no flag --bogus."),
        (
            CHAT,
            "What is Python?",
            "%%chat takes only a model and flags on its line, not 'is Python?'; the prompt goes below.",
        ),
        (CHAT, "-t hot", "%%chat: -t/--temperature: 'hot' is not a number of 0 or more."),
        (CHAT, "-t nan", "%%chat: -t/--temperature: 'nan' is not a number of 0 or more."),
        (CHAT, "--max-tokens 0", "%%chat: --max-tokens: '0' is not a whole number of 1 or more."),
        (CHAT, "--max-tokens ²", "%%chat: --max-tokens: '²' is not a whole number of 1 or more."),
        (CHAT, "--timeout 0", "%%chat: --timeout: '0' is not a number of seconds."),
        (CHAT, "--param seed", "%%chat: --param: 'seed' is not NAME=VALUE."),
        (CHAT, "-o class", "%%chat: -o/--output: 'class' is not a name for a variable."),
        (CHAT, "-o", "%%chat: -o/--output: expected one argument."),
        (CHAT, "-s 'open", "%%chat: no closing quotation in the line."),
        (VIDEO, "--size big", "%%video: --size: 'big' is not WIDTHxHEIGHT, such as 1280x720."),
        (VIDEO, "--size 0x9", "%%video: --size: '0x9' is not WIDTHxHEIGHT, such as 1280x720."),
        (VIDEO, "--seconds 0", "%%video: --seconds: '0' is not a number of seconds."),
        (VIDEO, "--fps 9", "%%video has no flag --fps."),
    ],
)
def test_wrong_line_is_told_with_the_usage(parser: Parser, line: str, said: str) -> None:
    """What is wrong is said in one sentence, and the usage line of that magic follows."""
    with pytest.raises(ArgumentsError) as caught:
        parser.read(line)
    assert caught.value.message == said
    assert caught.value.hint == f"Usage: {parser.usage_line}"


@pytest.mark.parametrize(
    ("line", "meant"), [("--tem 1", "--temperature"), ("--kbb x", "--kb"), ("--max_tokens=5", "--max-tokens")]
)
def test_a_mistyped_flag_is_offered_as_it_was_meant(line: str, meant: str) -> None:
    """Nothing is abbreviated, but what is near a flag, or begins it, is answered with it."""
    with pytest.raises(ArgumentsError, match="has no flag") as caught:
        CHAT.read(line)
    assert caught.value.hint == f"Did you mean {meant}? All flags: %%chat --help"


@pytest.mark.parametrize("cell", ["", "\n", " \t\n\n"])
def test_empty_prompt_is_said(cell: str) -> None:
    """Without a prompt nothing is sent, and the error says where it belongs."""
    with pytest.raises(ArgumentsError, match="The prompt is empty") as chat:
        chat_request(CHAT.read(""), cell, model="m")
    with pytest.raises(ArgumentsError, match="The prompt is empty") as video:
        video_request(VIDEO.read(""), cell)
    assert "%%chat" in chat.value.hint
    assert "%%video" in video.value.hint


def test_two_models_are_refused() -> None:
    """A model in front and another one behind a flag is a mistake."""
    with pytest.raises(ArgumentsError, match="Two models are named: a/b and c/d"):
        named_model(CHAT.read("a/b -m c/d"), "")


def test_wrong_types_of_settings_are_refused() -> None:
    """A known setting with a value of the wrong type names the setting."""
    with pytest.raises(ArgumentsError, match="top_p"):
        chat_settings([("top_p", "much")])
    with pytest.raises(ArgumentsError, match="aspect"):
        video_request(VIDEO.read("--param aspect=1"), "A boat")


@pytest.mark.parametrize("parser", [CHAT, VIDEO])
def test_help_shows_every_flag(parser: Parser) -> None:
    """The help shows each flag with its words, and examples."""
    shown = parser.format_help()
    assert parser.read("--help").help
    assert "examples:" in shown
    for flag in ("--param", "--image", "--fresh", "--dry-run", "--timeout", "-o NAME"):
        assert flag in shown
