"""Pages of the public web: fetched with limits, and never from inside this machine."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.engine.pages import fetch_page
from ve_magics.engine.transport import Mounted
from ve_magics.errors import ArgumentsError, DecodeError, StatusError

pytestmark = pytest.mark.anyio


async def site(scope: Any, receive: Any, send: Any) -> None:
    """Answer as a small web site."""
    path = scope["path"]
    status, headers, body = 200, [(b"content-type", b"text/html; charset=utf-8")], b"<p>hello"
    if path.startswith("/to/"):
        status, headers = 302, [(b"location", path[4:].replace("~", "/").encode())]
    elif path == "/gone":
        status = 404
    elif path == "/large":
        body = b"x" * 2000
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def resolve(host: str, port: int) -> list[str]:
    """Return a public address for the site, and a private one for its neighbour."""
    return {"site.example": ["93.184.216.34"], "inside.example": ["10.0.0.8"]}.get(host, [])


async def fetched(url: str, largest: int = 1000) -> Any:
    """Fetch a page of the site."""
    transport = Mounted({"site.example": site})
    try:
        return await fetch_page(url, transport, resolve=resolve, largest=largest)
    finally:
        await transport.aclose()


async def test_a_page_comes_with_its_type() -> None:
    """Redirects inside the public web are followed."""
    assert await fetched("https://site.example/a") == (b"<p>hello", "text/html; charset=utf-8")
    assert (await fetched("https://site.example/to/~a")).data == b"<p>hello"


@pytest.mark.parametrize(
    "url",
    [
        "http://site.example/a",
        "https://inside.example/secret",
        "https://site.example/to/https:~~inside.example~secret",
        "https://site.example/to/http:~~site.example~a",
        "file:///etc/passwd",
    ],
)
async def test_nothing_inside_is_fetched(url: str) -> None:
    """Neither by name nor by a redirect; the words are about the page, not about a provider."""
    with pytest.raises(ArgumentsError, match="is not fetched: it leads to") as caught:
        await fetched(url)
    assert "provider" not in str(caught.value)


async def test_a_circle_of_redirects_ends() -> None:
    """After a few."""
    with pytest.raises(ArgumentsError, match="redirects more than"):
        await fetched("https://site.example/to/~to~x")


async def test_what_cannot_be_had_is_an_error() -> None:
    """A bad status, or more than is taken."""
    with pytest.raises(StatusError, match="404"):
        await fetched("https://site.example/gone")
    with pytest.raises(DecodeError):
        await fetched("https://site.example/large")
