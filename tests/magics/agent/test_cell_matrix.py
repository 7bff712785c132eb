"""Agents over every wire format: the same run, streamed, in parallel calls, and a conversation that changes its provider."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ve_magics
from ve_magics.messages import Image, ToolCall, ToolResult

DIALECTS = {
    "cc": ("chat_completions", "http://mine.invalid/v1"),
    "rs": ("responses", "http://mine.invalid/v1"),
    "ms": ("messages", "http://mine.invalid/v1"),
    "gc": ("generate_content", "http://mine.invalid/v1beta"),
}
ROWS = "\n".join(
    f'[providers.{name}]\nbase_url = "{url}"\ndialect = "{dialect}"\nkey = "env:MINE"\nauth = "bearer"\n'
    for name, (dialect, url) in DIALECTS.items()
)


@ve_magics.tool
def add(a: int, b: int) -> int:
    """Add two numbers and return the sum."""
    return a + b


@ve_magics.tool
def get_weather(city: str) -> dict[str, Any]:
    """Tell the weather of a city."""
    if city == "Paris":
        raise ValueError("no report from there")
    return {"city": city, "temperature": 21}


@ve_magics.tool
def draw_chart(title: str) -> bytes:
    """Draw a chart as a picture."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
    )


@pytest.fixture
def world(open_bench: Callable[..., Any], tmp_path: Path) -> Any:
    """Return a bench whose providers speak one dialect each."""
    (tmp_path / "config.toml").write_text(ROWS, "utf-8")
    bench = open_bench(VE_CONFIG=str(tmp_path / "config.toml"), MINE="k")
    bench.shell.user_ns.update(add=add, get_weather=get_weather, draw_chart=draw_chart)
    return bench


def found(bench: Any) -> Any:
    return bench.shell.user_ns["found"]


@pytest.mark.parametrize("model", ["tutor", "thinker"])
@pytest.mark.parametrize("provider", DIALECTS)
def test_calls_and_results_travel(world: Any, provider: str, model: str) -> None:
    """Parallel calls of several tools, a failing one among them, come back and are answered, reasoning or not."""
    ran = world.run(
        f"%%agent {provider}/{model} --tools get_weather,add -o found\n"
        "What's the weather in Oslo and Paris, and add 17 and 25"
    )
    assert ran.error is None, ran.lines
    results = {(call.name, call.failed, call.result) for call in found(world).calls}
    assert results == {
        ("get_weather", False, '{"city":"Oslo","temperature":21}'),
        ("get_weather", True, "Error: ValueError: no report from there"),
        ("add", False, "42"),
    }
    assert len(found(world).steps) == 2, "all of them in one step"
    for said in ("42", "21", "no report from there"):
        assert said in found(world).text
    assert found(world).served == f"{provider}/{model}"


@pytest.mark.parametrize("provider", DIALECTS)
def test_pictures_travel(world: Any, provider: str) -> None:
    """A picture that a tool gives back reaches the model, whichever format is spoken."""
    ran = world.run(f"%%agent {provider}/tutor --tools draw_chart -o found\nDraw a chart of sales")
    assert ran.error is None, ran.lines
    assert any(isinstance(part, Image) for message in found(world).messages for part in message.parts)


@pytest.mark.parametrize("second", DIALECTS)
@pytest.mark.parametrize("first", DIALECTS)
def test_conversation_goes_on_elsewhere(world: Any, first: str, second: str) -> None:
    """A conversation with calls and thoughts, begun on one provider, goes on on another: calls stay, its state doesn't."""
    one = world.run(f"%%agent {first}/thinker --tools add,get_weather -c talk -o found\nAdd 3 and 4.")
    assert one.error is None
    two = world.run(
        f"%%agent {second}/thinker --tools add,get_weather -c talk -o found\nWhat is the weather in Oslo?"
    )
    assert two.error is None, two.lines
    asked = found(world).request.messages
    assert [call.arguments for message in asked for call in message.tool_calls] == ['{"a":3,"b":4}']
    assert [part.text for message in asked for part in message.parts if isinstance(part, ToolResult)] == ["7"]
    assert "21" in found(world).text
    ids = [call.id for message in found(world).messages for call in message.tool_calls]
    assert len(ids) == len(set(ids)) == 2


@pytest.mark.parametrize("provider", DIALECTS)
def test_last_question_forbids_calls(world: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that never stops calling is asked for its answer in every format, and the cell says so."""
    from ve_magics.messages import Text
    from ve_magics.sim.answers.question import Reply

    def never_enough(request: Any, **_: Any) -> Reply:
        if request.tool_choice is not None and request.tool_choice.mode == "none":
            return Reply((Text("That is all I know."),))
        number = sum(len(message.tool_calls) for message in request.messages)
        return Reply((ToolCall(f"c{number}", "add", f'{{"a": {number}, "b": 1}}'),), "tool_calls")

    monkeypatch.setattr("ve_magics.sim.chat.reply", never_enough)
    ran = world.run(f"%%agent {provider}/tutor --tools add --max-steps 3 -o found\nCount.")
    assert ran.error is None, ran.lines
    assert (found(world).why, len(found(world).calls)) == ("steps", 3)
    assert "That is all I know." in ran.printed
    assert "--max-steps" in ran.printed
