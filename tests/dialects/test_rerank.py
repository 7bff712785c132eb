"""Reranking: the shared shape with its variants, both roles."""

from __future__ import annotations

import json

import pytest

from ve_magics.dialects.rerank import (
    Ranked,
    RerankRequest,
    RerankResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from ve_magics.errors import BadRequestError, DecodeError, StatusError, UnsupportedError
from ve_magics.messages import Usage
from ve_magics.providers import PROVIDERS

SERVER = PROVIDERS["siliconflow"]
REQUEST = RerankRequest(model="m", query="q", documents=("a", "b"), top=1, extra={"x": 1})


def test_the_request() -> None:
    """Query and documents go out with the number that is wanted; those who don't rerank say so."""
    wire = encode_request(REQUEST, SERVER)
    assert wire.path == "/rerank"
    assert json.loads(wire.body) == {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1, "x": 1}
    assert "top_n" not in json.loads(
        encode_request(RerankRequest(model="m", query="q", documents=("a",)), SERVER).body
    )
    for name in ("anthropic", "google"):
        with pytest.raises(UnsupportedError, match="rerank"):
            encode_request(REQUEST, PROVIDERS[name])


@pytest.mark.parametrize(
    "body",
    [
        b'{"results":[{"index":0,"relevance_score":0.1},{"index":1,"relevance_score":0.9,"document":{"text":"b"}}]}',
        b'{"data":[{"index":1,"score":0.9},{"index":0,"score":0.1}]}',
        b'[{"index":0,"score":0.1},{"index":1,"score":0.9}]',
    ],
)
def test_the_best_comes_first_in_every_variant(body: bytes) -> None:
    """`results`, `data` or a bare list; `relevance_score` or `score`; sorted or not."""
    assert decode_response(body, SERVER, 2).results == (Ranked(1, 0.9), Ranked(0, 0.1))


def test_counts_are_read_where_there_are_some() -> None:
    """Prompt or total tokens, and the cost that the provider tells."""
    body = b'{"model":"m","results":[],"usage":{"total_tokens":8,"cost":0.5}}'
    assert decode_response(body, SERVER, 2) == RerankResponse(
        results=(), model="m", usage=Usage(input=8, cost=0.5)
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "holds no ranks"),
        (b"{}", "holds no ranks"),
        (b'{"results":[{"index":0}]}', "holds no ranks"),
        (b'{"results":[{"index":5,"score":1}]}', "was not given"),
        (b'{"results":[{"index":-1,"score":1}]}', "was not given"),
        (b"<html><title>x</title></html>", "web page"),
    ],
)
def test_what_is_no_reply_is_told(body: bytes, message: str) -> None:
    """Broken replies and documents that were never sent are a `DecodeError`."""
    with pytest.raises(DecodeError, match=message):
        decode_response(body, SERVER, 2)


def test_an_error_inside_a_good_status_is_an_error() -> None:
    """A 200 with an error in it is a failure."""
    with pytest.raises(StatusError, match="busy"):
        decode_response(
            b'[{"error":1}]'.replace(b'[{"error":1}]', b'{"error":{"message":"busy"}}'), SERVER, 1
        )


def test_users_requests_are_read() -> None:
    """Documents are texts or objects with a text."""
    read = decode_request(
        b'{"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1,"return_documents":true,"x":1}'
    )
    assert read == RerankRequest(model="m", query="q", documents=("a", "b"), top=1, echo=True, extra={"x": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"model":"m","documents":["a"]}',
        b'{"model":"m","query":"q"}',
        b'{"model":"m","query":"q","documents":[]}',
        b'{"model":"m","query":"q","documents":[1]}',
        b'{"model":"m","query":"q","documents":[{"image":"x"}]}',
        b'{"model":"m","query":"q","documents":["a"],"top_n":0}',
        b'{"model":"m","query":"q","documents":["a"],"return_documents":3}',
    ],
)
def test_bad_requests_are_refused(body: bytes) -> None:
    """Each is a 400, never a traceback."""
    with pytest.raises(BadRequestError):
        decode_request(body)


def test_what_is_written_is_read_again() -> None:
    """A user gets as many as were asked for, with the texts where they were."""
    response = RerankResponse(results=(Ranked(1, 0.9), Ranked(0, 0.1)), model="m", usage=Usage(input=8))
    whole = encode_response(response, RerankRequest(model="m", query="q", documents=("a", "b"), echo=True))
    assert decode_response(whole, SERVER, 2) == response
    assert json.loads(whole)["results"][0]["document"] == {"text": "b"}
    assert len(json.loads(encode_response(response, REQUEST))["results"]) == 1
