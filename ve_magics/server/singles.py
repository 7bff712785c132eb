"""What is answered in one piece: vectors, pictures, ranks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from ve_magics import catalog
from ve_magics.dialects import embeddings, images, rerank
from ve_magics.dialects.fields import Fields, bad, decode_object
from ve_magics.engine.budget import IMAGE_OUTPUT, text_tokens
from ve_magics.engine.session import Session
from ve_magics.messages import Usage
from ve_magics.server.accounts import Accounts, Booked, total
from ve_magics.server.chat import Asked
from ve_magics.server.http import Reply
from ve_magics.server.metrics import Metrics
from ve_magics.server.trail import dollars, trail
from ve_magics.store.ledger import Kind

_Answer = TypeVar("_Answer", embeddings.EmbedResponse, images.ImageResponse, rerank.RerankResponse)


class SingleEndpoints:
    """Answers requests for vectors, pictures and ranks.

    Args:
        session: Configuration and gateway.
        accounts: Who has spent what.
        metrics: What is counted.
    """

    def __init__(self, session: Session, accounts: Accounts, metrics: Metrics) -> None:
        self._session = session
        self._accounts = accounts
        self._metrics = metrics

    async def embed(self, asked: Asked, reply: Reply) -> None:
        """Send the vectors of texts.

        Raises:
            VeError: Nobody answered, or the request may not be sent.
        """
        gemini = asked.dialect.name == "generate_content"
        request, single = _gemini(asked) if gemini else (embeddings.decode_request(asked.body), False)
        read = sum(text_tokens(item) if isinstance(item, str) else len(item) for item in request.inputs)

        def body(response: embeddings.EmbedResponse) -> bytes:
            if not gemini:
                return embeddings.encode_response(response, request)
            rows = [{"values": vector} for vector in response.vectors]
            return msgspec.json.encode({"embedding": rows[0]} if single else {"embeddings": rows})

        await self._answer(
            asked,
            reply,
            request.model,
            "embedding",
            Usage(input=read),
            lambda: self._session.gateway.embed(
                request, deadlines=self._session.deadlines, trace=asked.trace
            ),
            body,
        )

    async def paint(self, asked: Asked, reply: Reply) -> None:
        """Send pictures of a prompt.

        Raises:
            VeError: As for `embed`.
        """
        request = images.decode_request(asked.body)
        await self._answer(
            asked,
            reply,
            request.model,
            "image",
            Usage(input=text_tokens(request.prompt), output=IMAGE_OUTPUT * (request.n or 1)),
            lambda: self._session.gateway.generate_image(
                request, deadlines=self._session.deadlines, trace=asked.trace
            ),
            lambda response: images.encode_response(response, created=int(time.time())),
        )

    async def rank(self, asked: Asked, reply: Reply) -> None:
        """Send documents in the order in which they fit a query.

        Raises:
            VeError: As for `embed`.
        """
        request = rerank.decode_request(asked.body)
        read = sum(text_tokens(text) + text_tokens(request.query) for text in request.documents)
        await self._answer(
            asked,
            reply,
            request.model,
            "rerank",
            Usage(input=read),
            lambda: self._session.gateway.rerank(
                request, deadlines=self._session.deadlines, trace=asked.trace
            ),
            lambda response: rerank.encode_response(response, request),
        )

    async def _answer(
        self,
        asked: Asked,
        reply: Reply,
        model: str,
        kind: Kind,
        most: Usage,
        ask: Callable[[], Awaitable[_Answer]],
        body: Callable[[_Answer], bytes],
    ) -> None:
        asked.grant.check_model(model)
        begun = time.monotonic()
        lines: list[Booked] = []
        usage: Usage | None = None
        config = self._session.config
        priced = [(target, config.price(target)) for target in config.route(model).targets]
        amounts = [(str(target), catalog.cost(most, price).amount) for target, price in priced]
        of, dearest = max(amounts, key=lambda pair: float("inf") if pair[1] is None else pair[1])
        with self._accounts.reserved(asked.grant, dearest, of):
            try:
                response = await ask()
                usage = response.usage
            finally:
                lines = self._accounts.settle(
                    asked.grant,
                    asked.trace,
                    usage,
                    estimate=lambda: msgspec.structs.replace(most, estimated=True),
                    kind=kind,
                )
                asked.trace.cost = total(lines)
                self._metrics.answered(kind, asked.trace, lines, time.monotonic() - begun)
        headers = (*trail(asked.trace), ("x-ve-cost-usd", dollars(asked.trace.cost)))
        await reply.whole(200, body(response), headers=headers)


def _gemini(asked: Asked) -> tuple[embeddings.EmbedRequest, bool]:
    """Read `embedContent` or `batchEmbedContents`; the second value tells whether it is the former."""
    value = decode_object(asked.body)
    single = "requests" not in value
    rows: Any = [value] if single else value["requests"]
    if not isinstance(rows, list) or not rows:
        raise bad("requests must be a list of requests.", "requests")
    told = [_gemini_row(row, "" if single else f"requests[{at}]") for at, row in enumerate(rows)]
    if len({(task, size) for _, task, size in told}) > 1:
        raise bad("All requests must have the same taskType and outputDimensionality.", "requests")
    _, task, size = told[0]
    texts = tuple(text for text, _, _ in told)
    return embeddings.EmbedRequest(model=asked.model, inputs=texts, task=task, dimensions=size), single


def _gemini_row(row: Any, path: str) -> tuple[str, str, int | None]:
    fields = Fields(row, path)
    content = Fields(fields.take("content"), fields.at("content"))
    parts = content.items("parts") or []
    texts = [Fields(part, content.at("parts")).text("text") for part in parts]
    if not texts or not all(texts):
        raise bad(f"{content.at('parts')} must hold texts.", content.at("parts"))
    config = fields.take("embedContentConfig")
    more = Fields({} if config is None else config, fields.at("embedContentConfig"))
    task = fields.text("taskType") or more.text("taskType") or ""
    size = fields.whole("outputDimensionality", 1) or more.whole("outputDimensionality", 1)
    return "".join(text or "" for text in texts), task, size
