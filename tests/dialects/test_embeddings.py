"""Embeddings: both formats, both roles, and replies as servers really send them."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.embeddings import (
    EmbedRequest,
    EmbedResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from ve_magics.errors import BadRequestError, DecodeError, StatusError, UnsupportedError
from ve_magics.messages import Usage
from ve_magics.providers import PROVIDERS

OPENAI, GOOGLE, ANTHROPIC = PROVIDERS["openai"], PROVIDERS["google"], PROVIDERS["anthropic"]
REQUEST = EmbedRequest(model="m", inputs=("a", "b"), dimensions=4, user="u", extra={"priority": 1})


def test_openais_request() -> None:
    """Texts or tokens go out as they are; unknown fields go along."""
    wire = encode_request(REQUEST, OPENAI)
    assert wire.path == "/embeddings"
    assert json.loads(wire.body) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 4,
        "user": "u",
        "priority": 1,
    }
    tokens = encode_request(EmbedRequest(model="m", inputs=((1, 2),)), OPENAI)
    assert json.loads(tokens.body)["input"] == [[1, 2]]


def test_geminis_request() -> None:
    """One row a text, with its task and size."""
    wire = encode_request(
        EmbedRequest(model="g", inputs=("a",), dimensions=4, task="RETRIEVAL_QUERY"), GOOGLE
    )
    assert wire.path == "/models/g:batchEmbedContents"
    row = {
        "model": "models/g",
        "content": {"parts": [{"text": "a"}]},
        "taskType": "RETRIEVAL_QUERY",
        "outputDimensionality": 4,
    }
    assert json.loads(wire.body) == {"requests": [row]}
    plain = encode_request(EmbedRequest(model="g", inputs=("a", "b")), GOOGLE)
    rows = [{"model": "models/g", "content": {"parts": [{"text": text}]}} for text in "ab"]
    assert json.loads(plain.body) == {"requests": rows}


@pytest.mark.parametrize(
    ("request_", "provider", "field"),
    [
        (REQUEST, ANTHROPIC, "embed"),
        (EmbedRequest(model="m", inputs=("a",), task="CLUSTERING"), OPENAI, "task"),
        (EmbedRequest(model="m", inputs=((1,),)), GOOGLE, "input"),
    ],
)
def test_what_cannot_be_said_is_an_error(request_: EmbedRequest, provider: Any, field: str) -> None:
    """It names the field and is not dropped in silence."""
    with pytest.raises(UnsupportedError) as caught:
        encode_request(request_, provider)
    assert caught.value.field == field


def test_rows_come_in_the_order_of_the_inputs() -> None:
    """The `index` decides, packed or plain; counts are normalised."""
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    rows = [{"index": 1, "embedding": [1, 2]}, {"index": 0, "embedding": packed}]
    body = msgspec.json.encode({"data": rows, "model": "m", "usage": {"prompt_tokens": 3, "cost": 0.1}})
    response = decode_response(body, OPENAI, 2)
    assert response.vectors == ((0.5, -1.0), (1.0, 2.0))
    assert response.usage == Usage(input=3, cost=0.1)
    bare = decode_response(b'{"data":[{"embedding":[1]}],"usage":{"total_tokens":7}}', OPENAI, 1)
    assert bare.usage == Usage(input=7)
    assert decode_response(b'{"data":[{"embedding":[1]}]}', OPENAI, 1).usage is None


def test_geminis_reply() -> None:
    """Values come in order; counts may be missing."""
    response = decode_response(
        b'{"embeddings":[{"values":[1,2]}],"usageMetadata":{"promptTokenCount":4}}', GOOGLE, 1
    )
    assert (response.vectors, response.usage) == (((1.0, 2.0),), Usage(input=4))
    assert decode_response(b'{"embeddings":[{"values":[1]}]}', GOOGLE, 1).usage is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "holds no embeddings"),
        (b"[]", "holds no embeddings"),
        (b'{"data":[{"embedding":["x"]}]}', "holds no embeddings"),
        (b'{"data":[{"embedding":"%%"}]}', "holds no embeddings"),
        (b'{"data":[{"embedding":"AAA="}]}', "holds no embeddings"),
        (b'{"data":[]}', "0 embeddings for 1 inputs"),
        (b"<!doctype html><title>x</title>", "web page"),
    ],
)
def test_what_is_no_reply_is_told(body: bytes, message: str) -> None:
    """Broken, empty or incomplete: a `DecodeError`."""
    with pytest.raises(DecodeError, match=message):
        decode_response(body, OPENAI, 1)


def test_an_error_inside_a_good_status_is_an_error() -> None:
    """Gateways answer 200 with an error in it."""
    with pytest.raises(StatusError, match="no credit"):
        decode_response(b'{"error":{"message":"no credit","code":"insufficient_quota"}}', OPENAI, 1)


def test_users_requests_are_read() -> None:
    """A text, a list, tokens; packed where it was asked for; unknown fields are kept."""
    read = decode_request(
        b'{"model":"m","input":["a",[1,2]],"encoding_format":"base64","dimensions":3,"user":"u","x":1}'
    )
    assert read == EmbedRequest(
        model="m", inputs=("a", (1, 2)), packed=True, dimensions=3, user="u", extra={"x": 1}
    )
    assert decode_request(b'{"model":"m","input":"a"}').inputs == ("a",)
    assert decode_request(b'{"model":"m","input":[1,2]}').inputs == ((1, 2),)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"input":"a"}',
        b'{"model":"m"}',
        b'{"model":"m","input":""}',
        b'{"model":"m","input":[]}',
        b'{"model":"m","input":[[]]}',
        b'{"model":"m","input":[true]}',
        b'{"model":"m","input":"a","dimensions":0}',
        b'{"model":"m","input":"a","encoding_format":"hex"}',
        b'{"model":"m","input":' + json.dumps(["a"] * 2049).encode() + b"}",
    ],
)
def test_bad_requests_are_refused(body: bytes) -> None:
    """Each is a 400, never a traceback."""
    with pytest.raises(BadRequestError):
        decode_request(body)


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_written_is_read_again(packed: bool) -> None:
    """Both forms of a reply come back as the same vectors."""
    response = EmbedResponse(vectors=((0.5, 1.0), (2.0, -0.25)), model="m", usage=Usage(input=3))
    body = encode_response(response, EmbedRequest(model="m", inputs=("a", "b"), packed=packed))
    assert decode_response(body, OPENAI, 2) == response
    assert (b'"embedding":"' in body) is packed


@pytest.mark.parametrize("count", ["-5", "1000000000000", "9223372036854775807"])
def test_counts_that_make_no_sense_are_not_believed(count: str) -> None:
    """Nobody is paid a negative sum, and no number is too large for the books."""
    told = b'{"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": %s, "cost": -1}}' % count.encode()
    assert decode_response(told, OPENAI, 1).usage == Usage()
