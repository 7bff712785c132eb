"""What a client of the server is told to do: never a magic, a flag, or a key that is somebody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Provider, breaks, fails, refuses, says
from tests.server.running import Running, provider_rows
from ve_magics.engine.advice import advise
from ve_magics.engine.config import Config
from ve_magics.errors import ERRORS, ConnectFailedError, DecodeError, RequestError, TimedOutError
from ve_magics.routing import Target

NOTEBOOK = re.compile(r"%%?[a-z]|(?<![\w-])--?[a-z]")
PATHS = {
    "chat_completions": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "generate_content": "/v1beta/models/{model}:generateContent",
}
PLAYS: dict[str, Any] = {
    "authentication": fails(401, "invalid_api_key"),
    "permission": fails(403, "permission_denied"),
    "model": fails(404, "model_not_found"),
    "quota": fails(429, "insufficient_quota"),
    "limit": fails(429, "rate_limit_exceeded", headers={"retry-after": "99999"}),
    "context": fails(400, "context_length_exceeded"),
    "filter": fails(400, "content_filter"),
    "overloaded": fails(529, "overloaded_error"),
    "server": fails(500, "server_error"),
    "refused": refuses(),
    "broken": breaks("Hello"),
}


def question(dialect: str, model: str) -> tuple[str, dict[str, Any]]:
    """Return a path and a question in a dialect."""
    if dialect == "generate_content":
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    elif dialect == "responses":
        body = {"model": model, "input": "Hi"}
    else:
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    return PATHS[dialect].format(model=model), body


def told(body: bytes) -> str:
    """Return the sentence of an error."""
    message = json.loads(body)["error"]["message"]
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize("kind", PLAYS)
def test_a_failure_is_told_in_words_for_clients(tmp_path: Path, kind: str) -> None:
    """Whoever fails, and in whatever form it is told, whole or streamed, the hint can be followed over HTTP."""
    rows = provider_rows({"a": "chat_completions"}) + '[routes.alone]\ntargets = ["a/m"]\nretries = 0\n'
    with Running(tmp_path, rows, {"a.test": Provider(PLAYS[kind])}) as server:
        for dialect in PATHS:
            reply = server(*question(dialect, "alone"))
            assert reply.status >= 400
            assert not NOTEBOOK.search(told(reply.body)), reply.body
        streamed = server.chat("alone", stream=True)
        assert not NOTEBOOK.search(streamed.body.decode().replace("keep-alive", "")), streamed.body


def test_names_are_told_where_they_are_listed(tmp_path: Path) -> None:
    """An unknown model is told with the path of the list, and a name without end isn't told in full."""
    with Running(tmp_path, "[prices]\n") as server:
        for model in ("zzzzzzzz", "q" * 1_000_000):
            reply = server.chat(model)
            assert reply.status == 404
            assert "GET /v1/models" in told(reply.body)
            assert len(reply.body) < 1000
        near = server.chat("sim/tutr")
        assert not NOTEBOOK.search(told(near.body))


def test_a_missing_key_is_the_owners_business(tmp_path: Path) -> None:
    """A client isn't told to type a key, alone or behind another target."""
    toml = provider_rows({"a": "chat_completions", "b": "chat_completions"}).replace(
        "UPSTREAM_KEY", "NO_KEY", 1
    )
    toml += '[routes.both]\ntargets = ["a/m", "b/m"]\nretries = 0\n'
    with Running(tmp_path, toml, {"b.test": Provider(fails(500, "server_error"))}) as server:
        alone, both = server.chat("a/m"), server.chat("both")
    assert "No key for a. The server's owner" in told(alone.body).replace("\n", " ")
    assert "a/m was not asked: No key for a." in told(both.body)
    assert not NOTEBOOK.search(told(alone.body) + told(both.body))


def test_numbers_too_large_for_anybody_are_the_clients_mistake(tmp_path: Path) -> None:
    """JSON has integers without end; no field has."""
    huge = b"1" + b"0" * 400
    with Running(
        tmp_path, provider_rows({"a": "chat_completions"}), {"a.test": Provider(says("Hi"))}
    ) as server:
        for field in (b"temperature", b"max_tokens", b"seed"):
            body = b'{"model": "a/m", "messages": [{"role": "user", "content": "x"}], "%s": %s}' % (
                field,
                huge,
            )
            reply = server("/v1/chat/completions", body)
            assert (reply.status, reply.json["error"]["param"]) == (400, field.decode())
        reply = server("/v1/images/generations", b'{"model": "a/m", "prompt": "x", "n": %s}' % huge)
        assert (reply.status, reply.json["error"]["param"]) == (400, "n")


def test_every_hint_of_the_way_to_an_answer_has_words_for_clients() -> None:
    """Whoever writes a magic or a flag into advice about a provider says it for clients as well."""
    config = Config(environ={"OPENAI_API_KEY": "sk-of-openai-1"})
    errors: list[RequestError] = [
        TimedOutError("x", phase="total"),
        ConnectFailedError("x"),
        DecodeError("x"),
    ]
    errors += [kind("x", status=400) for kind in ERRORS.values()]
    for error in errors:
        for provider in ("openai", "ollama"):
            advise(error, Target(provider, "m"), config)
            told = error.hint if error.client_hint is None else error.client_hint
            assert not NOTEBOOK.search(told), (error.kind, told)
            error.hint = ""
