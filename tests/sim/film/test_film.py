"""The face: a prompt becomes a film that any player plays."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable

import av
import pytest

from ve_magics.sim.film import film, poster, thumbnail
from ve_magics.sim.film.h264 import Picture
from ve_magics.sim.film.scene import Scene
from ve_magics.store.mp4 import probe

Decode = Callable[[bytes], list[Picture]]
Crop = Callable[[Picture, int, int], Picture]

DIGEST = "73724d13ddd9dc772c81e2b81e69b45c1071b7275aac9551d3aa23ff3bb3eb53"
FOX = "一只红狐在黎明的新雪中奔跑，电影感 / a red fox runs through fresh snow at dawn"


@pytest.mark.parametrize(
    ("width", "height", "seconds", "fps", "seed"),
    [
        (640, 360, 2.5, 12, 0),
        (1280, 720, 0.5, 12, 1),
        (360, 640, 1, 12, 2),
        (854, 480, 0.5, 24, 3),
        (128, 128, 3, 5, 4),
        (256, 256, 0.01, 12, 5),
        (1920, 1080, 0.2, 12, 6),
        (330, 250, 1, 30, 7),
        *((320, 180, 3, 12, seed) for seed in range(8, 16)),
    ],
)
def test_film_shows_its_scene_exactly(
    decode: Decode, crop: Crop, width: int, height: int, seconds: float, fps: int, seed: int
) -> None:
    """Every picture that a decoder gives is the scene's own, in luma and in chroma."""
    count = max(1, round(seconds * fps))
    scene = Scene(FOX, width=width, height=height, count=count, fps=fps, seed=seed)
    pictures = decode(film(FOX, seconds=seconds, width=width, height=height, seed=seed, fps=fps))
    assert len(pictures) == count
    for index, picture in enumerate(pictures):
        assert picture == crop(scene.picture(index), width, height), f"picture {index}"


def test_players_are_told_the_truth() -> None:
    """Codec, format, colours, size, rate and duration, as FFmpeg and our own reader see them."""
    made = film(FOX, seconds=4, width=640, height=360)
    with av.open(io.BytesIO(made)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "Constrained Baseline", "yuv420p")
        assert (context.width, context.height, float(stream.average_rate)) == (640, 360, 12.0)
        assert abs(float(stream.duration * stream.time_base) - 4) <= 1 / 12
        frame = next(container.decode(stream))
        assert (frame.colorspace, frame.color_range) == (1, 1)
    found = probe(made)
    assert (found.duration, found.fps, found.faststart, found.codec) == (4.0, 12.0, True, "avc1")


@pytest.mark.parametrize("fps", [5, 12])
def test_a_player_can_start_at_every_second_second(fps: int) -> None:
    """Key pictures are at most two seconds apart, so that seeking is quick."""
    with av.open(io.BytesIO(film("fox", seconds=7, width=128, height=128, fps=fps))) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.size and p.is_keyframe]
    assert keys == [0, 2, 4, 6]


def test_films_are_light() -> None:
    """Notebooks embed them."""
    assert len(film(FOX, seconds=4, width=640, height=360)) < 800_000
    assert len(film(FOX, seconds=8, width=1280, height=720)) < 2_500_000


def test_equal_arguments_give_equal_bytes_in_another_process() -> None:
    """Nothing of the clock, of hash seeds or of the machine gets into a film: its digest is written down here."""
    code = (
        "import hashlib; from ve_magics.sim.film import film;"
        "print(hashlib.sha256(film('fox 狐', seconds=2, width=160, height=128, seed=3)).hexdigest())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256(film("fox 狐", seconds=2, width=160, height=128, seed=3)).hexdigest()
    assert ran.stdout.strip() == here == DIGEST


def test_seed_and_prompt_make_another_film() -> None:
    """The same prompt with another seed, and another prompt, look different."""
    made = {film(p, seconds=0.1, width=128, height=128, seed=s) for p, s in (("a", 0), ("a", 1), ("b", 0))}
    assert len(made) == 3


@pytest.mark.parametrize("prompt", ["", " \n", "\0", "\ud800", "🎈", "x" * 100_000])
def test_no_prompt_is_too_odd(decode: Decode, prompt: str) -> None:
    """Text from anywhere makes a film that plays."""
    assert len(decode(film(prompt, seconds=0.5, width=128, height=128))) == 6


def test_poster_is_a_still_of_the_scene() -> None:
    """A PNG of the size asked for, the same each time."""
    still = poster(FOX, width=320, height=180, seed=4)
    with av.open(io.BytesIO(still), format="png_pipe") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height, frame.format.name) == (320, 180, "rgb24")
    assert still == poster(FOX, width=320, height=180, seed=4) != poster(FOX, width=320, height=180, seed=5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0},
        {"seconds": float("nan")},
        {"seconds": 601},
        {"fps": 0},
        {"fps": 61},
        {"width": 129},
        {"height": 64},
    ],
)
def test_arguments_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """Before any work is done."""
    arguments = {"seconds": 1, "width": 128, "height": 128, **wrong}
    with pytest.raises(ValueError, match="a film"):
        film("fox", **arguments)  # type: ignore[arg-type]  # the wrong ones are the point


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((1280, 720), (320, 180)),
        ((720, 1280), (180, 320)),
        ((4096, 128), (320, 128)),
        ((200, 160), (200, 160)),
    ],
)
def test_thumbnail_is_small(asked: tuple[int, int], given: tuple[int, int]) -> None:
    """A thumbnail fits into a notebook, in pixels and in bytes."""
    data = thumbnail(FOX, width=asked[0], height=asked[1])
    with av.open(io.BytesIO(data), format="png_pipe") as still:
        frame = next(still.decode(video=0))
    assert (frame.width, frame.height) == given
    assert len(data) < 6000


def test_thumbnail_has_the_same_bytes_everywhere() -> None:
    """A recording made on one machine holds on another: the bytes depend on the arguments alone."""
    digest = hashlib.sha256(
        thumbnail("A paper boat drifts down a rainy street.", width=640, height=360)
    ).hexdigest()
    assert digest == "3dbfc8ae904122bfb5ed25d9089cae12404f6025bd9e8c00103a7d8414601e0d"
