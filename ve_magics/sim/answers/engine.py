"""From a question to an answer: who is to speak about it, in which order they are asked."""

from __future__ import annotations

from collections.abc import Callable

from ve_magics.messages import ChatRequest, Part, Text
from ve_magics.sim.answers import arithmetic, smalltalk, topics
from ve_magics.sim.answers.question import Question, Reply

Speaker = Callable[[Question], str | None]

SPEAKERS: tuple[Speaker, ...] = (
    arithmetic.answer,
    smalltalk.answer,
    topics.answer,
)
"""Who may answer in words; the first that has something to say does."""


def reply(request: ChatRequest, *, variant: int = 0, thinking: bool = False) -> Reply:  # noqa: ARG001 - follows
    """Return the answer to a request.

    Args:
        request: The question with all that was said before.
        variant: Another number may give another wording.
        thinking: Whether to think aloud first.
    """
    question = Question.of(request, variant=variant)
    parts: tuple[Part, ...] = (Text(in_words(question)),)
    return Reply(parts)


def in_words(question: Question) -> str:
    """Return the answer to a question that is answered in words."""
    return next((said for speaker in SPEAKERS if (said := speaker(question))), "") or smalltalk.otherwise(
        question
    )
