"""What every dialect must do, held against every fixture in its folder."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.contract import Decoder, Dialect
from ve_magics.dialects.registry import DIALECTS, get_dialect
from ve_magics.errors import BadRequestError, RequestError, StatusError, TransportError, UnsupportedError
from ve_magics.events import Event, Started, accumulate, events_of
from ve_magics.messages import Audio, ChatRequest, ChatResponse, Choice, Image, Message, Part, user
from ve_magics.providers import Provider, Quirks

FIXTURES = Path(__file__).parent.parent / "fixtures"
ORIGIN = "origin"
PROVIDERS = {
    name: Provider(
        name=ORIGIN,
        base_url="http://127.0.0.1/v1",
        dialect=name,
        quirks=Quirks(
            max_tokens_field="max_completion_tokens",
            reasoning_field="reasoning_content",
            cache_key=name != "messages",
            cache_marks=name == "messages",
        ),
    )
    for name in DIALECTS
}


def fixtures(ending: str) -> list[Path]:
    """Return the fixtures of every registered dialect that end so; `.json` means replies only."""
    return [
        path
        for name in DIALECTS
        for path in sorted((FIXTURES / name).glob(f"*{ending}"))
        if "." not in path.name.removesuffix(ending) and not path.name.startswith("interactions_")
    ]


def named(path: Path) -> str:
    """Return the name of a test."""
    return f"{path.parent.name}-{path.name}"


def of(path: Path) -> Dialect:
    """Return the dialect of a fixture."""
    return get_dialect(path.parent.name)


def run(decoder: Decoder, pieces: list[bytes]) -> tuple[list[Event], RequestError | None]:
    """Feed the pieces and return the events and the failure that ended them."""
    events: list[Event] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.flush()
    except RequestError as failure:
        return events, failure
    return events, None


def splits(raw: bytes, name: str) -> Iterator[list[bytes]]:
    """Yield the bytes one by one, line by line and in twenty random splits."""
    if len(raw) < 20_000:
        yield [raw[at : at + 1] for at in range(len(raw))]
    yield raw.splitlines(keepends=True)
    dice = random.Random(name)
    for _ in range(20):
        cuts = sorted(dice.randrange(len(raw) + 1) for _ in range(dice.randrange(1, 12)))
        yield [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def expectation(path: Path) -> dict[str, Any]:
    """Return what a recording means."""
    stem = path.name.removesuffix(path.suffix).removesuffix(".error")
    value: dict[str, Any] = json.loads(path.with_name(f"{stem}.expect.json").read_bytes())
    return value


def replies(key: str = "why") -> list[Path]:
    """Return the recordings with a good status whose expectation has this key."""
    return [path for path in (*fixtures(".sse"), *fixtures(".json")) if expectation(path).get(key)]


@pytest.mark.parametrize("path", replies(), ids=named)
def test_reply_means_what_is_expected(path: Path) -> None:
    """A recorded reply decodes into what its neutral expectation says, whole and in every split the same."""
    raw = path.read_bytes()
    dialect = of(path)
    stream = path.suffix == ".sse"
    events, failure = run(dialect.decoder(origin=ORIGIN, stream=stream), [raw])
    check_reply(events, failure, expectation(path))
    for pieces in splits(raw, path.name):
        again, failure_again = run(dialect.decoder(origin=ORIGIN, stream=stream), pieces)
        assert again == events
        assert type(failure_again) is type(failure)
        assert str(failure_again) == str(failure)


@pytest.mark.parametrize("path", replies("choices"), ids=named)
def test_reply_is_read_whatever_form_was_asked_for(path: Path) -> None:
    """A decoder that expects the other form reads what has come."""
    raw = path.read_bytes()
    events, failure = run(of(path).decoder(origin=ORIGIN, stream=path.suffix != ".sse"), [raw])
    check_reply(events, failure, expectation(path))


def check_reply(events: list[Event], failure: RequestError | None, expected: dict[str, Any]) -> None:
    """Compare events and failure with an expectation."""
    response = accumulate(events)
    starts = [at for at, event in enumerate(events) if isinstance(event, Started)]
    assert starts == ([0] if events else [])
    if expected.get("truncated"):
        assert isinstance(failure, TransportError), failure
    if "error" in expected:
        assert failure is not None
        check_failure(failure, expected["error"])
        if "text_before_error" in expected:
            assert (
                "".join(c.message.text for c in response.choices if c.index == 0)
                == expected["text_before_error"]
            )
        return
    if expected.get("truncated"):
        return
    assert failure is None, failure
    check_response(response, expected)
    assert accumulate(events_of(response)) == response


def check_failure(failure: RequestError, expected: dict[str, Any]) -> None:
    """Compare a failure with an expectation's `error`."""
    for key in ("kind", "retryable", "retry_after"):
        if key in expected:
            assert getattr(failure, key) == expected[key], key
    assert expected.get("message_contains", "") in str(failure)


def check_response(response: ChatResponse, expected: dict[str, Any]) -> None:
    """Compare an answer with an expectation."""
    for key in ("id", "model"):
        if key in expected:
            assert getattr(response, key) == expected[key]
    assert [choice.index for choice in response.choices] == [
        choice["index"] for choice in expected["choices"]
    ]
    for choice, wanted in zip(response.choices, expected["choices"], strict=True):
        check_choice(choice, wanted, strip=expected.get("strip", False))
    usage = msgspec.to_builtins(response.usage) if response.usage else {}
    wanted_usage = expected.get("usage", {})
    assert (response.usage is not None) == ("usage" in expected or "cost" in expected)
    for key in ("input", "cached", "cache_write", "output", "reasoning"):
        assert usage.get(key, 0) == wanted_usage.get(key, 0), key
    assert usage.get("cost") == expected.get("cost")
    has_state = any(part.state is not None for c in response.choices for part in c.message.parts)
    if expected.get("state"):
        assert has_state


def check_choice(choice: Choice, wanted: dict[str, Any], *, strip: bool) -> None:
    """Compare one choice."""
    message = choice.message
    for key in ("text", "reasoning", "refusal"):
        found = getattr(message, key)
        assert (found.strip() if strip else found) == wanted.get(key, ""), key
    assert choice.finish == wanted["finish"]
    calls = wanted.get("tool_calls", [])
    assert [call.name for call in message.tool_calls] == [call["name"] for call in calls]
    ids = [call.id for call in message.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    for call, want in zip(message.tool_calls, calls, strict=True):
        assert want["id"] in (None, call.id)
        assert call.custom == want.get("custom", False)
        if "arguments_text" in want:
            assert call.arguments == want["arguments_text"]
        else:
            assert json.loads(call.arguments) == want["arguments"]
    assert [entry["token"] for entry in choice.logprobs] == wanted.get("logprob_tokens", [])
    media = [part for part in message.parts if isinstance(part, (Image, Audio))]
    assert len(media) == len(wanted.get("media", []))
    for part, want in zip(media, wanted.get("media", []), strict=True):
        check_media(part, want)


def check_media(part: Part, want: dict[str, Any]) -> None:
    """Compare a picture or a sound."""
    assert isinstance(part, Audio if want["kind"] == "audio" else Image)
    if "sha256" in want:
        assert len(part.data) == want["bytes"]
        assert hashlib.sha256(part.data).hexdigest() == want["sha256"]
    if isinstance(part, Image):
        assert part.url == want.get("url", "")
        if "mime" in want:
            assert part.media_type == want["mime"]
    else:
        assert part.transcript == want.get("transcript", "")


@pytest.mark.parametrize("path", replies("state"), ids=named)
def test_state_goes_back_to_its_origin_only(path: Path) -> None:
    """Opaque state of an answer is in the next request to the same provider, and in no request to another."""
    dialect = of(path)
    events, _ = run(dialect.decoder(origin=ORIGIN, stream=True), [path.read_bytes()])
    response = accumulate(events)
    message = response.choices[0].message
    bare = Message("assistant", tuple(msgspec.structs.replace(part, state=None) for part in message.parts))
    provider = PROVIDERS[dialect.name]
    stranger = msgspec.structs.replace(provider, name="stranger")

    def body(said: Message, to: Provider) -> bytes:
        return dialect.encode_request(
            ChatRequest(model="m", messages=(user("Hi"), said, user("And?"))), to
        ).body

    assert body(message, provider) != body(bare, provider)
    assert body(message, stranger) == body(bare, stranger)


@pytest.mark.parametrize("path", fixtures(".error.json"), ids=named)
def test_failed_reply_is_classified(path: Path) -> None:
    """A reply with a bad status becomes the error that its expectation names, with the provider's words."""
    recorded = json.loads(path.read_bytes())
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    failure = of(path).decode_error(recorded["status"], headers, recorded["body"].encode())
    assert isinstance(failure, StatusError)
    assert failure.status == recorded["status"]
    check_failure(failure, expectation(path)["error"])


def address(path: str) -> dict[str, Any]:
    """Return what a request's URL says, for the dialects whose URL says something."""
    name, _, method = path.rpartition("/")[2].partition(":")
    return {"model": name, "stream": method.startswith("stream")} if method else {}


def leaves(value: Any) -> Iterator[Any]:
    """Yield the scalars in a JSON value that say something; a part's type goes where a plain string says the same."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "type":
                yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield value


def settled(request: ChatRequest) -> ChatRequest:
    """Return the request without the one field in which the gateway adds a wish of its own: the counts."""
    extra = {name: value for name, value in request.extra.items() if name != "stream_options"}
    return msgspec.structs.replace(request, extra=extra)


@pytest.mark.parametrize("path", fixtures(".request.json"), ids=named)
def test_request_keeps_everything_on_the_way_through(path: Path) -> None:
    """A user's request that is read and written in the same dialect keeps every value, and reads the same again."""
    recorded = json.loads(path.read_bytes())
    dialect = of(path)
    where = address(recorded.get("path", ""))
    request = dialect.decode_request(json.dumps(recorded["body"]).encode(), **where)
    assert request.dialect == dialect.name
    wire = dialect.encode_request(request, PROVIDERS[dialect.name])
    written = json.loads(wire.body)
    found = list(leaves(written))
    legacy = path.name == "legacy_functions.request.json"
    lost = [
        leaf for leaf in leaves(recorded["body"]) if leaf not in found and not (legacy and leaf == "function")
    ]
    assert lost == []
    again = dialect.decode_request(wire.body, **where)
    assert settled(again) == settled(request) or legacy


@pytest.mark.parametrize("path", fixtures(".badrequest.json"), ids=named)
def test_bad_request_is_refused(path: Path) -> None:
    """A body that is no request of the dialect is a BadRequestError that says what is wrong."""
    recorded = json.loads(path.read_bytes())
    body = (
        base64.b64decode(recorded["body_base64"]) if "body_base64" in recorded else recorded["body"].encode()
    )
    dialect = of(path)
    with pytest.raises((BadRequestError, UnsupportedError)) as caught:
        dialect.decode_request(body, **address(recorded.get("path", "")))
    assert caught.value.http_status == recorded["status"]
    status, told = dialect.encode_error(caught.value)
    assert status == recorded["status"]
    assert caught.value.message in json.dumps(json.loads(told), ensure_ascii=False) or told


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_is_named_as_it_is_registered(name: str) -> None:
    """The registry's name, the dialect's name and the name in every state and event are one."""
    assert get_dialect(name).name == name
