"""What each provider offers now."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ve_magics import catalog
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.registry import DIALECTS, get_dialect
from ve_magics.engine.gateway import Gateway, refused
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import DecodeError, NotFoundError, VeError

LIST_LIMIT = 8 * 1024 * 1024
"""Most bytes of a list of models."""

QUICK = Deadlines(connect=3, first_token=10, silence=10, total=15)
"""Limits of a question that somebody waits for at the prompt."""

BRIEF = Deadlines(connect=2, first_token=3, silence=3, total=5)
"""Limits of a question that only makes an error's words better."""


async def living_models(gateway: Gateway, name: str, *, deadlines: Deadlines = QUICK) -> tuple[str, ...]:
    """Return the models that a provider offers now, by name; those of the catalog where it has no list.

    Raises:
        UnknownModelError: There is no such provider.
        MissingKeyError: It needs a key.
        RequestError: It can't be asked.
    """
    provider = gateway.config.provider(name)
    query = (("pageSize", "1000"),) if provider.dialect == "generate_content" else ()
    wire = WireRequest(path="/models", method="GET", headers=(("accept", "application/json"),), query=query)
    reply = await gateway.call(wire, provider, deadlines=deadlines)
    try:
        if reply.status in (404, 405):
            return catalog.KNOWN_MODELS.get(name, ())
        if reply.status >= 300:
            spoken = provider.dialect if provider.dialect in DIALECTS else "chat_completions"
            raise await refused(reply, get_dialect(spoken))
        body = await reply.read(LIST_LIMIT)
    finally:
        await reply.aclose()
    return read_models(body, name)


async def name_the_living(gateway: Gateway, error: NotFoundError) -> None:
    """Write into the error of a model that its provider doesn't know which names are nearest among those it offers now.

    Where the provider doesn't tell, the error stays as it is.

    Args:
        gateway: Asks the provider.
        error: Its `target` says who failed.
    """
    provider, _, model = (error.target or "").partition("/")
    with suppress(VeError):
        names = await living_models(gateway, provider, deadlines=BRIEF)
        if near := catalog.nearest(model, [name for name in names if name != model]):
            said = " or ".join(f"{provider}/{name}" for name in near)
            error.hint = f"Did you mean {said}? %ve models {provider} lists what it offers now."


def read_models(body: bytes, provider: str) -> tuple[str, ...]:
    """Return the names in a list of models, in OpenAI's, Anthropic's or Google's form, sorted.

    Raises:
        DecodeError: It is none of them.
    """
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError:
        data = None
    rows = data if isinstance(data, list) else None
    if isinstance(data, dict):
        rows = data.get("data", data.get("models"))
    if not isinstance(rows, list):
        raise DecodeError(
            f"{provider} answered something that is no list of models.", hint="Check its base_url."
        )
    names = (row.get("id") or row.get("name") for row in rows if isinstance(row, dict))
    return tuple(sorted({name.removeprefix("models/") for name in names if isinstance(name, str)}))
