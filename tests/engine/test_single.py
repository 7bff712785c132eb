"""Embeddings, pictures and ranks: the same fallback, books and budgets as for chat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.scripted import Asked, Play, Provider, Send, World, begin, body, breaks, fails, refuses
from ve_magics.dialects.embeddings import EmbedRequest
from ve_magics.dialects.images import ImageRequest
from ve_magics.dialects.rerank import RerankRequest
from ve_magics.engine.gateway import Trace
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import (
    BudgetError,
    DecodeError,
    MissingKeyError,
    RouteExhaustedError,
    ServerError,
    TimedOutError,
    TransportError,
)
from ve_magics.routing import Target
from ve_magics.store.database import open_memory

pytestmark = pytest.mark.anyio

EMBED = EmbedRequest(model="fast", inputs=("a",))
IMAGE = ImageRequest(model="fast", prompt="p")
RERANK = RerankRequest(model="fast", query="q", documents=("a", "b"))


def gives(value: object) -> Play:
    """Answer with this value."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send, headers={"content-type": "application/json"})
        await body(send, json.dumps(value).encode(), more=False)

    return play


VECTORS = gives({"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 4}})
PICTURES = gives({"data": [{"url": "https://x.test/a"}], "usage": {"input_tokens": 4, "output_tokens": 100}})
RANKS = gives({"results": [{"index": 1, "score": 0.5}], "usage": {"total_tokens": 4}})


async def test_each_kind_falls_back_at_once(tmp_path: Path) -> None:
    """Whatever is asked, the next target is asked without a wait, by its own name of the model."""
    for value, call in ((VECTORS, "embed"), (PICTURES, "generate_image"), (RANKS, "rerank")):
        world = World(tmp_path, Provider(fails(404, "model_not_found")), Provider(value))
        trace = Trace()
        request = {"embed": EMBED, "generate_image": IMAGE, "rerank": RERANK}[call]
        await getattr(world.gateway, call)(request, trace=trace)
        assert trace.served == Target("b", "m")
        assert [tried.failure for tried in trace.attempts] == ["model_not_found", ""]
        assert world.clock.slept == []
        assert world.providers["b"].asked[0].json["model"] == "m"


async def test_a_lost_picture_is_not_asked_for_again(tmp_path: Path) -> None:
    """Where the answer got lost nobody else is asked: it may have been made and paid. A refused connection is safe."""
    world = World(tmp_path, Provider(breaks()), Provider(PICTURES))
    with pytest.raises(TransportError):
        await world.gateway.generate_image(IMAGE)
    assert world.asked("b") == 0
    safe = World(tmp_path, Provider(refuses()), Provider(PICTURES))
    assert (await safe.gateway.generate_image(IMAGE)).images[0].url == "https://x.test/a"


async def test_retries_wait_and_exhaustion_is_told(tmp_path: Path) -> None:
    """After everybody was tried comes the backoff, and in the end the error of the route."""
    world = World(tmp_path, Provider(fails(500), VECTORS))
    assert (await world.gateway.embed(EMBED)).vectors == ((1.0,),)
    assert len(world.clock.slept) == 1
    sick = World(tmp_path, Provider(fails(500)))
    with pytest.raises(RouteExhaustedError) as caught:
        await sick.gateway.embed(EMBED)
    assert all(isinstance(failure, ServerError) for failure in caught.value.attempts)
    assert all(state.in_flight == 0 for state in sick.router.snapshot())


async def test_a_missing_key_asks_the_next(tmp_path: Path) -> None:
    """Nothing is sent to who has no key; alone it is the error. No time left is told as well."""
    world = World(tmp_path, Provider(VECTORS), Provider(VECTORS))
    del world.environ["A_KEY"]
    await world.gateway.embed(EMBED)
    assert (world.asked("a"), world.asked("b")) == (0, 1)
    with pytest.raises(MissingKeyError):
        await world.gateway.embed(EmbedRequest(model="a/m", inputs=("a",)))
    with pytest.raises(TimedOutError):
        await world.gateway.embed(EMBED, deadlines=Deadlines(total=0))


async def test_all_of_it_is_in_the_books(tmp_path: Path) -> None:
    """Each kind has its line with its cost."""
    world = World(tmp_path, Provider(VECTORS, PICTURES, RANKS))
    session = Session(config=world.config, directory=tmp_path, transport=world.transport, store=open_memory())
    await session.embed(EMBED)
    await session.generate_image(IMAGE)
    await session.rerank(RERANK)
    lines = {line.kind: line.cost for line in session.ledger.entries()}
    assert lines == {
        "embedding": pytest.approx(4e-6),
        "image": pytest.approx(204e-6),
        "rerank": pytest.approx(4e-6),
    }


async def test_budgets_hold_for_all_of_it(tmp_path: Path) -> None:
    """What could cost too much, or what nobody knows, is not sent."""
    world = World(tmp_path, Provider(PICTURES), toml="[budget]\nnotebook = 0.001\n")
    session = Session(config=world.config, directory=tmp_path, transport=world.transport, store=open_memory())
    with pytest.raises(BudgetError, match="could cost"):
        await session.generate_image(IMAGE)
    unknown = World(tmp_path, Provider(VECTORS), toml="[budget]\nnotebook = 1\n[prices]\n")
    other = Session(
        config=unknown.config, directory=tmp_path, transport=unknown.transport, store=open_memory()
    )
    with pytest.raises(BudgetError, match="nobody knows what a/m costs"):
        await other.embed(EMBED)
    assert world.asked("a") == unknown.asked("a") == 0


async def test_an_answer_of_the_wrong_shape_is_fallen_back_from_and_not_asked_for_again(
    tmp_path: Path,
) -> None:
    """Who answers something else will answer it again: the next target is asked, and nobody twice. It is paid for."""
    wrong = gives([{"index": 0, "embedding": [[0.1], [0.2]]}])
    world = World(tmp_path, Provider(wrong), Provider(VECTORS))
    session = Session(config=world.config, directory=tmp_path, transport=world.transport, store=open_memory())
    trace = Trace()
    assert (await session.embed(EMBED, trace=trace)).vectors == ((1.0,),)
    assert (world.asked("a"), world.asked("b")) == (1, 1)
    assert world.clock.slept == []
    assert [billed.target for billed in trace.billed] == [Target("a", "m")]
    lines = {line.provider: line.usage for line in session.ledger.entries()}
    assert lines["a"].estimated
    assert lines["b"].input == 4
    alone = World(tmp_path, Provider(wrong))
    with pytest.raises(DecodeError):
        await alone.gateway.embed(EMBED)
    assert alone.asked("a") == 1


async def test_a_web_page_is_not_paid_for(tmp_path: Path) -> None:
    """A page instead of an answer says that nobody there has counted anything."""

    async def page(asked: Asked, send: Send) -> None:
        await begin(send, headers={"content-type": "text/html"})
        await body(send, b"<html><title>Welcome</title></html>", more=False)

    world, trace = World(tmp_path, Provider(page)), Trace()
    with pytest.raises(DecodeError, match="web page"):
        await world.gateway.embed(EMBED, trace=trace)
    assert trace.billed == []
