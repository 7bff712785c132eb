"""What is certainly no video is known by its beginning; whatever could be one is not accused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.video.world import clip, picture
from ve_magics.engine.video.impostors import HEAD, impostor


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\xef\xbb\xbf  \r\n<HTML>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a message"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "a message"),
        (b'{"error": "expired"}', "a message"),
        (b"[]", "a message"),
        ("请稍后再试。".encode(), "a text"),
        (b"Service unavailable", "a text"),
        (("狐" * HEAD).encode()[:HEAD], "a text"),
        (picture(), "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"GIF89a", "a picture"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a picture"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "an archive"),
        (b"\x1aE\xdf\xa3\x01", "a WebM or Matroska film, which is not taken here,"),
    ],
)
def test_other_documents_are_called_what_they_are(head: bytes, name: str) -> None:
    """By their signs, or because they read as text."""
    assert impostor(head) == name


@pytest.mark.parametrize(
    "head", [b"", b"  \n", b"\0", b"\x80\x81\x82", b"\x01\x02noise", b"RIFF\0\0\0\0AVI ", b"abc\xe7\x8b"]
)
def test_what_is_not_certain_is_not_said(head: bytes) -> None:
    """Nothing, noise, and a text that breaks off inside a character before the end of what was read."""
    assert impostor(head) == ""


@given(st.integers(1, len(clip())))
def test_no_beginning_of_a_video_is_taken_for_something_else(length: int) -> None:
    """Wherever a video was cut off, it is still fetched again."""
    assert impostor(clip()[:length][:HEAD]) == ""
