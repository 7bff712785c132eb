"""What a video file says about itself, and that no file can do harm by saying it."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.store.mp4 import (
    MAX_INDEX,
    MissingIndexError,
    NotVideoError,
    TruncatedVideoError,
    VideoFileError,
    probe,
)


def write_video(*, faststart: bool = False, sound: bool = False, fragments: bool = False) -> bytes:
    """Let FFmpeg write a film of twenty pictures, 96 x 64, ten a second."""
    flags = [name for name, on in (("faststart", faststart), ("frag_keyframe+empty_moov", fragments)) if on]
    options = {"movflags": "+".join(flags)} if flags else {}
    # Not in memory: to put the index first FFmpeg reads back what it wrote.
    with TemporaryDirectory() as room:
        path = Path(room) / "film.mp4"
        _encode(path, options, sound=sound)
        return path.read_bytes()


def _encode(path: Path, options: dict[str, str], *, sound: bool) -> None:
    with av.open(path, "w", format="mp4", options=options) as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        voice = container.add_stream("aac", rate=8000) if sound else None
        for number in range(20):
            frame = av.VideoFrame(96, 64, "yuv420p")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if voice is not None:
            silence = av.AudioFrame(format="fltp", layout=voice.layout.name, samples=1024)
            silence.sample_rate = 8000
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            for number in range(4):
                silence.pts = 1024 * number
                container.mux(voice.encode(silence))
            container.mux(voice.encode(None))


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def u32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def track(*, kind: bytes = b"vide", mdhd: bytes = b"", stsd: bytes | None = None) -> bytes:
    entry = box(b"avc1", bytes(24), struct.pack(">HH", 640, 360), bytes(50))
    description = box(b"stsd", u32(0, 1), entry) if stsd is None else stsd
    return box(
        b"trak",
        box(
            b"mdia",
            mdhd,
            box(b"hdlr", u32(0, 0), kind, bytes(12)),
            box(b"minf", box(b"stbl", description, box(b"stsz", u32(0, 0, 7)))),
        ),
    )


HEAD = box(b"ftyp", b"isom", u32(0))
WHOLE = write_video(faststart=True, sound=True)


def test_reads_what_another_program_wrote() -> None:
    """Size, duration, codec and tracks of a file by FFmpeg come out as they went in."""
    found = probe(WHOLE)
    assert (found.width, found.height, found.codec, found.faststart) == (96, 64, "mp4v", True)
    assert found.duration == pytest.approx(2.0, abs=0.1)
    assert found.fps == pytest.approx(10, abs=0.01)
    assert [(t.kind, t.codec) for t in found.tracks] == [("vide", "mp4v"), ("soun", "mp4a")]
    assert found.tracks[0].samples == 20
    assert (found.tracks[1].width, found.tracks[1].height) == (0, 0)
    assert found.tracks[1].duration == pytest.approx(0.5, abs=0.2)


def test_path_and_bytes_say_the_same(tmp_path: Path) -> None:
    """A path, its text, and every kind of bytes are read alike."""
    path = tmp_path / "film.mp4"
    path.write_bytes(WHOLE)
    sources = (path, str(path), bytearray(WHOLE), memoryview(WHOLE))
    assert {probe(source) for source in sources} == {probe(WHOLE)}


def test_missing_path_is_an_os_error(tmp_path: Path) -> None:
    """That a file can't be read isn't a word about what is in it."""
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "none.mp4")


def test_index_at_the_end_is_not_faststart() -> None:
    """A file whose index follows the media says so."""
    assert probe(write_video()).faststart is False


def test_fragments_have_a_size_but_no_count() -> None:
    """A fragmented file is a video, even if it doesn't say how long it is."""
    found = probe(write_video(fragments=True))
    assert (found.width, found.tracks[0].samples, found.fps) == (96, 0, 0.0)


@pytest.mark.parametrize("version", [0, 1])
def test_duration_of_fragments_is_used_where_the_film_has_none(version: int) -> None:
    """`mehd` tells the duration that `mvhd` and the tracks leave open."""
    if version:
        mvhd = box(b"mvhd", u32(1 << 24), bytes(16), u32(500), bytes(8))
        mehd = box(b"mehd", u32(1 << 24), struct.pack(">Q", 1250))
    else:
        mvhd = box(b"mvhd", u32(0, 0, 0, 500, 0))
        mehd = box(b"mehd", u32(0, 1250))
    found = probe(HEAD + box(b"moov", mvhd, track(), box(b"mvex", mehd)))
    assert (found.duration, found.width, found.height) == (2.5, 640, 360)


@pytest.mark.parametrize(
    ("mdhd", "seconds"),
    [
        (box(b"mdhd", u32(0, 0, 0, 1000, 4500)), 4.5),
        (box(b"mdhd", u32(1 << 24), bytes(16), u32(1000), struct.pack(">Q", 4500)), 4.5),
        (box(b"mdhd", u32(0, 0, 0, 1000, 0xFFFFFFFF)), 0.0),
        (box(b"mdhd", u32(0, 0, 0, 0, 4500)), 0.0),
    ],
    ids=["short", "wide", "unknown", "no scale"],
)
def test_duration_comes_from_the_track_without_a_film_header(mdhd: bytes, seconds: float) -> None:
    """Both versions of the header are read; an unknown duration is 0, never nonsense."""
    assert probe(HEAD + box(b"moov", track(mdhd=mdhd))).duration == seconds


def test_wide_sizes_and_open_ends_are_read() -> None:
    """A box may have a 64-bit size, or run to the end of what is around it."""
    content = track()
    wide = struct.pack(">I4sQ", 1, b"moov", len(content) + 16) + content
    assert probe(HEAD + wide).codec == "avc1"
    assert probe(HEAD + struct.pack(">I4s", 0, b"moov") + content).codec == "avc1"
    inner = struct.pack(">I4sQ", 1, b"trak", len(content) + 8) + content[8:]
    assert probe(HEAD + box(b"moov", inner)).codec == "avc1"
    assert probe(HEAD + box(b"moov", struct.pack(">I4s", 0, b"trak") + content[8:])).codec == "avc1"


def test_every_cut_is_told() -> None:
    """A download that stopped anywhere is never taken for a whole file."""
    size = len(WHOLE)
    for end in [*range(8, 120), *range(120, size, 97), size - 1]:
        with pytest.raises((TruncatedVideoError, MissingIndexError)):
            probe(WHOLE[:end])


def test_wide_size_cut_short_is_told() -> None:
    """The end may be missing within the size itself."""
    with pytest.raises(TruncatedVideoError):
        probe(HEAD + struct.pack(">I4s", 1, b"mdat") + bytes(4))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"<!doctype html><title>504 Gateway Time-out</title>", b'{"error":{"message":"no"}}', b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"],
    ids=["empty", "byte", "html", "json", "png"],
)  # fmt: skip
def test_other_files_are_not_videos(content: bytes) -> None:
    """What servers send instead of a video is seen for what it is."""
    with pytest.raises(NotVideoError):
        probe(content)


def test_no_index_is_told() -> None:
    """A file without `moov` has an error of its own: it often means that writing it was interrupted."""
    with pytest.raises(MissingIndexError):
        probe(HEAD + box(b"mdat", bytes(100)))


@pytest.mark.parametrize(
    "content",
    [
        HEAD + u32(4) + b"moov",
        HEAD + box(b"moov"),
        HEAD + box(b"moov", track(kind=b"soun")),
        HEAD + box(b"moov", box(b"trak", u32(999) + b"mdia")),
        HEAD + box(b"moov", track(stsd=b"")),
        HEAD + box(b"moov", track(stsd=box(b"stsd", u32(0, 1), box(b"avc1", bytes(25))))),
        HEAD + box(b"moov", box(b"mvhd", b"\0"), track()),
        HEAD + box(b"moov", track() * 101),
        HEAD + box(b"moov", track(), box(b"free") * 1001),
        HEAD + box(b"free") * 10_001,
    ],
    ids=["small", "empty", "sound", "overrun", "undescribed", "short", "header", "tracks", "inner", "outer"],
)
def test_damage_is_told(content: bytes) -> None:
    """Boxes that don't fit, say too little or are too many are an error of this module."""
    with pytest.raises(NotVideoError):
        probe(content)


def test_huge_index_is_not_read(tmp_path: Path) -> None:
    """An index of absurd size is refused before it is loaded."""
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.write(HEAD + u32(MAX_INDEX + 9) + b"moov")
        file.truncate(len(HEAD) + MAX_INDEX + 9)
    with pytest.raises(NotVideoError, match="too large"):
        probe(path)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_only_the_documented_error(content: bytes) -> None:
    """Whatever stands in a file, the answer is a `VideoFileError`."""
    for prefix in (b"", HEAD, HEAD + struct.pack(">I4s", len(content) + 8, b"moov")):
        with pytest.raises(VideoFileError):
            probe(prefix + content)


@settings(max_examples=300)
@given(st.data())
def test_damaged_index_raises_only_the_documented_error(data: st.DataObject) -> None:
    """Bytes changed anywhere in a real file give a probe or a `VideoFileError`."""
    end = WHOLE.index(b"mdat")
    damaged = bytearray(WHOLE)
    for place in data.draw(st.lists(st.integers(0, end + 4), min_size=1, max_size=6)):
        damaged[place] = data.draw(st.sampled_from([0, 1, 2, 8, 0x7F, 0xFF]) | st.integers(0, 255))
    try:
        found = probe(damaged)
    except VideoFileError:
        return
    assert found.duration >= 0
    assert 0 < len(found.tracks) <= 100
