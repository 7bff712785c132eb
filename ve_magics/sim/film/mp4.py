"""Puts H.264 samples into an MP4 file (ISO/IEC 14496-12 and -15) that starts and seeks at once.

The index (`moov`) stands before the media (`mdat`), each group of pictures is one chunk, and every picture lasts
equally long. Nothing in the file depends on when or where it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

_TICKS: Final = 1000
"""Ticks that one picture lasts; the time scale is that many times the frame rate."""

_IDENTITY: Final = b"".join(n.to_bytes(4, "big") for n in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))


class Sample(NamedTuple):
    """One encoded picture: NAL units behind their lengths, and whether a player can start here."""

    data: bytes
    key: bool


def mux(samples: Sequence[Sample], *, width: int, height: int, fps: int, sps: bytes, pps: bytes) -> bytes:
    """Build the file.

    Args:
        samples: Pictures in the order in which they are shown; the first one is a key picture.
        width: Width in pixels.
        height: Height in pixels.
        fps: Pictures per second.
        sps: Sequence parameter set.
        pps: Picture parameter set.

    Returns:
        The whole file.

    Raises:
        ValueError: There are no samples, or the first one isn't a key picture.
    """
    if not samples or not samples[0].key:
        raise ValueError("a film begins with a key picture")
    head = _box(b"ftyp", b"isom", _u32(0x200), b"isomiso2avc1mp41")
    chunks = _chunk_sizes(samples)
    empty = _moov(samples, [0] * len(chunks), width, height, fps, sps, pps)
    start = len(head) + len(empty) + 8
    offsets = [start]
    for size in chunks[:-1]:
        offsets.append(offsets[-1] + size)
    moov = _moov(samples, offsets, width, height, fps, sps, pps)
    return b"".join((head, moov, _box(b"mdat", *(sample.data for sample in samples))))


def _chunk_sizes(samples: Sequence[Sample]) -> list[int]:
    sizes: list[int] = []
    for sample in samples:
        if sample.key:
            sizes.append(0)
        sizes[-1] += len(sample.data)
    return sizes


def _moov(
    samples: Sequence[Sample], offsets: list[int], width: int, height: int, fps: int, sps: bytes, pps: bytes
) -> bytes:
    scale, duration = fps * _TICKS, len(samples) * _TICKS
    times = _u32(0, 0)  # made and changed: never
    return _box(
        b"moov",
        _full(
            b"mvhd",
            0,
            times,
            _u32(scale, duration, 0x10000),
            b"\1\0",
            bytes(10),
            _IDENTITY,
            bytes(24),
            _u32(2),
        ),
        _box(
            b"trak",
            # Flags: the track is enabled, in the film and in its preview.
            _full(
                b"tkhd",
                7,
                times,
                _u32(1, 0, duration),
                bytes(16),
                _IDENTITY,
                _u32(width << 16, height << 16),
            ),
            _box(
                b"mdia",
                _full(b"mdhd", 0, times, _u32(scale, duration), b"\x55\xc4\0\0"),  # language: und
                _full(b"hdlr", 0, _u32(0), b"vide", bytes(12), b"VideoHandler\0"),
                _box(
                    b"minf",
                    _full(b"vmhd", 1, bytes(8)),
                    _box(b"dinf", _full(b"dref", 0, _u32(1), _full(b"url ", 1))),
                    _stbl(samples, offsets, width, height, sps, pps),
                ),
            ),
        ),
    )


def _stbl(
    samples: Sequence[Sample], offsets: list[int], width: int, height: int, sps: bytes, pps: bytes
) -> bytes:
    keys = [number for number, sample in enumerate(samples, 1) if sample.key]
    lengths = [end - begin for begin, end in zip(keys, [*keys[1:], len(samples) + 1], strict=True)]
    # One entry for each run of chunks of the same length: first chunk, samples in each, description.
    spread: list[int] = []
    for length, run in groupby(enumerate(lengths, 1), key=lambda pair: pair[1]):
        spread += (next(run)[0], length, 1)
    return _box(
        b"stbl",
        _full(b"stsd", 0, _u32(1), _avc1(width, height, sps, pps)),
        _full(b"stts", 0, _u32(1, len(samples), _TICKS)),
        _full(b"stss", 0, _u32(len(keys), *keys)),
        _full(b"stsc", 0, _u32(len(spread) // 3, *spread)),
        _full(b"stsz", 0, _u32(0, len(samples), *(len(sample.data) for sample in samples))),
        _full(b"stco", 0, _u32(len(offsets), *offsets)),
    )


def _avc1(width: int, height: int, sps: bytes, pps: bytes) -> bytes:
    configuration = b"".join(
        (
            b"\1",
            sps[1:4],  # profile, constraints, level
            b"\xff\xe1",  # lengths take four bytes; one sequence parameter set
            _u16(len(sps)),
            sps,
            b"\1",
            _u16(len(pps)),
            pps,
        )
    )
    return _box(
        b"avc1",
        bytes(6),
        _u16(1),
        bytes(16),
        _u16(width, height),
        _u32(0x480000, 0x480000, 0),  # 72 dots an inch
        _u16(1),
        bytes(32),
        _u16(24, 0xFFFF),
        _box(b"avcC", configuration),
        _box(b"colr", b"nclx", _u16(1, 1, 1), b"\0"),  # BT.709, limited range
        _box(b"pasp", _u32(1, 1)),
    )


def _u16(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def _u32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return _u32(len(body) + 8) + kind + body


def _full(kind: bytes, flags: int, *content: bytes) -> bytes:
    return _box(kind, _u32(flags), *content)
