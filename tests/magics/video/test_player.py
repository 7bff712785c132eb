"""The output of a cell that shows a video."""

from __future__ import annotations

import os.path
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ve_magics.magics.video.player import MAX_POSTER, MISSING, player, relative_url

ALLOWED = {"src", "controls", "preload", "poster", "width", "height", "title", "href", "style"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Return the tags of HTML with their attributes."""
    parser = _Tags()
    parser.feed(html)
    return parser.tags


def test_a_linked_player_says_what_to_do_where_its_file_is_missing(tmp_path: Path) -> None:
    """A saved output can't look for its film, so it says calmly how it is had; one that holds its film says nothing."""
    (tmp_path / "boat.mp4").write_bytes(b"0" * 1000)
    linked = player(tmp_path / "boat.mp4", directory=tmp_path)
    assert f"1 kB · <small>{MISSING}</small></p>" in linked["text/html"]
    assert MISSING not in linked["text/plain"]
    assert MISSING not in player(tmp_path / "boat.mp4", directory=tmp_path, embed=True)["text/html"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a file whose name has everything in it."""
    path = tmp_path / "视频 #1" / 'a "b" & <c>%.mp4'
    path.parent.mkdir()
    path.write_bytes(b"0" * 3_100_000)
    return path


def test_the_tag_needs_nothing_that_a_sanitizer_strips(clip: Path, tmp_path: Path) -> None:
    """One video tag with its address and its place on itself, no script or source; a link and the facts below it."""
    shown = player(clip, directory=tmp_path, width=1280, height=720, duration=4.04, title='A "cat"')
    video, paragraph, link, small = tags(shown["text/html"])
    assert (video[0], paragraph[0], link[0], small) == ("video", "p", "a", ("small", {}))
    assert set(video[1]) | set(link[1]) <= ALLOWED
    assert (
        video[1]["src"] == link[1]["href"] == "%E8%A7%86%E9%A2%91%20%231/a%20%22b%22%20%26%20%3Cc%3E%25.mp4"
    )
    assert (video[1]["width"], video[1]["height"]) == ("640", "360")
    assert video[1]["title"] == 'A "cat"'
    assert shown["text/plain"] == '视频 #1/a "b" & <c>%.mp4 · 4.0 s · 1280×720 · 3.1 MB'


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((360, 640), ("360", "640")),
        ((1080, 1920), ("640", "1138")),
        ((320, None), ("320", None)),
        ((None, 180), (None, None)),
    ],
)
def test_its_place_is_kept_and_it_shrinks(
    clip: Path, tmp_path: Path, size: tuple[int | None, int | None], shown: tuple[str | None, str | None]
) -> None:
    """Where the size is known the page doesn't move when the film loads, and a narrow window cuts nothing off."""
    attributes = tags(player(clip, directory=tmp_path, width=size[0], height=size[1])["text/html"])[0][1]
    assert (attributes.get("width"), attributes.get("height")) == shown
    assert ("max-width: 100%" in (attributes.get("style") or "")) is (size[0] is not None)


def test_embedding_has_a_limit(clip: Path, tmp_path: Path) -> None:
    """A small file may travel in the notebook; a large one is linked and says so."""
    assert "data:" not in player(clip, directory=tmp_path, embed=True)["text/html"]
    assert "not embedded" in player(clip, directory=tmp_path, embed=True)["text/plain"]
    small = tmp_path / "s.webm"
    small.write_bytes(b"abc")
    shown = player(small, directory=tmp_path, embed=True)
    assert tags(shown["text/html"])[0][1]["src"] == "data:video/webm;base64,YWJj"
    assert shown["text/plain"] == "s.webm · 0 kB"


@pytest.mark.parametrize(
    ("poster", "start"),
    [
        (b"\xff\xd8\xff1", "data:image/jpeg"),
        (b"\x89PNG1", "data:image/png"),
        (b"RIFF1", "data:image/webp"),
        (b"<svg>", None),
        (b"", None),
        (b"\xff\xd8\xff" + b"0" * MAX_POSTER, None),
    ],
)
def test_a_poster_travels_inside(clip: Path, tmp_path: Path, poster: bytes, start: str | None) -> None:
    """Small pictures of known kinds become the poster; anything else is left out."""
    attributes = tags(player(clip, directory=tmp_path, poster=poster)["text/html"])[0][1]
    assert str(attributes.get("poster")).startswith(start or "None")


def test_the_address_is_relative_to_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files beside, below and above are reached; on another drive only the name can be given."""
    assert relative_url(tmp_path / "a:b.mp4", tmp_path) == "a%3Ab.mp4"
    assert relative_url(tmp_path / "media" / "a.mp4", tmp_path / "notebooks") == "../media/a.mp4"

    def other_drive(*_: Any) -> str:
        raise ValueError("path is on another drive")

    monkeypatch.setattr(os.path, "relpath", other_drive)
    assert relative_url(tmp_path / "a b.mp4", tmp_path) == "a%20b.mp4"
