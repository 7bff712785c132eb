"""Films in recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ve_magics.engine.films import RecordedFilm, copy_film
from ve_magics.engine.recording import Film, Recording
from ve_magics.errors import StoreError


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The folder is made; where the film can't take its place, no unfinished file stays behind."""
    recording = Recording(tmp_path / "lesson.recording.json")
    recording.media.mkdir()
    (recording.media / "film.mp4").write_bytes(b"film")
    kept = RecordedFilm(Film(file="film.mp4", poster="", served="sim/film", facts={}), recording)
    path, poster = copy_film(kept, tmp_path / "deep" / "clips")
    assert (path.read_bytes(), poster) == (b"film", None)
    in_its_place = tmp_path / "other" / "film.mp4"
    in_its_place.mkdir(parents=True)
    with pytest.raises(StoreError, match="can't be written"):
        copy_film(kept, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == [in_its_place]
