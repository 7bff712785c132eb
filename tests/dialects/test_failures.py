"""What all dialects share about failures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.failures import (
    CODES,
    classify,
    duration,
    failure,
    html_title,
    is_html,
    mask,
    page_failure,
    page_reply,
    retry_after,
    seal,
    unseal,
)
from ve_magics.dialects.openai_faults import decode_error
from ve_magics.errors import ERRORS, AuthError, BadRequestError, OverloadedError, QuotaError, ServerError
from ve_magics.messages import State


@pytest.mark.parametrize(
    ("status", "codes", "message", "kind"),
    [
        (429, ("rate_limit_exceeded",), "", "rate_limit"),
        (429, ("insufficient_quota",), "", "quota"),
        (429, ("rate_limit_exceeded",), "You exceeded your current quota, check your billing.", "quota"),
        (429, (), "余额不足", "quota"),
        (400, ("invalid_request_error",), "Incorrect API key provided", "authentication"),
        (400, (), "API key not valid. Please pass a valid API key.", "authentication"),
        (400, (), "This model's maximum context length is 5 tokens", "context_length"),
        (400, (), "prompt is too long", "context_length"),
        (400, (), "flagged by the safety system", "content_filter"),
        (400, (), "x is not a valid model ID", "model_not_found"),
        (503, (), "no such model", "overloaded"),
        (401, (), "The model does not exist", "authentication"),
        (500, (), "your billing", "server"),
        (403, (), "", "permission"),
        (404, (), "", "model_not_found"),
        (409, (), "", "overloaded"),
        (418, (), "", "bad_request"),
        (529, (), "", "overloaded"),
        (599, (), "", "server"),
        (200, (), "", "server"),
        (200, ("server_error",), "overloaded", "overloaded"),
        (400, ("INVALID_ARGUMENT",), "", "bad_request"),
        (500, ("unheard_of", "api_error"), "", "server"),
    ],
)
def test_code_then_words_then_status(status: int, codes: tuple[str, ...], message: str, kind: str) -> None:
    """The provider's code decides, then its words, then the status; vague codes give way to words."""
    assert classify(status, codes, message) == kind


def test_every_code_is_lower_case_and_has_a_class() -> None:
    """The table can be matched against codes in any case, and names only kinds that can be raised."""
    assert all(code == code.lower() and kind in ERRORS for code, kind in CODES.items())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, 86_400.0),
        ({"retry-after-ms": "1e999"}, 86_400.0),
        ({"retry-after": "9" * 400}, 86_400.0),
        ({"retry-after": "99999999999"}, 86_400.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "never"}, None),
    ],
)
def test_how_long_a_provider_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds or a date, which the reply's own date makes seconds."""
    assert retry_after(headers) == seconds


def test_nobody_is_waited_for_for_ever() -> None:
    """A wait that a body names is bounded as well, whatever number stands there."""
    assert failure(429, "x", wait=float("inf")).retry_after == 86_400.0
    for number in ("9" * 400, "1e300"):
        told = b'{"error": {"message": "x", "metadata": {"retry_after_seconds": %s}}}' % number.encode()
        assert decode_error(429, {}, told).retry_after == 86_400.0


def test_a_date_is_measured_from_now_where_now_is_given() -> None:
    """The caller's clock wins over the reply's."""
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "never"}
    assert retry_after(headers, now=1792567680) == 10.0
    assert retry_after(headers, now=2_000_000_000) == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("17s", 17.0), ("6m0s", 360.0), ("120ms", 0.12), ("1h1.5s", 3601.5), ("soon", None), ("5", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    """Providers write waits as durations."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "key", ["sk-abcdefghijklmnop", "AIzaSyA1234567890", "Bearer abc.def.ghi", "sk-abc***********wxyz"]
)
def test_nothing_like_a_key_is_shown(key: str) -> None:
    """A provider that repeats the key in its message doesn't bring it into a notebook."""
    assert mask(f"Incorrect API key:\n {key} .") == "Incorrect API key: [key] ."


def test_long_messages_are_cut() -> None:
    """One line of bounded length."""
    assert mask("x" * 500, limit=10) == "x" * 9 + "…"


def test_failures_carry_what_the_provider_said() -> None:
    """Class, status, code, param, wait and request id; the provider's word on retrying, where waiting can help."""
    error = failure(
        400, "Bad.", codes=("", "x"), param="n", headers={"x-request-id": "r", "retry-after": "1"}, wait=9
    )
    assert isinstance(error, BadRequestError)
    assert (error.status, error.code, error.param, error.retry_after, error.request_id) == (
        400,
        "x",
        "n",
        1.0,
        "r",
    )
    assert failure(500, "").message == "The provider answered 500 without a word."
    assert failure(500, "x", headers={"request-id": "q"}, wait=9).retry_after == 9
    never = failure(500, "x", headers={"x-should-retry": "false"})
    assert isinstance(never, ServerError)
    assert not never.retryable
    assert failure(400, "x", headers={"x-should-retry": "true"}).retryable
    quota = failure(429, "x", codes=("insufficient_quota",), headers={"x-should-retry": "true"})
    assert isinstance(quota, QuotaError)
    assert not quota.retryable
    assert isinstance(failure(401, "x", headers={"x-should-retry": "true"}), AuthError)


PAGE = b"\n<!-- x --><!DOCTYPE html><html><title>\n Just a  moment </title></html>"


def test_web_pages_are_known_and_told_by_their_title() -> None:
    """A page where JSON was due is named as one: by its status, or as an address that is wrong."""
    assert is_html(PAGE)
    assert not is_html(b'{"a": "<html>"}')
    assert html_title(PAGE) == "Just a moment"
    assert html_title(b"<html>") == ""
    bad = page_failure(503, {"retry-after": "3"}, PAGE)
    assert isinstance(bad, OverloadedError)
    assert "“Just a moment”" in bad.message
    assert bad.retry_after == 3.0
    good = page_reply(b"<html>")
    assert "a web page instead of JSON" in good.message
    assert "base_url" in good.hint
    assert not good.retryable


@given(st.text(), st.text(), st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_a_sealed_state_opens_again(origin: str, dialect: str, data: object) -> None:
    """A state goes through a line of text unchanged."""
    state = State(origin, dialect, data)
    assert unseal(seal(state)) == state
    assert "\n" not in seal(state)


@pytest.mark.parametrize("text", ["", "opaque", "ve1.zz", "ve1.00", "ve1." + b'{"origin":1}'.hex()])
def test_what_is_not_sealed_here_does_not_open(text: str) -> None:
    """Other people's opaque text is left alone."""
    assert unseal(text) is None
