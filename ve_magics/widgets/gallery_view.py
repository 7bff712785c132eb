"""The gallery's view: jobs and clips as cards, sent when they change; posters and videos when a view asks for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import msgspec

STATIC = Path(__file__).parent / "static"
PIECE = 256 * 1024
"""Bytes of a video in one message."""
MEDIA_LIMIT = 8_000_000
"""Bytes of a video above which it is not sent through the kernel."""
POSTER_LIMIT = 60_000
"""Bytes of a poster above which it is not shown."""
_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One video, made or in the making, as the gallery shows it.

    Attributes:
        id: The job's, or a recorded film's.
        prompt: What was asked.
        revised: What the provider made of it; empty where it said nothing else.
        model: `provider/model`.
        state: The job's.
        progress: 0 to 1; None where nobody knows.
        cost: US dollars; None where unknown.
        seconds: Length; None where unknown.
        size: Pixels as `WIDTHxHEIGHT`; empty where unknown.
        created: Seconds since 1970.
        why: What failed, or hinders it for now.
        path: The file as seen from the notebook, percent-encoded; empty where there is none.
        here: Whether the file lies on this machine.
        poster: Whether there is a picture for it.
    """

    id: str
    prompt: str
    revised: str = ""
    model: str = ""
    state: str = "succeeded"
    progress: float | None = None
    cost: float | None = None
    seconds: float | None = None
    size: str = ""
    created: float = 0.0
    why: str = ""
    path: str = ""
    here: bool = False
    poster: bool = False


class Files(msgspec.Struct, frozen=True):
    """Where a card's files lie.

    Attributes:
        video: The video; None where there is none.
        poster: Its picture; None where there is none.
    """

    video: Path | None = None
    poster: Path | None = None


class GalleryView(anywidget.AnyWidget):
    """The gallery's widget model, shared by all its views. Its methods may be called from any thread.

    Args:
        files: Returns where the files of a card lie.
        handler: Is called with each message that a view sends, but for those about files.
    """

    _esm = STATIC / "gallery.js"
    _css = STATIC / "gallery.css"

    def __init__(self, files: Callable[[str], Files], handler: Callable[[Mapping[str, Any]], None]) -> None:
        self._cards: dict[str, Card] = {}
        self._guard = threading.RLock()
        super().__init__()
        self._files = files
        self._handler = handler
        self.on_msg(self._hear)

    def __repr__(self) -> str:
        return "Gallery()"

    @property
    def cards(self) -> tuple[Card, ...]:
        """What is shown."""
        return tuple(self._cards.values())

    def show(self, cards: Sequence[Card]) -> bool:
        """Show these cards and no others; sends those that have changed. Returns whether any has."""
        with self._guard:
            now = {card.id: card for card in cards}
            changed = [card for card in cards if self._cards.get(card.id) != card]
            gone = self._cards.keys() - now.keys()
            self._cards = now
            if gone or len(changed) > max(3, len(now) // 2):
                self.tell_whole()
            else:
                for card in changed:
                    self.send({"is": "clip", "item": msgspec.to_builtins(card)})
            return bool(changed or gone)

    def tell_whole(self) -> None:
        """Send every card to every view."""
        with self._guard:
            self.send({"is": "clips", "items": [msgspec.to_builtins(card) for card in self._cards.values()]})

    def refuse(self, why: str, *, view: str) -> None:
        """Tell a view that what it asked for isn't done, and why."""
        self.send({"is": "refused", "why": why, "view": view})

    def _hear(self, _: Any, content: Mapping[str, Any], __: Sequence[Any]) -> None:
        name = str(content.get("id", ""))
        match content.get("do"):
            case "hello":
                self._handler(content)
                self.tell_whole()
            case "poster":
                self._send_poster(name)
            case "media":
                self._send_piece(name, content.get("at"))
            case _:
                self._handler(content)

    def _send_poster(self, name: str) -> None:
        path = self._files(name).poster
        data = b""
        try:
            if path is not None and path.stat().st_size <= POSTER_LIMIT:
                data = path.read_bytes()
        except OSError:
            data = b""
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        self.send({"is": "poster", "id": name, "type": kind}, [data] if data else None)

    def _send_piece(self, name: str, at: Any) -> None:
        """Send a piece of a video that the front end can't load by itself."""
        path = self._files(name).video
        at = at if isinstance(at, int) and at >= 0 else 0
        message: dict[str, Any] = {"is": "media", "id": name, "at": at}
        try:
            if path is None:
                self.send({**message, "why": "There is no file of this video here."})
                return
            size = path.stat().st_size
            if size > MEDIA_LIMIT:
                self.send(
                    {
                        **message,
                        "why": f"{path.name} is too large to be sent to the page ({size / 1e6:.0f} MB).",
                    }
                )
                return
            with path.open("rb") as file:
                file.seek(at)
                piece = file.read(PIECE)
        except OSError as error:
            self.send({**message, "why": f"The file can't be read: {error.strerror}."})
            return
        kind = _TYPES.get(path.suffix.lower(), "video/mp4")
        self.send({**message, "size": size, "type": kind}, [piece])
