"""The fixtures themselves: complete, well formed, honest about what the official SDKs would accept, free of keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from ve_magics.errors import ErrorKind

FIXTURES = Path(__file__).parent / "fixtures"
DIALECTS = ("chat_completions", "responses", "messages", "generate_content")
EXPECTS = sorted(FIXTURES.glob("*/*.expect.json"))
REQUESTS = sorted(FIXTURES.glob("*/*.request.json"))
BAD_REQUESTS = sorted(FIXTURES.glob("*/*.badrequest.json"))
ERRORS = sorted(FIXTURES.glob("*/*.error.json"))

EXPECT_KEYS = {
    "why",
    "source",
    "id",
    "model",
    "choices",
    "usage",
    "cost",
    "state",
    "error",
    "text_before_error",
    "truncated",
    "irregular",
    "strip",
}
CHOICE_KEYS = {
    "index",
    "text",
    "reasoning",
    "refusal",
    "tool_calls",
    "finish",
    "media",
    "citations",
    "logprob_tokens",
}
KEY_LIKE = re.compile(
    rb"sk-[A-Za-z0-9_-]{16,}|AIza[0-9A-Za-z_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{16,}"
    rb"|r8_[A-Za-z0-9]{16,}|hf_[A-Za-z0-9]{16,}|[Bb]earer\s+[A-Za-z0-9._-]{12,}|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def name_of(path: Path) -> str:
    """Return ``dialect/file`` as the test's name."""
    return f"{path.parent.name}/{path.name}"


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of the fixtures' own making."""
    value = json.loads(path.read_bytes())
    assert isinstance(value, dict)
    return value


def recorded(expect: Path) -> list[Path]:
    """Return the recordings that an expectation is about."""
    stem = expect.name.removesuffix(".expect.json")
    return [p for kind in ("json", "sse", "error.json") if (p := expect.with_name(f"{stem}.{kind}")).exists()]


def sse_payloads(raw: bytes) -> list[Any]:
    """Return the JSON payloads of a well-formed event stream, by the shortest reading of the SSE rules."""
    payloads: list[Any] = []
    data: list[bytes] = []
    for line in [*re.split(rb"\r\n|\n|\r", raw.removeprefix(b"\xef\xbb\xbf")), b""]:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            text, data = b"\n".join(data), []
            if text.startswith(b"[DONE]"):
                break
            payloads.append(json.loads(text))
    return payloads


@cache
def official(dialect: str) -> tuple[Callable[[Any], object], Callable[[Any], object]]:
    """Return the official SDK's validators for a whole reply and for one stream event of a dialect."""
    if dialect == "chat_completions":
        from openai.types.chat import ChatCompletion, ChatCompletionChunk

        return ChatCompletion.model_validate, ChatCompletionChunk.model_validate
    if dialect == "responses":
        from openai.types.responses import Response, ResponseStreamEvent

        return Response.model_validate, TypeAdapter[Any](ResponseStreamEvent).validate_python
    if dialect == "messages":
        from anthropic.types import Message, RawMessageStreamEvent

        return Message.model_validate, TypeAdapter[Any](RawMessageStreamEvent).validate_python
    from google.genai.types import GenerateContentResponse

    return GenerateContentResponse.model_validate, GenerateContentResponse.model_validate


def conforms(path: Path) -> bool:
    """Tell whether the official SDK's types accept a recorded reply as it stands."""
    whole, event = official(path.parent.name)
    try:
        if path.suffix == ".sse":
            payloads = sse_payloads(path.read_bytes())
            for payload in payloads:
                if payload.get("type") != "ping":  # the Anthropic SDK drops pings before it looks at types
                    event(payload)
            return bool(payloads)
        whole(json.loads(path.read_bytes()))
    except (ValidationError, ValueError, AttributeError):
        return False
    return True


def test_every_dialect_has_replies_streams_errors_and_requests() -> None:
    """No dialect is tested by one kind of fixture only."""
    for dialect in DIALECTS:
        files = [p.name for p in (FIXTURES / dialect).iterdir()]
        for suffix in (".sse", ".error.json", ".request.json", ".badrequest.json", ".expect.json"):
            assert any(f.endswith(suffix) for f in files), (dialect, suffix)


def test_every_recording_has_one_expectation_and_every_expectation_one_recording() -> None:
    """A recording without its expectation would pass in silence, and the other way round."""
    told = {p for expect in EXPECTS for p in recorded(expect)}
    own = (".expect.json", ".request.json", ".badrequest.json")
    files = {p for d in DIALECTS for p in (FIXTURES / d).iterdir() if not p.name.endswith(own)}
    assert files == told
    assert [name_of(e) for e in EXPECTS if len(recorded(e)) != 1] == []


@pytest.mark.parametrize("path", EXPECTS, ids=name_of)
def test_expectations_are_well_formed(path: Path) -> None:
    """An expectation only uses the vocabulary that fixtures/README.md explains."""
    expect = read(path)
    assert set(expect) <= EXPECT_KEYS
    assert expect["why"].endswith(".")
    assert expect["source"]
    assert ("choices" in expect) != ("error" in expect)
    assert expect.get("truncated", True) is True
    if "truncated" in expect:
        assert expect["error"]["kind"] == "network"
    for position, choice in enumerate(expect.get("choices", [])):
        assert set(choice) <= CHOICE_KEYS
        assert choice["index"] == position
        assert choice["finish"] in {"stop", "length", "tool_calls", "content_filter"}
        for call in choice.get("tool_calls", []):
            assert set(call) <= {"id", "name", "arguments", "arguments_text", "custom"}
            assert call["name"]
            assert ("arguments" in call) != ("arguments_text" in call)
            assert isinstance(call.get("arguments", {}), dict)
    if "usage" in expect:
        usage = expect["usage"]
        assert set(usage) == {"input", "cached", "cache_write", "output", "reasoning"}
        assert usage["cached"] + usage["cache_write"] <= usage["input"]
        assert usage["reasoning"] <= usage["output"]
    if "error" in expect:
        error = expect["error"]
        assert set(error) <= {"kind", "retryable", "retry_after", "message_contains"}
        assert error
        assert error.get("kind", "server") in get_args(ErrorKind)
        if error.get("kind") in {"rate_limit", "overloaded", "timeout", "network"}:
            assert error["retryable"] is True
        if error.get("kind") in {
            "authentication",
            "permission",
            "model_not_found",
            "context_length",
            "quota",
        }:
            assert error["retryable"] is False


@pytest.mark.parametrize("path", ERRORS, ids=name_of)
def test_error_recordings_hold_status_headers_and_the_words_expected(path: Path) -> None:
    """The words that an error must show are in the body that was recorded."""
    error = read(path)
    assert set(error) == {"status", "headers", "body"}
    assert 400 <= error["status"] <= 599
    assert isinstance(error["body"], str)
    assert all(isinstance(v, str) for v in error["headers"].values())
    expect = read(path.with_name(path.name.removesuffix(".error.json") + ".expect.json"))
    assert expect["error"].get("message_contains", "") in error["body"]


def good_replies() -> list[Path]:
    """Return recordings that are answers; the SDK publishes no types for the Interactions API, so those are left out."""
    replies = [r for e in EXPECTS for r in recorded(e) if "choices" in read(e)]
    return [r for r in replies if not r.name.startswith("interactions_")]


@pytest.mark.parametrize("path", good_replies(), ids=name_of)
def test_good_replies_conform_to_the_official_types_unless_marked_irregular(path: Path) -> None:
    """What is called regular is accepted by the official SDK's types, what is called irregular isn't."""
    expect = read(path.with_name(path.name.removesuffix(path.suffix) + ".expect.json"))
    assert conforms(path) is not expect.get("irregular", False)


@pytest.mark.parametrize("path", REQUESTS, ids=name_of)
def test_requests_are_well_formed(path: Path) -> None:
    """A request fixture says why it is there and holds the body as an object."""
    request = read(path)
    assert set(request) <= {"why", "path", "body"}
    assert request["why"].endswith(".")
    assert isinstance(request["body"], dict)
    assert ("path" in request) == (path.parent.name == "generate_content")


@pytest.mark.parametrize("path", BAD_REQUESTS, ids=name_of)
def test_bad_requests_are_well_formed(path: Path) -> None:
    """A broken request says why and which status it deserves, and gives the body as text or as base64."""
    request = read(path)
    assert set(request) <= {"why", "path", "status", "body", "body_base64"}
    assert request["why"].endswith(".")
    assert ("body" in request) != ("body_base64" in request)
    assert request["status"] == 400


def test_no_fixture_holds_something_like_a_key() -> None:
    """Fixtures are published; nothing in them may look like a credential."""
    found = [
        str(p.relative_to(FIXTURES))
        for p in FIXTURES.rglob("*")
        if p.is_file() and KEY_LIKE.search(p.read_bytes())
    ]
    assert found == []


def test_git_leaves_the_bytes_of_fixtures_alone() -> None:
    """Line ends are part of what is tested, so git must not convert them."""
    assert (FIXTURES / ".gitattributes").read_text(encoding="utf-8").split("\n")[0] == "* -text"
    assert b"\r\n\r\n" in (FIXTURES / "chat_completions" / "stream_crlf.sse").read_bytes()
