"""The models that may be asked, listed as each provider's own SDK reads it."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics import catalog
from ve_magics.engine.config import Config
from ve_magics.errors import UserError
from ve_magics.server.access import Grant

_CLAUDE = {
    "created_at": "1970-01-01T00:00:00Z",
    "lifecycle": "active",
    "deprecated_at": None,
    "retires_at": None,
    "capabilities": None,
    "line": None,
    "max_tokens": None,
}
"""What Anthropic's form says of a model beside its name, where nothing is known of it: an epoch stands for no date."""


def listing(config: Config, grant: Grant, dialect: str) -> bytes:
    """Return the list of models that a holder may ask, in this dialect's form."""
    named = (name for name in grant.models if not any(letter in name for letter in "*?["))
    names = [name for name in dict.fromkeys(config.names()) if grant.allows(name)]
    names += [name for name in named if name not in names and _routed(config, name)]
    rows = [_row(name, dialect) for name in names]
    if dialect == "generate_content":
        return msgspec.json.encode({"models": rows})
    if dialect == "messages":
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return msgspec.json.encode({"data": rows, "has_more": False, **ends})
    return msgspec.json.encode({"object": "list", "data": rows})


def single(config: Config, grant: Grant, name: str, dialect: str) -> bytes:
    """Return one model in this dialect's form.

    Raises:
        UserError: Nobody here serves it.
        PermissionDeniedError: The holder may not ask it.
    """
    grant.check_model(name)
    config.route(name)
    return msgspec.json.encode(_row(name, dialect))


def _routed(config: Config, name: str) -> bool:
    try:
        config.route(name)
    except UserError:
        return False
    return True


def _row(name: str, dialect: str) -> dict[str, Any]:
    if dialect == "generate_content":
        methods = ["generateContent", "countTokens", "embedContent", "batchEmbedContents"]
        return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}
    if dialect == "messages":
        known = {**_CLAUDE, "max_input_tokens": catalog.context(name)}
        return {"type": "model", "id": name, "display_name": name, **known}
    return {"id": name, "object": "model", "created": 0, "owned_by": name.partition("/")[0]}
