"""Faults on demand: each is seen as the engine sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.dialects.registry import get_dialect
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import (
    BadRequestError,
    ConnectFailedError,
    DecodeError,
    RequestError,
    StatusError,
    TimedOutError,
    TransportError,
)
from ve_magics.events import Accumulator
from ve_magics.sim.faults import Fault, Faults

pytestmark = pytest.mark.anyio
Make = Callable[..., Any]
DIALECT = get_dialect("chat_completions")
QUESTION = "What is HTTP?"


async def outcome(
    ask: Any, fault: str, *, stream: bool, **deadlines: float
) -> tuple[str, RequestError | None]:
    """Return the text that came and the failure that ended it."""
    accumulator = Accumulator()
    decoder = DIALECT.decoder(origin="sim", stream=stream)
    try:
        reply = await ask.chat(QUESTION, model=f"fault-{fault}", stream=stream)
        if reply.status != 200:
            raise DIALECT.decode_error(reply.status, reply.headers, reply.body)
        for event in [*decoder.feed(reply.body), *decoder.flush()]:
            accumulator.add(event)
    except RequestError as error:
        return accumulator.text, error
    return accumulator.text, None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("400", 400, "bad_request"),
        ("context", 400, "context_length"),
        ("401", 401, "authentication"),
        ("403", 403, "permission"),
        ("404", 404, "model_not_found"),
        ("429", 429, "rate_limit"),
        ("quota", 429, "quota"),
        ("500", 500, "server"),
        ("503", 503, "overloaded"),
        ("504", 504, "timeout"),
        ("moderation", 400, "content_filter"),
    ],
)
async def test_told_faults_have_the_provider_s_status_and_kind(
    simulated: Make, fault: str, status: int, kind: str, stream: bool
) -> None:
    """The status on the wire is the provider's, and the engine reads the kind that was meant."""
    _, error = await outcome(simulated(), fault, stream=stream)
    assert isinstance(error, StatusError)
    assert (error.status, error.kind) == (status, kind)


async def test_a_rate_limit_says_how_long_to_wait(simulated: Make) -> None:
    """`retry-after` comes from the fault or from the settings; a quota names none."""
    ask = simulated(retry_after=3)
    assert (await ask.chat("x", model="fault-429")).headers["retry-after"] == "3"
    assert (await ask.chat("x", model="fault-429@0.5")).headers["retry-after"] == "0.5"
    assert "retry-after" not in (await ask.chat("x", model="fault-quota")).headers


@pytest.mark.parametrize("stream", [False, True])
async def test_connections_are_refused_and_broken(simulated: Make, stream: bool) -> None:
    """A refused connection, one that breaks before the headers, and one that breaks midway, are told apart."""
    ask = simulated()
    _, refused = await outcome(ask, "refused", stream=stream)
    assert isinstance(refused, ConnectFailedError)
    _, reset = await outcome(ask, "reset", stream=stream)
    assert type(reset) is TransportError
    _, midway = await outcome(ask, "reset-midstream", stream=stream)
    assert type(midway) is TransportError


async def test_a_stream_that_breaks_midway_delivered_something(simulated: Make) -> None:
    """Bytes of the answer arrive before the break."""
    ask = simulated()
    for fault in ("cut", "broken-json", "error-in-stream"):
        reply = await ask.chat(QUESTION, model=f"fault-{fault}", stream=True)
        assert reply.status == 200
        assert b"HTTP" in reply.body
        assert b"[DONE]" not in reply.body or fault == "broken-json"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [("cut", RequestError), ("broken-json", DecodeError), ("error-in-stream", StatusError)],
)
async def test_answers_that_begin_well_and_break(
    simulated: Make, fault: str, error: type[RequestError], stream: bool
) -> None:
    """The status is 200 and the answer is an error all the same."""
    reply = await simulated().chat(QUESTION, model=f"fault-{fault}", stream=stream)
    assert reply.status == 200
    _, failure = await outcome(simulated(), fault, stream=stream)
    assert isinstance(failure, RequestError if fault == "broken-json" and not stream else error)


async def test_web_pages_come_instead_of_json(simulated: Make) -> None:
    """`html` has a good status, `html-502` a bad one."""
    ask = simulated()
    good, bad = await ask.chat("x", model="fault-html"), await ask.chat("x", model="fault-html-502")
    assert (good.status, bad.status) == (200, 502)
    assert good.headers["content-type"].startswith("text/html")
    assert "web page" in str(DIALECT.decode_error(502, bad.headers, bad.body))


@pytest.mark.parametrize("stream", [False, True])
async def test_silence_lasts_as_long_as_it_says(simulated: Make, clock: Any, stream: bool) -> None:
    """The fault sleeps once for its seconds, and the answer follows whole."""
    ask = simulated(clock=clock.now, sleep=clock.sleep, silence=600)
    for fault, seconds in (("silence", 600), ("silence@7", 7), ("silence-midstream@9", 9)):
        clock.naps.clear()
        text, error = await outcome(ask, fault, stream=stream)
        assert error is None
        assert "protocol" in text
        assert clock.naps == [seconds]


async def test_silence_is_felt_as_such(simulated: Make) -> None:
    """Before the first token it is the first deadline that runs out, later the one of silence."""
    ask = simulated(silence=30)
    limits = Deadlines(first_token=0.1, silence=0.1)
    for fault, phases in (("silence", {"first_token", "silence"}), ("silence-midstream", {"silence"})):
        body = {
            "model": f"fault-{fault}",
            "stream": True,
            "messages": [{"role": "user", "content": QUESTION}],
        }
        with pytest.raises(TimedOutError) as caught:
            await ask("/v1/chat/completions", body, deadlines=limits)
        assert caught.value.phase in phases


@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_answer_trickles(simulated: Make, clock: Any, stream: bool) -> None:
    """Every piece waits; nothing is lost."""
    ask = simulated(clock=clock.now, sleep=clock.sleep)
    text, error = await outcome(ask, "slow@2", stream=stream)
    assert error is None
    assert "protocol" in text
    assert len(clock.naps) > 3
    assert all(nap == pytest.approx(2) for nap in clock.naps)


async def test_filtered_and_refused_answers(simulated: Make) -> None:
    """A filtered answer breaks off with its finish reason, a refusal is told as one."""
    ask = simulated()
    filtered = (await ask.chat(QUESTION, model="fault-filter")).json["choices"][0]
    assert filtered["finish_reason"] == "content_filter"
    refusal = (await ask.chat(QUESTION, model="fault-refusal")).json["choices"][0]
    assert "asked to refuse" in refusal["message"]["refusal"]


async def test_a_counted_fault_ends_after_so_many_times(simulated: Make) -> None:
    """`x2` fails the same request twice and then answers it; another request counts for itself."""
    ask = simulated()
    statuses = [(await ask.chat("one", model="fault-500x2")).status for _ in range(4)]
    assert statuses == [500, 500, 200, 200]
    assert (await ask.chat("two", model="fault-500x2")).status == 500
    assert ask.simulator.counters.faults == 3


async def test_the_header_asks_for_a_fault_anywhere(simulated: Make) -> None:
    """It works on every address and leaves the model as it is."""
    ask = simulated()
    header = {"x-sim-fault": "503x1"}
    assert [(await ask.chat("x", headers=header)).status for _ in range(2)] == [503, 200]
    assert (await ask("/v1/models", headers={"x-sim-fault": "401"})).status == 401
    assert (await ask("/v1/embeddings", {"input": "x"}, headers={"x-sim-fault": "500"})).status == 500
    assert (
        (await ask("/v1/models", headers={"x-sim-fault": "html"}))
        .headers["content-type"]
        .startswith("text/html")
    )


async def test_faults_that_there_are_not_are_told(simulated: Make) -> None:
    """A wrong name lists the right ones; a fault of videos is none of chat."""
    ask = simulated()
    wrong = await ask.chat("x", model="fault-nope")
    assert wrong.status == 400
    assert "reset-midstream" in wrong.json["error"]["message"]
    assert (await ask.chat("x", model="fault-lost")).status == 400


def test_a_fault_is_read_from_its_name() -> None:
    """Kind, seconds and count, each but the first optional."""
    assert Fault.read("429") == Fault("429")
    assert Fault.read("429@1.5x3") == Fault("429", 1.5, 3)
    assert Fault.read("reset-midstreamx1") == Fault("reset-midstream", None, 1)
    with pytest.raises(BadRequestError):
        Fault.read("429@")


def test_only_so_many_requests_are_remembered() -> None:
    """The memory of counted faults is bounded: the oldest request counts anew."""
    from ve_magics.sim.exchange import Request

    def asked(body: bytes) -> Request:
        return Request("POST", "/", {}, {}, body)

    faults = Faults(remembered=2)
    assert faults.meet(asked(b"0"), "fault-500x1") is not None
    assert faults.meet(asked(b"0"), "fault-500x1") is None
    for body in (b"1", b"2"):
        faults.meet(asked(body), "fault-500x1")
    assert faults.meet(asked(b"0"), "fault-500x1") is not None


@pytest.mark.parametrize("stream", [False, True])
async def test_misfit_slips_until_it_is_told(simulated: Make, stream: bool) -> None:
    """JSON for a schema doesn't fit it at first, and does once the model is told; words are never touched."""
    ask = simulated()
    asked = [{"role": "user", "content": "Ada is 36 years old."}]
    again = [*asked, {"role": "assistant", "content": "{}"}, {"role": "user", "content": "Answer again."}]
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "Person", "schema": schema, "strict": True}}
    ages = []
    for messages in (asked, again):
        fields = {"messages": messages, "response_format": form}
        reply = await ask.chat("", model="fault-misfit", stream=stream, **fields)
        accumulator = Accumulator()
        decoder = DIALECT.decoder(origin="sim", stream=stream)
        for event in [*decoder.feed(reply.body), *decoder.flush()]:
            accumulator.add(event)
        ages.append(json.loads(accumulator.text)["age"])
    assert ages == ["about 36", 36]
    words, plain = [await outcome(ask, fault, stream=stream) for fault in ("misfit", "slow@0")]
    assert words == plain
