"""Pictures from words: OpenAI's format in both roles, and Gemini's as a client."""

from __future__ import annotations

import base64
import binascii
from math import gcd
from typing import Any

import msgspec

from ve_magics.dialects import openai_faults as faults
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.failures import failure, is_html, page_reply
from ve_magics.dialects.fields import Fields, decode_object
from ve_magics.dialects.loose import believed_cost, believed_count
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.messages import Extra, Image, Usage
from ve_magics.providers import Provider

_SETTINGS = ("size", "quality", "background", "output_format", "output_compression", "moderation", "user")
_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"RIFF", "image/webp"),
    (b"GIF8", "image/gif"),
)
_REFUSALS = (
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "SAFETY",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "RECITATION",
)


class ImageRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture that is to be made. None leaves a setting to the provider.

    Attributes:
        model: As for chat.
        prompt: What it shows.
        n: How many.
        size: `WIDTHxHEIGHT` in pixels, or `auto`.
        output_compression: 0 to 100.
    """

    model: str
    prompt: str
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    moderation: str | None = None
    user: str | None = None
    extra: Extra = {}


class ImageResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The pictures: bytes with their media type, or addresses.

    Attributes:
        prompts: What the provider made of the prompt, a picture each; empty where it doesn't say.
        created: Seconds since 1970, as the provider says; 0 where it doesn't.
    """

    images: tuple[Image, ...]
    prompts: tuple[str, ...] = ()
    usage: Usage | None = None
    created: int = 0


class _Picture(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None


class _Reply(msgspec.Struct):
    data: list[_Picture]
    created: float | None = None
    usage: _Usage | None = None


class _Inline(msgspec.Struct, rename="camel"):
    data: str = ""
    mime_type: str = ""


class _Part(msgspec.Struct, rename="camel"):
    inline_data: _Inline | None = None
    thought: bool = False


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str = ""
    finish_message: str = ""


class _GeminiUsage(msgspec.Struct, rename="camel"):
    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str = ""


class _GeminiReply(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] = []
    usage_metadata: _GeminiUsage | None = None
    prompt_feedback: _Feedback | None = None


def encode_request(request: ImageRequest, provider: Provider) -> WireRequest:
    """Return the request as this provider wants it.

    Raises:
        UnsupportedError: It can't be said there.
    """
    if provider.dialect == "messages":
        raise UnsupportedError("image", provider.name, message=f"{provider.name} makes no pictures.")
    if provider.dialect == "generate_content":
        return _encode_gemini(request)
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    for name in ("n", *_SETTINGS):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    return WireRequest("/images/generations", msgspec.json.encode(with_extra(body, request.extra)))


def _encode_gemini(request: ImageRequest) -> WireRequest:
    for name in _SETTINGS[1:-1]:
        if getattr(request, name) is not None:
            raise UnsupportedError(name, "generate_content")
    if request.n not in (None, 1):
        raise UnsupportedError("n", "generate_content", message="Gemini makes one picture a request.")
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if request.size not in (None, "auto"):
        config["imageConfig"] = {"aspectRatio": _ratio(request.size)}
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": request.prompt}]}],
        "generationConfig": config,
    }
    return WireRequest(
        f"/models/{request.model}:generateContent", msgspec.json.encode(with_extra(body, request.extra))
    )


def _ratio(size: str | None) -> str:
    wide, _, high = (size or "").partition("x")
    if not (
        wide.isascii() and wide.isdigit() and high.isascii() and high.isdigit() and int(wide) and int(high)
    ):
        raise UnsupportedError("size", "generate_content", message=f"{size!r} is not WIDTHxHEIGHT.")
    shared = gcd(int(wide), int(high))
    return f"{int(wide) // shared}:{int(high) // shared}"


def decode_response(body: bytes, provider: Provider) -> ImageResponse:
    """Return the pictures of a reply with a good status.

    Raises:
        StatusError: It holds an error, or the provider's policy refused.
        DecodeError: It is no such reply.
    """
    if is_html(body):
        raise page_reply(body)
    try:
        response = _decode_gemini(body) if provider.dialect == "generate_content" else _decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        if b'"error"' in body[:2000]:
            raise faults.decode_error(200, {}, body) from None
        raise DecodeError(
            f"{provider.name} answered something that holds no picture.", retryable=False
        ) from None
    if not response.images:
        raise DecodeError(f"{provider.name} answered without a picture.", retryable=False)
    return response


def _decode(body: bytes) -> ImageResponse:
    reply = msgspec.json.decode(body, type=_Reply)
    told = reply.usage
    usage = None
    if told is not None:
        usage = Usage(
            input=believed_count(told.input_tokens),
            output=believed_count(told.output_tokens),
            cost=believed_cost(told.cost),
        )
    return ImageResponse(
        images=tuple(_picture(row.b64_json or "", "", row.url or "") for row in reply.data),
        prompts=tuple(row.revised_prompt for row in reply.data if row.revised_prompt),
        usage=usage,
        created=believed_count(reply.created),
    )


def _decode_gemini(body: bytes) -> ImageResponse:
    reply = msgspec.json.decode(body, type=_GeminiReply)
    images = [
        _picture(part.inline_data.data, part.inline_data.mime_type, "")
        for candidate in reply.candidates
        for part in (candidate.content.parts if candidate.content else [])
        if part.inline_data is not None and not part.thought
    ]
    if not images:
        reasons = [candidate.finish_reason for candidate in reply.candidates]
        if reply.prompt_feedback is not None and reply.prompt_feedback.block_reason:
            reasons.append(reply.prompt_feedback.block_reason)
        refused = next((reason for reason in reasons if reason in _REFUSALS), "")
        if refused or (reply.prompt_feedback is not None and reply.prompt_feedback.block_reason):
            raise failure(
                200, f"The picture was refused: {refused or reasons[-1]}.", codes=("content_filter",)
            )
    told = reply.usage_metadata
    usage = None
    if told is not None:
        thoughts = believed_count(told.thoughts_token_count)
        usage = Usage(
            input=believed_count(told.prompt_token_count),
            output=believed_count(told.candidates_token_count) + thoughts,
            reasoning=thoughts,
        )
    return ImageResponse(images=tuple(images), usage=usage)


def _picture(data: str, media_type: str, url: str) -> Image:
    if not data:
        if not url:
            raise ValueError("neither bytes nor an address")
        return Image(url=url)
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    return Image(
        data=raw, media_type=media_type or next((kind for head, kind in _MAGIC if raw.startswith(head)), "")
    )


def decode_request(body: bytes) -> ImageRequest:
    """Read a user's request in OpenAI's format.

    Raises:
        BadRequestError: It is none; `param` names the field.
        UnsupportedError: It asks for a stream of partial pictures.
    """
    fields = Fields(decode_object(body))
    if fields.take("stream"):
        raise UnsupportedError("stream", "images", message="Pictures come whole here; leave stream out.")
    model, prompt = fields.need_text("model"), fields.need_text("prompt")
    numbers = {"n": fields.whole("n", 1), "output_compression": fields.whole("output_compression", 0)}
    texts = {name: fields.text(name) for name in _SETTINGS if name != "output_compression"}
    fields.take("response_format")
    return ImageRequest(model=model, prompt=prompt, **texts, **numbers, extra=fields.rest)  # type: ignore[arg-type]  # the names are the fields'


def encode_response(response: ImageResponse, *, created: int = 0) -> bytes:
    """Return the reply to a user in OpenAI's format.

    Args:
        response: The pictures.
        created: Seconds since 1970, where the provider didn't say.
    """
    rows: list[dict[str, Any]] = []
    for at, image in enumerate(response.images):
        told = base64.b64encode(image.data).decode("ascii")
        rows.append({"b64_json": told} if image.data else {"url": image.url})
        if at < len(response.prompts):
            rows[-1]["revised_prompt"] = response.prompts[at]
    reply: dict[str, Any] = {"created": response.created or created, "data": rows}
    if response.usage is not None:
        read, made = response.usage.input, response.usage.output
        reply["usage"] = {
            "input_tokens": read,
            "input_tokens_details": {"text_tokens": read, "image_tokens": 0},  # a prompt is all that is taken
            "output_tokens": made,
            "total_tokens": read + made,
        }
    return msgspec.json.encode(reply)
