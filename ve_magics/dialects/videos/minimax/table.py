"""What is known of MiniMax's models and codes (MiniMax API reference)."""

from __future__ import annotations

import re

from ve_magics.dialects.videos.limits import Limits
from ve_magics.errors import ErrorKind

NAME = "minimax"

CODES: dict[str, ErrorKind] = {
    "1000": "server",
    "1001": "timeout",
    "1002": "rate_limit",
    "1004": "authentication",
    "1008": "quota",
    "1024": "server",
    "1026": "content_filter",
    "1027": "content_filter",
    "1033": "server",
    "1042": "bad_request",
    "2013": "bad_request",
    "2049": "authentication",
}
"""What numbers mean: of the older interface in `base_resp`, of the newer one in parentheses after the sentence."""

TYPES: dict[str, ErrorKind] = {
    "bad_request_error": "bad_request",
    "authorized_error": "authentication",
    "insufficient_balance_error": "quota",
    "unprocessable_entity_error": "content_filter",
    "rate_limit_error": "rate_limit",
    "server_error": "server",
}
"""What the newer interface's types of errors mean."""

_PROMPT = 2000
_HAILUO = Limits(seconds=(6, 10), resolutions=("768P", "1080P"), prompt=_PROMPT, lacks=("references",))
LIMITS: dict[str, Limits] = {
    "MiniMax-Hailuo-2.3": _HAILUO,
    "MiniMax-Hailuo-2.3-Fast": _HAILUO,
    "MiniMax-Hailuo-02": Limits(
        seconds=(6, 10), resolutions=("512P", "768P", "1080P"), prompt=_PROMPT, lacks=("references",)
    ),
    "MiniMax-H3": Limits(span=(4, 15), resolutions=("768P", "2K")),
}
"""By model; other models are their provider's business."""

SHORTER = 6
"""Seconds of the older interface's shorter length."""

SHORT_ONLY = ("1080P",)
"""Resolutions in which the older interface makes its shorter length only."""

_NEWER = re.compile(r"MiniMax-H\d", re.IGNORECASE)


def is_newer(model: str) -> bool:
    """Whether a model is asked for by the newer interface."""
    return _NEWER.match(model) is not None
