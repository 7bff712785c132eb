"""Follow-up questions: what one asks, said so that it can be looked for without what was said before."""

from __future__ import annotations

from collections.abc import Sequence

from ve_magics.messages import Message, Text, system, user

RULES = """\
Rewrite the last question so that it stands alone: put in what its pronouns and omissions refer to in the conversation.
Keep its language, its names and its numbers; add nothing else and don't answer it.
If it stands alone already, repeat it. Write the rewritten question and nothing more."""
LONGEST = 600
"""Characters of a rewritten question; a longer one is an answer."""
_TURNS = 6
_WORDS = 1_500


def request_of(history: Sequence[Message], question: str) -> tuple[Message, ...]:
    """Return the messages that ask for the rewritten question.

    Args:
        history: The conversation, oldest first, without the question.
        question: The follow-up question.
    """
    told = [
        f"{'Answer' if message.role == 'assistant' else 'Question'}: {_short(message)}"
        for message in history[-_TURNS:]
    ]
    return system(RULES), user("\n\n".join(["The conversation:", *told, f"The last question: {question}"]))


def read(answer: str, question: str) -> str:
    """Return the rewritten question; the question itself where the model has done something else."""
    lines = [line.strip().strip('"“”「」') for line in answer.strip().splitlines() if line.strip()]
    if len(lines) != 1 or not lines[0] or len(lines[0]) > LONGEST:
        return question
    return lines[0].removeprefix("The last question: ").removeprefix("Question: ")


def _short(message: Message) -> str:
    words = " ".join(" ".join(part.text for part in message.parts if isinstance(part, Text)).split())
    return words if len(words) <= _WORDS else words[:_WORDS] + "…"
