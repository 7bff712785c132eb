"""Anthropic's Messages API, as Anthropic writes it and as the servers do that imitate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.contract import Encoder, WireRequest
from ve_magics.dialects.messages import faults, question
from ve_magics.dialects.messages.answer import StreamEncoder, WholeEncoder
from ve_magics.dialects.messages.reply import ReplyDecoder
from ve_magics.dialects.messages.request import encode_request as write_request
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.errors import StatusError, VeError
from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider


class Messages:
    """The dialect. See `contract.Dialect`."""

    name = NAME
    prefixes = None

    def encode_request(self, request: ChatRequest, provider: Provider) -> WireRequest:
        """Return the request as this provider and model want it."""
        return write_request(request, provider)

    def decoder(self, *, origin: str, stream: bool) -> ReplyDecoder:
        """Return a fresh decoder of one reply; it looks at the bytes to see which form has come."""
        return ReplyDecoder(origin, stream=stream)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the failure that a reply with a bad HTTP status tells."""
        return faults.decode_error(status, headers, body)

    def decode_request(
        self,
        body: bytes,
        *,
        model: str = "",
        stream: bool | None = None,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - versions and betas don't change what is understood
    ) -> ChatRequest:
        """Read a user's question."""
        return question.decode_request(body, model=model, stream=stream)

    def encoder(self, request: ChatRequest, *, options: Mapping[str, Any] | None = None) -> Encoder:
        """Return a fresh encoder for the reply to this question; of the `options`, `id` is used."""
        return StreamEncoder(request, options) if request.stream else WholeEncoder(request, options)

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body that tell a failure before the reply has begun."""
        return faults.encode_error(error)


dialect = Messages()
