"""The gallery in the saved notebook: a table that asks nobody for anything."""

from __future__ import annotations

from pathlib import Path

from ve_magics.magics.panel.gallery_table import gallery_bundle
from ve_magics.widgets.gallery_view import Card, Files


def test_table_holds_posters_words_and_links(tmp_path: Path) -> None:
    """Each video has a row; what people wrote is text; the file is linked where it lies."""
    film, poster = tmp_path / "a b.mp4", tmp_path / "a.png"
    film.touch()
    poster.write_bytes(b"\x89PNG")
    boat = Card(
        id="a",
        prompt="A <b>boat</b>\n" + "x" * 80,
        model="sim/film",
        cost=0.25,
        seconds=2,
        size="640x360",
        path="a%20b.mp4",
        here=True,
    )
    fox = Card(id="b", prompt="A fox", model="sim/film", state="failed", why="refused: <i>")
    bundle = gallery_bundle([(boat, Files(film, poster)), (fox, Files(None, tmp_path / "none.png"))])
    html = bundle["text/html"]
    assert html.startswith("<p>Gallery · 2 videos</p>")
    assert '<img src="data:image/png;base64,iVBORw==" width="160" alt="">' in html
    assert "A &lt;b&gt;boat" in html
    assert '<a href="a%20b.mp4">a b.mp4</a>' in html
    assert "refused: &lt;i&gt;" in html
    assert html.count("<img") == 1
    head, columns, first, second = bundle["text/plain"].splitlines()
    assert head == "Gallery · 2 videos"
    assert columns.split() == ["prompt", "model", "state", "length", "size", "cost", "file"]
    assert first.startswith("A <b>boat</b> xxx")
    assert first.endswith("0.250000  a b.mp4")
    assert second.split() == ["A", "fox", "sim/film", "failed"]


def test_posters_are_bounded(tmp_path: Path) -> None:
    """A large poster is left out, and so are those beyond the fortieth."""
    large, small = tmp_path / "large.jpg", tmp_path / "small.jpg"
    large.write_bytes(b"\xff\xd8" + b"x" * 30_000)
    small.write_bytes(b"\xff\xd8\xff")
    rows = [(Card(id=str(n), prompt="p"), Files(None, small)) for n in range(50)]
    assert gallery_bundle(rows)["text/html"].count("data:image/jpeg") == 40
    assert "<img" not in gallery_bundle([(rows[0][0], Files(None, large))])["text/html"]


def test_empty_gallery_has_an_output() -> None:
    """Without videos the output says so in one line."""
    assert gallery_bundle([]) == {
        "text/html": "<p>Gallery · 0 videos</p>",
        "text/plain": "Gallery · 0 videos",
    }
