"""Limits in headers: the forms of OpenAI, Azure, OpenRouter and Anthropic, and nonsense."""

from __future__ import annotations

import pytest

from ve_magics.engine.ratelimits import LONGEST, read_limits
from ve_magics.routing import RateLimit

DATE = {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({}, None),
        ({"x-ratelimit-limit-requests": "60"}, None),
        ({"x-ratelimit-remaining-requests": "59"}, RateLimit(59)),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "10",
                "x-ratelimit-reset-tokens": "9m0s",
            },
            RateLimit(0, 10, 360.0),
        ),
        (
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"},
            RateLimit(None, 0, 0.12),
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7"}, RateLimit(0, None, 7.0)),
        ({"x-ratelimit-remaining-requests": "-1"}, None),
        ({"x-ratelimit-remaining-requests": "many"}, None),
        ({"x-ratelimit-remaining-requests": "1e999"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, RateLimit(0)),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "-5"}, RateLimit(0)),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435230000", **DATE},
            RateLimit(0, None, 30.0),
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435230", **DATE}, RateLimit(0, None, 30.0)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435230"}, RateLimit(0)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "500000"}, RateLimit(0, None, LONGEST)),
        (
            {
                "anthropic-ratelimit-requests-remaining": "5",
                "anthropic-ratelimit-input-tokens-remaining": "900",
                "anthropic-ratelimit-output-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2026-11-23T12:00:20Z",
                **DATE,
            },
            RateLimit(5, 0, 20.0),
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:20",
                **DATE,
            },
            RateLimit(None, 0),
        ),
    ],
)
def test_headers_become_limits(headers: dict[str, str], limit: RateLimit | None) -> None:
    """What is left, and when what is used up comes back; what isn't understood says nothing."""
    assert read_limits(headers) == limit
