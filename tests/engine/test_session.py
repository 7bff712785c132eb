"""The session: cache, single flight, recordings, books and budgets, and what happens where the disk says no."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import (
    Asked,
    NoNetwork,
    Play,
    Provider,
    Send,
    World,
    ask,
    begin,
    body,
    breaks,
    chunk,
    fails,
    gather,
    pauses,
    says,
    words,
)
from ve_magics.engine.answers import keepable
from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Trace
from ve_magics.engine.recording import Recording, request_key
from ve_magics.engine.session import Session
from ve_magics.errors import (
    ArgumentsError,
    BudgetError,
    InterruptedStreamError,
    NotFoundError,
    RecordingError,
    StoreError,
    VeError,
)
from ve_magics.events import TextDelta
from ve_magics.messages import ChatRequest, ChatResponse, Choice, Message, Refusal, Text, Usage
from ve_magics.routing import Target
from ve_magics.store.database import open_memory

pytestmark = pytest.mark.anyio


def session(world: World, folder: Path, **more: Any) -> Session:
    """Return a session before a world's providers, with its data in the folder."""
    notebook = more.pop("notebook", folder / "n.ipynb")
    return Session(
        config=world.config,
        directory=folder,
        notebook=notebook,
        transport=more.pop("transport", world.transport),
        data=folder / "data",
        **more,
    )


def body_of(data: bytes) -> Play:
    """Answer with this JSON."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send, headers={"content-type": "application/json"})
        await body(send, data, more=False)

    return play


async def run(session: Session, request: ChatRequest, **options: Any) -> tuple[str, Trace]:
    """Return the words of an answer and its trace."""
    trace = Trace()
    return words(await gather(session.stream(request, trace=trace, **options))), trace


# The cache


async def test_the_same_request_is_paid_once_in_a_session(tmp_path: Path) -> None:
    """Asked again, whole or streamed, the answer comes from the cache with the same events and the same cost."""
    world = World(tmp_path, Provider(says("One"), says("Two")))
    own = session(world, tmp_path)
    first = await gather(own.stream(ask("a/m")))
    again, trace = await run(own, ask("a/m", stream=False))
    assert (words(first), again) == ("One", "One")
    assert trace.source == "cache"
    assert str(trace.served) == "a/m"
    assert trace.cost.amount == pytest.approx((10 * 1 + 5 * 2) / 1e6)
    assert world.asked("a") == 1
    assert own.ledger.spent().known == pytest.approx(20 / 1e6)
    await own.aclose()


async def test_what_changes_the_answer_changes_the_key(tmp_path: Path) -> None:
    """Another temperature, system prompt or model is another request."""
    keys = {request_key(ask(**more)) for more in ({}, {"temperature": 0.5}, {"seed": 1}, {"model": "b/m"})}
    assert len(keys) == 4
    assert request_key(ask(stream=True)) == request_key(ask(stream=False))


async def test_answers_stay_in_their_session(tmp_path: Path) -> None:
    """Another session asks anew, although the store is the same."""
    world = World(tmp_path, Provider(says("One"), says("Two")))
    one, two = session(world, tmp_path), session(world, tmp_path)
    assert (await run(one, ask("a/m")))[0] == "One"
    assert (await run(two, ask("a/m")))[0] == "Two"
    await one.aclose()


async def test_an_answer_that_memory_forgot_is_in_the_store(tmp_path: Path) -> None:
    """Memory holds the newest answers, the store all of them."""
    world = World(tmp_path, Provider(says("One"), says("Two")))
    own = session(world, tmp_path)
    await run(own, ask("a/m"))
    own.answers._memory.clear()
    assert (await run(own, ask("a/m")))[0] == "One"
    assert own.forget() == 1
    assert (await run(own, ask("a/m")))[0] == "Two"
    await own.aclose()


async def test_fresh_asks_again_and_keeps_and_no_cache_does_neither(tmp_path: Path) -> None:
    """`fresh` replaces the kept answer; `cached=False` neither looks nor keeps."""
    world = World(tmp_path, Provider(says("One"), says("Two"), says("Three")))
    own = session(world, tmp_path)
    assert (await run(own, ask("a/m")))[0] == "One"
    assert (await run(own, ask("a/m"), fresh=True))[0] == "Two"
    assert (await run(own, ask("a/m"), cached=False))[0] == "Three"
    assert (await run(own, ask("a/m")))[0] == "Two"
    await own.aclose()


async def test_two_cells_that_ask_at_once_are_one_request(tmp_path: Path) -> None:
    """The second waits for the first and gets its answer."""
    until = asyncio.Event()
    provider = Provider(pauses("One", until=until))
    world = World(tmp_path, provider)
    own = session(world, tmp_path)
    tasks = [asyncio.create_task(run(own, ask("a/m"))) for _ in range(3)]
    await provider.arrived.wait()
    until.set()
    answers = await asyncio.gather(*tasks)
    assert [answer for answer, _ in answers] == ["One."] * 3
    assert sorted(trace.source for _, trace in answers) == ["cache", "cache", "provider"]
    assert world.asked("a") == 1
    await own.aclose()


async def test_where_the_first_is_cancelled_the_others_ask_once(tmp_path: Path) -> None:
    """A cancelled leader takes nobody with it: one of the waiting asks, and the rest wait for that one."""
    provider = Provider(pauses("Half"), says("Whole"))
    world = World(tmp_path, provider)
    own = session(world, tmp_path)
    leader = asyncio.create_task(run(own, ask("a/m")))
    await provider.arrived.wait()
    others = [asyncio.create_task(run(own, ask("a/m"))) for _ in range(2)]
    await asyncio.sleep(0)
    leader.cancel()
    assert [answer for answer, _ in await asyncio.gather(*others)] == ["Whole", "Whole"]
    assert world.asked("a") == 2
    with pytest.raises(asyncio.CancelledError):
        await leader
    await own.aclose()


async def test_a_waiting_cell_can_be_cancelled_alone(tmp_path: Path) -> None:
    """Interrupting the one that waits does not stop the one that asks."""
    until = asyncio.Event()
    provider = Provider(pauses("One", until=until))
    own = session(World(tmp_path, provider), tmp_path)
    leader = asyncio.create_task(run(own, ask("a/m")))
    await provider.arrived.wait()
    waiting = asyncio.create_task(run(own, ask("a/m")))
    await asyncio.sleep(0)
    waiting.cancel()
    until.set()
    assert (await leader)[0] == "One."
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await own.aclose()


async def test_partial_failed_and_filtered_answers_are_not_kept(tmp_path: Path) -> None:
    """Only whole answers are cached: not one that was left early, that broke, that failed, or that was filtered."""

    async def filtered(asked: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": chunk({"content": "x"}), "more_body": True})
        await send({"type": "http.response.body", "body": chunk({}, "content_filter"), "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    world = World(tmp_path, Provider(pauses("Half"), breaks("Half"), fails(400), filtered, says("Whole")))
    own = session(world, tmp_path)
    async with aclosing(own.stream(ask("a/m"))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    with pytest.raises(InterruptedStreamError):
        await run(own, ask("a/m"), fallback=False, deadlines=None)
    assert (await run(own, ask("a/m")))[0] == "x"
    text, trace = await run(own, ask("a/m"))
    assert (text, trace.source) == ("Whole", "provider")
    assert (await run(own, ask("a/m")))[1].source == "cache"
    assert world.asked("a") == 5
    booked = [line.cost is None for line in own.ledger.entries() if not line.cached]
    assert booked == [False, True, True, True]
    await own.aclose()


def test_what_may_be_kept() -> None:
    """An answer without choices, without an end, with a bad one, or in which the model refuses is not kept."""

    def response(*finishes: Any) -> ChatResponse:
        message = Message("assistant", (Text("x"),))
        return ChatResponse(choices=tuple(Choice(message, finish) for finish in finishes))

    assert keepable(response("stop"))
    assert keepable(response("length", "tool_calls"))
    refusal = Choice(Message("assistant", (Text("Well. "), Refusal("I can't."))), "stop")
    refused = ChatResponse(choices=(*response("stop").choices, refusal))
    for bad in (response(), response(None), response("stop", "content_filter"), response("error"), refused):
        assert not keepable(bad)


async def test_an_empty_prompt_is_said(tmp_path: Path) -> None:
    """A request without messages is an error of its own, and nothing is sent."""
    own = session(World(tmp_path, Provider(says("a"))), tmp_path)
    with pytest.raises(ArgumentsError, match="prompt is empty"):
        await own.complete(ChatRequest(model="a/m"))


# Recording


async def recorded(tmp_path: Path) -> World:
    """Record two answers and return the world."""
    world = World(tmp_path, Provider(says("One\nline"), says("Two")), environ={"VE_RECORDING": "record"})
    own = session(world, tmp_path)
    await run(own, ask("a/m", "first"))
    await run(own, ask("a/m", "second"))
    await run(own, ask("a/m", "first"))
    await own.aclose()
    return world


async def test_a_recorded_notebook_replays_without_socket_and_key(tmp_path: Path) -> None:
    """The same events, cost and target come back from the file; the transport would fail if it were used."""
    await recorded(tmp_path)
    live = Recording(tmp_path / "n.recording.json")
    assert len(live) == 2
    bare = Config(environ={"VE_RECORDING": "replay"})
    own = Session(
        config=bare,
        directory=tmp_path,
        notebook=tmp_path / "n.ipynb",
        transport=NoNetwork(),
        store=open_memory(),
    )
    text, trace = await run(own, ask("a/m", "first"), fresh=True, cached=False)
    assert (text, trace.source, str(trace.served)) == ("One\nline", "recording", "a/m")
    assert trace.cost.amount == pytest.approx(20 / 1e6)
    assert own.ledger.entries() == ()
    await own.aclose()


async def test_a_request_that_the_recording_lacks_names_the_cell(tmp_path: Path) -> None:
    """Replaying never asks anybody; the error says which cell and which file."""
    await recorded(tmp_path)
    own = Session(
        config=Config(environ={"VE_RECORDING": "replay"}),
        directory=tmp_path,
        notebook=tmp_path / "n.ipynb",
        transport=NoNetwork(),
        store=open_memory(),
    )
    with pytest.raises(RecordingError, match=r"the answer of cell 3 \(n\.recording\.json\)"):
        await run(own, ask("a/m", "third"), cell="cell 3")
    empty = Session(
        config=Config(environ={"VE_RECORDING": "replay"}),
        directory=tmp_path / "elsewhere",
        transport=NoNetwork(),
        store=open_memory(),
    )
    with pytest.raises(RecordingError, match="no recording here"):
        await run(empty, ask("a/m", "first"))


async def test_auto_takes_what_is_recorded_and_asks_for_the_rest(tmp_path: Path) -> None:
    """In `auto` a lacking answer comes live and is not written down; `fresh` asks although it is recorded."""
    await recorded(tmp_path)
    world = World(tmp_path, Provider(says("live")))
    before = (tmp_path / "n.recording.json").read_bytes()
    own = session(world, tmp_path)
    own.set_mode("auto")
    assert (await run(own, ask("a/m", "second")))[1].source == "recording"
    assert (await run(own, ask("a/m", "third")))[1].source == "provider"
    assert (await run(own, ask("a/m", "first"), fresh=True))[1].source == "provider"
    assert world.asked("a") == 2
    assert (tmp_path / "n.recording.json").read_bytes() == before
    await own.aclose()


async def test_a_notebook_without_a_name_replays_from_its_folder(tmp_path: Path) -> None:
    """Where nobody tells the notebook's name, any recording in the folder may answer; a broken one is passed over."""
    await recorded(tmp_path)
    (tmp_path / "broken.recording.json").write_text("{", "utf-8")
    own = Session(
        config=Config(environ={"VE_RECORDING": "replay"}),
        directory=tmp_path,
        transport=NoNetwork(),
        store=open_memory(),
    )
    assert (await run(own, ask("a/m", "first")))[0] == "One\nline"
    assert any("broken.recording.json" in warning for warning in own.warnings)


async def test_recording_needs_a_name(tmp_path: Path) -> None:
    """Without a notebook's name there is no file to write; the mode stays as it was."""
    own = session(World(tmp_path, Provider(says("a"))), tmp_path, notebook=None)
    with pytest.raises(RecordingError, match="VE_NOTEBOOK"):
        own.set_mode("record")
    assert own.mode == "off"
    own.set_mode("record", tmp_path / "x.ipynb")
    assert own.recording.path.name == "x.recording.json"
    assert own.replays == [own.recording]
    await run(own, ask("a/m"))
    assert (tmp_path / "x.recording.json").is_file()
    await own.aclose()


async def test_a_folder_that_cannot_be_written_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    """Recording into a read-only place fails before the request, not after it."""
    world = World(tmp_path, Provider(says("a")))
    missing = tmp_path / "missing" / "n.ipynb"
    own = session(world, tmp_path, notebook=missing)
    with pytest.raises(StoreError, match="can't be written"):
        own.set_mode("record")
    own.mode = "record"
    with pytest.raises(StoreError):
        await run(own, ask("a/m"))
    assert world.asked("a") == 0


async def test_an_answer_survives_a_recording_that_fails(tmp_path: Path) -> None:
    """A disk that fills up fails the cell, but the answer is kept: asked again it costs nothing."""
    world = World(tmp_path, Provider(says("One")))
    own = session(world, tmp_path)
    own.set_mode("record")
    own.recording.path.mkdir()
    own.recording.check_writable()
    with pytest.raises((StoreError, RecordingError)):
        await run(own, ask("a/m"))
    own.recording.path.rmdir()
    assert (await run(own, ask("a/m")))[1].source == "cache"
    assert len(Recording(own.recording.path)) == 1
    assert world.asked("a") == 1
    await own.aclose()


# The store


async def test_without_a_store_the_session_works_in_memory(tmp_path: Path) -> None:
    """Where the data directory can't be used, that is one warning, and everything else goes on."""
    (tmp_path / "data").write_text("a file where the folder should be", "utf-8")
    own = session(World(tmp_path, Provider(says("One"), says("Two"))), tmp_path)
    assert (await run(own, ask("a/m")))[0] == "One"
    assert (await run(own, ask("a/m")))[1].source == "cache"
    assert len(own.warnings) == 1
    assert "nothing is remembered" in own.warnings[0]
    await own.aclose()


async def test_a_store_that_fails_later_is_a_warning(tmp_path: Path) -> None:
    """A store that was closed under the session costs nobody an answer."""
    store = open_memory()
    own = session(World(tmp_path, Provider(says("One"), says("Two"))), tmp_path, store=store)
    await run(own, ask("a/m"))
    store.close()
    assert (await run(own, ask("a/m")))[1].source == "cache"
    assert (await run(own, ask("a/m", "other")))[0] == "Two"
    assert own.warnings
    assert own.forget() == 2


async def test_an_entry_that_cannot_be_read_is_asked_for_again(tmp_path: Path) -> None:
    """Whatever stands in the store is data: what is no answer is not taken for one."""
    own = session(World(tmp_path, Provider(says("One"))), tmp_path)
    own.cache.put(request_key(ask("a/m")), b"{broken")
    assert (await run(own, ask("a/m")))[0] == "One"
    assert any("can't be read" in warning for warning in own.warnings)
    await own.aclose()


async def test_opening_a_session_opens_nothing_else(tmp_path: Path) -> None:
    """A new session reads configuration only; closing it is fine, too."""
    own = Session(config=Config(environ={}), directory=tmp_path, data=tmp_path / "data")
    await own.aclose()
    assert not (tmp_path / "data").exists()
    default = Session(config=Config(environ={}), directory=tmp_path, store=open_memory())
    answer = await default.complete(ask("sim/tutor"))
    assert answer.text
    assert default.ledger.spent() == (0.0, 0)
    assert default.deadlines.connect == 5.0
    await default.aclose()


# Books and budgets


async def test_answers_that_broke_are_in_the_books(tmp_path: Path) -> None:
    """The broken one has a line of unknown cost, the one that restarted its own; nothing is counted twice."""
    world = World(tmp_path, Provider(breaks("Half")), Provider(says("Whole")))
    own = session(world, tmp_path)
    await run(own, ask())
    lines = {line.provider: line.cost for line in own.ledger.entries()}
    assert lines == {"a": None, "b": pytest.approx(20 / 1e6)}
    await own.aclose()


async def test_a_cost_that_the_provider_tells_wins(tmp_path: Path) -> None:
    """The provider's own word on the cost stands in the books."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25}
    own = session(World(tmp_path, Provider(says("One", usage=usage))), tmp_path)
    _, trace = await run(own, ask("a/m"))
    assert (trace.cost.amount, trace.cost.reported) == (0.25, True)
    await own.aclose()


async def test_a_call_that_could_pass_the_budget_is_not_sent(tmp_path: Path) -> None:
    """The most that a call can cost counts, with what the notebook and everybody spent; the error says what is left."""
    world = World(tmp_path, Provider(says("One")), toml="[budget]\nnotebook = 0.001\n")
    own = session(world, tmp_path)
    with pytest.raises(BudgetError, match="could cost up to") as caught:
        await run(own, ask("a/m"))
    assert "--max-tokens" in caught.value.hint
    assert world.asked("a") == 0
    small = ask("a/m", max_tokens=100)
    assert (await run(own, small))[0] == "One"
    for number in range(45):
        own.books.write(Target("a", "m"), Usage(input=10, output=5), request_id=str(number))
    with pytest.raises(BudgetError, match="this notebook"):
        await run(own, ask("a/m", "more", max_tokens=100))
    assert own.ledger.spent().known <= 0.001
    own.books.purse.limit_notebook(5.0)
    await run(own, ask("a/m", "more", max_tokens=100))
    await own.aclose()


async def test_calls_at_the_same_time_share_one_budget(tmp_path: Path) -> None:
    """What is running counts as spent until it is known: two calls can't both take the last of it."""
    until = asyncio.Event()
    provider = Provider(pauses("One", until=until))
    world = World(tmp_path, provider, toml="[budget]\ntotal = 0.0003\n")
    own = session(world, tmp_path)
    first = asyncio.create_task(run(own, ask("a/m", "1", max_tokens=100)))
    await provider.arrived.wait()
    with pytest.raises(BudgetError, match="everything"):
        await run(own, ask("a/m", "2", max_tokens=100))
    until.set()
    assert (await first)[0] == "One."
    assert (await run(own, ask("a/m", "2", max_tokens=100)))[0] == "One."
    await own.aclose()


async def test_an_unknown_price_and_a_budget_do_not_go_together(tmp_path: Path) -> None:
    """With a budget, a model of unknown price is refused, with what to write; `allow_unknown` lets it through."""
    world = World(tmp_path, Provider(says("One")), toml="[budget]\nnotebook = 5\n[prices]\n")
    own = session(world, tmp_path)
    with pytest.raises(BudgetError, match="nobody knows what a/m costs") as caught:
        await run(own, ask("a/m"))
    assert '[prices."a/m"]' in caught.value.hint
    lenient = World(
        tmp_path, Provider(says("One")), toml="[budget]\nnotebook = 5\nallow_unknown = true\n[prices]\n"
    )
    other = session(lenient, tmp_path)
    assert (await run(other, ask("a/m")))[0] == "One"
    await other.aclose()


async def test_a_notebook_without_a_name_has_a_budget_of_its_session(tmp_path: Path) -> None:
    """Where nobody tells the notebook's name, the session's own spending counts."""
    world = World(tmp_path, Provider(says("One")), toml="[budget]\nnotebook = 0.0003\n")
    own = session(world, tmp_path, notebook=None)
    await run(own, ask("a/m", "1", max_tokens=100))
    other = session(world, tmp_path, notebook=None)
    await run(other, ask("a/m", "1", max_tokens=100))
    await own.aclose()


async def test_cached_answers_cost_nothing_whatever_the_budget(tmp_path: Path) -> None:
    """What is known is given although the budget is used up; the book says what that saved."""
    own = session(World(tmp_path, Provider(says("One"))), tmp_path)
    await run(own, ask("a/m"))
    own.books.purse.limit_notebook(0.0)
    assert (await run(own, ask("a/m")))[1].source == "cache"
    cached, live = own.ledger.entries()
    assert (cached.cached, cached.cost, cached.saved) == (True, 0.0, live.cost)
    assert (cached.provider, cached.model, cached.usage) == ("a", "m", Usage())
    await own.aclose()


async def test_a_failure_leaves_no_line_and_no_waiting_cell(tmp_path: Path) -> None:
    """Nothing is booked where nobody answered, and the next cell asks anew."""
    own = session(World(tmp_path, Provider(fails(400), says("One"))), tmp_path)
    with pytest.raises(VeError):
        await run(own, ask("a/m"))
    assert own.ledger.entries() == ()
    assert (await run(own, ask("a/m")))[0] == "One"
    await own.aclose()


async def test_a_model_that_is_gone_brings_the_nearest_that_is_there(tmp_path: Path) -> None:
    """The provider's own list, asked after the failure, is what the error suggests."""
    listed = body_of(b'{"data": [{"id": "m-2"}, {"id": "else"}]}')
    world = World(tmp_path, Provider(fails(404, "model_not_found"), listed))
    own = session(world, tmp_path)
    with pytest.raises(NotFoundError) as caught:
        await run(own, ask("a/m-1"))
    assert caught.value.hint == "Did you mean a/m-2? %ve models a lists what it offers now."
    assert [asked.path for asked in world.providers["a"].asked] == ["/v1/chat/completions", "/v1/models"]
    await own.aclose()
