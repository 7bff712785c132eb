"""Cited answers, read by the very parser that JupyterLab ships: no document and no model gets active HTML into them."""

from __future__ import annotations

import random

import pytest

from tests.magics.markdown.test_markdown_rendered import IMG, PIECES, Render, active, render
from ve_magics.engine.knowledge.citing import MARKER, read
from ve_magics.magics.knowledge.citations import bundle
from ve_magics.store.knowledge import Passage

__all__ = ["render"]  # the fixture of the neighbour is used here
MORE = ("[1]", "[2]", "\n\n", "$", "$$", "</details>", "\n> ", "\n```\n", "\n  x", "\n    y")
OURS = ("<details><summary>The passages</summary>", "</details>")
SOURCES = ("docs/a.md", "", "https://x.example/a)b<c", "docs/a (1).md", "docs/javascript:alert(1).md")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_hostile_document_becomes_active(render: Render, seed: int) -> None:
    """Text, name, heading and address of a passage, answer, quote and note: whatever they hold, they are only read."""
    chance = random.Random(seed)

    def made(size: int) -> str:
        return "".join(chance.choice([*PIECES, *MORE, IMG]) for _ in range(size))

    shown = []
    for _ in range(300):
        passage = Passage(
            text=made(chance.choice((3, 8, 16))),
            name=" ".join(made(3).split()),
            heading=(" ".join(made(3).split()),),
            source=chance.choice(SOURCES),
        )
        answer = f"{made(chance.choice((2, 6)))} [1] {made(2)}\n{MARKER}\n[1] {' '.join(made(3).split())}"
        shown.append(bundle(read(answer, [passage]), [made(2)])["text/markdown"])
    for text, rendered in zip(shown, render(shown), strict=True):
        found = [one for one in active(rendered) if one not in ("details", "summary")]
        assert [one for one in found if not isinstance(one, list) or one[1].strip() not in OURS] == [], text
