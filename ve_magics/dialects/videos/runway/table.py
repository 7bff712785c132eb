"""What is known of the models that Runway serves, its own and those of other makers (Runway API reference)."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.videos.limits import Limits

NAME = "runway"

_OPTIONAL = ("seed", "negative_prompt", "audio", "references", "last_frame")
_SHAPE = ("size", "aspect", "resolution")


class Film(msgspec.Struct, frozen=True, kw_only=True):
    """What one model makes.

    Attributes:
        text: From a prompt alone; None where it films from pictures only.
        picture: From a first frame.
        named: True where the shape goes out as aspect ratio and resolution, not as pixels.
        size: Sent with a prompt alone where nothing is asked and Runway wants a size.
        picture_size: The same with a first frame.
        seconds: Sent where nothing is asked and Runway wants a length.
    """

    text: Limits | None
    picture: Limits
    named: bool = False
    size: str = ""
    picture_size: str = ""
    seconds: int | None = None


def _pixels(sizes: str, knows: str = "", **given: Any) -> Limits:
    """Return the limits of a model whose shape is told in pixels; `knows` names the optional fields that it has."""
    lacks = (*(field for field in _OPTIONAL if field not in knows.split()), *(() if sizes else _SHAPE))
    return Limits(sizes=tuple(sizes.replace(":", "x").split()), lacks=lacks, **given)


def _named(aspects: str, resolutions: str, knows: str = "") -> Limits:
    """Return the limits of a model whose shape has names."""
    lacks = (*(field for field in _OPTIONAL if field not in knows.split()), *(() if aspects else ("aspect",)))
    return Limits(aspects=tuple(aspects.split()), resolutions=tuple(resolutions.split()), lacks=lacks)


_WIDE = "1280:720"
_GEN4 = "1280:720 720:1280 1104:832 960:960 832:1104 1584:672"
_VEO = "1280:720 720:1280 1080:1920 1920:1080"
_SEEDANCE_480 = "992:432 864:496 752:560 640:640 560:752 496:864"
_SEEDANCE_720 = "1470:630 1280:720 1112:834 960:960 834:1112 720:1280"
_SEEDANCE_1080 = "2206:946 1920:1080 1664:1248 1440:1440 1248:1664 1080:1920"
_SEEDANCE_4K = "3840:1646 3840:2160 3840:2880 3840:3840 2880:3840 2160:3840"
_WAN = (
    "832:480 720:544 624:624 544:720 480:832 1280:720 1104:832 960:960 832:1104 720:1280"
    " 1920:1080 1648:1248 1440:1440 1248:1648 1080:1920"
)
_KLING_2_5 = "1920:1080 1440:1440 1080:1920 1280:720 720:720 720:1280"
_HAILUO = ("21:9 16:9 4:3 1:1 3:4 9:16", "768p 2k")
_GROK = "480p 720p 1080p"


def _veo() -> Film:
    given: dict[str, Any] = {"seconds": (4, 6, 8), "prompt": 1000}
    return Film(
        text=_pixels(_VEO, "seed negative_prompt audio", **given),
        picture=_pixels(_VEO, "seed negative_prompt audio last_frame", **given),
        size=_WIDE,
        picture_size=_WIDE,
    )


def _kling(sizes: str, *, references: bool = False) -> Film:
    knows = "audio last_frame references" if references else "audio last_frame"
    return Film(text=_pixels(sizes, "audio"), picture=_pixels(sizes, knows), size=sizes.partition(" ")[0])


def _seedance(sizes: str) -> Film:
    return Film(
        text=_pixels(sizes, "seed audio references", prompt=3500),
        picture=_pixels(sizes, "seed audio last_frame", prompt=3500),
    )


_WAN_3 = Film(text=_pixels(_WAN, "audio references"), picture=_pixels(_WAN, "audio last_frame"))

FILMS: dict[str, Film] = {
    "gen4.5": Film(
        text=_pixels("1280:720 720:1280", "seed", span=(2, 10), prompt=1000),
        picture=_pixels(_GEN4, "seed", span=(2, 10), prompt=1000),
        size=_WIDE,
        picture_size=_WIDE,
        seconds=5,
    ),
    "gen4_turbo": Film(text=None, picture=_pixels(_GEN4, "seed", prompt=1000), picture_size=_WIDE),
    "veo3.1": _veo(),
    "veo3.1_fast": _veo(),
    "klingO3_4k": _kling("3840:2160 2160:3840 2880:2880", references=True),
    "klingO3_pro": _kling("1920:1080 1080:1920 1440:1440", references=True),
    "klingO3_standard": _kling("1280:720 720:1280 960:960", references=True),
    "kling3.0_4k": _kling("3840:2160 2160:3840 2880:2880"),
    "kling3.0_pro": _kling("1920:1080 1080:1920 1440:1440"),
    "kling3.0_standard": _kling("1280:720 720:1280 960:960"),
    "kling2.5_turbo_pro": Film(
        text=_pixels(_KLING_2_5, seconds=(5, 10)), picture=_pixels("", "last_frame", seconds=(5, 10))
    ),
    "seedance2": _seedance(f"{_SEEDANCE_480} {_SEEDANCE_720} {_SEEDANCE_1080} {_SEEDANCE_4K}"),
    "seedance2_fast": _seedance(f"{_SEEDANCE_480} {_SEEDANCE_720}"),
    "seedance2_mini": _seedance(f"{_SEEDANCE_480} {_SEEDANCE_720}"),
    "gemini_omni_flash": Film(
        text=_pixels("1280:720 720:1280", span=(3, 10)), picture=_pixels("1280:720 720:1280", span=(3, 10))
    ),
    "wan3": _WAN_3,
    "wan3_prime": _WAN_3,
    "hailuo3": Film(text=_named(*_HAILUO, "references"), picture=_named(*_HAILUO, "last_frame"), named=True),
    "grok_imagine_1_5": Film(
        text=_named("1:1 16:9 9:16 4:3 3:4 3:2 2:3", _GROK, "references"),
        picture=_named("", _GROK),
        named=True,
    ),
}
"""By model; other models are their provider's business."""
