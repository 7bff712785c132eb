"""Films that need no camera: moving H.264 in MP4 that shows its prompt, made with nothing but the standard library.

Equal arguments give equal bytes, on any machine.
"""

from __future__ import annotations

from ve_magics.sim.film import png
from ve_magics.sim.film.h264 import Encoder
from ve_magics.sim.film.mp4 import Sample, mux
from ve_magics.sim.film.scene import Scene

__all__ = ["film", "poster", "thumbnail"]

_LONGEST = 600.0
_FASTEST = 60
_THUMBNAIL = 320
_SMALLEST = 128


def film(prompt: str, *, seconds: float, width: int, height: int, seed: int = 0, fps: int = 12) -> bytes:
    """Make a film.

    Args:
        prompt: Text in any language, of any length; its first line is shown.
        seconds: Duration, rounded to whole pictures; above 0, at most 600.
        width: Width in pixels, even, 128 to 4096.
        height: Height in pixels, the same.
        seed: Another number gives another scene for the same prompt.
        fps: Pictures per second, 1 to 60.

    Returns:
        An MP4 file: one H.264 track (constrained baseline, yuv420p), index first, a key picture every two seconds.

    Raises:
        ValueError: A size, the duration or the frame rate is out of range, or all of it is more than H.264 allows.
    """
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"a film lasts more than 0 and at most {_LONGEST:g} seconds, not {seconds:g}")
    if not 1 <= fps <= _FASTEST:
        raise ValueError(f"a film has 1 to {_FASTEST} pictures per second, not {fps}")
    count = max(1, round(seconds * fps))
    scene = Scene(prompt, width=width, height=height, count=count, fps=fps, seed=seed)
    encoder = Encoder(width, height, fps)
    samples = []
    for index in range(count):
        picture = scene.picture(index)
        key = index % (2 * fps) == 0
        data = encoder.key(picture) if key else encoder.delta(picture, scene.motions(index))
        samples.append(Sample(data, key))
    return mux(samples, width=width, height=height, fps=fps, sps=encoder.sps, pps=encoder.pps)


def poster(prompt: str, *, width: int, height: int, seed: int = 0) -> bytes:
    """Make a still picture of the scene that `film` shows.

    Args:
        prompt: Text; its first line is shown.
        width: Width in pixels, even, 128 to 4096.
        height: Height in pixels, the same.
        seed: Another number gives another scene.

    Returns:
        A PNG file, 8-bit RGB. Its pixels are the same everywhere; how well they are packed depends on the zlib.

    Raises:
        ValueError: A size is out of range.
    """
    scene = Scene(prompt, width=width, height=height, count=24, fps=12, seed=seed)
    return png.encode(scene.picture(8, clock=False), width=width, height=height)


def thumbnail(prompt: str, *, width: int, height: int, seed: int = 0) -> bytes:
    """Make a still picture of the scene that `film` shows, small enough to travel inside of a notebook.

    Args:
        prompt: Text; its first line is shown.
        width: The film's width in pixels.
        height: The film's height.
        seed: Another number gives another scene.

    Returns:
        A PNG file, its sides at most 320 pixels; its bytes are the same on every machine.

    Raises:
        ValueError: A size is out of range.
    """
    longer = max(width, height, _THUMBNAIL)
    small = [max(_SMALLEST, side * _THUMBNAIL // longer // 2 * 2) for side in (width, height)]
    scene = Scene(prompt, width=small[0], height=small[1], count=24, fps=12, seed=seed)
    return png.encode_small(scene.picture(8, clock=False), width=small[0], height=small[1])
