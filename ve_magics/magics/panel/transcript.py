"""A panel's turns as an ordinary output: what the saved notebook shows without the widget."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from ve_magics.magics.chat.display import PICTURES
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.messages import Image
from ve_magics.widgets.chat_view import ShownTurn

EMBEDDED = 300_000
"""Bytes of a picture that may stand in the output itself."""
_MARKS = {
    "streaming": "… the answer is still coming",
    "stopped": "■ stopped: partial answer",
    "failed": "✗ failed",
}


def transcript_bundle(
    name: str, turns: Sequence[ShownTurn], pictures: Sequence[Sequence[Image]] = ()
) -> dict[str, str]:
    """Return the output for a conversation: Markdown that is safe to render, and the words themselves.

    Args:
        name: The conversation.
        turns: What its panel shows.
        pictures: For each turn the pictures that the model made.
    """
    plain = [f"Conversation {name}"]
    markdown = [f"Conversation **{neutralise(name)}**"]
    if not turns:
        plain.append("Nothing was said yet.")
        markdown.append("*Nothing was said yet.*")
    for index, turn in enumerate(turns):
        images = (
            [f"[{len(turn.images)} pictures]" if len(turn.images) > 1 else "[1 picture]"]
            if turn.images
            else []
        )
        question = "\n\n".join([*filter(None, [turn.question]), *images])
        mark = "\n".join(turn.error) or _MARKS.get(turn.state, "")
        answer = turn.answer or "\n".join(turn.calls)
        by = f" ({turn.model})" if turn.model else ""
        shown = "\n\n".join(map(_shown, pictures[index])) if index < len(pictures) else ""
        plain += [f"Question: {question}", "\n\n".join(filter(None, [f"Answer{by}: {answer}", mark]))]
        markdown += [
            f"**Question**\n\n{neutralise(question)}",
            "\n\n".join(
                filter(
                    None,
                    [
                        f"**Answer**{neutralise(by)}",
                        neutralise(answer),
                        shown,
                        mark and f"*{neutralise(mark)}*",
                    ],
                )
            ),
        ]
    return {"text/markdown": "\n\n".join(markdown), "text/plain": "\n\n".join(plain)}


def _shown(picture: Image) -> str:
    if picture.media_type not in PICTURES or not 0 < len(picture.data) <= EMBEDDED:
        return f"[picture, {len(picture.data):,} bytes]"
    data = base64.b64encode(picture.data).decode("ascii")
    return f"![picture](data:{picture.media_type};base64,{data})"
