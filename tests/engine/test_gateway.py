"""The gateway: whoever answers, however many had to be asked, and what the caller gets of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import (
    Asked,
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
    refuses,
    says,
    words,
)
from ve_magics.dialects.contract import WireRequest
from ve_magics.engine.gateway import Trace, affinity
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import (
    AuthError,
    BadRequestError,
    ConfigError,
    DecodeError,
    InterruptedStreamError,
    MissingKeyError,
    NotFoundError,
    RateLimitError,
    RouteExhaustedError,
    TimedOutError,
    UnsupportedError,
)
from ve_magics.events import Finished, Restarted, Started, TextDelta, accumulate
from ve_magics.messages import Message, Text, user
from ve_magics.routing import Target

FIXTURES = Path(__file__).parent.parent / "fixtures"

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "play",
    [
        refuses(),
        fails(500),
        fails(429, "rate_limit_exceeded"),
        fails(401, "invalid_api_key"),
        fails(403, "permission_denied"),
        fails(404, "model_not_found"),
        breaks(),
    ],
    ids=["refused", "500", "429", "401", "403", "404", "cut"],
)
async def test_a_fallback_starts_at_once(tmp_path: Path, play: Any) -> None:
    """Whatever fails before the first token, the next target is asked without any wait, and nothing shows."""
    world = World(tmp_path, Provider(play), Provider(says("Hi")))
    trace = Trace()
    events = await gather(world.gateway.stream(ask(), trace=trace))
    assert words(events) == "Hi"
    assert world.clock.slept == []
    assert [tried.target for tried in trace.attempts] == ["a/m", "b/m"]
    assert trace.failures[0].failure
    assert trace.served == Target("b", "m")
    assert not any(isinstance(event, Restarted) for event in events)


async def test_waiting_comes_only_when_everybody_was_tried(tmp_path: Path) -> None:
    """A retry waits, and only after every target has failed."""
    world = World(tmp_path, Provider(fails(500), says("late")), Provider(fails(503)))
    events = await gather(world.gateway.stream(ask()))
    assert words(events) == "late"
    assert world.asked("b") >= 1
    assert len(world.clock.slept) >= 1


async def test_the_providers_own_wait_is_respected(tmp_path: Path) -> None:
    """A Retry-After is waited for where nobody else can be asked."""
    wait = fails(429, "rate_limit_exceeded", headers={"retry-after": "7"})
    world = World(tmp_path, Provider(wait, says("now")))
    assert words(await gather(world.gateway.stream(ask("a/m")))) == "now"
    assert sum(world.clock.slept) == pytest.approx(7, abs=1.5)


async def test_the_deadline_holds_over_all_attempts(tmp_path: Path) -> None:
    """No wait ends after the deadline: the last failure is told instead."""
    wait = fails(429, "rate_limit_exceeded", headers={"retry-after": "70"})
    world = World(tmp_path, Provider(wait))
    with pytest.raises(RateLimitError) as caught:
        await gather(world.gateway.stream(ask("a/m"), deadlines=Deadlines(total=30)))
    assert caught.value.retry_after == 70
    assert world.asked("a") == 1
    assert world.clock.slept == []


async def test_a_deadline_that_has_passed_is_told(tmp_path: Path) -> None:
    """Where no time is left for any attempt, that is the error."""
    world = World(tmp_path, Provider(says("never")))
    with pytest.raises(TimedOutError) as caught:
        await gather(world.gateway.stream(ask("a/m"), deadlines=Deadlines(total=0)))
    assert caught.value.phase == "total"
    assert world.asked("a") == 0


async def test_a_silent_provider_times_out_and_another_answers(tmp_path: Path) -> None:
    """The deadline of the first token counts until a token comes, and then the next target is asked."""
    world = World(tmp_path, Provider(pauses()), Provider(says("Hi")))
    trace = Trace()
    events = await gather(
        world.gateway.stream(ask(), trace=trace, deadlines=Deadlines(first_token=0.05, silence=0.05))
    )
    assert words(events) == "Hi"
    assert trace.failures[0].failure == "timeout"


async def test_a_missing_key_sends_nothing_and_asks_the_next(tmp_path: Path) -> None:
    """A target without a key is passed over; alone, it says which variable to set."""
    world = World(tmp_path, Provider(says("a")), Provider(says("b")))
    del world.environ["A_KEY"]
    trace = Trace()
    assert words(await gather(world.gateway.stream(ask(), trace=trace))) == "b"
    assert trace.failures[0].failure == "authentication"
    with pytest.raises(MissingKeyError, match="A_KEY"):
        await gather(world.gateway.stream(ask("a/m")))
    assert world.asked("a") == 0
    world.environ["A_KEY"] = "sk-now-it-is-there"
    assert words(await gather(world.gateway.stream(ask()))) == "a"


async def test_what_a_target_cannot_say_another_may(tmp_path: Path) -> None:
    """An `UnsupportedError` at one target asks the next one; where nobody can say it, it is the error."""
    toml = '[providers.a]\nbase_url = "https://a.test/v1"\nkey = "env:A_KEY"\nquirks = {unsupported = ["top_k"]}\n'
    world = World(tmp_path, Provider(says("a")), Provider(says("b")), toml=toml)
    assert words(await gather(world.gateway.stream(ask(top_k=5)))) == "b"
    with pytest.raises(UnsupportedError, match="top_k"):
        await gather(world.gateway.stream(ask("a/m", top_k=5)))
    assert world.asked("a") == 0


async def test_an_unknown_wire_is_passed_over(tmp_path: Path) -> None:
    """A provider whose dialect nothing here speaks is an error of the configuration, and others are asked."""
    world = World(tmp_path, Provider(says("a")), Provider(says("b")))
    world.gateway._caller.wires[Target("a", "m")] = "smoke_signals"
    assert words(await gather(world.gateway.stream(ask()))) == "b"
    with pytest.raises(ConfigError, match="smoke_signals"):
        await gather(world.gateway.stream(ask("a/m")))


async def test_a_bad_request_stops(tmp_path: Path) -> None:
    """What nobody would accept is not sent to anybody else."""
    world = World(tmp_path, Provider(fails(400, "invalid_value")), Provider(says("b")))
    with pytest.raises(BadRequestError):
        await gather(world.gateway.stream(ask()))
    assert world.asked("b") == 0


async def test_without_fallback_only_the_first_is_asked(tmp_path: Path) -> None:
    """`fallback=False` tells the first target's failure."""
    world = World(tmp_path, Provider(fails(404, "model_not_found")), Provider(says("b")))
    with pytest.raises(NotFoundError):
        await gather(world.gateway.stream(ask(), fallback=False))
    assert world.asked("b") == 0


async def test_nothing_is_delivered_before_the_answer_has_begun(tmp_path: Path) -> None:
    """Ids and counts are held back until the first token, so that a fallback leaves no trace of the first target."""

    async def opens_and_breaks(asked: Asked, send: Send) -> None:
        await begin(send)
        await body(send, chunk({"role": "assistant", "content": ""}))
        raise ConnectionResetError("cut")

    world = World(tmp_path, Provider(opens_and_breaks), Provider(says("Hi")))
    events = await gather(world.gateway.stream(ask()))
    assert [type(event) for event in events].count(Started) == 1
    assert words(events) == "Hi"


async def test_a_broken_answer_restarts_marked(tmp_path: Path) -> None:
    """After the first token a restart begins with `Restarted`, and the whole answer is the second one's."""
    world = World(tmp_path, Provider(breaks("Half")), Provider(says("Whole", " answer")))
    trace = Trace()
    events = await gather(world.gateway.stream(ask(), trace=trace))
    marks = [event for event in events if isinstance(event, Restarted)]
    assert [mark.target for mark in marks] == ["b/m"]
    assert accumulate(events).text == "Whole answer"
    assert [billed.target for billed in trace.billed] == [Target("a", "m")]
    assert world.clock.slept == []


async def test_a_restart_is_marked_even_if_only_thoughts_had_come(tmp_path: Path) -> None:
    """Reasoning that was shown counts as delivered: its restart is marked, too."""
    thinking = breaks(deltas=[{"reasoning_content": "Let me see"}])
    world = World(tmp_path, Provider(thinking), Provider(says("Whole")))
    events = await gather(world.gateway.stream(ask()))
    assert sum(isinstance(event, Restarted) for event in events) == 1
    assert accumulate(events).message.reasoning == ""


async def test_failing_midstream_keeps_the_partial_answer(tmp_path: Path) -> None:
    """With `fail` nobody else is asked, and the error carries what had come."""
    world = World(tmp_path, Provider(breaks("Half", " way")), Provider(says("b")))
    with pytest.raises(InterruptedStreamError) as caught:
        await gather(world.gateway.stream(ask(), midstream="fail"))
    assert caught.value.partial == "Half way"
    assert caught.value.kind == "network"
    assert caught.value.target == "a/m"
    assert world.asked("b") == 0
    assert all(state.in_flight == 0 for state in world.router.snapshot())


async def test_a_restart_that_fails_tells_of_the_interruption(tmp_path: Path) -> None:
    """Where words were shown and nobody can begin anew, the error says that the answer broke off."""
    world = World(tmp_path, Provider(breaks("Half")), Provider(fails(400, "invalid_value")))
    with pytest.raises(InterruptedStreamError):
        await gather(world.gateway.stream(ask()))


async def test_the_route_chooses_what_a_break_does(tmp_path: Path) -> None:
    """`midstream` of a route holds where the caller says nothing."""
    toml = '[routes.fast]\ntargets = ["a/m", "b/m"]\nmidstream = "fail"\n'
    world = World(tmp_path, Provider(breaks("Half")), Provider(says("b")), toml=toml)
    with pytest.raises(InterruptedStreamError):
        await gather(world.gateway.stream(ask()))


async def test_leaving_early_closes_the_connection(tmp_path: Path) -> None:
    """Closing the stream hangs up on the provider and frees the target's place."""
    provider = Provider(pauses("Hello"))
    world = World(tmp_path, provider)
    events = world.gateway.stream(ask("a/m"))
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                break
    await asyncio.wait_for(provider.asked[0].gone.wait(), 5)
    assert world.router.snapshot()[0].in_flight == 0


async def test_cancelling_closes_the_connection(tmp_path: Path) -> None:
    """Cancelling while the provider is silent hangs up at once."""
    provider = Provider(pauses())
    world = World(tmp_path, provider)
    task = asyncio.create_task(gather(world.gateway.stream(ask("a/m"))))
    await provider.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(provider.asked[0].gone.wait(), 5)
    assert world.router.snapshot()[0].in_flight == 0


async def test_a_retired_model_is_told_once(tmp_path: Path) -> None:
    """A route survives a model's retirement; the user hears of it with the first answer and not again."""
    world = World(tmp_path, Provider(fails(404, "model_not_found")), Provider(says("b")))
    first, second = Trace(), Trace()
    await gather(world.gateway.stream(ask(), trace=first))
    await gather(world.gateway.stream(ask(), trace=second))
    assert len(first.notices) == 1
    assert first.notices[0].startswith("a/m is not there any more; b/m answers.")
    assert second.notices == []


async def test_a_model_that_lives_on_another_wire_is_reached(tmp_path: Path) -> None:
    """A provider that says `use the Responses API` is asked that way, without the caller knowing, and remembered."""
    message = "This model is only supported in v1/responses and not in v1/chat/completions."
    seen: list[str] = []

    async def play(asked: Asked, send: Send) -> None:
        seen.append(asked.path)
        if asked.path.endswith("/chat/completions"):
            await fails(404, message=message)(asked, send)
        else:
            await begin(send, headers={"content-type": "application/json"})
            await body(send, (FIXTURES / "responses" / "text.json").read_bytes(), more=False)

    world = World(tmp_path, Provider(play))
    for _ in range(2):
        assert words(await gather(world.gateway.stream(ask("a/m", stream=False))))
    assert seen == ["/v1/chat/completions", "/v1/responses", "/v1/responses"]


async def test_errors_say_who_failed_and_what_to_do(tmp_path: Path) -> None:
    """Each failure names its target and has a hint; a refused key names the variable that it came from."""
    world = World(tmp_path, Provider(fails(401, "invalid_api_key")))
    with pytest.raises(AuthError) as caught:
        await gather(world.gateway.stream(ask("a/m")))
    assert caught.value.target == "a/m"
    assert "A_KEY" in caught.value.hint
    assert "%ve key a" in caught.value.hint


async def test_all_attempts_are_told_where_every_target_fails(tmp_path: Path) -> None:
    """The error of a route knows every attempt; its message names the last."""
    world = World(
        tmp_path, Provider(fails(401, "invalid_api_key")), Provider(fails(402, "insufficient_quota"))
    )
    with pytest.raises(RouteExhaustedError) as caught:
        await gather(world.gateway.stream(ask()))
    assert [failure.target for failure in caught.value.attempts] == ["a/m", "b/m"]
    assert "All 2 targets of fast failed" in caught.value.message


async def test_one_target_that_fails_again_and_again_says_how_often(tmp_path: Path) -> None:
    """Retries of one target are counted in the message."""
    world = World(tmp_path, Provider(fails(500)))
    with pytest.raises(RouteExhaustedError, match="a/m failed 3 times"):
        await gather(world.gateway.stream(ask("a/m")))


async def test_a_failure_beside_a_missing_key_tells_both(tmp_path: Path) -> None:
    """The one target that was asked failed, and the other one's key is missing: both are said."""
    world = World(tmp_path, Provider(says("a")), Provider(fails(401, "invalid_api_key")))
    del world.environ["A_KEY"]
    with pytest.raises(RouteExhaustedError) as caught:
        await gather(world.gateway.stream(ask()))
    assert "b/m failed" in caught.value.message
    assert "a/m was not asked: No key for a." in caught.value.hint


async def test_a_base_url_that_answers_html_is_said(tmp_path: Path) -> None:
    """A web page where an answer was due is told as such, with what to check."""

    async def page(asked: Asked, send: Send) -> None:
        await begin(send, 200, {"content-type": "text/html"})
        await body(send, b"<!doctype html><html><title>Welcome</title></html>", more=False)

    world = World(tmp_path, Provider(page))
    with pytest.raises(DecodeError) as caught:
        await gather(world.gateway.stream(ask("a/m")))
    assert "web page" in caught.value.message
    assert "base_url" in caught.value.hint


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """A redirect is an error that names where it leads; the key goes nowhere else."""

    async def elsewhere(asked: Asked, send: Send) -> None:
        await begin(send, 302, {"location": "https://evil.test/v1"})
        await body(send, b"", more=False)

    world = World(tmp_path, Provider(elsewhere))
    with pytest.raises(NotFoundError, match=r"evil\.test"):
        await gather(world.gateway.stream(ask("a/m")))


async def test_whole_and_streamed_answers_are_the_same_events(tmp_path: Path) -> None:
    """Asked either way, the answer folds to the same value."""
    world = World(tmp_path, Provider(says("One", " two")))
    streamed = accumulate(await gather(world.gateway.stream(ask("a/m"))))
    whole = accumulate(await gather(world.gateway.stream(ask("a/m", stream=False))))
    assert streamed.choices == whole.choices
    assert streamed.usage == whole.usage


async def test_fields_that_nobody_knows_go_to_whoever_answers(tmp_path: Path) -> None:
    """What the user typed as an extra parameter is sent as it is."""
    world = World(tmp_path, Provider(says("a")))
    await gather(world.gateway.stream(ask("a/m", extra={"min_p": 0.1})))
    assert world.providers["a"].asked[0].json["min_p"] == 0.1


async def test_used_up_limits_make_the_next_request_go_elsewhere(tmp_path: Path) -> None:
    """A reply that says that nothing is left keeps the target at rest until the reset that it names."""
    last = says("a", headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"})
    world = World(tmp_path, Provider(last), Provider(says("b")))
    assert words(await gather(world.gateway.stream(ask()))) == "a"
    assert words(await gather(world.gateway.stream(ask()))) == "b"
    world.clock.now += 31
    assert words(await gather(world.gateway.stream(ask()))) == "a"


async def test_keys_of_a_pool_take_over_from_one_another(tmp_path: Path) -> None:
    """A key that is refused gives way to the next one of the provider; a long prefix keeps to its key."""
    seen: list[str] = []

    async def play(asked: Asked, send: Send) -> None:
        key = asked.headers["authorization"].removeprefix("Bearer ")
        seen.append(key)
        await (fails(401, "invalid_api_key") if key.endswith("one") else says("ok"))(asked, send)

    toml = '[providers.a]\nbase_url = "https://a.test/v1"\nkeys = ["env:ONE", "env:TWO"]\n'
    environ = {"ONE": "sk-number-one", "TWO": "sk-number-two"}
    world = World(tmp_path, Provider(play), toml=toml, environ=environ)
    for _ in range(2):
        assert words(await gather(world.gateway.stream(ask("a/m")))) == "ok"
    assert "sk-number-two" in seen
    seen.clear()
    long = "word " * 2000
    for _ in range(4):
        await gather(world.gateway.stream(ask("a/m", long)))
    assert set(seen) == {"sk-number-two"}


async def test_a_new_key_ends_the_rest_of_a_refused_one(tmp_path: Path) -> None:
    """`%ve key` makes a provider whose key was refused the first choice again at once."""
    world = World(tmp_path, Provider(fails(401, "invalid_api_key"), says("a")), Provider(says("b")))
    assert words(await gather(world.gateway.stream(ask()))) == "b"
    assert words(await gather(world.gateway.stream(ask()))) == "b"
    world.config.hold_key("a", "sk-typed-by-hand")
    assert words(await gather(world.gateway.stream(ask()))) == "a"
    assert world.providers["a"].asked[-1].headers["authorization"] == "Bearer sk-typed-by-hand"


def test_long_prefixes_have_one_key_and_short_ones_none() -> None:
    """Requests that begin alike share a key; a cache key of the user's own wins."""
    text = "x" * 5000
    assert affinity(ask(text="short")) is None
    assert affinity(ask(text=text)) == affinity(ask(text=text, temperature=1.0))
    grown = ask(text=text)
    longer = type(grown)(model="m", messages=(*grown.messages, Message("assistant", (Text("a"),)), user("b")))
    assert affinity(grown) == affinity(longer)
    assert affinity(ask(text=text, cache_key="mine")) == "mine"


async def test_any_call_goes_out_with_its_providers_key(tmp_path: Path) -> None:
    """`call` sends one request of any kind and returns the reply whatever its status."""
    world = World(tmp_path, Provider(fails(418)))
    reply = await world.gateway.call(
        WireRequest("/tea", method="GET", query=(("cups", "2"),)), world.config.provider("a")
    )
    assert reply.status == 418
    await reply.aclose()
    asked = world.providers["a"].asked[0]
    assert (asked.path, asked.query) == ("/v1/tea", "cups=2")
    assert asked.headers["authorization"].endswith("-a")


# Hedging


def hedged(tmp_path: Path, a: Provider, b: Provider) -> World:
    """Return a world whose route is hedged and has seen enough answers to know what is slow."""
    toml = '[routes.fast]\ntargets = ["a/m", "b/m"]\nhedge_percentile = 90\n'
    world = World(tmp_path, a, b, toml=toml)
    route = world.config.route("fast")
    for _ in range(30):
        world.router._sample(route, 0.5)
    return world


async def test_a_slow_target_is_hedged_and_the_faster_one_answers(tmp_path: Path) -> None:
    """After the percentile a second target is asked; the loser is hung up on and not in the books."""
    slow = Provider(pauses())
    world = hedged(tmp_path, slow, Provider(says("b")))
    trace = Trace()
    events = await gather(world.gateway.stream(ask(), trace=trace))
    assert words(events) == "b"
    assert world.clock.slept == [0.5]
    assert trace.served == Target("b", "m")
    assert [(tried.target, tried.failure) for tried in trace.attempts] == [("a/m", "hedged"), ("b/m", "")]
    assert trace.billed == []
    await asyncio.wait_for(slow.asked[0].gone.wait(), 5)
    assert all(state.in_flight == 0 for state in world.router.snapshot())


async def test_no_route_is_hedged_that_did_not_ask_for_it(tmp_path: Path) -> None:
    """Without `hedge_percentile` a slow target is waited for alone, and so is an answer that comes whole."""
    world = World(tmp_path, Provider(says("a")), Provider(says("b")))
    for _ in range(30):
        world.router._sample(world.config.route("fast"), 0.0001)
    assert words(await gather(world.gateway.stream(ask()))) == "a"
    whole = hedged(tmp_path, Provider(says("a")), Provider(says("b")))
    assert words(await gather(whole.gateway.stream(ask(stream=False)))) == "a"
    assert whole.asked("b") == world.asked("b") == 0


async def test_a_hedge_that_fails_is_forgotten_and_both_failing_is_an_error(tmp_path: Path) -> None:
    """Where the second target fails the first one is waited for; where both fail neither is asked again at once."""
    until = asyncio.Event()

    async def fail_and_free(asked: Asked, send: Send) -> None:
        await fails(400, "invalid_value")(asked, send)
        asyncio.get_running_loop().call_later(0.02, until.set)

    async def late(asked: Asked, send: Send) -> None:
        await until.wait()
        await says("late")(asked, send)

    world = hedged(tmp_path, Provider(late), Provider(fail_and_free))
    assert words(await gather(world.gateway.stream(ask()))) == "late"

    async def late_failure(asked: Asked, send: Send) -> None:
        await until.wait()
        await fails(400, "invalid_value")(asked, send)

    until.clear()
    world = hedged(tmp_path, Provider(late_failure), Provider(fail_and_free))
    with pytest.raises(RouteExhaustedError) as caught:
        await gather(world.gateway.stream(ask()))
    assert [failure.target for failure in caught.value.attempts] == ["b/m", "a/m"]
    assert all(state.in_flight == 0 for state in world.router.snapshot())


async def test_the_hedge_answers_after_the_first_has_failed(tmp_path: Path) -> None:
    """The first target fails while the second is running: the second is the fallback already."""
    asked_b, failed_a = asyncio.Event(), asyncio.Event()

    async def fail_late(asked: Asked, send: Send) -> None:
        await asked_b.wait()
        await fails(500)(asked, send)
        failed_a.set()

    async def answer_late(asked: Asked, send: Send) -> None:
        asked_b.set()
        await failed_a.wait()
        await asyncio.sleep(0.01)
        await says("b")(asked, send)

    world = hedged(tmp_path, Provider(fail_late), Provider(answer_late))
    trace = Trace()
    assert words(await gather(world.gateway.stream(ask(), trace=trace))) == "b"
    assert [(tried.target, tried.failure) for tried in trace.attempts] == [("a/m", "server"), ("b/m", "")]
    assert all(state.in_flight == 0 for state in world.router.snapshot())


async def test_a_hedge_that_breaks_midstream_restarts(tmp_path: Path) -> None:
    """The winner of a race is an answer like any other: when it breaks, the answer starts over, marked."""
    world = hedged(tmp_path, Provider(pauses(), says("again")), Provider(breaks("half")))
    events = await gather(world.gateway.stream(ask()))
    assert accumulate(events).text == "again"
    assert sum(isinstance(event, Restarted) for event in events) == 1
    assert all(state.in_flight == 0 for state in world.router.snapshot())


async def test_leaving_a_race_hangs_up_on_both(tmp_path: Path) -> None:
    """Cancelling while two targets are asked closes both connections."""
    one, two = Provider(pauses()), Provider(pauses())
    world = hedged(tmp_path, one, two)
    task = asyncio.create_task(gather(world.gateway.stream(ask())))
    await asyncio.wait_for(two.arrived.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for provider in (one, two):
        await asyncio.wait_for(provider.asked[0].gone.wait(), 5)
    assert all(state.in_flight == 0 for state in world.router.snapshot())


# Continuing


async def test_an_answer_goes_on_where_the_caller_asks_for_it(tmp_path: Path) -> None:
    """The next target gets the partial answer and an instruction; its words are appended, and the trace says so."""
    world = World(tmp_path, Provider(breaks("One", " two")), Provider(says(" three", ".")))
    trace = Trace()
    events = await gather(world.gateway.stream(ask(), trace=trace, midstream="continue"))
    answer = accumulate(events)
    assert answer.text == "One two three."
    assert len(answer.message.parts) == 1
    assert trace.continued == ["b/m"]
    assert not any(isinstance(event, Restarted) for event in events)
    assert [type(event) for event in events].count(Started) == 1
    messages = world.providers["b"].asked[0].json["messages"]
    assert messages[1] == {"role": "assistant", "content": "One two"}
    assert messages[2]["role"] == "user"
    assert [billed.target for billed in trace.billed] == [Target("a", "m")]


async def test_thoughts_of_the_second_stay_apart_and_it_may_break_too(tmp_path: Path) -> None:
    """Reasoning gets parts of its own, and a third target goes on from all that came before."""
    one = breaks(deltas=[{"reasoning_content": "hm"}, {"content": "A"}])
    two = breaks(deltas=[{"reasoning_content": "oh"}, {"content": "B"}])
    world = World(tmp_path, Provider(one), Provider(two), Provider(says("C")))
    answer = accumulate(await gather(world.gateway.stream(ask(), midstream="continue")))
    assert answer.text == "ABC"
    assert answer.message.reasoning == "hmoh"
    assert world.providers["c"].asked[0].json["messages"][1]["content"] == "AB"


async def test_a_half_made_tool_call_is_never_continued(tmp_path: Path) -> None:
    """What can't be appended to fails: a tool call that began."""
    call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    one = breaks(deltas=[{"tool_calls": [call]}])
    world = World(tmp_path, Provider(one), Provider(says("b")))
    with pytest.raises(InterruptedStreamError):
        await gather(world.gateway.stream(ask(), midstream="continue"))
    assert world.asked("b") == 0
    assert all(state.in_flight == 0 for state in world.router.snapshot())


async def test_several_choices_are_never_continued(tmp_path: Path) -> None:
    """Two answers at once can't be told apart by another model."""

    async def two(asked: Asked, send: Send) -> None:
        await begin(send)
        for index in (0, 1):
            choice = {"index": index, "delta": {"content": "x"}, "finish_reason": None}
            await body(send, chunk({}, choices=[choice]))
        raise ConnectionResetError("cut")

    world = World(tmp_path, Provider(two), Provider(says("b")))
    with pytest.raises(InterruptedStreamError):
        await gather(world.gateway.stream(ask(n=2), midstream="continue"))


async def test_only_thoughts_so_far_means_asking_as_before(tmp_path: Path) -> None:
    """Where no word of the answer had come, the next target gets the question as it was."""
    one = breaks(deltas=[{"reasoning_content": "hm"}])
    world = World(tmp_path, Provider(one), Provider(says("b")))
    events = await gather(world.gateway.stream(ask(), midstream="continue"))
    assert accumulate(events).text == "b"
    assert len(world.providers["b"].asked[0].json["messages"]) == 1
    assert isinstance(events[-2], Finished) or isinstance(events[-1], Finished)
