"""The dialect's name, and the ids that are made here.

Every item of an answer has an id besides the `call_id` that links a call to its result. Ids that were made here say
so, because they mean nothing to a provider and must not be sent to one.
"""

from __future__ import annotations

import re

NAME = "responses"

_MADE = re.compile(r"(?:msg|rs|fc|ctc|ig)_ve_")
_ODD = re.compile(r"[^A-Za-z0-9]")


def made_id(prefix: str, reply_id: str, number: int) -> str:
    """Return the id of an item: its kind, the reply that it belongs to, its place there."""
    return f"{prefix}_ve_{_ODD.sub('', reply_id)[-24:]}_{number}"


def is_made(id_: object) -> bool:
    """Whether an item's id was made here."""
    return isinstance(id_, str) and _MADE.match(id_) is not None
