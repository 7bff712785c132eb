"""What came instead of a video: known by how it begins, so that nobody waits for it to become one."""

from __future__ import annotations

HEAD = 4096
"""Bytes of a file's beginning that are looked at."""

_BLANK = b" \t\r\n"

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"GIF8", "a picture"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "an archive"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska film, which is not taken here,"),
)


def impostor(head: bytes) -> str:
    """Return what a file certainly is that is no MP4 video; nothing where that is not certain.

    An MP4 file begins with the length of its first box, whose bytes hold a zero. So what has no zero and reads as text
    is text, however it ends; what is damaged or cut off is not told from a video here.

    Args:
        head: The first `HEAD` bytes, or all of it where there are fewer.
    """
    for sign, name in _SIGNS:
        if head.startswith(sign):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    if not text or b"\0" in text or not _reads(text, cut=len(head) >= HEAD):
        return ""
    start = text[:512].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page"
    if start.startswith((b"<", b"{", b"[")):
        return "a message"
    return "a text"


def _reads(text: bytes, *, cut: bool) -> bool:
    """Whether bytes are UTF-8 without control characters; the last character may be cut off."""
    try:
        words = text.decode()
    except UnicodeDecodeError as error:
        if not cut or error.start < len(text) - 3:
            return False
        words = text[: error.start].decode()
    return not any(character < " " and character not in "\t\r\n\f\x1b" for character in words)
