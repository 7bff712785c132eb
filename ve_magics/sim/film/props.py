"""The things that travel across a scene."""

from __future__ import annotations

from ve_magics.sim.film.paint import Colour, Part, Shape, Sprite, above, disc, mix, polygon, union, within
from ve_magics.sim.film.palette import Chance, Palette


def even(number: int) -> int:
    """Round down to an even number."""
    return number - number % 2


def sun(palette: Palette, radius: int) -> Sprite:
    """Draw a sun, or at night a moon, in its glow."""
    edge = even(radius * 8 // 5) + 2
    glow = [
        Part(disc(edge, edge, radius * tenths // 10), palette.glow, palette.glow, opacity)
        for tenths, opacity in ((16, 9), (14, 11), (12, 14))
    ]
    lower = mix(palette.sun, palette.glow, 1 if palette.night else 4, 5)
    parts = [*glow, Part(disc(edge, edge, radius), palette.sun, lower)]
    if palette.night:
        shade = mix(palette.sun, palette.glow, 1, 3)
        for x, y, size in ((-8, -6, 5), (7, -1, 3), (-2, 9, 4), (6, -11, 2)):
            crater = disc(edge + radius * x // 20, edge + radius * y // 20, max(1, radius * size // 20))
            parts.append(Part(crater, shade, shade))
    return Sprite(2 * edge, 2 * edge, *parts)


def cloud(palette: Palette, chance: Chance, size: int) -> Sprite:
    """Draw a cloud about as high as `size`."""
    width = even(size * chance.number(22, 29) // 10) + 2
    base = size * 9 // 10
    end = max(2, size * 16 // 100)
    puffs: list[Shape] = [
        disc(end, base - end, end),
        disc(width - end, base - end, end),
        polygon((end, base - 2 * end), (width - end, base - 2 * end), (width - end, base), (end, base)),
    ]
    tall = chance.number(34, 44)
    for place, share in ((24, tall * 3 // 5), (44, tall), (68, tall * 3 // 4)):
        radius = max(2, size * share // 100)
        puffs.append(disc(width * place // 100, base - end - radius * 2 // 3, radius))
    shadow = mix(palette.cloud, palette.sky, 2, 5)
    return Sprite(width, even(size) + 2, Part(above(union(*puffs), base), palette.cloud, shadow, 58))


def balloon(palette: Palette, size: int) -> Sprite:
    """Draw a hot-air balloon about as high as `size`."""
    radius = size * 36 // 100
    middle = radius + 2
    neck = size * 74 // 100
    skirt = radius * 62 // 100
    envelope = union(
        disc(middle, middle, radius),
        polygon(
            (middle - radius * 88 // 100, middle + radius // 2),
            (middle + radius * 88 // 100, middle + radius // 2),
            (middle + skirt // 3, neck),
            (middle - skirt // 3, neck),
        ),
    )
    dark = mix(palette.accent, (0, 0, 0), 2, 5)
    parts = [Part(envelope, palette.accent, dark)]
    for left, right in ((-52, -22), (22, 52)):
        stripe = polygon(
            (middle + radius * left // 60, 0),
            (middle + radius * right // 60, 0),
            (middle + skirt * right // 160, neck),
            (middle + skirt * left // 160, neck),
        )
        parts.append(Part(within(envelope, stripe), (252, 250, 240), mix((252, 250, 240), dark, 1, 3)))
    rope, wood = max(1, size // 80), (92, 62, 42)
    for side in (-1, 1):
        x = middle + side * skirt // 4
        line = polygon(
            (x - rope, neck), (x + rope, neck), (x + rope, size * 90 // 100), (x - rope, size * 90 // 100)
        )
        parts.append(Part(line, wood, wood))
    basket = polygon(
        (middle - skirt // 3, size * 86 // 100),
        (middle + skirt // 3, size * 86 // 100),
        (middle + skirt // 4, size),
        (middle - skirt // 4, size),
    )
    parts.append(Part(basket, wood, mix(wood, (0, 0, 0), 1, 2)))
    return Sprite(even(2 * middle) + 2, even(size) + 2, *parts)


def paper_plane(palette: Palette, size: int) -> Sprite:
    """Draw a paper plane that flies to the right, about as high as `size`."""
    width = even(size * 2)

    def at(*points: tuple[int, int]) -> Shape:
        return polygon(*((width * x // 100, size * y // 100) for x, y in points))

    fold = mix(palette.accent, (0, 0, 0), 2, 5)
    paper, shade = (253, 252, 248), mix((253, 252, 248), palette.accent, 2, 5)
    parts = [
        Part(at((0, 18), (98, 2), (26, 50)), paper, paper),
        Part(at((26, 50), (98, 2), (34, 92)), fold, fold),
        Part(at((40, 58), (98, 2), (34, 92)), shade, shade),
        Part(at((42, 58), (98, 2), (76, 94)), paper, mix(paper, shade, 1, 2)),
    ]
    return Sprite(width + 2, even(size) + 2, *parts)


def flock(palette: Palette, size: int) -> Sprite:
    """Draw birds in a wedge, about as high as `size`."""
    width = even(size * 2)
    colour = _silhouette(palette)
    wing = max(8, size // 3)
    parts = []
    for x, y in ((72, 36), (48, 14), (44, 62), (20, 2), (14, 80)):
        left, top = width * x // 100, size * y // 100
        thick = max(2, wing // 7)
        for side in (-1, 1):
            tip, bend = left + side * wing, left + side * wing // 2
            inner = polygon(
                (left, top + wing // 2), (bend, top), (bend, top + thick), (left, top + wing // 2 + thick)
            )
            outer = polygon((bend, top), (tip, top + wing // 4), (bend, top + thick))
            parts.append(Part(union(inner, outer), colour, colour))
    return Sprite(width + 2 * wing, even(size) + wing - wing % 2, *parts)


def _silhouette(palette: Palette) -> Colour:
    return mix(palette.near, palette.cloud, 2, 3) if palette.night else palette.near
