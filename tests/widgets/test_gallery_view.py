"""The gallery's view: cards when they change, files when they are asked for, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ve_magics.widgets.gallery_view import MEDIA_LIMIT, PIECE, POSTER_LIMIT, Card, Files, GalleryView

Listen = Callable[[Any], Any]


def cards(*names: str, state: str = "running") -> list[Card]:
    """Return cards."""
    return [Card(id=name, prompt=name, state=state) for name in names]


def gallery(listen: Listen, files: Mapping[str, Files] | None = None) -> tuple[GalleryView, Any, list[Any]]:
    """Return a view, what it sends, and what its handler hears."""
    heard: list[Any] = []
    view = GalleryView(lambda name: (files or {}).get(name, Files()), heard.append)
    return view, listen(view), heard


def test_only_what_changed_is_sent(listen: Listen) -> None:
    """The first look sends all, a change one card, no change nothing, and a card that is gone all again."""
    view, wire, _ = gallery(listen)
    assert view.show(cards(*"abcdef"))
    assert not view.show(cards(*"abcdef"))
    assert view.show([*cards(*"abcde"), *cards("f", state="succeeded")])
    assert view.show(cards(*"abcde"))
    assert wire.kinds() == ["clips", "clip", "clips"]
    assert wire.of("clip")[0]["item"]["state"] == "succeeded"
    assert [card.id for card in view.cards] == list("abcde")


def test_view_that_opens_gets_every_card(listen: Listen) -> None:
    """Hello is told to the handler first, so that what is sent is fresh."""
    view, wire, heard = gallery(listen)
    view.show(cards("a"))
    wire.bring({"do": "hello", "view": "g1"})
    assert [message["do"] for message in heard] == ["hello"]
    assert [len(message["items"]) for message in wire.of("clips")] == [1]
    wire.bring({"do": "cancel", "id": "a", "view": "g1"})
    assert heard[-1]["do"] == "cancel"
    view.refuse("No.", view="g1")
    assert wire.of("refused") == [{"is": "refused", "why": "No.", "view": "g1"}]
    assert repr(view) == "Gallery()"


def test_film_comes_in_pieces(listen: Listen, tmp_path: Path) -> None:
    """Each piece is bounded, and together they are the file; a strange offset begins anew."""
    film = tmp_path / "a.webm"
    film.write_bytes(bytes(range(256)) * (PIECE // 128))
    _, wire, _ = gallery(listen, {"a": Files(film)})
    for at in (0, PIECE, "x"):
        wire.bring({"do": "media", "id": "a", "at": at})
    pieces = [buffers[0] for _, buffers in wire.messages]
    assert pieces[0] + pieces[1] == film.read_bytes()
    assert pieces[2] == pieces[0]
    assert [(one["at"], one["size"], one["type"]) for one in wire.of("media")] == [
        (0, 2 * PIECE, "video/webm"),
        (PIECE, 2 * PIECE, "video/webm"),
        (0, 2 * PIECE, "video/webm"),
    ]


def test_film_that_cannot_come_says_why(listen: Listen, tmp_path: Path) -> None:
    """No file, a file that is gone and a large one are told in a sentence, and nothing is sent."""
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(MEDIA_LIMIT + 1)
    _, wire, _ = gallery(listen, {"gone": Files(tmp_path / "gone.mp4"), "large": Files(large)})
    for name in ("none", "gone", "large"):
        wire.bring({"do": "media", "id": name, "at": 0})
    assert [message["why"] for message in wire.of("media")] == [
        "There is no file of this video here.",
        "The file can't be read: No such file or directory.",
        "large.mp4 is too large to be sent to the page (8 MB).",
    ]
    assert all(not buffers for _, buffers in wire.messages)


def test_posters_are_bounded(listen: Listen, tmp_path: Path) -> None:
    """A poster comes with its type; one that is missing or too large does not."""
    small, jpeg, large = tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "c.png"
    small.write_bytes(b"\x89PNG....")
    jpeg.write_bytes(b"\xff\xd8\xff")
    large.write_bytes(b"\x89PNG" + b"x" * POSTER_LIMIT)
    known = {
        "a": Files(None, small),
        "b": Files(None, jpeg),
        "c": Files(None, large),
        "d": Files(None, tmp_path / "no"),
    }
    _, wire, _ = gallery(listen, known)
    for name in "abcde":
        wire.bring({"do": "poster", "id": name})
    assert [(message["id"], message["type"], len(buffers)) for message, buffers in wire.messages] == [
        ("a", "image/png", 1),
        ("b", "image/jpeg", 1),
        ("c", "image/jpeg", 0),
        ("d", "image/jpeg", 0),
        ("e", "image/jpeg", 0),
    ]
