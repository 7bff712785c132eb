"""HTTP/1.1 for a client, over asyncio and httptools, the parser of Node.js.

    dialing      a name to a connected socket: looked up once, addresses raced
    connection   one connection: a request goes out, its answer comes in
    pool         the idle connections, by where they lead
    backend      the `Backend` that these make

It speaks to servers directly. What stands behind a proxy is left to httpx.
"""

from ve_magics.engine.transport.http1.backend import Http1Backend

__all__ = ["Http1Backend"]
