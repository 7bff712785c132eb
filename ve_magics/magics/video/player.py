"""A video as a cell's output that plays in a notebook which nobody has trusted yet.

JupyterLab keeps `<video src>` in an untrusted notebook but strips `<source>` and scripts, so the address stands on
the tag itself. Width and height keep its place on the page before anything of it is loaded; the style lets it shrink
in a narrow window, and where a front end strips it the player is as wide as the film. JupyterLab resolves a relative
`src` beside the notebook but leaves a `poster` alone, so the poster travels inside. Where no video plays (GitHub, a
terminal), a line with a link and the facts remains.
"""

from __future__ import annotations

import base64
import html
import os.path
from pathlib import Path
from urllib.parse import quote

MAX_EMBEDDED = 2_000_000
"""Bytes of a video that may be written into the notebook itself."""
MAX_POSTER = 24_000
"""Bytes of a poster; a larger one is left out."""
MISSING = "if it does not play, its file is not beside this notebook: run the cell"
"""What a linked player says for a notebook that came without its films: nothing in a saved output can look for them."""
_WIDEST = 640
_CODECS = {
    "hvc1": "HEVC",
    "hev1": "HEVC",
    "dvh1": "Dolby Vision",
    "mp4v": "MPEG-4 Visual",
    "ap4h": "ProRes",
    "apch": "ProRes",
    "apcn": "ProRes",
    "vvc1": "VVC",
}
"""Codecs that many browsers don't play; what the web plays everywhere is H.264, VP9 and AV1."""
_MEDIA_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}


def player(
    path: Path,
    *,
    directory: Path,
    width: int | None = None,
    height: int | None = None,
    duration: float | None = None,
    poster: bytes = b"",
    title: str = "",
    directed: str = "",
    note: str = "",
    embed: bool = False,
    max_embedded: int = MAX_EMBEDDED,
) -> dict[str, str]:
    """Return the output of a cell for a video file.

    Args:
        path: The file, which exists.
        directory: Where the notebook lies; the address is relative to it.
        width: Pixels, where known.
        height: Pixels, where known.
        duration: Seconds, where known.
        poster: The first picture as a JPEG, PNG or WebP file; left out above `MAX_POSTER` bytes.
        title: What the video shows, for readers who can't see it.
        directed: The prompt that a director wrote for it.
        note: A line to be said below it.
        embed: Whether to write the file into the notebook; one above `max_embedded` bytes is linked all the same.
        max_embedded: Bytes.

    Raises:
        OSError: The file can't be read.
    """
    size = path.stat().st_size
    relative = relative_url(path, directory)
    embedded = embed and size <= max_embedded
    facts = [f"{duration:.1f} s"] if duration is not None else []
    if width and height:
        facts.append(f"{width}×{height}")
    facts.append(_bytes(size))
    if embed and not embedded:
        facts.append(f"linked: more than {_bytes(max_embedded)} are not embedded")
    media_type = _MEDIA_TYPES.get(path.suffix.lower(), "video/mp4")
    source = _data_uri(media_type, path.read_bytes()) if embedded else relative
    attributes = {"src": source, "controls": None, "preload": "metadata"}
    if width:
        shown = min(width, _WIDEST)
        attributes["width"] = str(shown)
        if height:
            attributes["height"] = str(round(height * shown / width))
        attributes["style"] = "max-width: 100%; height: auto"
    if picture := picture_uri(poster, MAX_POSTER):
        attributes["poster"] = picture
    if title:
        attributes["title"] = title
    tag = " ".join(
        name if value is None else f'{name}="{html.escape(value)}"' for name, value in attributes.items()
    )
    line = (
        f'<a href="{html.escape(relative)}">{html.escape(path.name)}</a> · {html.escape(" · ".join(facts))}'
    )
    line += "" if embedded else f" · <small>{MISSING}</small>"
    below, plain = [f"<p>{line}</p>"], [" · ".join([_shown(path, directory), *facts])]
    if directed:
        lines = "<br>".join(html.escape(one) for one in directed.splitlines())
        below.append(f"<details><summary>the director's prompt</summary><p>{lines}</p></details>")
        plain += ["the director's prompt:", *(f"  {one}" for one in directed.splitlines())]
    if note:
        below.append(f"<p>{html.escape(note)}</p>")
        plain.append(note)
    return {"text/html": "\n".join([f"<video {tag}></video>", *below]), "text/plain": "\n".join(plain)}


def codec_note(codec: str) -> str:
    """Return what to say of a codec that a front end may not play; empty where all of them do.

    Args:
        codec: Four characters, as the file says them.
    """
    name = _CODECS.get(codec.lower())
    if name is None:
        return ""
    return f"The film is {name}, which many browsers can not play; a media player can. To convert it: clip.convert()"


def relative_url(path: Path, directory: Path) -> str:
    """Return a file's address as seen from the notebook, percent-encoded; its name alone on another drive."""
    return quote(_shown(path, directory))


def _shown(path: Path, directory: Path) -> str:
    try:
        return Path(os.path.relpath(path, directory)).as_posix()
    except ValueError:
        return path.name


def picture_uri(data: bytes, most: int) -> str:
    """Return a JPEG, PNG or WebP file as an address that holds it; empty above so many bytes, and for other files."""
    if len(data) > most:
        return ""
    for magic, media_type in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG", "image/png"),
        (b"RIFF", "image/webp"),
    ):
        if data.startswith(magic):
            return _data_uri(media_type, data)
    return ""


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"
