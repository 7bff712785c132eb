"""Pictures: both formats, both roles."""

from __future__ import annotations

import base64
import json

import pytest

from ve_magics.dialects.images import (
    ImageRequest,
    ImageResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from ve_magics.errors import BadRequestError, ContentFilterError, DecodeError, StatusError, UnsupportedError
from ve_magics.messages import Image, Usage
from ve_magics.providers import PROVIDERS

OPENAI, GOOGLE = PROVIDERS["openai"], PROVIDERS["google"]
PNG = b"\x89PNG\r\n\x1a\n..."
B64 = base64.b64encode(PNG).decode()


def test_openais_request() -> None:
    """Only what was said goes out, and never a `response_format`, which newer models refuse."""
    wire = encode_request(ImageRequest(model="m", prompt="p", n=2, size="512x512", extra={"x": 1}), OPENAI)
    assert wire.path == "/images/generations"
    assert json.loads(wire.body) == {"model": "m", "prompt": "p", "n": 2, "size": "512x512", "x": 1}


def test_geminis_request() -> None:
    """A size becomes the ratio of its sides."""
    wire = encode_request(ImageRequest(model="g", prompt="p", size="1536x1024", n=1), GOOGLE)
    assert wire.path == "/models/g:generateContent"
    config = json.loads(wire.body)["generationConfig"]
    assert config == {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "3:2"}}
    plain = json.loads(encode_request(ImageRequest(model="g", prompt="p", size="auto"), GOOGLE).body)
    assert "imageConfig" not in plain["generationConfig"]


@pytest.mark.parametrize(
    ("request_", "provider", "field"),
    [
        (ImageRequest(model="m", prompt="p"), "anthropic", "image"),
        (ImageRequest(model="m", prompt="p", n=2), "google", "n"),
        (ImageRequest(model="m", prompt="p", quality="high"), "google", "quality"),
        (ImageRequest(model="m", prompt="p", size="large"), "google", "size"),
        (ImageRequest(model="m", prompt="p", size="0x5"), "google", "size"),
    ],
)
def test_what_cannot_be_said_is_an_error(request_: ImageRequest, provider: str, field: str) -> None:
    """It names the field and is not dropped in silence."""
    with pytest.raises(UnsupportedError) as caught:
        encode_request(request_, PROVIDERS[provider])
    assert caught.value.field == field


def test_openais_reply() -> None:
    """Bytes with the type that they begin with, or an address; counts and the prompt as it was understood."""
    data = [{"b64_json": B64}, {"url": "https://x.test/a.png", "revised_prompt": "better"}]
    body = json.dumps({"created": 5, "data": data, "usage": {"input_tokens": 3, "output_tokens": 9}}).encode()
    assert decode_response(body, OPENAI) == ImageResponse(
        images=(Image(data=PNG, media_type="image/png"), Image(url="https://x.test/a.png")),
        prompts=("better",),
        usage=Usage(input=3, output=9),
        created=5,
    )


def gemini(**candidate: object) -> bytes:
    """Return a reply of Gemini."""
    told = {"promptTokenCount": 3, "candidatesTokenCount": 9, "thoughtsTokenCount": 1}
    return json.dumps({"candidates": [candidate], "usageMetadata": told}).encode()


def test_geminis_reply() -> None:
    """Pictures that are only thoughts don't count; text beside them is passed over."""
    inline = {"mimeType": "image/webp", "data": B64}
    parts = [{"inlineData": inline, "thought": True}, {"text": "Here."}, {"inlineData": inline}]
    response = decode_response(gemini(content={"parts": parts}), GOOGLE)
    assert response.images == (Image(data=PNG, media_type="image/webp"),)
    assert response.usage == Usage(input=3, output=10, reasoning=1)
    uncounted = json.dumps({"candidates": [{"content": {"parts": parts}}]}).encode()
    assert decode_response(uncounted, GOOGLE).usage is None


def test_a_refusal_is_a_content_filter() -> None:
    """A picture that policy refused is told as such, whoever says it."""
    with pytest.raises(ContentFilterError, match="IMAGE_SAFETY"):
        decode_response(gemini(finishReason="IMAGE_SAFETY"), GOOGLE)
    with pytest.raises(ContentFilterError):
        decode_response(b'{"promptFeedback":{"blockReason":"OTHER"}}', GOOGLE)


@pytest.mark.parametrize(
    ("body", "provider", "message"),
    [
        (b"", OPENAI, "holds no picture"),
        (b'{"data":[{}]}', OPENAI, "holds no picture"),
        (b'{"data":[{"b64_json":"%"}]}', OPENAI, "holds no picture"),
        (b'{"data":[]}', OPENAI, "without a picture"),
        (gemini(finishReason="STOP"), GOOGLE, "without a picture"),
        (b"<!doctype html>", OPENAI, "web page"),
    ],
)
def test_what_is_no_reply_is_told(body: bytes, provider: object, message: str) -> None:
    """Broken or empty: a `DecodeError`."""
    with pytest.raises(DecodeError, match=message):
        decode_response(body, provider)  # type: ignore[arg-type]  # a provider, from the table above


def test_an_error_inside_a_good_status_is_an_error() -> None:
    """A 200 with an error in it is a failure of its class."""
    with pytest.raises(StatusError, match="blocked"):
        decode_response(b'{"error":{"message":"blocked","code":"moderation_blocked"}}', OPENAI)


def test_users_requests_are_read() -> None:
    """Fields are kept; `response_format` is of no matter, for bytes come as bytes."""
    read = decode_request(b'{"model":"m","prompt":"p","n":2,"size":"auto","response_format":"url","x":1}')
    assert read == ImageRequest(model="m", prompt="p", n=2, size="auto", extra={"x": 1})
    with pytest.raises(UnsupportedError, match="stream"):
        decode_request(b'{"model":"m","prompt":"p","stream":true}')


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"model":"m"}', b'{"model":"m","prompt":"p","n":0}', b'{"model":"m","prompt":"p","size":3}'],
)
def test_bad_requests_are_refused(body: bytes) -> None:
    """Each is a 400, never a traceback."""
    with pytest.raises(BadRequestError):
        decode_request(body)


def test_what_is_written_is_read_again() -> None:
    """Bytes, addresses, prompts and counts survive."""
    response = ImageResponse(
        images=(Image(data=PNG, media_type="image/png"), Image(url="https://x.test/a")),
        prompts=("a", "b"),
        usage=Usage(input=1, output=2),
        created=7,
    )
    assert decode_response(encode_response(response), OPENAI) == response
    assert json.loads(encode_response(ImageResponse(images=()), created=9))["created"] == 9


def test_fewer_prompts_than_pictures() -> None:
    """A picture whose prompt nobody told goes out without one."""
    pictures = (Image(url="https://x.test/a"), Image(url="https://x.test/b"))
    reply = json.loads(encode_response(ImageResponse(images=pictures, prompts=("a fox",))))
    assert [row.get("revised_prompt") for row in reply["data"]] == ["a fox", None]
