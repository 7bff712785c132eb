"""Films joined into one, and their contact sheet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.video.joining import contact_sheet, join_films
from ve_magics.errors import JobError, MissingExtraError, StoreError
from ve_magics.sim.film import film
from ve_magics.store.mp4 import probe

av = pytest.importorskip("av")


def made(folder: Path, name: str, *, width: int = 192, height: int = 128, fps: int = 12) -> Path:
    """Return a silent film of one second."""
    path = folder / f"{name}.mp4"
    path.write_bytes(film(name, seconds=1, width=width, height=height, fps=fps))
    return path


def heard(path: Path, *, seconds: float = 1, rate: int = 44_100) -> Path:
    """Return a film with sound."""
    with av.open(str(path), "w") as output:
        picture, sound = output.add_stream("libx264", rate=24), output.add_stream("aac", rate=rate)
        picture.width, picture.height, picture.pix_fmt = 192, 128, "yuv420p"
        for number in range(int(24 * seconds)):
            frame: Any = av.VideoFrame(192, 128, "yuv420p")
            frame.pts = number
            for plane in frame.planes:
                plane.update(bytes([90]) * plane.buffer_size)
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
        for number in range(int(seconds * rate) // 1024):
            piece: Any = av.AudioFrame("fltp", "stereo", 1024)
            piece.rate, piece.pts = rate, 1024 * number
            for plane in piece.planes:
                plane.update(bytes(plane.buffer_size))
            output.mux(sound.encode(piece))
        output.mux(sound.encode(None))
    return path


def pictures(path: Path) -> int:
    """Return how many pictures can be decoded."""
    with av.open(str(path)) as opened:
        return sum(1 for _ in opened.decode(video=0))


def test_films_of_one_kind_are_joined_untouched(tmp_path: Path) -> None:
    """Films that were encoded alike keep every picture as it is, and the whole plays from end to end."""
    films = [made(tmp_path, name) for name in "abc"]
    join_films(films, tmp_path / "whole.mp4")
    found = probe(tmp_path / "whole.mp4")
    assert (found.duration, found.width, found.height, found.faststart) == (3.0, 192, 128, True)
    assert pictures(tmp_path / "whole.mp4") == 36
    alone = [packet for one in films for packet in _packets(one)]
    assert _packets(tmp_path / "whole.mp4") == alone


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as opened:
        return [bytes(packet) for packet in opened.demux(video=0) if packet.size]


def test_films_with_sound_stay_in_step(tmp_path: Path) -> None:
    """Sound and picture of the second film begin together, after both of the first have ended."""
    films = [heard(tmp_path / f"{name}.mp4") for name in "ab"]
    join_films(films, tmp_path / "whole.mp4")
    found = probe(tmp_path / "whole.mp4")
    assert found.duration == pytest.approx(2, abs=0.1)
    assert {track.kind for track in found.tracks} == {"vide", "soun"}
    assert pictures(tmp_path / "whole.mp4") == 48


def test_films_that_differ_take_the_form_of_the_first(tmp_path: Path) -> None:
    """Another size, another rate, sound or none: the whole has one form, and the sum of the lengths."""
    films = [
        made(tmp_path, "wide"),
        made(tmp_path, "tall", width=128, height=192, fps=15),
        heard(tmp_path / "heard.mp4"),
        made(tmp_path, "last"),
    ]
    join_films(films, tmp_path / "whole.mp4")
    found = probe(tmp_path / "whole.mp4")
    assert (found.width, found.height) == (192, 128)
    assert found.duration == pytest.approx(4, abs=0.15)
    assert {track.kind: round(track.duration) for track in found.tracks} == {"vide": 4, "soun": 4}


def test_sheet_shows_each_film_in_rows(tmp_path: Path) -> None:
    """The contact sheet is one picture with a place for each film, three in a row, or four where there are many."""
    films = [made(tmp_path, "a"), made(tmp_path, "b", width=128, height=192)]
    for count, size in ((2, (652, 222)), (4, (976, 440)), (7, (1300, 440))):
        contact_sheet((films * 4)[:count], tmp_path / "sheet.jpg")
        with av.open(str(tmp_path / "sheet.jpg")) as opened:
            frame: Any = next(opened.decode(video=0))
        assert (frame.width, frame.height) == size
    assert (tmp_path / "sheet.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_what_cannot_be_joined_leaves_nothing_behind(tmp_path: Path) -> None:
    """A film that can't be read, or a folder that can't be written, is told, and no half of a film remains."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film at all")
    with pytest.raises(JobError, match="can't be joined"):
        join_films([made(tmp_path, "a"), broken], tmp_path / "whole.mp4")
    with pytest.raises((StoreError, JobError)):
        join_films([made(tmp_path, "a")], tmp_path / "missing" / "whole.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "broken.mp4"]


def test_without_pyav_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks the package is told which extra brings it."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError) as caught:
        join_films([tmp_path / "a.mp4"], tmp_path / "whole.mp4")
    assert caught.value.extra == "video"
