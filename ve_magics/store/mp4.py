"""Reads what a video file says about itself: ISO base media boxes (ISO/IEC 14496-12; MP4, MOV, M4V).

Only the outer boxes and the index (`moov`) are looked at, never the media: a file of gigabytes costs a few reads. The
input isn't trusted: every size is checked against what is there, and work and memory are limited.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

MAX_INDEX: Final = 64 * 1024 * 1024
"""Bytes of the largest `moov` that is read."""

_MAX_BOXES: Final = 10_000
_MAX_INNER_BOXES: Final = 1000
_MAX_TRACKS: Final = 100
_FIRST: Final = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"))


class VideoFileError(ValueError):
    """The file can't be used as a video."""


class NotVideoError(VideoFileError):
    """The bytes are something else than a video, or are damaged."""


class TruncatedVideoError(VideoFileError):
    """The end of the file is missing."""


class MissingIndexError(VideoFileError):
    """The boxes are whole, but there is no `moov` among them, without which nothing can be played."""


@dataclass(frozen=True, slots=True)
class Track:
    """One track of a file.

    Attributes:
        kind: Its handler: `vide`, `soun`, `text` and others.
        codec: Four characters: `avc1`, `hvc1`, `av01`, `mp4a` and others; empty where the file doesn't say.
        duration: Seconds; 0 where the file doesn't say.
        width: Pixels; 0 without a picture.
        height: Pixels; 0 without a picture.
        samples: Pictures, or packets of sound; 0 where they aren't indexed, as in fragments.
    """

    kind: str
    codec: str
    duration: float
    width: int
    height: int
    samples: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file says about itself.

    Attributes:
        duration: Seconds; 0 where the file doesn't say.
        width: Pixels of its first picture track.
        height: Pixels of its first picture track.
        codec: Four characters, of its first picture track.
        faststart: The index comes before the media, so that it plays while it is being loaded.
        tracks: All its tracks, in their order.
    """

    duration: float
    width: int
    height: int
    codec: str
    faststart: bool
    tracks: tuple[Track, ...]

    @property
    def fps(self) -> float:
        """Pictures per second on average; 0 where the file doesn't say."""
        video = next(track for track in self.tracks if track.kind == "vide")
        return video.samples / video.duration if video.duration else 0.0


def probe(source: bytes | bytearray | memoryview | str | os.PathLike[str]) -> Probe:
    """Read what a video file says about itself.

    Args:
        source: The file's content, or its path.

    Returns:
        What it says.

    Raises:
        NotVideoError: It is something else, is damaged, or has no picture track.
        TruncatedVideoError: Its end is missing.
        MissingIndexError: It has no `moov`.
        OSError: The path can't be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return _probe(file, file.seek(0, os.SEEK_END))
    return _probe(io.BytesIO(source), len(source))


def _probe(file: BinaryIO, size: int) -> Probe:
    index: bytes | None = None
    media = size
    place = size
    for kind, start, body, end in _outer_boxes(file, size):
        if kind == b"mdat":
            media = min(media, start)
        elif kind == b"moov" and index is None:
            if end - body > MAX_INDEX:
                raise NotVideoError("the index is too large to be true")
            file.seek(body)
            index, place = file.read(end - body), start
    if index is None:
        raise MissingIndexError("the file has no index (moov): it was not finished, or is a fragment")
    return _read_index(memoryview(index), faststart=place < media)


def _outer_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield kind, start, start of the content and end of each outer box."""
    start = 0
    for number in range(_MAX_BOXES):
        if start >= size and number:
            return
        file.seek(start)
        head = file.read(16)
        if number == 0 and head[4:8] not in _FIRST:
            raise NotVideoError("the file is not an MP4 video")
        if len(head) < 8:
            raise TruncatedVideoError("the file ends inside a box")
        length, kind = struct.unpack_from(">I4s", head)
        body = start + 8
        if length == 1:
            if len(head) < 16:
                raise TruncatedVideoError("the file ends inside a box")
            (length,) = struct.unpack_from(">Q", head, 8)
            body += 8
        elif length == 0:
            length = size - start
        if length < body - start:
            raise NotVideoError("the file is damaged: a box is smaller than its own head")
        if start + length > size:
            name = kind.decode("latin-1")
            raise TruncatedVideoError(
                f"the file ends {start + length - size} bytes before its box {name!r} does"
            )
        yield kind, start, body, start + length
        start += length
    raise NotVideoError("the file has too many boxes to be a video")


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and content of each box in the content of another one."""
    start = 0
    for _ in range(_MAX_INNER_BOXES):
        if len(data) - start < 8:
            return  # QuickTime ends lists with four zeros
        length, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if length == 1 and len(data) - start >= 16:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif length == 0:
            length = len(data) - start
        if length < body - start or start + length > len(data):
            raise NotVideoError("the index is damaged: a box does not fit into the one around it")
        yield kind, data[body : start + length]
        start += length
    raise NotVideoError("the index has too many boxes to be true")


def _first(data: memoryview, *path: bytes) -> memoryview:
    """Return the content of the box at a path, empty if there is none."""
    for wanted in path:
        data = next((content for kind, content in _boxes(data) if kind == wanted), data[:0])
    return data


def _number(data: memoryview, at: int, size: int) -> int:
    if at + size > len(data):
        raise NotVideoError("the index is damaged: a box is too short")
    return int.from_bytes(data[at : at + size], "big")


def _seconds(header: memoryview) -> float:
    """Read the duration from a `mvhd` or `mdhd` box, which are alike up to there."""
    if not header:
        return 0.0
    wide = _number(header, 0, 1) == 1
    scale = _number(header, 20 if wide else 12, 4)
    ticks = _number(header, 24 if wide else 16, 8 if wide else 4)
    unknown = ticks == (1 << (64 if wide else 32)) - 1
    return ticks / scale if scale and not unknown else 0.0


def _read_index(index: memoryview, *, faststart: bool) -> Probe:
    tracks: list[Track] = []
    for kind, content in _boxes(index):
        if kind == b"trak":
            if len(tracks) == _MAX_TRACKS:
                raise NotVideoError("the index has too many tracks to be true")
            tracks.append(_read_track(content))
    video = next((track for track in tracks if track.kind == "vide"), None)
    if video is None:
        raise NotVideoError("the file has no picture track")
    header = _first(index, b"mvhd")
    duration = _seconds(header) or max(track.duration for track in tracks)
    fragments = _first(index, b"mvex", b"mehd")
    if not duration and fragments:
        wide = _number(fragments, 0, 1) == 1
        scale = _number(header, 20 if _number(header, 0, 1) == 1 else 12, 4)
        duration = _number(fragments, 4, 8 if wide else 4) / scale if scale else 0.0
    return Probe(duration, video.width, video.height, video.codec, faststart, tuple(tracks))


def _read_track(track: memoryview) -> Track:
    media = _first(track, b"mdia")
    table = _first(media, b"minf", b"stbl")
    handler = _first(media, b"hdlr")
    kind = bytes(handler[8:12]).decode("latin-1")
    codec, width, height = _read_description(_first(table, b"stsd"), picture=kind == "vide")
    sizes = _first(table, b"stsz") or _first(table, b"stz2")
    return Track(
        kind=kind,
        codec=codec,
        duration=_seconds(_first(media, b"mdhd")),
        width=width,
        height=height,
        samples=_number(sizes, 8, 4) if sizes else 0,
    )


def _read_description(description: memoryview, *, picture: bool) -> tuple[str, int, int]:
    """Return the codec of the first sample entry and, for a picture track, the size it is coded in."""
    kind, entry = next(_boxes(description[8:]), (b"", description[:0]))
    if not picture:
        return kind.decode("latin-1"), 0, 0
    return kind.decode("latin-1"), _number(entry, 24, 2), _number(entry, 26, 2)
