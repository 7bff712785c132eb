"""Colours of a scene, and the chance by which it differs from another one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from ve_magics.sim.film.paint import Colour

T = TypeVar("T")


class Palette(NamedTuple):
    """Colours that go together."""

    zenith: Colour
    sky: Colour
    horizon: Colour
    sun: Colour
    glow: Colour
    far: Colour
    near: Colour
    cloud: Colour
    accent: Colour
    night: bool = False


PALETTES: Final = (
    Palette(  # noon
        (42, 111, 196), (96, 165, 230), (205, 231, 246), (255, 246, 205), (255, 233, 150),
        (126, 168, 160), (38, 84, 74), (255, 255, 255), (255, 196, 61),
    ),
    Palette(  # dusk
        (52, 34, 92), (190, 74, 110), (255, 184, 108), (255, 236, 170), (255, 170, 90),
        (128, 70, 110), (48, 28, 64), (255, 198, 178), (255, 138, 92),
    ),
    Palette(  # night
        (8, 12, 36), (24, 36, 84), (72, 88, 142), (244, 240, 214), (150, 160, 210),
        (44, 54, 98), (14, 18, 40), (88, 100, 150), (140, 180, 255), night=True,
    ),
    Palette(  # morning mist
        (120, 160, 190), (186, 208, 214), (250, 226, 204), (255, 250, 232), (255, 214, 170),
        (150, 174, 178), (52, 82, 92), (248, 246, 240), (240, 128, 96),
    ),
    Palette(  # aurora
        (6, 18, 40), (12, 66, 86), (64, 176, 148), (232, 255, 240), (120, 230, 190),
        (22, 74, 86), (8, 28, 42), (96, 168, 160), (120, 255, 190), night=True,
    ),
    Palette(  # desert
        (60, 130, 170), (236, 190, 130), (255, 224, 170), (255, 250, 225), (255, 222, 140),
        (212, 140, 88), (104, 48, 34), (255, 240, 214), (64, 196, 190),
    ),
    Palette(  # cherry blossom
        (122, 146, 214), (214, 176, 222), (255, 218, 222), (255, 252, 235), (255, 200, 200),
        (176, 140, 184), (78, 46, 88), (255, 244, 248), (255, 120, 160),
    ),
    Palette(  # winter
        (74, 112, 160), (150, 184, 214), (232, 240, 248), (255, 252, 240), (255, 240, 210),
        (172, 194, 214), (40, 66, 98), (250, 252, 255), (255, 170, 80),
    ),
)  # fmt: skip


class Chance:
    """Numbers drawn from a text and a seed; the same ones wherever it runs."""

    def __init__(self, text: str, seed: int) -> None:
        self._key = f"{seed}\n{text}".encode("utf-8", "surrogatepass")
        self._drawn = 0

    def number(self, low: int, high: int) -> int:
        """Draw a number from low to high, both included."""
        self._drawn += 1
        digest = hashlib.sha256(self._drawn.to_bytes(4, "big") + self._key).digest()
        return low + int.from_bytes(digest[:8], "big") % (high - low + 1)

    def choice(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[self.number(0, len(options) - 1)]
