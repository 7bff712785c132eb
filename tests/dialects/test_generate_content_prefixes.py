"""Explicit caches of Gemini: where a request may be cut, what is kept, and what is asked after it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.contract import Cut, WireRequest
from ve_magics.dialects.generate_content import dialect
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.messages import (
    ChatRequest,
    Image,
    Message,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from ve_magics.providers import Provider, Quirks

KEEPS = Provider(name="g", base_url="http://127.0.0.1/v1beta", quirks=Quirks(cached_contents=True))
KEEPER = dialect.prefixes
assert KEEPER is not None
LONG = "river stone " * 1000
MODEL = "gemini-flash-x"


def wire(*messages: Message, model: str = MODEL, **fields: Any) -> WireRequest:
    """Return a request on the wire."""
    return dialect.encode_request(ChatRequest(model=model, messages=messages, **fields), KEEPS)


def cuts(*messages: Message, model: str = MODEL, **fields: Any) -> list[Cut]:
    """Return where a request may be cut."""
    assert KEEPER is not None
    return KEEPER.cuts(wire(*messages, model=model, **fields), model)


def test_a_request_is_cut_before_the_users_turns() -> None:
    """After the system words, and after each answer; never between a call and its result, never at the end."""
    history = (
        system(LONG),
        user("Hi"),
        Message("assistant", (ToolCall("c", "f", "{}"),)),
        Message("tool", (ToolResult("c", (Text("1"),)),)),
        assistant("One."),
        user("And?"),
    )
    found = cuts(*history, tools=(Tool("f"),))
    assert [cut.size for cut in found] == [0, 4]
    assert found[0].tokens < found[1].tokens
    assert [cut.size for cut in cuts(user(LONG), assistant("One."), user("And?"))] == [2]
    assert cuts(user(LONG)) == []


def test_equal_prefixes_have_equal_digests() -> None:
    """What is asked after a cut makes no difference, nor do the answer's settings; model, tools and words do."""
    head = (system(LONG), user("Hi"), assistant("Hello."))
    first, second = cuts(*head, user("A")), cuts(*head, user("B"), temperature=1.0, stream=True)
    assert first == second
    assert len({cut.digest for cut in first}) == 2
    others = [
        cuts(system(LONG), user("A"), model="gemini-flash-y")[0],
        cuts(system(LONG), user("A"), tools=(Tool("f"),))[0],
        cuts(system(LONG + "!"), user("A"))[0],
    ]
    assert len({cut.digest for cut in (first[0], *others)}) == 4
    assert cuts(*head, user("A"), assistant("a"), user("C"))[:2] == first


def test_short_prefixes_are_not_kept() -> None:
    """Each family has its least; pictures count, and a name that the user has set himself is left alone."""
    assert cuts(system("Be brief."), user("x" * 100_000)) == cuts(user("Hi")) == []
    assert cuts(system(LONG), user("A"), model="gemini-pro-x") == []
    assert cuts(system(LONG * 2), user("A"), model="gemini-pro-x")
    pictures = [Message("user", (Image(b"\x89PNG" + bytes(1000)),)), assistant("A picture.")] * 5
    assert cuts(*pictures, user("And?"))
    named = wire(system(LONG), user("A"), extra={"cachedContent": "cachedContents/mine"})
    assert KEEPER is not None
    assert KEEPER.cuts(named, MODEL) == []


def test_what_is_kept_and_what_goes_on_from_it_are_the_request() -> None:
    """Head and first turns are kept for the time given; the rest names them, and says nothing twice."""
    assert KEEPER is not None
    asked = wire(
        system(LONG),
        user("Hi"),
        assistant("Hello."),
        user("A"),
        tools=(Tool("f"),),
        temperature=0.5,
        stream=True,
    )
    for cut in KEEPER.cuts(asked, MODEL):
        whole = json.loads(asked.body)
        made = KEEPER.create(asked, cut, MODEL, 300)
        kept = json.loads(made.body)
        assert (made.method, made.path) == ("POST", "/cachedContents")
        assert (kept.pop("model"), kept.pop("ttl")) == (f"models/{MODEL}", "300s")
        rest = KEEPER.going_on(asked, cut, "cachedContents/x")
        after = json.loads(rest.body)
        assert msgspec.structs.replace(rest, body=b"") == msgspec.structs.replace(asked, body=b"")
        assert after.pop("cachedContent") == "cachedContents/x"
        assert kept.keys() & after.keys() <= {"contents"}
        joined = {**kept, **after, "contents": [*kept.get("contents", []), *after["contents"]]}
        assert joined == whole
    tuned = json.loads(KEEPER.create(asked, Cut("", 0, 0), "tunedModels/mine", 60).body)
    assert tuned["model"] == "tunedModels/mine"


def test_names_are_kept_longer_and_let_go() -> None:
    """By calls of their own."""
    assert KEEPER is not None
    longer = KEEPER.extend("cachedContents/x", 60)
    assert (longer.method, longer.path, longer.query) == (
        "PATCH",
        "/cachedContents/x",
        (("updateMask", "ttl"),),
    )
    assert json.loads(longer.body) == {"ttl": "60s"}
    gone = KEEPER.delete("cachedContents/x")
    assert (gone.method, gone.path, gone.body) == ("DELETE", "/cachedContents/x", b"")


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"name":"cachedContents/x-1","usageMetadata":{"totalTokenCount":7}}', 7),
        (b'{"name":"cachedContents/x-1"}', 0),
    ],
)
def test_the_name_is_read(body: bytes, tokens: int) -> None:
    """With what was read for it, where that is said."""
    assert KEEPER is not None
    kept = KEEPER.decode_created(body)
    assert (kept.name, kept.tokens) == ("cachedContents/x-1", tokens)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"name":"models/x"}', b'{"name":"cachedContents/../files/x"}', b'{"name":1}'],
)
def test_a_reply_without_a_name_is_none(body: bytes) -> None:
    """A name that could lead elsewhere is none either."""
    assert KEEPER is not None
    with pytest.raises(DecodeError):
        KEEPER.decode_created(body)


def test_a_lifetime_is_kept_where_it_was_meant_so() -> None:
    """Our own users' wish, not that of a client to whom it costs nothing elsewhere; odd times are refused."""
    assert KEEPER is not None
    request = ChatRequest(model=MODEL, messages=(user("Hi"),), cache_ttl="1h")
    assert KEEPER.lifetime(request) == 3600
    assert KEEPER.lifetime(msgspec.structs.replace(request, cache_ttl=None)) is None
    assert "cache" not in wire(user("Hi"), cache_ttl="1h").body.decode()
    foreign = msgspec.structs.replace(request, dialect="responses")
    assert KEEPER.lifetime(foreign) is None
    for refused in (foreign, msgspec.structs.replace(request, cache_ttl="7m")):
        with pytest.raises(UnsupportedError) as caught:
            dialect.encode_request(refused, KEEPS)
        assert caught.value.field == "cache_ttl"
