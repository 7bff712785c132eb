"""A story becomes shots: those that the user has listed, or those that a chat model plans."""

from __future__ import annotations

import re

import msgspec

from ve_magics.engine.director.directing import MOST_TOKENS, Ask
from ve_magics.errors import ArgumentsError, UnfitAnswerError
from ve_magics.messages import ChatRequest, OutputFormat, system, user

MOST_SHOTS = 60
"""Of one storyboard."""

_ITEM = re.compile(
    r"[ \t]*(?:[-*•·]|\d{1,2}[.)、．:：]|镜头\s*\d{1,2}[:：.]?|(?:Shot|Scene)\s+\d{1,2}[:.])[ \t]*(?=\S)",
    re.IGNORECASE,
)
_LENGTH = re.compile(r"^[(（\[]\s*(\d+(?:\.\d+)?)\s*(?:s|sec|seconds|秒)\s*[)）\]]\s*", re.IGNORECASE)
_RULE = re.compile(r"^[ \t]*-{3,}[ \t]*$", re.MULTILINE)

_TASK = """\
You plan a short film for a video model that makes one continuous shot at a time and remembers nothing between shots.
Write exactly {count} shots that tell the user's story in order. Each is one or two sentences that stand alone: name \
the people, things, place and style anew in each, in the same words, so that they look the same throughout. One action \
a shot.{length} Write in the language of the user's story. Give the film a short title."""


class Listed(msgspec.Struct, frozen=True):
    """One shot of a story.

    Attributes:
        words: What is seen.
        seconds: Its own length; None where the story names none.
    """

    words: str
    seconds: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """A story in shots.

    Attributes:
        shots: In order.
        story: What holds them together; empty where the user listed shots and nothing else.
        title: Of the film; empty where nobody gave it one.
    """

    shots: tuple[Listed, ...]
    story: str = ""
    title: str = ""


class _Shot(msgspec.Struct):
    words: str


class _Answer(msgspec.Struct):
    shots: list[_Shot]
    title: str = ""


def listed(text: str) -> Plan | None:
    """Return the shots that a text lists; None where it is a story in prose.

    A list has an item a line, marked by a dash, a dot or a number, or parts between lines of dashes. What stands before
    the first item belongs to all of them. An item may begin with its length: `(4 s)`.

    Args:
        text: What the user wrote.
    """
    if len(parts := [part.strip() for part in _RULE.split(text) if part.strip()]) > 1:
        return Plan(tuple(_item(part) for part in parts))
    story: list[str] = []
    items: list[str] = []
    for line in text.splitlines():
        found = _ITEM.match(line)
        if found:
            items.append(line[found.end() :].strip())
        elif items and line.strip():
            items[-1] += f" {line.strip()}"
        elif not items:
            story.append(line)
    if len(items) < 2:
        return None
    return Plan(tuple(_item(item) for item in items), story="\n".join(story).strip())


async def planned(story: str, count: int, *, seconds: float | None, ask: Ask, chat: str) -> Plan:
    """Return the shots into which a chat model divides a story.

    Args:
        story: What the user wrote.
        count: How many shots.
        seconds: Length of each, or None.
        ask: Asks the chat model.
        chat: The chat model.

    Raises:
        UnfitAnswerError: It gave no plan.
        VeError: It can't be asked.
    """
    item = {
        "type": "object",
        "properties": {"words": {"type": "string", "description": "what is seen in this shot"}},
        "required": ["words"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "shots": {"type": "array", "items": item, "minItems": count, "maxItems": count},
        },
        "required": ["title", "shots"],
        "additionalProperties": False,
    }
    length = f" Each lasts {seconds:g} seconds." if seconds else ""
    answer = await ask(
        ChatRequest(
            model=chat,
            messages=(system(_TASK.format(count=count, length=length)), user(story)),
            output=OutputFormat("json_schema", schema=schema, name="storyboard"),
            max_tokens=MOST_TOKENS + 200 * count,
            stream=True,
        )
    )
    text = answer.text
    try:
        plan = msgspec.json.decode(text[text.find("{") : text.rfind("}") + 1], type=_Answer)
    except msgspec.DecodeError:
        plan = _Answer([])
    shots = tuple(Listed(shot.words.strip()) for shot in plan.shots[:count] if shot.words.strip())
    if not shots:
        raise UnfitAnswerError(
            f"{chat} gave no plan of shots.",
            raw=text,
            hint="Write the shots as a list, a line each, beginning with -",
        )
    return Plan(shots, story=story, title=" ".join(plan.title.split())[:120])


def _item(text: str) -> Listed:
    found = _LENGTH.match(text)
    if found is None:
        return Listed(text)
    words, seconds = text[found.end() :].strip(), float(found[1])
    if not words or not seconds:
        raise ArgumentsError(
            f"The shot {text!r} shows nothing.", hint="Write what is seen behind its length."
        )
    return Listed(words, seconds)
