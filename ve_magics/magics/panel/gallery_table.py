"""The gallery as an ordinary output: a table with posters, for whoever opens the notebook without a kernel."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from ve_magics.magics.tables import money, text_table
from ve_magics.magics.video.player import MAX_POSTER
from ve_magics.widgets.gallery_view import Card, Files

MOST_POSTERS = 40
"""Posters that the table holds, of the newest videos."""
_HEAD = ("prompt", "model", "state", "length", "size", "cost", "file")
_PROMPT = 60


def gallery_bundle(videos: Sequence[tuple[Card, Files]]) -> dict[str, str]:
    """Return the output for a notebook's videos: a table with posters, and the same as text.

    Args:
        videos: The cards and where their files lie, the newest first.
    """
    title = f"Gallery · {len(videos)} video{'' if len(videos) == 1 else 's'}"
    if not videos:
        return {"text/html": f"<p>{title}</p>", "text/plain": title}
    facts = [_facts(card) for card, _ in videos]
    rows = []
    for index, ((card, files), cells) in enumerate(zip(videos, facts, strict=True)):
        picture = _poster(files.poster) if index < MOST_POSTERS else ""
        name = html.escape(_name(files.video))
        file = f'<a href="{html.escape(card.path)}">{name}</a>' if card.here and card.path else name
        why = f"<br>{html.escape(card.why)}" if card.why else ""
        shown = [
            f'<img src="{picture}" width="160" alt="">' if picture else "",
            html.escape(card.prompt) + why,
        ]
        shown += [html.escape(cell) for cell in cells[1:]]
        rows.append("".join(f"<td>{cell}</td>" for cell in [*shown, file]))
    head = "".join(f"<th>{name}</th>" for name in ("", *_HEAD))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    lines = [[*cells, _name(files.video)] for (_, files), cells in zip(videos, facts, strict=True)]
    return {"text/html": f"<p>{title}</p>\n{table}", "text/plain": f"{title}\n{text_table(_HEAD, lines)}"}


def _facts(card: Card) -> list[str]:
    prompt = " ".join(card.prompt.split())
    length = f"{card.seconds:.1f} s" if card.seconds else ""
    cost = money(card.cost) if card.state == "succeeded" else ""
    prompt = prompt if len(prompt) <= _PROMPT else f"{prompt[: _PROMPT - 1]}…"
    return [prompt, card.model, card.state, length, card.size, cost]


def _name(path: Path | None) -> str:
    return path.name if path is not None else ""


def _poster(path: Path | None) -> str:
    try:
        if path is None or path.stat().st_size > MAX_POSTER:
            return ""
        data = path.read_bytes()
    except OSError:
        return ""
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
