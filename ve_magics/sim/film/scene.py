"""A landscape that stands in for a film: a sky with something travelling across it, hills that scroll by, the prompt.

Everything that moves does so sideways and by an even number of pixels, in front of a background that is the same all
along each row: so most of a picture is a shifted copy of the one before, which is what the encoder is good at.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ve_magics.sim.film import caption, props
from ve_magics.sim.film.glyphs import HEIGHT
from ve_magics.sim.film.h264 import MACROBLOCK, Motion, Picture
from ve_magics.sim.film.land import Ridge, hills, plant
from ve_magics.sim.film.paint import (
    Canvas,
    Colour,
    Ink,
    Part,
    Patch,
    Sprite,
    disc,
    ink,
    mix,
    polygon,
    print_patch,
    union,
)
from ve_magics.sim.film.palette import PALETTES, Chance

MARK: Final = "SIMULATED"
"""What every picture says in its upper right corner."""

SMALLEST: Final = 128
LARGEST: Final = 4096
"""Pixels along an edge of a film."""

_WHITE: Final = (250, 250, 252)
_PILL: Final = (22, 24, 32)


class _Traveller(NamedTuple):
    sprite: Sprite
    left: int
    top: int
    distance: int  # to the right, in the whole film


class _Scroll(NamedTuple):
    ridge: Ridge
    distance: int  # to the left, in the whole film


class Scene:
    """A film that isn't encoded yet.

    Args:
        prompt: Text; its first line is shown.
        width: Width in pixels, even.
        height: Height in pixels, even.
        count: How many pictures the film has, at least one.
        fps: Pictures per second, at least one.
        seed: Another number gives another landscape.

    Raises:
        ValueError: The size is odd, or an edge is shorter than 128 or longer than 4096 pixels.
    """

    def __init__(self, prompt: str, *, width: int, height: int, count: int, fps: int, seed: int = 0) -> None:
        if width % 2 or height % 2 or not all(SMALLEST <= edge <= LARGEST for edge in (width, height)):
            raise ValueError(
                f"a film is {SMALLEST} to {LARGEST} pixels wide and high, in even numbers, not {width}x{height}"
            )
        self.width, self.height, self.count, self.fps = width, height, count, fps
        self._unit = max(1, min(width, height) // 360)
        self._margin = MACROBLOCK * self._unit
        self._chance = Chance(prompt, seed)
        self._palette = self._chance.choice(PALETTES)
        self._base = Canvas(width, height)
        self._lay_out(caption.clean(prompt.strip().partition("\n")[0]))
        self._scrolls = self._raise_hills()
        self._travellers = self._send_travellers()
        self._mark = self._print(MARK)
        self._mark_pill = self._shape_pill(self._mark)
        self._clock_pill = self._shape_pill(self._print(self._clock(0)))

    def picture(self, index: int, *, clock: bool = True) -> Picture:
        """Paint one picture.

        Args:
            index: Its number, from 0.
            clock: Show the number of the picture and the bar that grows.

        Returns:
            Its planes, padded to a multiple of 16.
        """
        canvas = self._base.copy()
        for scroll in self._scrolls:
            scroll.ridge.draw(canvas, self._moved(scroll.distance, index))
        for sprite, left, top, distance in self._travellers:
            place = left + self._moved(distance, index)
            lap = self.width + sprite.width
            sprite.draw(canvas, (place + sprite.width) % (lap - lap % 2) - sprite.width, top)
        right = self.width - self._mark_pill.width - self._margin
        self._draw_label(canvas, self._mark_pill, self._mark, right)
        if clock:
            if self._margin + self._clock_pill.width <= right:
                self._draw_label(canvas, self._clock_pill, self._print(self._clock(index)), self._margin)
            self._draw_bar(canvas, index + 1)
        return canvas.picture()

    def motions(self, index: int) -> list[Motion]:
        """Return what has moved since the picture before."""
        found = []
        for sprite, _, top, distance in self._travellers:
            shift = self._moved(distance, index) - self._moved(distance, index - 1)
            found.append(Motion(shift, top, top + sprite.height))
        for ridge, distance in self._scrolls:
            shift = self._moved(distance, index - 1) - self._moved(distance, index)
            found.append(Motion(shift, ridge.top, ridge.top + self._room))
        return [motion for motion in found if motion.shift]

    def _moved(self, distance: int, index: int) -> int:
        return 2 * (distance * index // (2 * self.count))

    def _lay_out(self, text: str) -> None:
        """Paint what stands still: the sky, the ground and the caption on it."""
        width, height, unit, margin = self.width, self.height, self._unit, self._margin
        room = width - 2 * margin
        scale, lines = unit + 1, caption.balance(text, room // (unit + 1), 2)
        if len(lines) > 1 or height < 256:
            scale, lines = unit, caption.balance(text, room // unit, 3 if height >= 256 else 2)
        rows = caption.draw(lines or [" "], scale, gap=4 * scale)
        self._bar_top = props.even(height - margin // 2 - 4 * unit)
        self._panel = (self._bar_top - len(rows) - margin) // MACROBLOCK * MACROBLOCK
        room = min(width, height) // 8
        self._near_top = props.even(self._panel - room - 4 * unit)
        self._far_top = props.even(self._near_top - MACROBLOCK - room)
        self._room = min(254, props.even(room))
        self._base.rows(0, self._near_top, lambda row: ink(self._backdrop(row)))
        self._base.rows(self._near_top, self._base.height, lambda row: ink(self._ground(row)))
        if self._palette.night:
            self._scatter_stars()
        text_top = self._panel + margin // 2
        # Text has a colour of its own behind it, that of the ground in its middle.
        back = self._ground(self._panel)
        self._base.box(0, self._panel, self._base.width, self._bar_top, ink(back))
        self._base.paste(print_patch(rows, back, _WHITE), margin, props.even(text_top))

    def _backdrop(self, row: int) -> Colour:
        """Return the colour of the sky, or of the far hills from where they are a solid mass."""
        palette, end = self._palette, self._far_top + self._room
        if row >= end:
            return mix(palette.far, palette.horizon, 1, 6)
        middle = end * 11 // 20
        if row < middle:
            return mix(palette.zenith, palette.sky, row, middle)
        return mix(palette.sky, palette.horizon, row - middle, end - middle)

    def _far(self, row: int) -> Colour:
        return mix(self._palette.far, self._palette.horizon, max(0, row - self._far_top), 6 * self._room)

    def _ground(self, row: int) -> Colour:
        dark = mix(self._palette.near, (0, 0, 0), 2, 5)
        span = max(1, self._panel - self._near_top)
        return mix(self._palette.near, dark, min(span, max(0, row - self._near_top)), span)

    def _scatter_stars(self) -> None:
        size = 2 * max(1, self._unit // 2)
        for _ in range(40):
            x = 2 * self._chance.number(0, self.width // 2 - size)
            y = 2 * self._chance.number(0, self._far_top // 2 - size)
            star = ink(mix(self._backdrop(y), (255, 255, 255), self._chance.number(2, 7), 8))
            self._base.box(x, y, x + size, y + size, star)

    def _raise_hills(self) -> list[_Scroll]:
        chance, width, room, unit = self._chance, self.width, self._room, self._unit
        seconds = -(-self.count // self.fps)
        period = props.even(width * 3 // 2)
        far = hills([chance.number(20, 250) for _ in range(9)], period, room - 2)
        near = hills([chance.number(110, 250) for _ in range(7)], period, room - 2)
        trees = (
            (
                chance.number(0, period - 1),
                chance.number(room // 5, room * 2 // 5),
                chance.number(4 * unit, 6 * unit),
            )
            for _ in range(34)
        )
        near = plant(near, trees)
        stride = self._base.width
        return [
            _Scroll(
                Ridge(far, self._far_top, room, self._backdrop, self._far, stride), width * seconds // 54
            ),
            _Scroll(
                Ridge(near, self._near_top, room, self._backdrop, self._ground, stride), width * seconds // 27
            ),
        ]

    def _send_travellers(self) -> list[_Traveller]:
        chance, palette, width, sky = self._chance, self._palette, self.width, self._far_top
        seconds = -(-self.count // self.fps)
        span = min(sky, width * 9 // 16)
        travellers = []
        radius = min(width, sky * 2) * 9 // 100
        orb = props.sun(palette, max(6, radius))
        start = props.even(width * chance.number(8, 22) // 100)
        top = props.even((sky - orb.height) * chance.number(40, 90) // 100)
        travellers.append(_Traveller(orb, start, max(0, top), width * chance.number(40, 50) // 100))
        drift = width * seconds // 40
        for number in range(4):
            size = max(8, span * chance.number(13, 21) // 100)
            shape = props.cloud(palette, chance, size)
            left = props.even(width * (number * 27 + chance.number(-6, 6)) // 100)
            top = props.even((sky - shape.height) * chance.number(22, 88) // 100)
            travellers.append(_Traveller(shape, left, max(0, top), drift))
        draw = chance.choice((props.balloon, props.paper_plane, props.flock))
        size = max(16, span * (42 if draw is props.balloon else 16) // 100)
        hero = draw(palette, size)
        left = props.even(width * chance.number(2, 30) // 100)
        top = props.even((sky - hero.height) * chance.number(25, 80) // 100)
        travellers.append(_Traveller(hero, left, max(0, top), width * chance.number(55, 65) // 100))
        return travellers

    def _clock(self, index: int) -> str:
        return f"{index + 1:0{len(str(self.count))}d}/{self.count}"

    def _print(self, text: str) -> Patch:
        return print_patch(caption.draw([text], self._unit), _PILL, _WHITE)

    def _shape_pill(self, text: Patch) -> Sprite:
        unit = self._unit
        high, radius = 24 * unit, 12 * unit
        wide = len(text.y[0]) + 16 * unit
        body = union(
            disc(radius, radius, radius),
            disc(wide - radius, radius, radius),
            polygon((radius, 0), (wide - radius, 0), (wide - radius, high), (radius, high)),
        )
        return Sprite(wide, high, Part(body, _PILL, _PILL))

    def _draw_label(self, canvas: Canvas, pill: Sprite, text: Patch, left: int) -> None:
        top, inset = 12 * self._unit, (pill.height - HEIGHT * self._unit) // 2
        pill.draw(canvas, left, top)
        canvas.paste(text, left + 8 * self._unit, top + inset)

    def _draw_bar(self, canvas: Canvas, done: int) -> None:
        """Draw a bar over the whole width, filled up to where the film has come."""
        left, right = self._margin, self.width - self._margin
        top, bottom = self._bar_top, self._bar_top + max(2, 4 * self._unit)
        full = left + props.even((right - left) * done // self.count)
        track: Ink = ink(mix(self._ground(self._panel), _WHITE, 1, 5))
        canvas.box(left, top, right, bottom, track)
        canvas.box(left, top, full, bottom, ink(self._palette.accent))
