"""Every recorded answer of every dialect, told again in each served form, is what that form's maker describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.server.describing import Sent, check, check_chunks, check_response_events, described, read_stream
from tests.server.typed import check_gemini, check_message, check_message_events
from ve_magics.dialects.registry import get_dialect
from ve_magics.errors import UnsupportedError, VeError
from ve_magics.events import Event

FIXTURES = Path(__file__).parents[1] / "fixtures"
OWN = (".expect", ".request", ".badrequest", ".error")
WORDS = [{"role": "user", "content": "Hi"}]
QUESTIONS: dict[str, dict[str, Any]] = {
    "chat_completions": {"model": "m", "messages": WORDS},
    "responses": {"model": "m", "input": "Hi"},
    "messages": {"model": "m", "max_tokens": 9, "messages": WORDS},
    "generate_content": {"contents": [{"parts": [{"text": "Hi"}]}]},
}


@cache
def _answers(dialect: str) -> dict[str, tuple[list[Event], VeError | None]]:
    """Return what a dialect's recordings say, by file: events, and the failure that ended them."""
    found: dict[str, tuple[list[Event], VeError | None]] = {}
    for path in sorted((FIXTURES / dialect).iterdir()):
        if path.suffix not in (".json", ".sse") or Path(path.stem).suffix in OWN:
            continue
        if path.name.startswith("interactions_"):
            continue
        decoder = get_dialect(dialect).decoder(origin="p", stream=path.suffix == ".sse")
        events: list[Event] = []
        failure = None
        try:
            events += decoder.feed(path.read_bytes())
            events += decoder.flush()
        except VeError as error:
            failure = error
        if events:
            found[path.name] = events, failure
    return found


def _told(form: str, stream: bool, events: list[Event], failure: VeError | None) -> bytes:
    body = QUESTIONS[form]
    if form != "generate_content":
        body = {**body, "stream": stream}
    request = get_dialect(form).decode_request(json.dumps(body).encode(), model="m", stream=stream)
    encoder = get_dialect(form).encoder(request, options={"id": "x", "created": 5, "alt": "sse"})
    said = b"".join(map(encoder.encode, events))
    return said + (encoder.flush() if failure is None else encoder.encode_failure(failure))


def _retold(form: str, upstream: str, stream: bool) -> Iterator[tuple[str, bytes, bool]]:
    """Yield each of a dialect's answers in another form: its file, its bytes, and whether it ended well."""
    for name, (events, failure) in _answers(upstream).items():
        if failure is not None and not stream:
            continue
        with suppress(UnsupportedError):  # Anthropic's form has no pictures and no sound
            yield name, _told(form, stream, events, failure), failure is None


both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_pair = pytest.mark.parametrize(
    ("form", "upstream"), [(form, upstream) for form in QUESTIONS for upstream in QUESTIONS]
)


@both
@every_pair
def test_recorded_answers_in_every_form(form: str, upstream: str, stream: bool) -> None:
    """Whole or event by event, the form is kept; from another dialect nothing comes that is not known.

    An answer of the same dialect brings its provider's unknown fields and events along, as it should.
    """
    narrow = form != upstream
    count = 0
    for name, raw, ended in _retold(form, upstream, stream):
        count += 1
        try:
            _check(form, raw, stream, ended, narrow)
        except Exception as error:
            error.add_note(f"{upstream}/{name}")
            raise
    assert count > 20


def _check(form: str, raw: bytes, stream: bool, ended: bool, narrow: bool) -> None:
    if stream:
        _check_stream(form, read_stream(raw), ended, narrow)
    elif form == "messages":
        check_message(json.loads(raw), narrow=narrow)
    elif form == "generate_content":
        check_gemini(json.loads(raw), narrow=narrow)
    else:
        check(json.loads(raw), form, narrow=narrow)


def _check_stream(form: str, events: list[Sent], ended: bool, narrow: bool) -> None:
    match form:
        case "chat_completions" if ended:
            check_chunks(events, usage=False, narrow=narrow)
        case "chat_completions":
            check(events[-1].value, "error")
        case "responses":
            known = described("responses_events")["properties"]["type"]["enum"]
            if narrow or all(name in known for name, _ in events):
                check_response_events(events, narrow=narrow, ended=ended)
        case "messages":
            check_message_events(events, narrow=narrow, ended=ended)
        case _:
            for _, value in events if ended else events[:-1]:
                check_gemini(value, narrow=narrow)
