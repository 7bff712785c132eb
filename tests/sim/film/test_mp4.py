"""The container: an independent reader and FFmpeg find in it what was put in."""

from __future__ import annotations

import io

import av
import pytest

from ve_magics.sim.film.h264 import Encoder, Picture
from ve_magics.sim.film.mp4 import Sample, mux
from ve_magics.store.mp4 import probe

KEYS = [number % 5 == 0 for number in range(12)]


def build(keys: list[bool] = KEYS) -> tuple[bytes, list[Sample], Encoder]:
    encoder = Encoder(46, 30, 25)
    samples = []
    for number, key in enumerate(keys):
        picture = Picture(bytes((number + 20,)) * (48 * 32), bytes(24 * 16), bytes(24 * 16))
        samples.append(Sample(encoder.key(picture) if key else encoder.delta(picture), key))
    return mux(samples, width=46, height=30, fps=25, sps=encoder.sps, pps=encoder.pps), samples, encoder


def test_our_reader_finds_what_was_written() -> None:
    """Size, duration and order of the boxes."""
    found = probe(build()[0])
    assert (found.width, found.height, found.codec, found.faststart) == (46, 30, "avc1", True)
    assert (found.duration, found.fps, found.tracks[0].samples) == (12 / 25, 25, 12)


def test_ffmpeg_finds_what_was_written() -> None:
    """Packets, their times and key flags, and the decoder's configuration."""
    film, samples, encoder = build()
    with av.open(io.BytesIO(film)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert [bytes(packet) for packet in packets] == [sample.data for sample in samples]
        assert [packet.is_keyframe for packet in packets] == KEYS
        assert [float(packet.pts * packet.time_base) for packet in packets] == pytest.approx(
            [number / 25 for number in range(12)]
        )
        assert encoder.sps in bytes(stream.codec_context.extradata)
        assert encoder.pps in bytes(stream.codec_context.extradata)


def test_seeking_lands_on_the_key_picture_before() -> None:
    """Chunks and the table of key pictures agree."""
    with av.open(io.BytesIO(build()[0])) as container:
        stream = container.streams.video[0]
        for wanted, landed in ((0, 0), (4, 0), (5, 5), (9, 5), (11, 10)):
            container.seek(round(wanted / 25 / stream.time_base), stream=stream)
            frame = next(container.decode(stream))
            assert round(frame.time * 25) == landed


def test_a_film_begins_with_a_key_picture() -> None:
    """Nothing can be played before one."""
    _, samples, encoder = build()
    for wrong in ([], samples[1:]):
        with pytest.raises(ValueError, match="key picture"):
            mux(wrong, width=46, height=30, fps=25, sps=encoder.sps, pps=encoder.pps)
