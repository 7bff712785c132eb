"""Model servers on the user's own machine: found by asking, offered, never used unasked."""

from __future__ import annotations

import asyncio

import msgspec

from ve_magics.engine.gateway import Gateway
from ve_magics.engine.models import living_models
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import VeError

GLANCE = Deadlines(connect=0.3, first_token=0.7, silence=0.5, total=1.0)
"""How long a local server may take to show that it is there, in seconds."""


class LocalServer(msgspec.Struct, frozen=True):
    """A model server that runs on this machine.

    Attributes:
        provider: The name by which it is asked.
        models: What it serves.
    """

    provider: str
    models: tuple[str, ...]

    @property
    def suggestion(self) -> str:
        """A model to try."""
        return f"{self.provider}/{self.models[0] if self.models else 'MODEL'}"


async def running_servers(gateway: Gateway) -> list[LocalServer]:
    """Return the local model servers that answer now, within a second.

    Something else may listen at their usual ports: only what answers with a list of models counts.
    """
    names = [name for name, provider in gateway.config.providers.items() if provider.local]
    found = await asyncio.gather(*(_ask(gateway, name) for name in names))
    return [server for server in found if server is not None]


async def _ask(gateway: Gateway, name: str) -> LocalServer | None:
    try:
        models = await living_models(gateway, name, deadlines=GLANCE)
    except VeError:
        return None
    return LocalServer(name, models) if models else None
