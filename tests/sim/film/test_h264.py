"""The encoder is lossless, in every way it knows to say a macroblock."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.sim.film.h264 import Encoder, Motion, Picture
from ve_magics.sim.film.mp4 import Sample, mux

Decode = Callable[[bytes], list[Picture]]
Crop = Callable[[Picture, int, int], Picture]
Planes = list[bytearray]


def painted(width: int, height: int, random: Random) -> Planes:
    """Paint rows of one colour each, some of them replaced by noise with many zeros in it."""
    planes = []
    for shift in (0, 1, 1):
        wide = width >> shift
        rows = []
        for row in range(height >> shift):
            noise = bytes(random.randrange(256) if random.random() < 0.2 else 0 for _ in range(wide))
            rows.append(bytes((row * 3 % 200,)) * wide if random.random() < 0.9 else noise)
        planes.append(bytearray(b"".join(rows)))
    return planes


def moved(planes: Planes, width: int, height: int, shift: int, random: Random) -> Planes:
    """Move some rows of macroblocks to the right, round the border, then drop a blot."""
    after = [plane[:] for plane in planes]
    for strip in range(height // 16):
        if random.random() < 0.3:
            continue
        for plane, half in zip(after, (0, 1, 1), strict=True):
            wide, step = width >> half, shift >> half
            for row in range(16 * strip >> half, 16 * (strip + 1) >> half):
                line = plane[row * wide : (row + 1) * wide]
                plane[row * wide : (row + 1) * wide] = line[-step % wide :] + line[: -step % wide]
    if random.random() < 0.7:
        at, size = random.randrange(len(after[0])), random.randrange(40)
        after[0][at : at + size] = bytes(size)[: len(after[0]) - at]
    return after


def encode(pictures: list[Picture], width: int, height: int, motions: list[Motion], *, group: int) -> bytes:
    encoder = Encoder(width, height, 12)
    samples = []
    for number, picture in enumerate(pictures):
        key = number % group == 0
        samples.append(Sample(encoder.key(picture) if key else encoder.delta(picture, motions), key))
    return mux(samples, width=width, height=height, fps=12, sps=encoder.sps, pps=encoder.pps)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    columns=st.integers(1, 8),
    rows=st.integers(1, 4),
    trim=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    shift=st.integers(-10, 10).map(lambda half: 2 * half),
    group=st.integers(1, 6),
)
def test_decoder_gives_back_every_sample(
    decode: Decode,
    crop: Crop,
    seed: int,
    columns: int,
    rows: int,
    trim: tuple[int, int],
    shift: int,
    group: int,
) -> None:
    """Whatever moves, stands still, is flat or is noise, at any even size: what comes out is what went in."""
    random = Random(seed)
    padded_width, padded_height = 16 * columns, 16 * rows
    width, height = padded_width - 2 * trim[0], padded_height - 2 * trim[1]
    planes = painted(padded_width, padded_height, random)
    pictures = []
    for _ in range(6):
        pictures.append(Picture(*map(bytes, planes)))
        planes = moved(planes, padded_width, padded_height, shift, random)
    motions = [Motion(shift, 0, padded_height), Motion(random.randrange(-4, 5) * 2, 0, 16)]
    film = encode(pictures, width, height, motions, group=group)
    assert decode(film) == [crop(picture, width, height) for picture in pictures]


def test_frame_number_may_wrap(decode: Decode) -> None:
    """More pictures than the eight bits of their number can count, on one key picture."""
    pictures = [Picture(bytes((n % 200 + 20,)) * 256, bytes(64), bytes(64)) for n in range(300)]
    assert decode(encode(pictures, 16, 16, [], group=1000)) == pictures


def flat(width: int, height: int, value: int = 90) -> Picture:
    return Picture(bytes((value,)) * (width * height), *[bytes((128,)) * (width * height // 4)] * 2)


def test_flat_key_picture_is_small() -> None:
    """One macroblock holds its samples, the others are drawn out of it."""
    assert len(Encoder(640, 368, 12).key(flat(640, 368))) < 384 + 2000


def test_still_picture_is_nothing() -> None:
    """A picture that is the same as the one before takes a few bytes."""
    encoder = Encoder(1280, 720, 12)
    encoder.key(flat(1280, 720))
    assert len(encoder.delta(flat(1280, 720))) < 16


def test_motion_is_copied_not_sent(decode: Decode) -> None:
    """What moves in front of a plain background costs bits, not samples; without the hint it costs samples."""

    def scene(left: int) -> Picture:
        picture = flat(128, 32)
        rows = [bytes((90,)) * left + bytes(range(100, 132)) + bytes((90,)) * (96 - left) for _ in range(32)]
        return picture._replace(y=b"".join(rows))

    sizes = {}
    for name, motions in (("told", [Motion(6, 0, 32)]), ("untold", []), ("elsewhere", [Motion(6, 32, 64)])):
        encoder = Encoder(128, 32, 12)
        key, delta = encoder.key(scene(32)), encoder.delta(scene(38), motions)
        film = mux(
            [Sample(key, key=True), Sample(delta, key=False)],
            width=128,
            height=32,
            fps=12,
            sps=encoder.sps,
            pps=encoder.pps,
        )
        assert decode(film) == [scene(32), scene(38)]
        sizes[name] = len(delta)
    assert sizes["told"] < 60 < 384 < sizes["untold"] == sizes["elsewhere"]


@pytest.mark.parametrize("shift", [-8, 8, 40])
def test_motion_does_not_reach_round_the_border(decode: Decode, shift: int) -> None:
    """What leaves at the end of a row and enters at the start of the next: a decoder doesn't look there for it."""

    def pushed(plane: bytes, by: int) -> bytes:
        return bytes(by) + plane[:-by] if by > 0 else plane[-by:] + bytes(-by)

    picture = Picture(bytes(range(1, 65)) * 16, bytes(range(1, 33)) * 8, bytes(range(65, 97)) * 8)
    pictures = [picture]
    for _ in range(3):
        y, u, v = pictures[-1]
        pictures.append(Picture(pushed(y, shift), pushed(u, shift // 2), pushed(v, shift // 2)))
    assert decode(encode(pictures, 64, 16, [Motion(shift, 0, 16)], group=10)) == pictures


def test_key_pictures_in_a_row_are_told_apart() -> None:
    """The standard asks for another number in each of two adjacent ones (idr_pic_id, 7.4.3)."""
    encoder = Encoder(32, 32, 12)
    first, second, third = (encoder.key(flat(32, 32)) for _ in range(3))
    assert first == third != second


def test_no_start_code_inside_a_unit() -> None:
    """Samples of zero never look like the beginning of a unit."""
    black = Picture(bytes(32 * 32), bytes(16 * 16), bytes(16 * 16))
    unit = Encoder(32, 32, 12).key(black)[4:]
    assert not any(code in unit for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


@pytest.mark.parametrize(
    ("width", "height", "fps", "level"),
    [
        (640, 360, 12, 30),
        (1280, 720, 12, 31),
        (1920, 1080, 12, 40),
        (4096, 2160, 24, 51),
        (720, 1280, 60, 32),
    ],
)
def test_level_is_the_lowest_that_allows_the_size(width: int, height: int, fps: int, level: int) -> None:
    """Decoders reserve memory and refuse films by the level."""
    encoder = Encoder(width, height, fps)
    assert encoder.level == level == encoder.sps[3]


@pytest.mark.parametrize(
    ("width", "height", "fps"), [(15, 16, 12), (16, 15, 12), (0, 16, 12), (16, 16, 0), (8192, 8192, 12)]
)
def test_impossible_sizes_are_refused(width: int, height: int, fps: int) -> None:
    """Odd, empty and gigantic pictures have no encoding here."""
    with pytest.raises(ValueError):
        Encoder(width, height, fps)


def test_misuse_is_refused() -> None:
    """A first picture without a key, planes of another size, a motion that chroma can't follow."""
    encoder = Encoder(32, 32, 12)
    with pytest.raises(ValueError, match="key picture"):
        encoder.delta(flat(32, 32))
    with pytest.raises(ValueError, match="planes"):
        encoder.key(flat(16, 16))
    encoder.key(flat(32, 32))
    for shift in (3, 2048):
        with pytest.raises(ValueError, match="shifts"):
            encoder.delta(flat(32, 32), [Motion(shift, 0, 32)])
