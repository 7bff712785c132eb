"""Google's Gemini: generateContent in both roles, and the Interactions API for the models that need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.contract import Encoder, PrefixKeeper, WireRequest
from ve_magics.dialects.generate_content import faults, interactions, models, question
from ve_magics.dialects.generate_content.answer import StreamEncoder, WholeEncoder
from ve_magics.dialects.generate_content.prefixes import Prefixes
from ve_magics.dialects.generate_content.reply import ReplyDecoder
from ve_magics.dialects.generate_content.request import encode_request as write_request
from ve_magics.dialects.generate_content.wire import NAME
from ve_magics.errors import StatusError, VeError
from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider


class GenerateContent:
    """The dialect. See `contract.Dialect`."""

    name = NAME
    prefixes: PrefixKeeper | None = Prefixes()

    def encode_request(self, request: ChatRequest, provider: Provider) -> WireRequest:
        """Return the request as this provider wants it; some models are asked through the Interactions API."""
        if models.speaks_interactions(request.model):
            return interactions.encode_request(request, provider)
        return write_request(request, provider)

    def decoder(self, *, origin: str, stream: bool) -> ReplyDecoder:
        """Return a fresh decoder of one reply; it looks at the bytes to see which form of which API has come."""
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
        """Read a user's question; model and streaming are told by the URL (`:streamGenerateContent`)."""
        return question.decode_request(body, model=model, stream=stream)

    def encoder(self, request: ChatRequest, *, options: Mapping[str, Any] | None = None) -> Encoder:
        """Return a fresh encoder for the reply to this question.

        Args:
            request: The question as `decode_request` gave it.
            options: `id` and `created`, as everywhere; `alt`, the query parameter of the same name: a stream is an
                event stream with `sse`, which is also what no `alt` at all here gives, and one JSON array with any
                other value. Google itself writes the array where `alt` is missing in the URL, so a server says
                `"json"` there.
        """
        return StreamEncoder(request, options) if request.stream else WholeEncoder(request, options)

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body that tell a failure before the reply has begun."""
        return faults.encode_error(error)


dialect = GenerateContent()
