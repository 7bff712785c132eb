"""Failures in every shape that servers write, and told in OpenAI's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.chat_completions import dialect
from ve_magics.errors import (
    ERRORS,
    ArgumentsError,
    BudgetError,
    DecodeError,
    MissingExtraError,
    MissingKeyError,
    RouteExhaustedError,
    ServerError,
    StoreBusyError,
    TimedOutError,
    UnknownModelError,
    UnsupportedError,
    VeError,
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, {"error": {"message": "Bad."}}, "bad_request", "Bad."),
        (400, {"error": {"detail": "Bad."}}, "bad_request", "Bad."),
        (400, {"error": {"other": 1}}, "bad_request", '{"other":1}'),
        (401, {"error": "Bad."}, "authentication", "Bad."),
        (400, {"error": True, "message": "Bad."}, "bad_request", "Bad."),
        (404, {"detail": "Not Found"}, "model_not_found", "Not Found"),
        (400, {"detail": {"message": "Bad.", "code": "invalid_value"}}, "bad_request", "Bad."),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "bad"}, "odd", 3]}, "bad_request", "n: bad; odd; 3"),
        (422, {"detail": [{"loc": 3}]}, "bad_request", '{"loc":3}'),
        (402, {"message": "Pay.", "code": 402}, "quota", "Pay."),
        (500, {"msg": "Boom.", "status": "INTERNAL"}, "server", "Boom."),
        (400, {"object": "error", "message": "Bad."}, "bad_request", "Bad."),
        (400, [{"error": {"message": "Bad."}}], "bad_request", "Bad."),
        (400, [1], "bad_request", "[1]"),
        (400, {"unknown": 1}, "bad_request", '{"unknown":1}'),
        (500, None, "server", "without a word"),
        (200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "quota", "balance"),
        (200, {"base_resp": {"status_code": 1000}}, "server", "without a word"),
        (400, {"error": {"message": "x", "code": "1301"}}, "bad_request", "x"),
        (
            502,
            {
                "error": {
                    "message": "Upstream",
                    "metadata": {"provider_name": "P", "raw": '{"error":{"message":"Deep."}}'},
                }
            },
            "server",
            "Upstream (P: Deep.)",
        ),
        (
            502,
            {"error": {"message": "Upstream", "metadata": {"raw": "no JSON"}}},
            "server",
            "(upstream: no JSON)",
        ),
        (
            502,
            {"error": {"message": "Upstream", "metadata": {"raw": {"message": "Deep."}}}},
            "server",
            "Deep.",
        ),
        (502, {"error": {"message": "Upstream", "metadata": {"raw": [1]}}}, "server", "Upstream"),
    ],
)
def test_every_shape_of_an_error_is_read(status: int, body: Any, kind: str, message: str) -> None:
    """The kind is right and the provider's own words are shown."""
    failure = dialect.decode_error(status, {}, json.dumps(body).encode())
    assert failure.kind == kind
    assert message in failure.message


def test_errors_that_are_no_json() -> None:
    """Plain text is shown, a web page by its title; deep nesting is only text."""
    assert dialect.decode_error(503, {}, b"\xef\xbb\xbf busy ").message == "busy"
    assert "titled" in dialect.decode_error(502, {}, b"<html><title>x</title></html>").message
    assert dialect.decode_error(500, {}, b"[" * 50_000).kind == "server"
    assert dialect.decode_error(500, {}, b"[" * 300 + b"]" * 300).kind == "server"


@pytest.mark.parametrize(("status", "kind"), [(404, "model_not_found"), (400, "bad_request")])
def test_a_model_that_lives_behind_the_other_wire_is_known_by_its_code(status: int, kind: str) -> None:
    """The caller may switch to Responses: `code` says so, whatever the status."""
    body = {
        "error": {"message": "Use /v1/responses instead.", "type": "invalid_request_error", "param": "model"}
    }
    failure = dialect.decode_error(status, {}, json.dumps(body).encode())
    assert (failure.code, failure.kind, failure.param) == ("use_responses", kind, "model")


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, {}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"}, {}, None),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "1s"}, {}, None),
        ({}, {"metadata": {"retry_after_seconds": 9}}, 9.0),
        ({}, {"metadata": {"retry_after": True}}, None),
        ({"retry-after": "3"}, {"metadata": {"retry_after": 9}}, 3.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], body: Any, wait: float | None) -> None:
    """The header wins, then the body, then the limit that is used up."""
    error = {"error": {"message": "Slow down.", "code": "rate_limit_exceeded"} | body}
    assert dialect.decode_error(429, headers, json.dumps(error).encode()).retry_after == wait


STATUS_ERRORS = [error("x", status=0) for error in ERRORS.values()]


@pytest.mark.parametrize("error", STATUS_ERRORS, ids=lambda error: type(error).__name__)
def test_each_kind_told_is_read_again_as_itself(error: VeError) -> None:
    """What one gateway tells, another one behind it classifies the same."""
    status, body = dialect.encode_error(error)
    assert status == error.http_status
    assert dialect.decode_error(status, {}, body).kind == getattr(error, "kind", None)


@pytest.mark.parametrize(
    ("error", "status", "type_", "code"),
    [
        (MissingKeyError("x"), 401, "authentication_error", "invalid_api_key"),
        (BudgetError("x"), 402, "insufficient_quota", "budget_exceeded"),
        (UnknownModelError("x"), 404, "invalid_request_error", "model_not_found"),
        (ArgumentsError("x"), 400, "invalid_request_error", None),
        (MissingExtraError("x", "y"), 501, "server_error", None),
        (StoreBusyError("x"), 500, "server_error", None),
        (DecodeError("x"), 502, "server_error", "bad_upstream_answer"),
        (TimedOutError("x", phase="total"), 504, "server_error", "timeout"),
        (
            RouteExhaustedError("x", attempts=[ServerError("y", status=500)]),
            502,
            "server_error",
            "server_error",
        ),
    ],
)
def test_our_own_errors_in_openais_form(error: VeError, status: int, type_: str, code: str | None) -> None:
    """Every error of ours has a status, a type and a code that OpenAI's clients understand."""
    told_status, body = dialect.encode_error(error)
    told = json.loads(body)["error"]
    assert (told_status, told["type"], told["code"]) == (status, type_, code)
    assert told["message"].startswith(error.message)


def test_the_field_that_cannot_be_said_is_the_param() -> None:
    """A user of the server sees which field can't be carried."""
    _, body = dialect.encode_error(UnsupportedError("top_k", "responses"))
    assert json.loads(body)["error"]["param"] == "top_k"
