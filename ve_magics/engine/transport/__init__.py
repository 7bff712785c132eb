"""The one room for HTTP. The engine sees `Transport` and `Reply`; libraries stay behind them.

    send(WireCall, Deadlines) -> Reply(status, headers, chunks(), read(limit), aclose())

`open_transport()` goes to the network: by `http1`, a client over httptools, or by httpx. `Mounted` goes to ASGI apps in
process. Only errors of `ve_magics.errors` leave this package.
"""

from ve_magics.engine.transport.asgi_backend import App
from ve_magics.engine.transport.choice import Mounted, Preference, open_transport
from ve_magics.engine.transport.surroundings import Proxies
from ve_magics.engine.transport.wire import Deadlines, Headers, Reply, Transport, WireCall

__all__ = [
    "App",
    "Deadlines",
    "Headers",
    "Mounted",
    "Preference",
    "Proxies",
    "Reply",
    "Transport",
    "WireCall",
    "open_transport",
]
