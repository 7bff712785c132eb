"""Answers are read forgivingly in their types and strictly in their meaning."""

from __future__ import annotations

import pytest

from ve_magics.dialects.videos.reading import (
    SILENT,
    decode_object,
    epoch,
    fraction,
    inner,
    job_failure,
    number,
    objects,
    refusal,
    sentence,
    text,
    web_urls,
)
from ve_magics.errors import BadRequestError, DecodeError, RateLimitError, ServerError, VeError

PAGE = b"<html><title>Bad gateway</title></html>"


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (502, PAGE, ServerError, "Bad gateway"),
        (200, PAGE, DecodeError, "Bad gateway"),
        (400, b"no such thing", BadRequestError, "no such thing"),
        (200, b"no such thing", DecodeError, "no JSON"),
        (200, b"[" * 100_000, DecodeError, "no JSON"),
        (429, b'["slow down"]', RateLimitError, "slow down"),
        (200, b"[1]", DecodeError, "no JSON object"),
        (400, b'{"error": "text"}', BadRequestError, "text"),
        (400, b'{"detail": ["a", "b"]}', BadRequestError, '"a"'),
        (400, b'{"error": {"code": "x", "weird": 1}}', BadRequestError, "weird"),
    ],
)
def test_what_is_no_good_answer_raises(status: int, body: bytes, error: type[VeError], words: str) -> None:
    """Pages, plain text, lists and refusals each become the error that says what came."""
    with pytest.raises(error) as caught:
        decode_object(status, {}, body)
    assert words in str(caught.value)


def test_a_refusal_keeps_code_and_field() -> None:
    """The provider's code and the field that it blames are kept."""
    told = refusal(400, {}, {"error": {"message": "m", "code": 7, "param": "size"}})
    assert isinstance(told, BadRequestError)
    assert (told.message, told.code, told.param) == ("m", "7", "size")


def test_a_good_object_is_returned() -> None:
    """An object is returned as it is."""
    assert decode_object(200, {}, b'{"a": 1}') == {"a": 1}


def test_a_job_fails_with_a_sentence() -> None:
    """There is always a sentence, a kind, and advice where it is a refusal by policy."""
    assert job_failure("").message == SILENT
    assert "x7" in job_failure("", "x7").message
    assert (job_failure("boom").kind, job_failure("boom").hint) == ("job", "")
    refused = job_failure("m", "3", word="content_policy_violation")
    assert (refused.kind, refused.code) == ("content_filter", "3")
    assert "prompt" in refused.hint
    assert job_failure("m", kind="quota").kind == "quota"


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", "a"), (7, "7"), (True, ""), (None, ""), (1.5, ""), ({}, "")],
)
def test_text_is_a_string_or_a_whole_number(value: object, found: str) -> None:
    """Ids and codes come as either."""
    assert text(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0),
        ("2.5", 2.5),
        ("x", None),
        (True, None),
        (None, None),
        (1e300, None),
        ("nan", None),
        (10**400, None),
    ],
)
def test_a_number_is_a_number_or_text_that_is_one(value: object, found: float | None) -> None:
    """What is absurd is none."""
    assert number(value) == found


def test_progress_stays_between_nothing_and_all() -> None:
    """A fraction beyond its ends is held there."""
    assert [fraction(value) for value in (-1, 0.25, 3, "x")] == [0.0, 0.25, 1.0, None]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1790000000, 1790000000.0),
        (1790000000123, 1790000000.123),
        ("1790000000", 1790000000.0),
        ("2026-11-23T10:00:00Z", 1795428000.0),
        ("2026-11-23T10:00:00.500+00:00", 1795428000.5),
        ("2026-11-23 10:00:00", 1795428000.0),
        ("soon", None),
        (0, None),
        (None, None),
    ],
)
def test_a_time_comes_in_seconds_milliseconds_or_letters(value: object, found: float | None) -> None:
    """All of them become seconds since 1970."""
    assert epoch(value) == found


def test_the_small_readers_never_raise() -> None:
    """What isn't there is empty."""
    assert objects([{"a": 1}, 2]) == [{"a": 1}]
    assert objects({"a": 1}) == []
    assert inner({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert inner({"a": [1]}, "a", "b") == {}
    assert web_urls("https://a.test/x", "HTTP://b.test", "ftp://c", None, "https://a.test/x") == (
        "https://a.test/x",
        "HTTP://b.test",
    )
    assert (sentence("a"), sentence({"a": 1})) == ("a", '{"a":1}')
