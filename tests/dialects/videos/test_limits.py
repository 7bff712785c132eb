"""What a model can't make is said before money is spent, with the nearest thing that it can."""

from __future__ import annotations

import pytest

from ve_magics.dialects.videos.limits import Limits, check_limits, check_prompt, dimensions, size_of
from ve_magics.errors import ArgumentsError, UnsupportedError
from ve_magics.jobs import VideoRequest

LIMITS = Limits(
    seconds=(4, 8, 12),
    sizes=("720x1280", "1280x720", "1024x1792"),
    prompt=10,
    lacks=("seed",),
)


def refusal(limits: Limits, **fields: object) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as caught:
        check_limits(VideoRequest(**{"prompt": "p", "model": "m", **fields}), limits, "d")  # type: ignore[arg-type]  # named fields
    return caught.value


@pytest.mark.parametrize(("seconds", "nearest"), [(5, 4), (6, 4), (7, 8), (60, 12), (0.5, 4)])
def test_the_nearest_length_is_named(seconds: float, nearest: float) -> None:
    """A length that the model doesn't make names the nearest one (the cheaper of two) and all others."""
    error = refusal(LIMITS, seconds=seconds)
    assert error.field == "seconds"
    assert f"m can't make a video with seconds {seconds:g}" in error.message
    assert error.hint == f"The nearest is {nearest}; allowed: 4, 8, 12."


@pytest.mark.parametrize(
    ("size", "nearest"), [("1920x1080", "1280x720"), ("1080x1920", "1024x1792"), ("480x854", "720x1280")]
)
def test_the_nearest_size_keeps_the_shape(size: str, nearest: str) -> None:
    """The size that is offered is upright where the wish was upright."""
    assert f"nearest is {nearest};" in refusal(LIMITS, size=size).hint


def test_a_span_names_its_nearer_end() -> None:
    """A model with a range of lengths takes all within it."""
    limits = Limits(span=(3, 10))
    check_limits(VideoRequest(prompt="p", seconds=3), limits, "d")
    check_limits(VideoRequest(prompt="p", seconds=10), limits, "d")
    assert "nearest is 3; allowed: 3 to 10" in refusal(limits, seconds=1).hint
    assert "nearest is 10;" in refusal(limits, seconds=11).hint


def test_aspects_and_resolutions_are_held_too() -> None:
    """The nearest shape and the nearest number of lines are named; words that mean nothing get an answer as well."""
    limits = Limits(aspects=("16:9", "1:1", "9:16"), resolutions=("720p", "1080p", "4K"))
    check_limits(VideoRequest(prompt="p", aspect="16:9", resolution="4K"), limits, "d")
    assert "nearest is 9:16;" in refusal(limits, aspect="3:5").hint
    assert "nearest is 1080p;" in refusal(limits, resolution="1000p").hint
    assert "nearest is 4K;" in refusal(limits, resolution="2000p").hint
    assert "nearest is 1:1;" in refusal(limits, aspect="wide").hint
    assert "nearest is 720p;" in refusal(limits, resolution="sharp").hint


def test_long_prompts_and_unknown_fields_are_refused() -> None:
    """A prompt that is too long, and a field that the model doesn't know, are named."""
    assert "takes 10" in refusal(LIMITS, prompt="x" * 11).message
    assert refusal(LIMITS, seed=0).field == "seed"
    check_limits(VideoRequest(prompt="x" * 10, seconds=8, size="1280×720"), LIMITS, "d")


def test_unknown_models_are_not_limited() -> None:
    """Where nothing is known, the provider decides."""
    check_limits(VideoRequest(prompt="p", seconds=999, size="1x1"), None, "d")


@pytest.mark.parametrize(
    ("aspect", "resolution", "size"),
    [
        ("16:9", "", "1280x720"),
        ("9:16", "", "720x1280"),
        ("1:1", "480p", "480x480"),
        ("", "1080p", "1920x1080"),
        ("9:16", "1080p", "1080x1920"),
        ("21:9", "720p", "1680x720"),
        ("", "", ""),
    ],
)
def test_a_size_is_worked_out(aspect: str, resolution: str, size: str) -> None:
    """Shape and lines make a size, with even numbers of pixels."""
    assert size_of(VideoRequest(prompt="p", aspect=aspect, resolution=resolution)) == size


def test_a_size_is_written_one_way() -> None:
    """A size may be typed with × or X; nonsense is refused with an example."""
    assert size_of(VideoRequest(prompt="p", size="1280×720", aspect="1:1")) == "1280x720"
    assert dimensions(" 1280X720 ") == (1280, 720)
    for bad in ("big", "1280", "0x5", "1280x", "-1x2"):
        with pytest.raises(ArgumentsError, match="not a size"):
            dimensions(bad)
    with pytest.raises(ArgumentsError, match="aspect"):
        size_of(VideoRequest(prompt="p", aspect="wide"))
    with pytest.raises(ArgumentsError, match="resolution"):
        size_of(VideoRequest(prompt="p", resolution="sharp"))


def test_an_empty_prompt_is_refused() -> None:
    """Blanks are no prompt."""
    check_prompt(VideoRequest(prompt="x"))
    with pytest.raises(ArgumentsError, match="no prompt"):
        check_prompt(VideoRequest(prompt=" \n"))
