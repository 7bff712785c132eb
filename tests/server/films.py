"""Films ordered over HTTP: short ways to ask, and providers of films behind the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.engine.video.vendors import Vendor
from tests.engine.video.world import clip
from tests.server.running import TOKEN, Answered, Running, until
from ve_magics.engine.transport.wire import WireCall

ORDER = {"prompt": "A red fox", "model": "sim/film", "seconds": "1", "size": "128x128"}


def order(server: Running, *, path: str = "/v1/videos", token: str = TOKEN, **more: Any) -> Answered:
    """Order a short film, and return the answer."""
    headers = more.pop("headers", None)
    return server(path, {**ORDER, **more}, token=token, headers=headers)


def made(server: Running, name: str, *, token: str = TOKEN) -> Any:
    """Wait until a film has ended, and return it."""
    found: list[Any] = []

    def ended() -> bool:
        found[:] = [server(f"/v1/videos/{name}", token=token).json]
        return found[0]["status"] in ("completed", "failed")

    until(ended, seconds=30)
    return found[0]


class VendorApp:
    """A provider of films as an ASGI app; its files lie at its own host.

    Args:
        vendor: Answers.
    """

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        vendor.polls = 0
        vendor.address = lambda: f"https://{vendor.host}/files/film.mp4"  # type: ignore[method-assign]  # another host can't be resolved here

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Answer one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"].startswith("/files/"):
            status, kind, data = 200, b"video/mp4", clip()
        else:
            query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
            headers = tuple((name.decode(), value.decode()) for name, value in scope["headers"])
            url = f"https://{self.vendor.host}{scope['path']}{query}"
            status, value = self.vendor.answer(WireCall(scope["method"], url, headers, body))
            kind, data = b"application/json", json.dumps(value).encode()
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": data})
