"""How each family of models is spoken to."""

from __future__ import annotations

from ve_magics.engine.director.crafts import PLAIN, craft_of


def test_a_stranger_is_spoken_to_plainly() -> None:
    """A model that nobody knows gets plain English; who serves a model plays no part."""
    assert craft_of("somebody/new-model") is PLAIN
    assert craft_of("fal-ai/kling-video") is craft_of("kling-v1")
