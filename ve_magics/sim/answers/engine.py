"""From a question to an answer: who is to speak about it, in which order they are asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ve_magics.messages import ChatRequest, Part, Reasoning, Text
from ve_magics.sim.answers import (
    almanac,
    arithmetic,
    coding,
    director,
    feelings,
    fields,
    figures,
    followup,
    listing,
    memory,
    mending,
    passages,
    seeing,
    smalltalk,
    summary,
    thinking,
    tools,
    topics,
    translation,
    writing,
)
from ve_magics.sim.answers.facts import Facts
from ve_magics.sim.answers.hints import Hints
from ve_magics.sim.answers.question import Question, Reply
from ve_magics.sim.answers.schema import Filler

Speaker = Callable[[Question], str | None]

SPEAKERS: tuple[Speaker, ...] = (
    followup.answer,
    passages.answer,
    seeing.answer,
    memory.answer,
    mending.answer,
    figures.answer,
    summary.answer,
    translation.answer,
    coding.answer,
    feelings.answer,
    arithmetic.answer,
    smalltalk.answer,
    almanac.answer,
    writing.answer,
    listing.answer,
    topics.answer,
)
"""Who may answer in words; the first that has something to say does."""


_AGAIN = re.compile(
    r"\b(?:answer again|corrected json|try again|not valid json)\b|重新回答|再答一次", re.IGNORECASE
)


def reply(request: ChatRequest, *, variant: int = 0, thinks: bool = False) -> Reply:
    """Return the answer to a request.

    Args:
        request: The question with all that was said before.
        variant: Another number may give another wording.
        thinks: Whether to think aloud first.
    """
    question = Question.of(request, variant=variant)
    calls = tools.calls(question)
    results = tools.results(question)
    text = ""
    if not calls:
        structured = request.output is not None and request.output.kind != "text"
        said = tools.told(question, results) if results else ""
        text = in_json(question, said) if structured else said or in_words(question)
    parts: list[Part] = []
    if thinks and (thoughts := thinking.thoughts(question, text)):
        parts.append(Reasoning(thoughts))
    if calls:
        return Reply((*parts, *calls), "tool_calls")
    return Reply((*parts, Text(text)))


def in_words(question: Question) -> str:
    """Return the answer to a question that is answered in words."""
    return next((said for speaker in SPEAKERS if (said := speaker(question))), "") or smalltalk.otherwise(
        question
    )


def in_json(question: Question, said: str) -> str:
    """Return the answer to a question that is answered by a JSON value.

    Args:
        question: What is asked, with the schema that holds.
        said: What tools have answered; empty where none were asked.
    """
    output = question.request.output
    if _AGAIN.search(question.text) and question.before:
        question = question.asked_before()
    given = output.schema if output is not None else None
    schema = _plain_schema(question) if given is None else given
    film = director.about_film(set(schema.get("properties") or ()))
    about = f"{question.text}\n{said}" if said else question.text
    hints = Hints(
        Facts.read(about), chinese=question.chinese, answer=lambda: said or in_words(question), film=film
    )
    return msgspec.json.encode(Filler(schema, hints).fill()).decode()


def _plain_schema(question: Question) -> dict[str, Any]:
    """Return a schema for a question that wants any JSON: with the fields that it names in quotes or lists."""
    named = fields.wanted(question.text) or ("answer",)
    return {
        "type": "object",
        "properties": {name: fields.kind(name) for name in named},
        "required": list(named),
    }
