"""What providers offer now, and which servers run on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.scripted import Asked, Play, Provider, Send, World, begin, body, fails
from ve_magics import catalog
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.models import living_models, name_the_living, read_models
from ve_magics.engine.transport import Mounted
from ve_magics.errors import AuthError, DecodeError, MissingKeyError, NotFoundError, UnknownModelError

pytestmark = pytest.mark.anyio


def lists(*names: str) -> Play:
    """Answer with a list of models in OpenAI's form."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send, headers={"content-type": "application/json"})
        await body(send, json.dumps({"data": [{"id": name} for name in names]}).encode(), more=False)

    return play


async def test_a_provider_is_asked_what_it_offers(tmp_path: Path) -> None:
    """With its key, at its own address; the names come sorted."""
    world = World(tmp_path, Provider(lists("b", "a")))
    assert await living_models(world.gateway, "a") == ("a", "b")
    asked = world.providers["a"].asked[0]
    assert asked.path == "/v1/models"
    assert asked.headers["authorization"].startswith("Bearer ")


async def test_what_keeps_a_provider_from_telling(tmp_path: Path) -> None:
    """A refused key, a missing one and an unknown provider are errors; no list means the catalog's."""
    world = World(tmp_path, Provider(fails(401, "invalid_api_key")), Provider(fails(404)))
    with pytest.raises(AuthError):
        await living_models(world.gateway, "a")
    assert await living_models(world.gateway, "b") == ()
    del world.environ["A_KEY"]
    with pytest.raises(MissingKeyError):
        await living_models(world.gateway, "a")
    with pytest.raises(UnknownModelError):
        await living_models(world.gateway, "nobody")


async def test_googles_list_is_asked_for_in_one_page(tmp_path: Path) -> None:
    """The names lose their prefix; where there is no list, the catalog's names are told."""

    async def google(asked: Asked, send: Send) -> None:
        await begin(send, headers={"content-type": "application/json"})
        await body(send, b'{"models":[{"name":"models/gemini-x"}]}', more=False)

    world = World(tmp_path, Provider(google), environ={"GEMINI_API_KEY": "AIza-test-key"})
    host = "generativelanguage.googleapis.com"
    provider = Provider(google, fails(404))
    gateway = Gateway(world.config, world.router, Mounted({host: provider}), clock=world.clock)
    assert await living_models(gateway, "google") == ("gemini-x",)
    assert provider.asked[0].query == "pageSize=1000"
    assert await living_models(gateway, "google") == catalog.KNOWN_MODELS["google"]


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b'{"data":[{"id":"b"},{"id":"a"},{"id":"a"}]}', ("a", "b")),
        (b'[{"id":"a"}]', ("a",)),
        (b'{"models":[{"name":"models/a"},{"x":1},3,{"id":5}]}', ("a",)),
        (b'{"data":[]}', ()),
    ],
)
def test_lists_come_in_several_forms(raw: bytes, names: tuple[str, ...]) -> None:
    """OpenAI's, Together's bare list, Google's; rows that are none are passed over."""
    assert read_models(raw, "x") == names


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b'{"data":3}', b"3"])
def test_what_is_no_list_is_told(raw: bytes) -> None:
    """The error says to look at the base URL."""
    with pytest.raises(DecodeError, match="no list of models") as caught:
        read_models(raw, "x")
    assert "base_url" in caught.value.hint


async def test_the_nearest_living_names_are_told(tmp_path: Path) -> None:
    """The error of a model that is gone names what its provider offers now; one that doesn't tell costs nothing."""
    world = World(tmp_path, Provider(lists("swift-6", "gpt-image")), Provider(fails(500)))
    gone = NotFoundError("The model is gone.", status=404, hint="Look.")
    gone.target = "a/swift-5"
    await name_the_living(world.gateway, gone)
    assert gone.hint == "Did you mean a/swift-6? %ve models a lists what it offers now."
    for target in ("a/something-else-entirely", "b/swift-5", "nobody/x", ""):
        plain = NotFoundError("The model is gone.", status=404, hint="Look.")
        plain.target = target
        await name_the_living(world.gateway, plain)
        assert plain.hint == "Look."
