"""OpenAI's Chat Completions, as OpenAI writes it and as the hundred servers do that call themselves compatible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects import openai_faults as faults
from ve_magics.dialects.chat_completions import question
from ve_magics.dialects.chat_completions.answer import StreamEncoder, WholeEncoder
from ve_magics.dialects.chat_completions.choice import NAME
from ve_magics.dialects.chat_completions.reply import ReplyDecoder
from ve_magics.dialects.chat_completions.request import encode_request as write_request
from ve_magics.dialects.contract import Encoder, WireRequest
from ve_magics.errors import StatusError, VeError
from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider


class ChatCompletions:
    """The dialect. See `contract.Dialect`."""

    name = NAME
    prefixes = None

    def encode_request(self, request: ChatRequest, provider: Provider) -> WireRequest:
        """Return the request as this provider wants it."""
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
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - nothing in them changes the request
    ) -> ChatRequest:
        """Read a user's question."""
        return question.decode_request(body, model=model, stream=stream)

    def encoder(self, request: ChatRequest, *, options: Mapping[str, Any] | None = None) -> Encoder:
        """Return a fresh encoder for the reply to this question; `options` are `id` and `created`."""
        return StreamEncoder(request, options) if request.stream else WholeEncoder(request, options)

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body that tell a failure before the reply has begun."""
        return faults.encode_error(error)


dialect = ChatCompletions()
