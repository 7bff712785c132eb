"""What a request could cost at most: an upper bound for everything that it holds."""

from __future__ import annotations

import pytest

from ve_magics.catalog import Price
from ve_magics.engine.budget import IMAGE_TOKENS, MOST_OUTPUT, most_of_chat, most_tokens, text_tokens
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    State,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ve_magics.routing import Target

A, B = Target("a", "m"), Target("b", "m")


def of(*parts: Part) -> int:
    """Return the bound of one message."""
    return most_tokens(ChatRequest(model="m", messages=(Message("user", parts),)))


def test_texts_are_bounded_from_above() -> None:
    """More than any ordinary text has: of letters, of Chinese, of Cyrillic."""
    assert text_tokens("word" * 100) == 200
    assert text_tokens("汉字") == 3
    assert text_tokens("да") == 3
    assert text_tokens("") == 0


@pytest.mark.parametrize(
    "part",
    [
        Text("x" * 1000),
        Reasoning("x" * 1000),
        ToolCall("1", "f", "x" * 1000),
        ToolResult("1", (Text("x" * 1000),)),
        Image(data=b"x"),
        File(data=b"x" * 10),
        Audio(data=b"x" * 10),
        Opaque("d", {"a": "x" * 1000}),
        Text("", state=State("o", "d", "x" * 1000)),
    ],
)
def test_every_part_counts(part: Part) -> None:
    """No kind of part is free."""
    assert of(part) - of() >= 500


def test_tools_and_schemas_count() -> None:
    """What goes along with every request is counted, too."""
    tool = Tool(name="f", description="x" * 1000)
    assert most_tokens(ChatRequest(model="m", tools=(tool,))) >= 500
    assert of(Image(data=b"x")) >= IMAGE_TOKENS


def test_the_dearest_target_counts() -> None:
    """Whoever may answer, the bound holds; hedged it is doubled."""
    request = ChatRequest(model="m", messages=(Message("user", (Text("x" * 2000),)),), max_tokens=1000)
    cheap, dear = Price(input=1, output=1), Price(input=10, output=50, cache_write=12.5, request=1)
    read = most_tokens(request)
    most, said_of = most_of_chat(request, [(A, cheap), (B, dear)])
    assert most == pytest.approx((read * 12.5 + 1000 * 50) / 1e6 + 1)
    assert said_of == "b/m"
    assert most_of_chat(request, [(B, dear)], hedged=True)[0] == pytest.approx(2 * (most or 0))
    assert most_of_chat(request, [(A, cheap), (B, None)]) == (None, "b/m")
    assert most_of_chat(request, [(A, Price(input=1))]) == (None, "a/m")


def test_an_answer_without_a_limit_is_as_long_as_they_get() -> None:
    """Several answers cost several times as much, and a long context has its own price."""
    price = Price(input=0, output=1, long_input=10, long_factor_input=1, long_factor_output=2)
    short = ChatRequest(model="m", n=3, messages=(Message("user", (Text("x" * 100),)),))
    assert most_of_chat(short, [(A, price)])[0] == pytest.approx(3 * 2 * MOST_OUTPUT / 1e6, rel=0.01)
