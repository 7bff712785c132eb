"""How many tokens a question has, roughly: the same estimate for every provider, and nobody is asked for it."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.fields import bad, decode_object
from ve_magics.server.chat import Asked
from ve_magics.server.estimates import question_tokens


def counted(asked: Asked) -> bytes:
    """Return the count in the form of the dialect that asks for it.

    Raises:
        BadRequestError: It is no question.
        PermissionDeniedError: The token doesn't allow the model.
    """
    value = decode_object(asked.body)
    if asked.dialect.name == "messages":
        value.setdefault("max_tokens", 1)
        return msgspec.json.encode({"input_tokens": _count(asked, value)})
    inner: Any = value.get("generateContentRequest", value)
    if not isinstance(inner, dict):
        raise bad("generateContentRequest must be an object.", "generateContentRequest")
    inner.pop("model", None)
    return msgspec.json.encode({"totalTokens": _count(asked, inner)})


def _count(asked: Asked, value: dict[str, Any]) -> int:
    asked.body = msgspec.json.encode(value)
    return question_tokens(asked.question())
