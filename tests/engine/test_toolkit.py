"""The built-in tools of a session: films, pictures, pages."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Provider, begin, body
from ve_magics.engine.agent.values import CallMoved, Offer, Situation
from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.toolkit import MadeFilm, Toolkit, words_of
from ve_magics.engine.transport import Mounted
from ve_magics.errors import (
    ArgumentsError,
    StatusError,
    ToolArgumentsError,
    ToolFailedError,
    UnsupportedError,
)
from ve_magics.messages import ToolCall
from ve_magics.sim import Settings, Simulator
from ve_magics.tools import Output

pytestmark = pytest.mark.anyio
PAGE = """<html><head><title>T</title><style>p {}</style><script>evil()</script></head>
<body><h1>News &amp; more</h1><p>One<b>two</b>.</p><!-- hidden --><ul><li>a</li><li>b</li></ul></body></html>"""


def serves(data: bytes, kind: str = "text/html", status: int = 200, **headers: str) -> Any:
    """Answer with a page."""

    async def play(_: Any, send: Any) -> None:
        await begin(send, status, {"content-type": kind, **headers})
        await body(send, data, more=False)

    return play


async def public(host: str, port: int) -> list[str]:
    """Return an address that is public, or one that isn't."""
    return ["10.0.0.1"] if host.startswith("inside") else ["93.184.216.34"]


Open = Callable[..., tuple[Session, Toolkit]]


@pytest.fixture
def open_kit(tmp_path: Path) -> Open:
    """Return `open_kit(web, **more)`, which opens a session and its tools."""

    def opened(web: Any = None, *, toml: str = "", seconds: float = 0.2) -> tuple[Session, Toolkit]:
        (tmp_path / "config.toml").write_text(toml, "utf-8")
        simulator = Simulator(
            Settings(first_token=0.0, tokens_per_second=math.inf, video_seconds=seconds, silence=30.0)
        )
        session = Session(
            config=Config(environ={"VE_CONFIG": str(tmp_path / "config.toml")}, directory=tmp_path),
            directory=tmp_path,
            transport=Mounted({"sim.invalid": simulator, "page.test": web or Provider(serves(b""))}),
            data=tmp_path / "home",
        )
        return session, Toolkit(session, resolve=public)

    return opened


def offer(kit: Toolkit, name: str) -> Offer:
    found = kit.offer(name, named=True)
    assert found is not None
    return found


async def call(one: Offer, tell: Any = lambda _: None, **arguments: Any) -> Output:
    async def here(function: Any) -> Any:
        return function()

    return await one.run(arguments, Situation("", ToolCall("c", one.name), tell, here))


async def test_film_is_ordered_and_told(open_kit: Open) -> None:
    """A film is a job of the session: its progress is told, its file and price too, and it is not ordered twice."""
    session, kit = open_kit()
    film = offer(kit, "generate_video")
    moves: list[Any] = []
    wanted = {"prompt": "A boat.", "seconds": 4, "size": "1280x720"}
    assert not film.known(wanted)
    assert film.price(wanted) == 0.0
    made = await call(film, moves.append, **wanted)
    (one,) = made.shown
    assert isinstance(one, MadeFilm)
    assert one.path.is_file()
    assert one.path.name in made.text
    assert all(isinstance(move, CallMoved) for move in moves)
    assert film.known(wanted)
    assert not film.known({**wanted, "seconds": 8})
    assert (await call(film, **wanted)).shown[0].path == one.path
    await session.aclose()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"prompt": " "}, "empty"), ({"prompt": "x", "size": "big"}, "WIDTHxHEIGHT")],
)
async def test_film_that_can_not_be_is_told(open_kit: Open, arguments: dict[str, Any], said: str) -> None:
    """What no film can be ordered by is told to the model before anything is sent."""
    session, kit = open_kit()
    with pytest.raises(ToolArgumentsError, match=said):
        await call(offer(kit, "generate_video"), **arguments)
    await session.aclose()


async def test_film_without_a_maker_is_told(open_kit: Open) -> None:
    """A default model that makes no videos is named."""
    session, kit = open_kit(
        toml='[defaults]\nvideo = "openrouter/some"\n[providers.openrouter]\nvideo = ""\n'
    )
    with pytest.raises(UnsupportedError, match="makes no videos"):
        offer(kit, "generate_video").price({"prompt": "x"})
    await session.aclose()


async def test_film_that_fails_is_told(open_kit: Open) -> None:
    """A job that brings no film is told with its reason."""
    session, kit = open_kit(toml='[defaults]\nvideo = "sim/film-fails"\n')
    with pytest.raises(ToolFailedError, match="not made") as caught:
        await call(offer(kit, "generate_video"), prompt="x")
    assert "%ve jobs" in caught.value.message
    await session.aclose()


async def test_picture_is_drawn(open_kit: Open) -> None:
    """A picture comes back as a picture, for the model and for the cell."""
    session, kit = open_kit()
    made = await call(offer(kit, "generate_image"), prompt="A red cube.")
    assert len(made.shown) == 1
    assert made.parts[1:] == made.shown
    await session.aclose()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (serves(PAGE.encode()), "T\nNews & more\nOne two .\na\nb"),
        (serves(b'{"a": 1}', "application/json"), '{"a": 1}'),
        (serves("é".encode(), "text/plain; charset=utf-8"), "é"),
    ],
)
async def test_pages_are_read_as_text(open_kit: Open, page: Any, text: str) -> None:
    """A page is told as the words that a reader would see."""
    session, kit = open_kit(Provider(page))
    made = await call(offer(kit, "fetch_url"), url=" https://page.test/a ")
    assert made.text == text
    await session.aclose()


@pytest.mark.parametrize(
    ("url", "plays", "error", "said"),
    [
        ("http://page.test/", (serves(b""),), ArgumentsError, "not https"),
        ("file:///etc/passwd", (serves(b""),), ArgumentsError, "not https"),
        ("https://inside.test/", (serves(b""),), ArgumentsError, "private network"),
        ("https://page.test/", (serves(b"", status=404),), StatusError, "status 404"),
        ("https://page.test/", (serves(b"\0", "image/png"),), ToolFailedError, "no text but image/png"),
        (
            "https://page.test/",
            (serves(b"", status=302, location="https://inside.test/"),),
            ArgumentsError,
            "private network",
        ),
        (
            "https://page.test/",
            (serves(b"", status=302, location="/again"),),
            ArgumentsError,
            "redirects more than",
        ),
    ],
)
async def test_pages_that_must_not_be_read_are_refused(
    open_kit: Open, url: str, plays: Any, error: type[Exception], said: str
) -> None:
    """Nothing inside this machine or its network is fetched, by no detour, and no endless redirects are followed."""
    session, kit = open_kit(Provider(*plays))
    with pytest.raises(error, match=said):
        await call(offer(kit, "fetch_url"), url=url)
    await session.aclose()


def test_other_names_are_not_built_in(open_kit: Open) -> None:
    """A session alone has no notebook to run Python in, and no other tools."""
    _, kit = open_kit()
    assert kit.offer("python", named=True) is None
    assert kit.offer("nothing", named=True) is None


def test_what_effects_need_is_marked(open_kit: Open) -> None:
    """What costs money or leaves the machine needs a yes; what strangers wrote is untrusted."""
    _, kit = open_kit()
    marks = {name: offer(kit, name) for name in ("generate_video", "generate_image", "fetch_url")}
    assert all(one.approve for one in marks.values())
    assert [one.untrusted for one in marks.values()] == [False, False, True]
    assert marks["generate_image"].price({"prompt": "x"}) == 0.0
    assert marks["generate_video"].remembers


def test_words_of_a_page_keep_their_lines() -> None:
    """Blocks are lines, what nobody sees is left out, entities are letters."""
    assert words_of("<p>a<br>b</p>\n<svg><text>x</text></svg>c &lt;d&gt;") == "a\nb\nc <d>"
