"""A provider's own table of codes says what happened."""

from __future__ import annotations

from ve_magics.dialects.videos.refusals import refused, told
from ve_magics.errors import OverloadedError, QuotaError, RateLimitError, ServerError, ServerTimeoutError
from ve_magics.jobs import certainly_not_made


def test_the_table_wins_over_the_status() -> None:
    """An account in arrears is told with 429, and waiting doesn't help."""
    error = refused(429, {"retry-after": "9"}, "Account in arrears", "1101", "quota", request_id="r")
    assert isinstance(error, QuotaError)
    assert (error.status, error.code, error.retry_after, error.request_id) == (429, "1101", 9.0, "r")
    assert not error.retryable


def test_an_unknown_code_leaves_it_to_the_status() -> None:
    """The header's id of the call wins over the body's."""
    error = refused(429, {"x-request-id": "h"}, "slow down", "", None, request_id="b")
    assert isinstance(error, RateLimitError)
    assert (error.code, error.request_id) == (None, "h")


def test_after_a_fault_inside_a_good_answer_it_is_open_whether_a_video_is_made() -> None:
    """The code stands for the status that it should have come with, so that nothing is ordered twice."""
    for kind, status, error_class in (("server", 500, ServerError), ("timeout", 504, ServerTimeoutError)):
        error = refused(200, {}, "oops", "1", kind)  # type: ignore[arg-type]  # each is an ErrorKind
        assert type(error) is error_class
        assert error.status == status
        assert not certainly_not_made(error)
    busy = refused(200, {}, "busy", "1", "overloaded")
    assert isinstance(busy, OverloadedError)
    assert busy.status == 503
    assert certainly_not_made(refused(200, {}, "slow down", "1", "rate_limit"))


def test_what_a_body_tells_is_an_object_or_nothing() -> None:
    """Web pages, lists and rubbish tell nothing."""
    assert told(b'{"code": 1}') == {"code": 1}
    assert told(b"[1]") == {}
    assert told(b"<html>") == {}
    assert told(b"\xff") == {}
