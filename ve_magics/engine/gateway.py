"""The gateway: one request in, one stream of events out, whoever answers and however many had to be asked.

The router decides who is asked and when; a dialect decides what is written and how the reply is read; a transport
carries the bytes. What is left here is the loop between them and the promise that nothing reaches the caller
before it is sure that the answer has begun.

    calling   address, key, status: from a dialect's request to a reply
    trial     one try at one target
    asking    one request over all its tries: fallback, hedge, restart, the error at the end
    single    the same for what is answered in one piece: embeddings, pictures, ranks
    splice    going on with a broken answer on another target
    kept      prefixes that a provider keeps by name; sightings says when that pays
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from msgspec.structs import replace

from ve_magics.dialects import embeddings, images, rerank
from ve_magics.dialects.contract import WireRequest
from ve_magics.engine.asking import Asking, Sleep
from ve_magics.engine.calling import ERROR_LIMIT, Caller, refused, wire_call
from ve_magics.engine.config import Config
from ve_magics.engine.config_file import Midstream
from ve_magics.engine.prefix import affinity
from ve_magics.engine.single import Codec, Single, Value
from ve_magics.engine.trace import Billed, Trace, Tried
from ve_magics.engine.transport.wire import Deadlines, Reply, Transport
from ve_magics.errors import RequestError
from ve_magics.events import Event
from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider
from ve_magics.routing import Route, Router

__all__ = [
    "ERROR_LIMIT",
    "Billed",
    "Gateway",
    "Midstream",
    "Trace",
    "Tried",
    "affinity",
    "refused",
    "wire_call",
]

DEFAULT = Deadlines()


class Gateway:
    """Joins all providers behind one form.

    Args:
        config: Who is known, with which keys.
        router: Who is asked next; shared by all requests, so that it learns from each.
        transport: Carries bytes.
        clock: Monotonic seconds.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        config: Config,
        router: Router,
        transport: Transport,
        *,
        clock: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.config = config
        self.router = router
        self.transport = transport
        self.clock = clock
        self.sleep = sleep
        self._caller = Caller(config, transport, clock)
        config.on_key(router.renew_keys)

    async def stream(
        self,
        request: ChatRequest,
        *,
        deadlines: Deadlines | None = None,
        trace: Trace | None = None,
        midstream: Midstream | None = None,
        fallback: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer.

        Args:
            request: The question; its model is a route, an alias or `provider/model`. `extra` fields that came from
                no dialect go to whoever answers, as they are.
            deadlines: Limits in seconds; `total` holds over all attempts together.
            trace: Filled while the answer comes.
            midstream: What to do when an answer breaks after its first token: `fail`; `restart` on the next target,
                which begins with a `Restarted` event; `continue` on the next target, whose words are appended and
                which `Trace.continued` names. None does what the route says, and restarts where it says nothing.
            fallback: False asks the route's first target only.

        Raises:
            UserError: The request can't be sent: unknown model, no key, nobody can say it.
            RequestError: The one attempt failed.
            InterruptedStreamError: It broke after the first token.
            RouteExhaustedError: Every attempt failed.
        """
        route = self.config.route(request.model)
        if not fallback:
            route = Route(name=f"{route.name} alone", targets=route.targets[:1], retries=route.retries)
        asking = Asking(
            self._caller,
            self.router,
            route,
            request,
            DEFAULT if deadlines is None else deadlines,
            Trace() if trace is None else trace,
            midstream=self.config.midstream(request.model) if midstream is None else midstream,
            affinity=affinity(request) if len(route.targets) > 1 or self._pooled(route) else None,
            clock=self.clock,
            sleep=self.sleep,
        )
        try:
            while (trial := await asking.next_answer()) is not None:
                for event in asking.shown(asking.opening(trial)):
                    yield event
                try:
                    while (batch := await trial.receive()) is not None:
                        for event in asking.shown(batch):
                            yield event
                except RequestError as error:
                    await asking.broke(trial, error)
                else:
                    await asking.finish(trial)
                    return
        finally:
            await asking.aclose()
        raise asking.failure()

    def _pooled(self, route: Route) -> bool:
        """Whether the one target's provider has several keys, each with a prompt cache of its own."""
        return self.config.pooled(route.targets[0].provider)

    async def embed(
        self,
        request: embeddings.EmbedRequest,
        *,
        deadlines: Deadlines | None = None,
        trace: Trace | None = None,
    ) -> embeddings.EmbedResponse:
        """Return the vectors of texts.

        Raises:
            VeError: As for `stream`.
        """
        codec = Codec(
            lambda model, provider: embeddings.encode_request(replace(request, model=model), provider),
            lambda body, provider: embeddings.decode_response(body, provider, len(request.inputs)),
        )
        return await self._single(request.model, codec, deadlines, trace)

    async def generate_image(
        self, request: images.ImageRequest, *, deadlines: Deadlines | None = None, trace: Trace | None = None
    ) -> images.ImageResponse:
        """Return pictures; never asked for twice because an answer got lost.

        Raises:
            VeError: As for `stream`.
        """
        codec = Codec(
            lambda model, provider: images.encode_request(replace(request, model=model), provider),
            images.decode_response,
        )
        return await self._single(request.model, codec, deadlines, trace, mutation=True)

    async def rerank(
        self, request: rerank.RerankRequest, *, deadlines: Deadlines | None = None, trace: Trace | None = None
    ) -> rerank.RerankResponse:
        """Return the order in which documents fit a query.

        Raises:
            VeError: As for `stream`.
        """
        codec = Codec(
            lambda model, provider: rerank.encode_request(replace(request, model=model), provider),
            lambda body, provider: rerank.decode_response(body, provider, len(request.documents)),
        )
        return await self._single(request.model, codec, deadlines, trace)

    async def _single(
        self,
        model: str,
        codec: Codec[Value],
        deadlines: Deadlines | None,
        trace: Trace | None,
        *,
        mutation: bool = False,
    ) -> Value:
        single = Single(self._caller, self.router, codec, clock=self.clock, sleep=self.sleep)
        return await single.ask(
            self.config.route(model),
            DEFAULT if deadlines is None else deadlines,
            Trace() if trace is None else trace,
            mutation=mutation,
        )

    async def call(
        self, wire: WireRequest, provider: Provider, *, deadlines: Deadlines | None = None, key_index: int = 0
    ) -> Reply:
        """Send one request to one provider, with its key, and return the reply whatever its status.

        Raises:
            MissingKeyError: The provider needs a key and none is known.
            RequestError: No answer came.
        """
        return await self._caller.send(wire, provider, deadlines or DEFAULT, key_index=key_index)

    async def aclose(self) -> None:
        """Let go of what providers keep for it; the transport stays open. It may be used again."""
        await self._caller.kept.aclose()
