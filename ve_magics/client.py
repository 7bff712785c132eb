"""The thin async client, for scripts, widgets and tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

import msgspec

from ve_magics.dialects.embeddings import EmbedRequest, EmbedResponse
from ve_magics.dialects.images import ImageRequest, ImageResponse
from ve_magics.dialects.registry import get_dialect
from ve_magics.dialects.rerank import RerankRequest, RerankResponse
from ve_magics.engine.config import Config
from ve_magics.engine.film_targets import film_target
from ve_magics.engine.gateway import Trace
from ve_magics.engine.session import Session
from ve_magics.engine.transport.wire import Deadlines, Transport
from ve_magics.engine.video.failing import failure
from ve_magics.errors import ArgumentsError, JobError, RecordingError
from ve_magics.events import Event
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import ChatRequest, ChatResponse, Message

VECTORENGINE = "https://api.vectorengine.ai/v1"
"""The base URL that a key alone is sent to."""

Typed = TypeVar("Typed")

MessageLike = Message | Mapping[str, Any]


class VectorEngineClient:
    """Asks models: those of one OpenAI-compatible base URL, or everyone whom the user's configuration knows.

    With `api_key` or `base_url`, requests go there and nowhere else. Without arguments the user's configuration
    decides, and with neither configuration nor key the built-in simulator answers.

    Args:
        api_key: Key for `base_url`.
        base_url: Address of an OpenAI-compatible server, version included.
        model: The model to ask where a call names none.
        dialect: The server's wire format.
        connect: Seconds to a connection; the configuration's limit where None, as for the three that follow.
        first_token: Seconds from the request to the first byte of its answer.
        silence: Seconds between two pieces of an answer.
        total: Seconds for the whole call, every retry included.
        config: A configuration instead of the user's own.
        transport: Carries bytes; the network where None.

    Raises:
        ConfigError: The configuration or the base URL can't be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        model: str | None = None,
        dialect: str = "chat_completions",
        connect: float | None = None,
        first_token: float | None = None,
        silence: float | None = None,
        total: float | None = None,
        config: Config | None = None,
        transport: Transport | None = None,
    ) -> None:
        config = Config() if config is None else config
        self._only = ""
        if api_key is not None or base_url is not None:
            config, self._only = config.with_endpoint(base_url or VECTORENGINE, api_key or "", dialect)
        self._model = model
        self._session = Session(config=config, transport=transport)
        base = self._session.deadlines
        self._deadlines = Deadlines(
            connect=base.connect if connect is None else connect,
            first_token=base.first_token if first_token is None else first_token,
            silence=base.silence if silence is None else silence,
            total=base.total if total is None else total,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.aclose()

    @overload
    async def chat_completion(
        self,
        messages: str | Sequence[MessageLike],
        *,
        model: str | None = None,
        stream: Literal[False] = False,
        **settings: Any,
    ) -> ChatResponse: ...

    @overload
    async def chat_completion(
        self,
        messages: str | Sequence[MessageLike],
        *,
        model: str | None = None,
        stream: Literal[True],
        **settings: Any,
    ) -> AsyncGenerator[Event, None]: ...

    async def chat_completion(
        self,
        messages: str | Sequence[MessageLike],
        *,
        model: str | None = None,
        stream: bool = False,
        **settings: Any,
    ) -> ChatResponse | AsyncGenerator[Event, None]:
        """Ask a model.

        Args:
            messages: A prompt, `Message` values, or dicts in the form of chat completions.
            model: A route, an alias or `provider/name`; for a client with a base URL, that server's own name.
            stream: True returns the events as they come; close the generator to stop.
            **settings: Fields of `ChatRequest` (`temperature`, `max_tokens`, `seed` …) or of chat completions
                (`tools`, `response_format`, `max_completion_tokens` …).

        Returns:
            The whole answer, or its events. Its `usage` counts tokens, and is None where the provider gave no counts.

        Raises:
            ArgumentsError: The messages or settings can't be understood.
            UserError: Nothing was sent: no such model (`UnknownModelError`), no key (`MissingKeyError`), nobody who can
                say it (`UnsupportedError`), or it could pass the budget (`BudgetError`).
            RequestError: The one attempt failed; its class says how (`AuthError`, `RateLimitError`, `TimedOutError` …).
            RouteExhaustedError: Every attempt of several failed; it holds the failure of each.
            InterruptedStreamError: The answer broke after its first token; what had come is in `partial`.
        """
        request = self._request(messages, model, stream, settings)
        if stream:
            return self._session.stream(request, cached=False, deadlines=self._deadlines)
        return await self._session.complete(request, cached=False, deadlines=self._deadlines)

    async def stream(
        self,
        messages: str | Sequence[MessageLike],
        *,
        model: str | None = None,
        trace: Trace | None = None,
        **settings: Any,
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer; the arguments are those of `chat_completion`.

        Args:
            messages: As for `chat_completion`.
            model: As for `chat_completion`.
            trace: Filled with what was tried while the answer comes.
            **settings: As for `chat_completion`.

        Raises:
            VeError: As for `chat_completion`, when the first event is asked for or later.
        """
        request = self._request(messages, model, True, settings)
        async with aclosing(
            self._session.stream(request, cached=False, deadlines=self._deadlines, trace=trace)
        ) as events:
            async for event in events:
                yield event

    async def embed(
        self, texts: str | Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> EmbedResponse:
        """Return the vectors of texts, in their order, as `vectors`.

        Args:
            texts: One, or several.
            model: As for `chat_completion`.
            dimensions: Length of the vectors, where the model can shorten them.

        Raises:
            ArgumentsError: There are no texts, or one is empty.
            VeError: As for `chat_completion`.
        """
        inputs = (texts,) if isinstance(texts, str) else tuple(texts)
        if not inputs or not all(inputs):
            raise ArgumentsError("There is no text to embed.", hint="Give a text, or a list of texts.")
        request = EmbedRequest(model=self._named(model, "embed"), inputs=inputs, dimensions=dimensions)
        return await self._session.embed(request, deadlines=self._deadlines)

    async def generate_image(
        self,
        prompt: str,
        *,
        model: str | None = None,
        n: int | None = None,
        size: str | None = None,
        **settings: Any,
    ) -> ImageResponse:
        """Return pictures, as `images`: each its bytes with their media type, or its address.

        Args:
            prompt: What they show.
            model: As for `chat_completion`.
            n: How many.
            size: `WIDTHxHEIGHT` in pixels.
            **settings: Further fields of `ImageRequest`, or of the provider's own format.

        Raises:
            ArgumentsError: The prompt is empty, or a setting has the wrong type.
            VeError: As for `chat_completion`.
        """
        if not prompt.strip():
            raise ArgumentsError("The prompt is empty.", hint="Say what the picture shows.")
        own = {name: value for name, value in settings.items() if name in ImageRequest.__struct_fields__}
        extra = {name: value for name, value in settings.items() if name not in own}
        fields = {"model": self._named(model, "image"), "prompt": prompt, "n": n, "size": size, **own}
        request = _typed(fields | {"extra": extra}, ImageRequest)
        return await self._session.generate_image(request, deadlines=self._deadlines)

    async def create_video(
        self,
        prompt: str,
        *,
        model: str | None = None,
        seconds: float | None = None,
        size: str = "",
        folder: Path | str | None = None,
        **settings: Any,
    ) -> Job:
        """Order a video and return its job at once; `wait_video` returns it with its file.

        The job is written down before anything is sent, and never ordered twice. It goes on while the client is open,
        and outlives it: a later client, or `ve-magics jobs`, goes on with it by its id.

        Args:
            prompt: What to show, sent as it is.
            model: As for `chat_completion`.
            seconds: Length; the provider's own where None, as for what follows.
            size: Pixels as `WIDTHxHEIGHT`.
            folder: Where the file lands; the working directory where None.
            **settings: Further fields of `VideoRequest` (`aspect`, `resolution`, `seed`, `audio`, `negative_prompt`,
                `first_frame`, `last_frame`, `references`), or of the provider's own format.

        Raises:
            ArgumentsError: The prompt is empty, or a setting has the wrong type.
            UserError: Nothing was sent: no such model, no key, nobody who makes such a video (`UnsupportedError`; its
                hint names the nearest that can be made), or it could pass the budget (`BudgetError`).
            RecordingError: The session replays: videos that a client orders are not recorded.
            StoreError: The job can't be written down; nothing was sent.
        """
        if not prompt.strip():
            raise ArgumentsError("The prompt is empty.", hint="Say what the video shows.")
        own = {name: value for name, value in settings.items() if name in VideoRequest.__struct_fields__}
        extra = {name: value for name, value in settings.items() if name not in own}
        if own.get("count") not in (None, 1):
            raise ArgumentsError("A call orders one video.", hint="Call create_video once for each.")
        request = _typed(
            {"prompt": prompt, "seconds": seconds, "size": size, **own, "extra": extra}, VideoRequest
        )
        session = self._session
        target = film_target(session, self._named(model, "video"))
        if session.mode == "replay":
            raise RecordingError(
                "Nothing is sent while a recording is replayed, and videos that a client orders are not recorded.",
                hint="In a notebook, %%video records its films.",
            )
        where = session.directory / (folder or "")
        return await session.filming.order(request, target, folder=where, notebook=session.place)

    async def wait_video(self, job: Job | str, *, timeout: float | None = None) -> Job:  # noqa: ASYNC109 - it ends in an error of ours
        """Return a job once its video lies on this machine: `path`, `poster`, `seconds`, `size`, `cost` (US dollars).

        A job that an earlier process left is gone on with.

        Args:
            job: What `create_video` returned, or its `id`.
            timeout: Seconds after which to stop waiting; the job goes on.

        Raises:
            JobFailedError: There will be no video; it says why.
            JobExpiredError: The provider deleted it before it was fetched.
            JobError: There is no such job, it isn't ready in time, or nobody knows whether it was ordered.
        """
        filming = self._session.filming
        job_id = job if isinstance(job, str) else job.id
        try:
            async with asyncio.timeout(timeout):
                made = await filming.engine.wait(job_id)
        except TimeoutError:
            raise JobError(
                f"The video was not ready after {timeout:g} s.",
                hint=f'It goes on: wait_video("{job_id}") waits again, and `ve-magics jobs` shows it.',
            ) from None
        if made.state != "succeeded":
            raise failure(made, None)
        return made

    async def rerank(
        self, query: str, documents: Sequence[str], *, model: str | None = None, top: int | None = None
    ) -> RerankResponse:
        """Return the order in which documents fit a query, as `results`, the best first.

        Args:
            query: What they should fit.
            documents: Their texts.
            model: As for `chat_completion`.
            top: How many of the best are wanted.

        Raises:
            ArgumentsError: The query is empty, or there are no documents.
            VeError: As for `chat_completion`.
        """
        if not query.strip() or not documents:
            raise ArgumentsError("There is nothing to put in order.", hint="Give a query and its documents.")
        request = RerankRequest(
            model=self._named(model, "rerank"), query=query, documents=tuple(documents), top=top
        )
        return await self._session.rerank(request, deadlines=self._deadlines)

    def _named(self, model: str | None, kind: str) -> str:
        """Return the model that a call means: its own, the client's, or the configuration's."""
        name = model or (self._model if kind == "chat" or self._only else None)
        if self._only:
            if not name:
                raise ArgumentsError(
                    "No model is named.", hint="Give model=… here, or once to VectorEngineClient(model=…)."
                )
            return f"{self._only}/{name}"
        return name or self._session.config.default(kind).model

    def _request(
        self, messages: str | Sequence[MessageLike], model: str | None, stream: bool, settings: dict[str, Any]
    ) -> ChatRequest:
        return chat_request(messages, model=self._named(model, "chat"), stream=stream, settings=settings)


def _typed(fields: Mapping[str, Any], kind: type[Typed]) -> Typed:
    """Return a value of these fields, each of its type.

    Raises:
        ArgumentsError: One of them isn't.
    """
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ArgumentsError(f"An argument can't be used: {error}.") from None


def chat_request(
    messages: str | Sequence[MessageLike], *, model: str, stream: bool, settings: Mapping[str, Any]
) -> ChatRequest:
    """Return the request that these arguments make.

    Raises:
        ArgumentsError: There are no messages, or a setting is unknown or of the wrong type.
        BadRequestError: A dict is not a message of chat completions.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}] if messages.strip() else []
    if not messages:
        raise ArgumentsError("There are no messages.", hint='Give at least {"role": "user", "content": "…"}.')
    own = {name: value for name, value in settings.items() if name in ChatRequest.__struct_fields__}
    wire = {name: value for name, value in settings.items() if name not in own}
    if "tools" in own and any(isinstance(tool, Mapping) for tool in own["tools"]):
        wire["tools"] = own.pop("tools")
    if isinstance(own.get("tool_choice"), (str, Mapping)):
        wire["tool_choice"] = own.pop("tool_choice")
    if isinstance(own.get("stop"), str):
        own["stop"] = (own["stop"],)
    own = {name: getattr(_typed({"model": model, **own}, ChatRequest), name) for name in own}
    dicts = [dict(message) for message in messages if not isinstance(message, Message)]
    body = {"model": model, "messages": dicts or [{"role": "user", "content": "."}], **wire}
    try:
        raw = msgspec.json.encode(body)
    except TypeError as error:
        raise ArgumentsError(f"An argument can't be sent: {error}.") from None
    read = get_dialect("chat_completions").decode_request(raw)
    from_dicts = iter(read.messages)
    joined = tuple(message if isinstance(message, Message) else next(from_dicts) for message in messages)
    return msgspec.structs.replace(
        read, messages=joined, stream=stream, dialect=read.dialect if read.extra else "", **own
    )
