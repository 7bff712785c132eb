"""Chat with the simulator, in the same process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.dialects.registry import get_dialect
from ve_magics.engine.transport import Deadlines
from ve_magics.engine.transport.wire import WireCall
from ve_magics.errors import TimedOutError
from ve_magics.events import Accumulator
from ve_magics.messages import ChatResponse

pytestmark = pytest.mark.anyio
Make = Callable[..., Any]


def decoded(body: bytes, *, stream: bool) -> ChatResponse:
    """Return the answer that the bytes hold, read as the engine reads them."""
    decoder = get_dialect("chat_completions").decoder(origin="sim", stream=stream)
    accumulator = Accumulator()
    for event in [*decoder.feed(body), *decoder.flush()]:
        accumulator.add(event)
    return accumulator.response()


async def test_a_stream_tells_the_same_answer_as_a_whole_reply(simulated: Make) -> None:
    """Text, finish, id, model and usage are those of the whole reply."""
    ask = simulated()
    whole = decoded((await ask.chat("What is a decorator?")).body, stream=False)
    streamed_reply = await ask.chat(
        "What is a decorator?", stream=True, stream_options={"include_usage": True}
    )
    streamed = decoded(streamed_reply.body, stream=True)
    assert streamed.text == whole.text
    assert "decorator is a function" in whole.text
    assert (streamed.id, streamed.model, streamed.finish) == (whole.id, "sim/tutor", "stop")
    assert streamed.usage == whole.usage
    assert streamed_reply.headers["content-type"].startswith("text/event-stream")
    assert len(streamed_reply.pieces) > 20


async def test_the_same_question_gets_the_same_bytes(simulated: Make) -> None:
    """Two simulators answer alike, ids included, when their clocks agree."""
    one, other = simulated(now=lambda: 5.0), simulated(now=lambda: 5.0)
    for text in ("Tell me a joke", "讲个笑话", "Write a haiku about rain"):
        assert (await one.chat(text)).body == (await other.chat(text)).body
    assert (await one.chat("Tell me a joke")).json["id"] != (await one.chat("讲个笑话")).json["id"]


async def test_the_pace_is_that_of_a_model(simulated: Make, clock: Any) -> None:
    """The first token comes after its time, the others at the rate that is set."""
    ask = simulated(first_token=0.5, tokens_per_second=10, clock=clock.now, sleep=clock.sleep)
    answer = decoded((await ask.chat("What is HTTP?", stream=True)).body, stream=True)
    assert clock.naps[0] == pytest.approx(0.5)
    assert clock.naps[1] == pytest.approx(0.1)
    assert clock.time - 1000 == pytest.approx(0.5 + 0.1 * (len(clock.naps) - 1))
    assert len(clock.naps) > len(answer.text) / 10


async def test_a_whole_reply_takes_as_long_as_its_stream(simulated: Make, clock: Any) -> None:
    """Without a stream the wait is the time of all tokens."""
    ask = simulated(first_token=0.5, tokens_per_second=10, clock=clock.now, sleep=clock.sleep)
    usage = (await ask.chat("What is HTTP?")).json["usage"]
    assert clock.naps == [pytest.approx(0.5 + usage["completion_tokens"] / 10)]


async def test_a_long_prefix_is_cached_and_read_faster(simulated: Make, clock: Any) -> None:
    """The second request with the same long beginning reports cached tokens and begins sooner."""
    ask = simulated(prefill=1000, clock=clock.now, sleep=clock.sleep)
    system = {"role": "system", "content": "Answer kindly and briefly. " * 400}
    for question, cached in (("Hello", 0), ("What is HTTP?", 1024)):
        body = {"model": "tutor", "messages": [system, {"role": "user", "content": question}]}
        before = clock.time
        usage = (await ask("/v1/chat/completions", body)).json["usage"]
        read = usage["prompt_tokens"]
        assert usage["prompt_tokens_details"]["cached_tokens"] >= cached
        assert (usage["prompt_tokens_details"]["cached_tokens"] > 0) == (cached > 0)
        new = read - usage["prompt_tokens_details"]["cached_tokens"]
        assert clock.time - before == pytest.approx(new / 1000)


async def test_limits_end_an_answer(simulated: Make) -> None:
    """`max_tokens` ends it with `length`, a stop sequence with `stop` and without the sequence."""
    ask = simulated()
    cut = (await ask.chat("What is HTTP?", max_tokens=3)).json
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 3
    stopped = (await ask.chat("What is HTTP?", stop=["protocol"])).json["choices"][0]
    assert stopped["finish_reason"] == "stop"
    assert "protocol" not in stopped["message"]["content"]


async def test_several_answers_and_logprobs(simulated: Make) -> None:
    """`n` answers come, each token with its probability where that is asked for."""
    ask = simulated()
    choices = (await ask.chat("Tell me a joke", n=2, logprobs=True, top_logprobs=2)).json["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    first = choices[0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in first) == choices[0]["message"]["content"]
    assert all(len(entry["top_logprobs"]) == 2 and entry["logprob"] <= 0 for entry in first)
    assert (await ask.chat("hi", n=99)).status == 400


async def test_an_unknown_model_is_told_in_the_dialect(simulated: Make) -> None:
    """404, code `model_not_found`, the models that there are, and the one that was meant."""
    reply = await simulated()(
        "/v1/chat/completions", {"model": "tuter", "messages": [{"role": "user", "content": "x"}]}
    )
    assert reply.status == 404
    error = reply.json["error"]
    assert error["code"] == "model_not_found"
    assert "tutor" in error["message"]
    assert "Did you mean tutor?" in error["message"]


@pytest.mark.parametrize("name", ["tutor", "sim/tutor", "sim-tutor"])
async def test_models_are_always_named_as_simulated(simulated: Make, name: str) -> None:
    """However the model is called, the answer bears `sim/`."""
    reply = await simulated().chat("hi", model=name)
    assert reply.json["model"] == "sim/tutor"


async def test_the_list_of_models_names_their_owner(simulated: Make) -> None:
    """Every row says that it is simulated."""
    ask = simulated()
    rows = (await ask("/v1/models")).json["data"]
    assert {row["id"] for row in rows} >= {"tutor", "thinker", "film", "embed", "image", "rerank"}
    assert {row["owned_by"] for row in rows} == {"simulator"}
    assert (await ask("/v1/models/tutor")).json["id"] == "tutor"
    assert (await ask("/v1/models/gpt")).status == 404


async def test_the_thinker_thinks_first(simulated: Make) -> None:
    """Reasoning comes before the answer and is counted; no effort means none."""
    ask = simulated()
    reply = await ask.chat(
        "What is 12 * 12?", model="thinker", stream=True, stream_options={"include_usage": True}
    )
    answer = decoded(reply.body, stream=True)
    assert "144" in answer.message.reasoning
    assert "144" in answer.text
    assert answer.usage is not None
    assert 0 < answer.usage.reasoning < answer.usage.output
    quiet = decoded(
        (await ask.chat("What is 12 * 12?", model="thinker", reasoning_effort="none")).body, stream=False
    )
    assert quiet.message.reasoning == ""


async def test_tools_are_called_and_their_results_used(simulated: Make) -> None:
    """Two cities make two parallel calls; given the results, the answer holds them."""
    ask = simulated()
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    user = {"role": "user", "content": "What's the weather in Paris and Beijing?"}
    reply = await ask(
        "/v1/chat/completions", {"model": "tutor", "messages": [user], "tools": [tool], "stream": True}
    )
    answer = decoded(reply.body, stream=True)
    assert answer.finish == "tool_calls"
    assert [call.arguments for call in answer.message.tool_calls] == [
        '{"city":"Paris"}',
        '{"city":"Beijing"}',
    ]
    asked = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.message.tool_calls
        ],
    }
    told = [
        {"role": "tool", "tool_call_id": call.id, "content": content}
        for call, content in zip(answer.message.tool_calls, ('{"celsius": 18}', "sunny"), strict=True)
    ]
    final = await ask(
        "/v1/chat/completions", {"model": "tutor", "messages": [user, asked, *told], "tools": [tool]}
    )
    text = final.json["choices"][0]["message"]["content"]
    assert "18" in text
    assert "sunny" in text
    assert "Beijing" in text


async def test_a_prompt_beyond_the_context_is_refused(simulated: Make) -> None:
    """The error is the provider's own kind, with its code."""
    reply = await simulated(context=50).chat("word " * 100)
    assert reply.status == 400
    assert reply.json["error"]["code"] == "context_length_exceeded"


async def test_a_key_is_asked_for_where_one_is_set(simulated: Make) -> None:
    """A wrong key is 401; the right one is taken from any of the headers that dialects use."""
    ask = simulated(keys=("secret",))
    assert (await ask.chat("hi")).status == 401
    assert (await ask.chat("hi", headers={"authorization": "Bearer wrong"})).status == 401
    assert (await ask.chat("hi", headers={"authorization": "Bearer secret"})).status == 200
    assert (await ask.chat("hi", headers={"x-api-key": "secret"})).status == 200


async def test_bad_requests_are_told_in_the_dialect(simulated: Make) -> None:
    """No JSON, no messages, no such address, the wrong method: each is an error object."""
    ask = simulated()
    broken = await ask("/v1/chat/completions", raw=b"{nope")
    assert (broken.status, broken.json["error"]["type"]) == (400, "invalid_request_error")
    assert (await ask("/v1/chat/completions", {"model": "tutor"})).status == 400
    assert (await ask("/v1/nowhere", {})).status == 404
    assert (await ask("/v1/chat/completions")).status == 405
    assert (
        await ask("/chat/completions", {"model": "tutor", "messages": [{"role": "user", "content": "hi"}]})
    ).status == 200


async def test_dialects_that_are_not_there_are_unknown_addresses(
    simulated: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address is served as soon as its dialect is registered, and not before."""
    monkeypatch.setattr("ve_magics.sim.simulator.DIALECTS", {"chat_completions": ""})
    ask = simulated()
    assert (await ask("/v1/messages", {"model": "tutor"})).status == 404
    assert (await ask("/v1beta/models/tutor:generateContent", {})).status == 404


async def test_an_abandoned_answer_stops(simulated: Make) -> None:
    """Whoever hangs up is noticed at once: nothing is made for nobody."""
    ask = simulated(first_token=30)
    with pytest.raises(TimedOutError):
        await ask("/v1/chat/completions", {"model": "tutor", "messages": [{"role": "user", "content": "hi"}]},
                  deadlines=Deadlines(first_token=0.05))  # fmt: skip
    for _ in range(50):
        if ask.simulator.counters.abandoned:
            break
        await asyncio.sleep(0.01)
    assert ask.simulator.counters.abandoned == 1


async def test_a_reader_who_leaves_midway_is_noticed(simulated: Make) -> None:
    """Closing a stream ends the work behind it."""
    ask = simulated(tokens_per_second=200)
    body = b'{"model":"tutor","stream":true,"messages":[{"role":"user","content":"What is HTTP?"}]}'
    reply = await ask.transport.send(
        WireCall("POST", "http://sim.invalid/v1/chat/completions", (), body), Deadlines()
    )
    async for _ in reply.chunks():
        break
    await reply.aclose()
    for _ in range(50):
        if ask.simulator.counters.abandoned:
            break
        await asyncio.sleep(0.01)
    assert ask.simulator.counters.abandoned == 1
    assert ask.simulator.counters.chats == 1


async def test_answers_without_pauses_are_possible(simulated: Make, clock: Any) -> None:
    """With an infinite rate nobody sleeps at all."""
    ask = simulated(tokens_per_second=math.inf, clock=clock.now, sleep=clock.sleep)
    await ask.chat("What is HTTP?", stream=True)
    assert clock.naps == []
