"""From a dialect's request to a provider's reply: address, key, and what a bad status means.

The key is put into its header at the last moment and stands in no variable, so that no traceback can show it.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from ve_magics.dialects.contract import Dialect, WireRequest
from ve_magics.dialects.registry import DIALECTS, get_dialect
from ve_magics.engine.config import Config
from ve_magics.engine.kept import KeptPrefixes
from ve_magics.engine.keys import Secret
from ve_magics.engine.signing import key_headers
from ve_magics.engine.transport.wire import Deadlines, Reply, Transport, WireCall
from ve_magics.errors import ConfigError, NotFoundError, StatusError
from ve_magics.providers import Provider
from ve_magics.routing import Target

ERROR_LIMIT = 256 * 1024
"""Most bytes of an error reply that are read."""


class Caller:
    """Carries requests to providers, each with that provider's key.

    Args:
        config: Who is known, with which keys.
        transport: Carries bytes.
        clock: Monotonic seconds.

    Attributes:
        kept: Prefixes that providers keep by name.
        wires: Dialects of targets that turned out to speak another one than their provider.
        told: Targets whose model is gone and of which the user knows.
    """

    def __init__(self, config: Config, transport: Transport, clock: Callable[[], float]) -> None:
        self.config = config
        self.transport = transport
        self.kept = KeptPrefixes(self.send, clock)
        self.wires: dict[Target, str] = {}
        self.told: set[str] = set()
        self._dialects: dict[str, Dialect] = {}

    def dialect(self, target: Target) -> Dialect:
        """Return the dialect in which a target is asked.

        Raises:
            UnknownModelError: There is no such provider.
            ConfigError: Nothing here speaks its dialect.
        """
        name = self.wires.get(target) or self.config.provider(target.provider).dialect
        known = self._dialects.get(name)
        if known is not None:
            return known
        if name not in DIALECTS:
            raise ConfigError(
                f"{target.provider} speaks {name!r}, which is not understood here.",
                hint=f"Choose another dialect under [providers.{target.provider}].",
            )
        known = self._dialects[name] = get_dialect(name)
        return known

    async def send(
        self, wire: WireRequest, provider: Provider, deadlines: Deadlines, *, key_index: int = 0
    ) -> Reply:
        """Send one request to one provider and return the reply whatever its status.

        Raises:
            MissingKeyError: The provider needs a key and none is known.
            ConfigError: Its address or a header can't be used.
            RequestError: No answer came.
        """
        key = self.config.key(provider.name, key_index)
        return await self.transport.send(wire_call(wire, provider, key), deadlines)


def wire_call(wire: WireRequest, provider: Provider, key: Secret) -> WireCall:
    """Return the HTTP request that asks this provider, with its key in the header that it wants."""
    query = (*provider.query, *wire.query)
    url = provider.base_url + wire.path + (f"?{urlencode(query)}" if query else "")
    headers = (*provider.headers, *wire.headers)
    return WireCall(wire.method, url, (*headers, *key_headers(provider, key)), wire.body)


async def refused(reply: Reply, dialect: Dialect) -> StatusError:
    """Return the failure that a reply with a bad status tells."""
    if 300 <= reply.status < 400:
        where = urlsplit(reply.headers.get("location", "")).hostname
        return NotFoundError(
            f"The address answered with a redirect{f' to {where}' if where else ''}.",
            status=reply.status,
            hint="Check base_url: it usually ends in /v1.",
        )
    body = await reply.read(ERROR_LIMIT, truncate=True)
    return dialect.decode_error(reply.status, reply.headers, body)
