"""What a model's maker can make is a word of caution at providers that pass requests on."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.dialects.videos.makers import caution
from ve_magics.jobs import VideoRequest


@pytest.mark.parametrize(
    ("model", "wish", "said"),
    [
        ("openai/sora-2", {"seconds": 7.0}, "sora-2 can't make a video with seconds 7. The nearest is 8"),
        ("sora-2", {"size": "640x480"}, "sora-2 can't make a video with size 640x480. The nearest is"),
        (
            "google/veo-3.1-generate-001",
            {"aspect": "1:1"},
            "can't make a video with aspect 1:1. The nearest is",
        ),
    ],
)
def test_what_the_maker_would_refuse_is_said_with_what_it_makes(
    model: str, wish: dict[str, Any], said: str
) -> None:
    """By the maker's own name of the model, with or without a maker in front; and that nobody knows of this provider."""
    told = caution(VideoRequest(prompt="A boat", model=model, **wish))
    assert told.startswith("At its maker, ")
    assert said in told
    assert told.endswith("Whether this provider does is not known.")


@pytest.mark.parametrize(
    ("model", "wish"),
    [
        ("openai/sora-2", {"seconds": 8.0, "size": "1280x720"}),
        ("openai/sora-2", {"seed": 3}),
        ("sora-2-hd", {"seconds": 7.0}),
        ("film", {"seconds": 90.0}),
        ("maker/unheard-of", {"seconds": 7.0}),
    ],
)
def test_what_nobody_knows_is_not_said(model: str, wish: dict[str, Any]) -> None:
    """What fits, a field that a provider may add, a name that only looks alike, the simulator's own, and strangers."""
    assert caution(VideoRequest(prompt="A boat", model=model, **wish)) == ""
