"""What every backend promises: the same tests over httpx, httptools and an ASGI app in process."""

from __future__ import annotations

import asyncio
import gc
import gzip
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.engine.transport import Deadlines
from ve_magics.errors import ConfigError, DecodeError, TimedOutError, TransportError

pytestmark = pytest.mark.anyio
END = ("end", None)
HOLD = ("hold", None)
RESET = ("reset", None)
Start = Callable[..., Any]


async def take(reply: Any, came: list[bytes]) -> None:
    """Collect the pieces of a body, also where it breaks."""
    async for piece in reply.chunks():
        came.append(piece)  # noqa: PERF401 - what came before an error counts


async def gone_within(world: Any, seconds: float) -> None:
    """Hold that the stage learns within so many seconds that the caller has gone."""
    await asyncio.wait_for(world.stage.asked[-1].gone.wait(), seconds)


async def test_a_call_goes_out_as_it_stands(world: Any, start: Start) -> None:
    """Method, path, query, headers and body arrive byte for byte, with nothing added that wasn't asked for."""
    world.stage.play(start(), END, path="/v1/a%20b")
    body = bytes(range(256)) * 40
    reply = await world.transport.send(
        world.call("/v1/a%20b?x=%2F&key=a+b", body=body, Content_Type="application/json", X_Api_Key="k-1")
        if world.kind != "asgi"
        else _asgi_call(world, body)
    )
    assert await reply.read(100) == b""
    (asked,) = world.stage.asked
    assert (asked.method, asked.body) == ("POST", body)
    assert asked.target == "/v1/a%20b?x=%2F&key=a+b"
    assert {name.lower() for name, _ in asked.headers} - {"connection", "accept"} == {
        "host",
        "content-length",
        "content-type",
        "x-api-key",
        "user-agent",
        "accept-encoding",
    }
    assert asked.header("content-length") == str(len(body))
    assert asked.header("accept-encoding") == "identity"
    assert asked.header("x-api-key") == "k-1"
    assert asked.header("host") == world.base.removeprefix("http://")


def _asgi_call(world: Any, body: bytes) -> Any:
    world.stage.plays["/v1/a b"] = world.stage.plays["/v1/a%20b"]
    return world.call("/v1/a%20b?x=%2F&key=a+b", body=body, Content_Type="application/json", X_Api_Key="k-1")


async def test_headers_of_the_call_win_and_framing_is_the_transports_own(world: Any, start: Start) -> None:
    """A caller's user agent and encoding replace the defaults; its length, host and connection fields don't go out."""
    world.stage.play(start(), END)
    call = world.call(
        User_Agent="me", Accept_Encoding="gzip", Content_Length="9", Host="x", Connection="close"
    )
    await (await world.transport.send(call)).read(10)
    (asked,) = world.stage.asked
    assert (asked.header("user-agent"), asked.header("accept-encoding")) == ("me", "gzip")
    assert (asked.header("content-length"), asked.header("host")) == ("2", world.base.removeprefix("http://"))


async def test_a_get_has_no_body(world: Any, start: Start) -> None:
    """A GET goes out without a length."""
    world.stage.play(start(), ("body", b"x"), END)
    reply = await world.transport.send(world.call(method="GET", body=b""))
    assert await reply.read(10) == b"x"
    assert world.stage.asked[0].header("content-length") is None


async def test_a_large_body_goes_out_whole(world: Any, start: Start) -> None:
    """Three megabytes arrive as they are."""
    world.stage.play(start(), END)
    body = bytes(range(251)) * 12_600
    await (await world.transport.send(world.call(body=body))).read(10)
    assert world.stage.asked[0].body == body


async def test_status_and_headers_come_before_the_body(world: Any, start: Start) -> None:
    """send returns when the headers are here; names are lower-case, repeated fields joined."""
    world.stage.play(("start", (429, [("Retry-After", "7"), ("X-A", "1"), ("X-A", "2")])), HOLD)
    reply = await asyncio.wait_for(world.transport.send(world.call()), 2)
    assert reply.status == 429
    assert (reply.headers["retry-after"], reply.headers["x-a"]) == ("7", "1, 2")
    await reply.aclose()


async def test_pieces_come_as_they_are_sent(world: Any, start: Start) -> None:
    """A piece is delivered before the next one is sent."""
    world.stage.play(start(), ("body", b"one"), ("wait", 0.1), ("body", b"two"), ("wait", 0.1), END)
    reply = await world.transport.send(world.call())
    began = time.monotonic()
    came = [(piece, time.monotonic() - began) async for piece in reply.chunks()]
    assert [piece for piece, _ in came] == [b"one", b"two"]
    assert came[1][1] - came[0][1] > 0.08


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_returned(world: Any, start: Start, status: int) -> None:
    """A redirect is an answer like any other; a key never follows it elsewhere."""
    world.stage.play(start(status, location=f"{world.base}/other"), END)
    world.stage.play(start(), END, path="/other")
    reply = await world.transport.send(world.call())
    assert (reply.status, reply.headers["location"]) == (status, f"{world.base}/other")
    await reply.read(10)
    assert len(world.stage.asked) == 1


async def test_cookies_are_not_kept(world: Any, start: Start) -> None:
    """A cookie that a server sets isn't sent back."""
    world.stage.play(start(set_cookie="a=b; Path=/"), END)
    for _ in range(2):
        await (await world.transport.send(world.call())).read(10)
    assert world.stage.asked[1].header("cookie") is None


async def test_read_has_a_limit(world: Any, start: Start) -> None:
    """A body longer than the limit is refused or cut, as asked, and the connection is closed."""
    world.stage.play(start(), ("body", b"a" * 50), ("body", b"a" * 51), HOLD)
    with pytest.raises(DecodeError, match="longer than 100 bytes"):
        await (await world.transport.send(world.call())).read(100)
    await gone_within(world, 0.3)
    reply = await world.transport.send(world.call())
    assert await reply.read(100, truncate=True) == b"a" * 100
    await gone_within(world, 0.3)


@pytest.mark.parametrize("splits", ["whole", "bytewise"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate", "members", "gzip, deflate", "x-gzip"])
async def test_encodings_are_undone(world: Any, start: Start, encoding: str, splits: str) -> None:
    """A body that comes compressed, though not asked for, is decoded, in any split."""
    text = "数据 data\n".encode() * 200
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw deflate": raw.compress(text) + raw.flush(),
        "members": gzip.compress(text[:100]) + gzip.compress(text[100:]),
        "gzip, deflate": zlib.compress(gzip.compress(text)),
    }[encoding]
    name = {"raw deflate": "deflate", "members": "gzip"}.get(encoding, encoding)
    pieces = [packed] if splits == "whole" else [packed[i : i + 1] for i in range(len(packed))]
    world.stage.play(start(content_encoding=name), *(("body", piece) for piece in pieces), END)
    assert await (await world.transport.send(world.call())).read(10_000) == text


@pytest.mark.parametrize("name", ["gzip", "deflate"])
@pytest.mark.parametrize("harm", ["cut", "garbled"])
async def test_a_broken_encoding_is_a_decode_error(world: Any, start: Start, name: str, harm: str) -> None:
    """Compressed bytes that end early or make no sense don't pass as an answer."""
    packed = (gzip if name == "gzip" else zlib).compress(b"hello " * 100)
    packed = packed[:-6] if harm == "cut" else b"\x1f" + packed[3:]
    world.stage.play(start(content_encoding=name), ("body", packed), END)
    with pytest.raises(DecodeError, match=f"not valid {name}"):
        await (await world.transport.send(world.call())).read(10_000)


async def test_an_unknown_encoding_is_a_decode_error(world: Any, start: Start) -> None:
    """An encoding that nobody asked for and nobody knows isn't handed on as text."""
    world.stage.play(start(content_encoding="br"), ("body", b"\x8b\x01"), END)
    with pytest.raises(DecodeError, match="not valid gzip, deflate or plain"):
        await (await world.transport.send(world.call())).read(10_000)


async def test_an_empty_body_needs_no_encoding(world: Any, start: Start) -> None:
    """An answer without a body is whole whatever its Content-Encoding says."""
    world.stage.play(start(204, content_encoding="gzip", content_length="0"), END)
    assert await (await world.transport.send(world.call())).read(10) == b""


async def test_a_small_answer_that_unpacks_to_much_stays_in_bounds(world: Any, start: Start) -> None:
    """Pieces are bounded however well they were packed, and the limit counts unpacked bytes."""
    world.stage.play(start(content_encoding="gzip"), ("body", gzip.compress(b"0" * 30_000_000)), END)
    reply = await world.transport.send(world.call())
    sizes = [len(piece) async for piece in reply.chunks()]
    assert sum(sizes) == 30_000_000
    assert max(sizes) <= 256 * 1024
    with pytest.raises(DecodeError, match="longer than"):
        await (await world.transport.send(world.call())).read(1_000_000)


async def test_a_reset_before_the_answer_is_a_transport_error(world: Any) -> None:
    """A connection that breaks before the headers is no answer; the message names the host and no part of the path."""
    world.stage.play(RESET)
    with pytest.raises(TransportError, match="without an answer") as caught:
        await world.transport.send(world.call("/?key=secret", Authorization="Bearer secret"))
    _holds_no_secret(caught.value, world)


async def test_a_reset_in_the_body_is_a_transport_error(world: Any, start: Start) -> None:
    """What came is delivered, then the break is an error, never a silent end."""
    world.stage.play(start(), ("body", b"part"), RESET)
    reply = await world.transport.send(world.call("/?key=secret"))
    came: list[bytes] = []
    with pytest.raises(TransportError, match="in the middle of its answer") as caught:
        await take(reply, came)
    assert came == [b"part"]
    _holds_no_secret(caught.value, world)


def _holds_no_secret(error: TransportError, world: Any) -> None:
    import traceback

    shown = "".join(traceback.format_exception(error))
    assert "secret" not in str(error)
    assert "key=" not in str(error)
    assert "stage.invalid" in str(error) or "127.0.0.1" in str(error)
    assert "During handling" not in shown
    assert "direct cause" not in shown
    assert "\n" not in error.message


PHASES: list[tuple[str, list[Any], Deadlines]] = [
    ("first_token", [], Deadlines(first_token=0.2)),
    ("first_token", [("start", (200, []))], Deadlines(first_token=0.2)),
    ("silence", [("start", (200, [])), ("body", b"x")], Deadlines(silence=0.2)),
    ("total", [], Deadlines(total=0.2)),
    ("total", [("start", (200, []))], Deadlines(total=0.2)),
    ("total", [("start", (200, [])), ("body", b"x")], Deadlines(total=0.2)),
]


@pytest.mark.parametrize(("phase", "steps", "deadlines"), PHASES)
async def test_each_deadline_holds_and_says_its_name(
    world: Any, phase: str, steps: list[Any], deadlines: Deadlines
) -> None:
    """A server that falls silent is left when the deadline runs out, not earlier, not much later."""
    world.stage.play(*steps, HOLD)
    began = time.monotonic()
    with pytest.raises(TimedOutError) as caught:
        await (await world.transport.send(world.call(), deadlines)).read(100)
    assert 0.19 <= time.monotonic() - began < 0.7
    assert caught.value.phase == phase
    assert "0.2 s" in caught.value.message
    await gone_within(world, 0.3)


async def test_a_trickle_passes_silence_and_fails_total(world: Any, start: Start) -> None:
    """Each piece begins a new silence; the whole still has its end."""
    trickle = [step for _ in range(50) for step in (("body", b"."), ("wait", 0.05))]
    world.stage.play(start(), *trickle, END)
    reply = await world.transport.send(world.call(), Deadlines(first_token=0.3, silence=0.3, total=0.6))
    began = time.monotonic()
    came: list[bytes] = []
    with pytest.raises(TimedOutError) as caught:
        await take(reply, came)
    assert caught.value.phase == "total"
    assert 0.5 <= time.monotonic() - began < 1.1
    assert len(came) >= 8


async def test_no_deadline_is_no_limit(world: Any, start: Start) -> None:
    """None waits."""
    world.stage.play(start(), ("wait", 0.2), ("body", b"x"), END)
    none = Deadlines(connect=None, first_token=None, silence=None, total=None)
    assert await (await world.transport.send(world.call(), none)).read(10) == b"x"


async def test_a_slow_reader_is_no_silent_server(world: Any, start: Start) -> None:
    """Silence counts while one waits for the server, not while the caller is busy."""
    world.stage.play(start(), ("body", b"a"), ("wait", 0.1), ("body", b"b"), END)
    reply = await world.transport.send(world.call(), Deadlines(silence=0.25))
    came = []
    async for piece in reply.chunks():
        came.append(piece)
        await asyncio.sleep(0.4)
    assert b"".join(came) == b"ab"


@pytest.mark.parametrize("where", ["headers", "first piece", "next piece"])
async def test_cancelling_closes_the_connection_at_once(world: Any, start: Start, where: str) -> None:
    """An interrupted call is gone from the server within 0.3 s, and the task ends as cancelled."""
    steps = {"headers": [], "first piece": [start()], "next piece": [start(), ("body", b"x")]}[where]
    world.stage.play(*steps, HOLD)

    async def consume() -> None:
        reply = await world.transport.send(world.call())
        async for _ in reply.chunks():
            pass

    task = asyncio.create_task(consume())
    await asyncio.wait_for(world.stage.arrived.wait(), 2)
    await asyncio.sleep(0.1)
    assert not world.stage.asked[0].gone.is_set()
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    await gone_within(world, 0.3)
    assert time.monotonic() - began < 0.3


async def test_a_cancelled_call_leaves_the_transport_usable(world: Any, start: Start) -> None:
    """After a hundred interrupted calls the next one works."""
    world.stage.play(HOLD)
    world.stage.play(start(), ("body", b"ok"), END, path="/ok")
    tasks = [asyncio.create_task(world.transport.send(world.call())) for _ in range(100)]
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await (await world.transport.send(world.call("/ok"))).read(10) == b"ok"


async def test_a_timeout_inside_a_cancelled_scope_stays_a_cancellation(world: Any) -> None:
    """A caller's own asyncio.timeout is not mistaken for a deadline of ours."""
    world.stage.play(HOLD)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await world.transport.send(world.call())
    assert not isinstance(caught.value, TimedOutError)


async def test_an_abandoned_stream_is_closed_by_aclose(world: Any, start: Start) -> None:
    """Leaving the loop and closing the reply is enough; closing twice does no harm."""
    world.stage.play(start(), ("body", b"x"), HOLD)
    reply = await world.transport.send(world.call())
    async for piece in reply.chunks():
        assert piece == b"x"
        break
    await reply.aclose()
    await reply.aclose()
    await gone_within(world, 0.3)


async def test_an_unread_reply_is_closed_by_aclose(world: Any, start: Start) -> None:
    """A reply that nobody reads doesn't hold its connection."""
    world.stage.play(start(), HOLD)
    await (await world.transport.send(world.call())).aclose()
    await gone_within(world, 0.3)


async def test_closing_while_another_task_reads_ends_that_read(world: Any, start: Start) -> None:
    """aclose from elsewhere wakes the reader instead of leaving it to its deadline."""
    world.stage.play(start(), ("body", b"x"), HOLD)
    reply = await world.transport.send(world.call())

    async def consume() -> None:
        async for _ in reply.chunks():
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.1)
    await reply.aclose()
    done, _ = await asyncio.wait([task], timeout=0.5)
    assert done
    assert isinstance(task.exception(), TransportError)


async def test_closing_the_transport_ends_calls_that_run(world: Any, start: Start) -> None:
    """Nothing outlives the transport, and it takes no more calls."""
    world.stage.play(start(), ("body", b"x"), HOLD)
    reply = await world.transport.send(world.call())
    assert await anext(aiter(reply.chunks())) == b"x"
    await world.transport.aclose()
    await gone_within(world, 0.3)
    with pytest.raises(TransportError, match="closed"):
        await world.transport.send(world.call())
    await reply.aclose()


async def test_five_hundred_streams_at_once(world: Any, start: Start) -> None:
    """Five hundred answers stream at the same time, each whole and in order."""
    world.stage.play(
        start(), *(("body", b"%03d" % i) for i in range(20)), ("wait", 0.5), ("body", b"end"), END
    )
    expected = b"".join(b"%03d" % i for i in range(20)) + b"end"

    async def one() -> bytes:
        reply = await world.transport.send(world.call(), Deadlines(connect=20, first_token=20, total=60))
        return b"".join([piece async for piece in reply.chunks()])

    answers = await asyncio.gather(*(one() for _ in range(500)))
    assert answers == [expected] * 500


@pytest.mark.parametrize("value", ["sk-1\n", "sk\r\nX: y", "密钥", " sk", "sk ", "a\0b"])
async def test_a_header_that_http_cannot_carry_is_refused_unseen(world: Any, value: str) -> None:
    """A key with a line break, a stray space or a foreign letter is the user's to mend; it isn't shown or sent."""
    with pytest.raises(ConfigError) as caught:
        await world.transport.send(world.call(Authorization=value))
    assert "Authorization" in str(caught.value)
    assert value not in str(caught.value)
    assert world.stage.asked == []


async def test_a_dropped_reply_warns_of_nothing_once_closed(world: Any, start: Start) -> None:
    """Whole and abandoned replies leave no socket for the garbage collector to complain about."""
    world.stage.play(start(), ("body", b"x"), END)
    for whole in (True, False) * 5:
        reply = await world.transport.send(world.call())
        if whole:
            await reply.read(10)
        await reply.aclose()
    del reply
    gc.collect()
    await asyncio.sleep(0)
