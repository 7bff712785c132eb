"""Prefixes kept by name at a simulated Gemini: made once beside the answer, used while they live, done without after."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import aclosing
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Clock, NoNetwork
from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Gateway, Trace
from ve_magics.engine.kept import REST
from ve_magics.engine.session import Session
from ve_magics.engine.sightings import WINDOW
from ve_magics.engine.transport import Deadlines, Mounted
from ve_magics.engine.transport.wire import Reply, WireCall
from ve_magics.errors import TransportError, UnsupportedError
from ve_magics.events import Accumulator
from ve_magics.messages import ChatRequest, Message, Usage, assistant, system, user
from ve_magics.routing import Router, Target
from ve_magics.sim import Settings, Simulator
from ve_magics.store.database import open_memory

pytestmark = pytest.mark.anyio

MANUAL = system("river stone cloud paper " * 1500)
DEADLINES = Deadlines()
PRICE = '[prices."g/tutor"]\ninput = 1\ncached = 0.1\noutput = 2\n'


class Taped(Mounted):
    """A simulated provider, and what went to it."""

    def __init__(self, simulator: Simulator) -> None:
        self.calls: list[WireCall] = []
        self.broken = False
        self.ill = 0
        super().__init__({"g.test": simulator}, NoNetwork)

    def of(self, part: str) -> list[WireCall]:
        """Return the calls to addresses with this in them."""
        return [call for call in self.calls if part in call.url]

    async def send(self, call: WireCall, deadlines: Deadlines = DEADLINES) -> Reply:
        self.calls.append(call)
        if self.broken and "cachedContents" in call.url:
            raise TransportError("The line is dead.")
        if self.ill:
            self.ill -= 1
            call = replace(call, headers=(*call.headers, ("x-sim-fault", "500")))
        return await super().send(call, deadlines)


class Stage:
    """A simulated Gemini whose own prefix cache finds nothing, before a gateway whose clock the test moves."""

    def __init__(
        self, folder: Path, *, quirks: str = "quirks = {cached_contents = true}", implicit: bool = False
    ) -> None:
        path = folder / "config.toml"
        row = f'[providers.g]\nbase_url = "http://g.test/v1beta"\ndialect = "generate_content"\nauth = "none"\n{quirks}\n'
        path.write_text(row + PRICE, "utf-8")
        self.clock = Clock()
        self.simulator = Simulator(
            Settings(first_token=0, tokens_per_second=inf, now=self.clock, prefix_cache=implicit)
        )
        self.line = Taped(self.simulator)
        self.config = Config(environ={"VE_CONFIG": str(path)})
        router = Router(clock=self.clock, random=random.Random(7))
        self.gateway = Gateway(self.config, router, self.line, clock=self.clock, sleep=self.clock.sleep)

    async def ask(self, *messages: Message, **more: Any) -> tuple[Usage, Trace]:
        """Ask, wait until what goes on beside is done, and return what was used."""
        request = ChatRequest(model="g/tutor", messages=(MANUAL, *messages), max_tokens=4, **more)
        accumulator, trace = Accumulator(), Trace()
        async with aclosing(self.gateway.stream(request, trace=trace)) as events:
            async for event in events:
                accumulator.add(event)
        for _ in range(50):
            await asyncio.sleep(0)
        assert accumulator.usage is not None
        return accumulator.usage, trace

    @property
    def made(self) -> int:
        """How often something was kept."""
        return self.simulator.contents.created


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prefix_that_is_read_again_and_again_is_kept(tmp_path: Path, stream: bool) -> None:
    """The third question has it made, beside its own answer; those after that are paid at the price of cached tokens."""
    stage = Stage(tmp_path)
    cached = [(await stage.ask(user(f"Question {n}?"), stream=stream))[0].cached for n in range(6)]
    assert cached[:3] == [0, 0, 0]
    assert min(cached[3:]) > 4096
    assert stage.made == 1
    after = json.loads(stage.line.calls[-1].body)
    assert "systemInstruction" not in after
    assert after["cachedContent"] in stage.simulator.contents.kept
    kept = json.loads(stage.line.of("cachedContents")[0].body)
    assert kept["ttl"] == f"{WINDOW}s"


async def test_where_the_provider_finds_it_by_itself_nothing_is_made(tmp_path: Path) -> None:
    """The cache that comes for nothing is cheaper; so is none for who has no such thing."""
    for stage in (Stage(tmp_path, implicit=True), Stage(tmp_path, quirks="")):
        for number in range(5):
            await stage.ask(user(f"Question {number}?"))
        assert stage.line.of("cachedContents") == []


async def test_a_wish_is_seen_to_at_once(tmp_path: Path) -> None:
    """`cache_ttl` has the prefix made with the first question, for that time, and it is not made again."""
    stage = Stage(tmp_path)
    first, _ = await stage.ask(user("One?"), cache_ttl="1h")
    second, _ = await stage.ask(user("One?"), assistant("Yes."), user("Two?"), cache_ttl="1h")
    assert (first.cached, second.cached > 4096, stage.made) == (0, True, 1)
    assert json.loads(stage.line.of("cachedContents")[0].body)["ttl"] == "3600s"
    longer, _ = await stage.ask(user("Three?"), cache_ttl="12h")
    assert longer.cached > 4096
    (extended,) = [call for call in stage.line.calls if call.method == "PATCH"]
    assert json.loads(extended.body) == {"ttl": "43200s"}


async def test_nobody_keeps_what_nobody_can(tmp_path: Path) -> None:
    """A provider without such a thing refuses the wish by name."""
    with pytest.raises(UnsupportedError) as caught:
        await Stage(tmp_path, quirks="").ask(user("One?"), cache_ttl="1h")
    assert caught.value.field == "cache_ttl"


async def test_questions_at_once_make_it_once(tmp_path: Path) -> None:
    """However many ask while it is being made."""
    stage = Stage(tmp_path)
    await asyncio.gather(*(stage.ask(user(f"Question {n}?"), cache_ttl="5m") for n in range(8)))
    assert stage.made == 1


async def test_it_is_kept_for_as_long_as_it_is_used(tmp_path: Path) -> None:
    """Used in the second half of its time it is kept for another; left alone it ends, and the question goes as it is."""
    stage = Stage(tmp_path)
    for _ in range(4):
        assert (await stage.ask(user("One?"), cache_ttl="5m"))[0] is not None
        stage.clock.now += 200
    assert stage.made == 1
    assert len([call for call in stage.line.calls if call.method == "PATCH"]) >= 2
    stage.clock.now += 1000
    usage, trace = await stage.ask(user("One?"))
    assert (usage.cached, trace.failures) == (0, [])
    stage.line.broken = True
    await stage.ask(user("One?"), cache_ttl="5m")
    assert stage.made == 1


async def test_one_that_is_gone_is_done_without(tmp_path: Path) -> None:
    """Where the provider has lost it the same question goes out whole, nobody sees a failure, and nothing is made anew
    for a while."""
    stage = Stage(tmp_path)
    await stage.ask(user("One?"), cache_ttl="5m")
    stage.simulator.contents.kept.clear()
    usage, trace = await stage.ask(user("Two?"), cache_ttl="5m")
    assert (usage.cached, usage.input > 4096, trace.failures) == (0, True, [])
    await stage.ask(user("Three?"), cache_ttl="5m")
    assert stage.made == 1
    stage.clock.now += REST + 1
    await stage.ask(user("Four?"), cache_ttl="5m")
    assert stage.made == 2


async def test_a_line_that_is_dead_at_half_time_is_tried_again(tmp_path: Path) -> None:
    """A prefix that could not be kept for longer is used to its end all the same."""
    stage = Stage(tmp_path)
    await stage.ask(user("One?"), cache_ttl="5m")
    stage.clock.now += 200
    stage.line.broken = True
    assert (await stage.ask(user("Two?")))[0].cached > 4096
    stage.line.broken = False
    await stage.ask(user("Three?"))
    assert [call.method for call in stage.line.of("cachedContents")] == ["POST", "PATCH", "PATCH"]


async def test_another_failure_is_not_put_down_to_it(tmp_path: Path) -> None:
    """A provider that is ill is ill; the prefix stays."""
    stage = Stage(tmp_path)
    await stage.ask(user("One?"), cache_ttl="5m")
    stage.line.ill = 1
    usage, trace = await stage.ask(user("Two?"))
    assert usage.cached > 4096
    assert [tried.failure for tried in trace.failures] == ["server"]


async def test_what_cannot_be_kept_is_left_alone(tmp_path: Path) -> None:
    """A refusal is not asked for again, and no answer suffers."""
    stage = Stage(tmp_path)
    stage.line.broken = True
    for number in range(6):
        usage, trace = await stage.ask(user(f"Question {number}?"))
        assert (usage.cached, trace.failures) == (0, [])
    assert len(stage.line.of("cachedContents")) == 1


async def test_the_books_show_what_it_cost_and_saved(tmp_path: Path) -> None:
    """Reading the prefix to keep it is a line of its own; what cached tokens saved stands beside each answer."""
    stage = Stage(tmp_path)
    session = Session(config=stage.config, transport=stage.line, store=open_memory())
    for number in range(3):
        request = ChatRequest(
            model="g/tutor", messages=(MANUAL, user(f"Question {number}?")), max_tokens=4, cache_ttl="5m"
        )
        await session.complete(request, cached=False)
        for _ in range(50):
            await asyncio.sleep(0)
    entries = list(reversed(session.ledger.entries()))
    assert len(entries) == 4
    reading = [entry for entry in entries if not entry.usage.output]
    assert len(reading) == 1
    assert reading[0].cost == pytest.approx(reading[0].usage.input * 1e-6)
    saved = [entry.saved for entry in entries if entry.usage.cached]
    assert len(saved) == 2
    assert all(amount and amount > 0.003 for amount in saved)
    assert stage.simulator.contents.kept
    await session.aclose()
    assert not stage.simulator.contents.kept


async def test_what_was_paid_is_told_with_the_target(tmp_path: Path) -> None:
    """The trace of an answer names who was paid for keeping."""
    stage = Stage(tmp_path)
    traces = [(await stage.ask(user(f"Question {n}?"), cache_ttl="5m"))[1] for n in range(2)]
    billed = [one for trace in traces for one in trace.billed]
    assert [one.target for one in billed] == [Target("g", "tutor")]
    assert billed[0].usage is not None
    assert billed[0].usage.input > 4096


async def test_letting_go_takes_no_line(tmp_path: Path) -> None:
    """A gateway closes though the provider can't be reached: what is kept there ends by itself."""
    stage = Stage(tmp_path)
    await stage.ask(user("One?"), cache_ttl="5m")
    stage.line.broken = True
    await stage.gateway.aclose()
    assert stage.line.calls[-1].method == "DELETE"
    await stage.gateway.aclose()
