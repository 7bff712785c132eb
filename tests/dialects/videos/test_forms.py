"""Forms go out and come in whole, and a bad one costs nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.videos.forms import MAX_PARTS, FormPart, decode_form, encode_form
from ve_magics.errors import BadRequestError

names = st.text(
    st.characters(exclude_characters='%\\\r\n"', exclude_categories=["Cs"]), min_size=1, max_size=20
)
parts = st.builds(
    FormPart,
    names,
    st.binary(max_size=200),
    st.one_of(st.just(""), names),
    st.sampled_from(["", "image/png"]),
)


@given(st.lists(parts, max_size=6))
def test_a_form_comes_back_as_it_was(form: list[FormPart]) -> None:
    """Any bytes in any fields survive, line ends and dashes included."""
    assert decode_form(*encode_form(form)) == tuple(form)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_an_error(body: bytes) -> None:
    """Nothing that a stranger sends does more than raise a bad request."""
    with suppress(BadRequestError):
        assert isinstance(decode_form("multipart/form-data; boundary=b", b"--b" + body), tuple)


def test_the_same_form_makes_the_same_bytes() -> None:
    """Encoding needs no chance, so recordings and fixtures stay the same."""
    form = [FormPart("a", b"1"), FormPart("b", b"2", "f.png", "image/png")]
    assert encode_form(form) == encode_form(form)


def test_quotes_in_names_do_not_break_out() -> None:
    """A file's name can't smuggle in a header."""
    form = (FormPart('a"b', b"1", 'x"; name="y\r\nX: z'),)
    assert decode_form(*encode_form(form)) == form


def test_what_other_clients_write_is_read() -> None:
    """A quoted boundary, a preamble, escapes, tokens without quotes and more headers are all legal."""
    body = (
        b"preamble\r\n--b c\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=prompt\r\n\r\nhi\r\n"
        b'--b c\r\ncontent-disposition: form-data; name="a\\"b"; filename=x.png\r\n\r\n\r\n--b c--\r\nepilogue'
    )
    assert decode_form('multipart/form-data; boundary="b c"', body) == (
        FormPart("prompt", b"hi", "", "text/plain"),
        FormPart('a"b', b"", "x.png"),
    )


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("multipart/form-data", b"", "boundary"),
        ("multipart/form-data; boundary=b", b"", "ends early"),
        ("multipart/form-data; boundary=b", b"--b\r\n", "header"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--", "no name"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
            "ends early",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"x" * 9000 + b"\r\n\r\n\r\n--b--", "header"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * (MAX_PARTS + 1) + b"--b--",
            "more than",
        ),
    ],
)
def test_a_bad_form_says_what_is_wrong(content_type: str, body: bytes, reason: str) -> None:
    """Each way to break a form has its sentence."""
    with pytest.raises(BadRequestError, match=reason):
        decode_form(content_type, body)


def test_text_is_utf8() -> None:
    """A field that is no text is refused by name."""
    assert FormPart("a", "狐狸".encode()).text == "狐狸"
    with pytest.raises(BadRequestError) as caught:
        _ = FormPart("a", b"\xff").text
    assert caught.value.param == "a"
