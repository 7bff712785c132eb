"""One kernel's session: its configuration, gateway, cache, recording and books.

An answer comes from the first of: the recording (in the modes that replay), the session's cache, another cell that
is asking the same at this moment, the gateway. What comes live is written to the books, and whole answers are kept.
"""

from __future__ import annotations

import functools
import random
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec

from ve_magics.dialects.embeddings import EmbedRequest, EmbedResponse
from ve_magics.dialects.images import ImageRequest, ImageResponse
from ve_magics.dialects.rerank import RerankRequest, RerankResponse
from ve_magics.engine import pieces
from ve_magics.engine.answers import Answers, keepable
from ve_magics.engine.books import Books
from ve_magics.engine.budget import IMAGE_OUTPUT, text_tokens
from ve_magics.engine.config import Config
from ve_magics.engine.config_file import home
from ve_magics.engine.filming import Filming
from ve_magics.engine.gateway import Gateway, Trace
from ve_magics.engine.models import name_the_living
from ve_magics.engine.recording import Kept, Mode, Recording, request_key
from ve_magics.engine.session_recordings import SessionRecordings
from ve_magics.engine.simulated import Simulated
from ve_magics.engine.transport import Deadlines, Mounted, Transport
from ve_magics.errors import ArgumentsError, ConfigError, NotFoundError, RecordingError, StoreError
from ve_magics.events import Accumulator, Event, events_of
from ve_magics.messages import ChatRequest, ChatResponse, Usage
from ve_magics.routing import Router, Target
from ve_magics.store.database import Database, open_memory, open_store
from ve_magics.store.ledger import Ledger
from ve_magics.store.responses import ResponseCache


class Session:
    """Everything that one kernel (or one client) shares between its requests.

    Opening a session reads the configuration and nothing else: the transport, the store and the simulator are
    opened when they are first needed.

    Args:
        config: Who is asked; read anew where None.
        directory: Where the notebook lies.
        notebook: The notebook's path, where known.
        transport: Carries bytes; the network and the built-in simulator where None.
        data: The data directory; the user's own where None. In memory where the directory can't be used.
        store: The store; opened in `data` where None.

    Attributes:
        id: Of this session alone.
        warnings: What went wrong without stopping anything, each once.
        books: What was spent, and the budgets.
        answers: What this session keeps of its answers.
        closers: Called when the session is closed.
    """

    def __init__(
        self,
        *,
        config: Config | None = None,
        directory: Path | None = None,
        notebook: Path | None = None,
        transport: Transport | None = None,
        data: Path | None = None,
        store: Database | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.directory = Path.cwd() if directory is None else directory
        self.config = Config(directory=self.directory) if config is None else config
        self.notebook = self.config.notebook(self.directory) if notebook is None else notebook
        self.data = home() if data is None else data
        self.warnings: list[str] = []
        self._recordings = SessionRecordings(
            self.config.recording_mode or "off",
            self.directory,
            lambda: self.notebook,
            self.config.recording_log,
            self.warn,
        )
        self._transport = transport
        self._gateway: Gateway | None = None
        self._store = store
        self._cache: ResponseCache | None = None
        self._ledger: Ledger | None = None
        self._filming: Filming | None = None
        self.closers: list[Callable[[], Awaitable[None]]] = []
        self.answers = Answers(lambda: self.cache, lambda: self.config.redactor, self.warn)
        self.books = Books(
            self.config,
            lambda: self.ledger,
            self.id,
            lambda: str(self.notebook or ""),
            self.warn,
            committed=lambda here: self.filming.committed(self.place if here else None),
        )

    # What is opened when it is first needed

    @property
    def gateway(self) -> Gateway:
        """The gateway; opening it opens no connection."""
        if self._gateway is None:
            if self._transport is None:
                self._transport = Mounted({"sim.invalid": Simulated()})
            router = Router(
                clock=time.monotonic,
                random=random.Random(),  # noqa: S311 - spreads load, guards nothing
                limits=self.config.concurrency,
                keys={name: max(1, len(self.config.keys(name))) for name in self.config.providers},
            )
            self._gateway = Gateway(self.config, router, self._transport, clock=time.monotonic)
        return self._gateway

    @property
    def store(self) -> Database:
        """The store; in memory, with a warning, where the data directory can't be used."""
        if self._store is None:
            try:
                self._store = open_store(self.data / "ve_magics.sqlite")
            except StoreError as error:
                self.warn(f"{error.message} Until then nothing is remembered after this kernel.")
                self._store = open_memory()
        return self._store

    @property
    def ledger(self) -> Ledger:
        """The book of what was spent."""
        if self._ledger is None:
            self._ledger = Ledger(self.store)
        return self._ledger

    @property
    def cache(self) -> ResponseCache:
        """The answers of this session."""
        if self._cache is None:
            self._cache = ResponseCache(self.store, self.id)
            self._cache.prune(seconds=86_400)
        return self._cache

    @property
    def filming(self) -> Filming:
        """The videos of this session."""
        if self._filming is None:
            self._filming = Filming(self.gateway, self.store, self.id, purse=self.books.purse)
        return self._filming

    @property
    def place(self) -> str:
        """What jobs call the notebook: its path, or its folder's where its name isn't known."""
        return str(self.notebook or self.directory)

    @property
    def deadlines(self) -> Deadlines:
        """The limits that hold where a request brings none."""
        row = msgspec.structs.asdict(self.config.deadlines)
        return Deadlines(**{name: seconds for name, seconds in row.items() if seconds is not None})

    # Recording

    @property
    def mode(self) -> Mode:
        """Whether answers are recorded or replayed: off, auto, record or replay."""
        return self._recordings.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._recordings.mode = mode

    @property
    def recording(self) -> Recording:
        """The recording that is written to.

        Raises:
            RecordingError: It can't be read, or the notebook has no name to call it by.
        """
        return self._recordings.own

    @property
    def replays(self) -> list[Recording]:
        """The recordings that may be replayed from."""
        return self._recordings.replays

    def set_mode(self, mode: Mode, notebook: Path | None = None) -> None:
        """Switch recording off, or to auto, record or replay; answers kept in this session are forgotten.

        Args:
            mode: The mode.
            notebook: What the notebook is called from now on; None leaves its name.

        Raises:
            RecordingError: There is nothing to record to, or it can't be read; the mode stays.
            StoreError: The recording can't be written; the mode stays.
        """
        if notebook is not None:
            self.notebook = notebook
        self._recordings.switch(mode)
        self.forget()

    def forget(self) -> int:
        """Forget every answer that this session keeps; returns how many."""
        return self.answers.clear()

    def warn(self, message: str) -> None:
        """Remember what went wrong without stopping anything."""
        if message not in self.warnings:
            self.warnings.append(message)

    def recorded(self, key: str, cell: str = "") -> Kept | None:
        """Return what was recorded under a digest; None where nothing was, or nothing is replayed."""
        return self._recordings.answer(key, cell)

    # Asking

    async def stream(
        self,
        request: ChatRequest,
        *,
        fresh: bool = False,
        cached: bool = True,
        trace: Trace | None = None,
        deadlines: Deadlines | None = None,
        fallback: bool = True,
        cell: str = "",
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer, from wherever it can be had.

        Args:
            request: The question.
            fresh: Ask again although the answer is known; the new one is kept.
            cached: False neither looks in the cache nor keeps the answer.
            trace: Filled with where the answer came from and what was tried.
            deadlines: Limits in seconds; the session's own where None.
            fallback: False asks the route's first target only.
            cell: What to call the cell in an error.

        Raises:
            RecordingError: The session replays and the recording lacks this answer.
            VeError: As for `Gateway.stream`.
        """
        if not request.messages:
            raise ArgumentsError(
                "The prompt is empty.", hint="Write what you want to ask below the %%chat line."
            )
        trace = Trace() if trace is None else trace
        key = request_key(request) if cached or self.mode != "off" else ""
        kept = await self._known(key, trace, fresh=fresh, cached=cached, cell=cell)
        if kept is not None:
            if self.mode == "record":
                self.keep_recorded(key, request, kept, cell)
            if trace.source == "cache":
                self.books.remember(kept.served, kept.cost)
            elif trace.source == "recording":
                self.books.replay(key, kept.served, kept.response.usage, kept.cost)
            for event in _replayed(kept, trace):
                yield event
            return
        if self.mode == "record":
            self.recording.check_writable()
            self.recording.expect(key)
        asking = self.answers.begin(key) if cached else None
        accumulator = Accumulator()
        try:
            with self.books.reserved(request, fallback=fallback):
                events = self.gateway.stream(
                    request, deadlines=deadlines or self.deadlines, trace=trace, fallback=fallback
                )
                try:
                    async with aclosing(events):
                        async for event in events:
                            accumulator.add(event)
                            yield event
                except NotFoundError as error:
                    await name_the_living(self.gateway, error)
                    raise
                finally:
                    self.books.add(accumulator, trace)
            response = accumulator.response()
            if keepable(response):
                kept = Kept(response=response, served=str(trace.served or ""), cost=trace.cost)
                if cached:
                    self.answers.put(key, kept)
        finally:
            if asking is not None:
                self.answers.end(key, asking, kept)
        if kept is not None and self.mode == "record":
            self.keep_recorded(key, request, kept, cell)

    def at_hand(self, request: ChatRequest, *, fresh: bool = False, cached: bool = True) -> bool:
        """Tell whether the answer needs nobody to be asked; while a recording is replayed, none ever does."""
        if self.mode == "replay" or fresh:
            return self.mode == "replay"
        key = request_key(request)
        return self.recorded(key) is not None or (cached and self.answers.get(key) is not None)

    async def _known(self, key: str, trace: Trace, *, fresh: bool, cached: bool, cell: str) -> Kept | None:
        """Return the answer where it is known, waiting for a cell that is just asking for it."""
        if fresh and self.mode != "replay":
            return None
        kept = self.recorded(key, cell)
        if kept is not None:
            trace.source = "recording"
            return kept
        if self.mode == "replay":
            raise self.lacks(cell)
        if cached:
            kept = await self.answers.wait(key)
            if kept is not None:
                trace.source = "cache"
        return kept

    def keep_recorded(self, key: str, request: ChatRequest, kept: Kept, cell: str = "") -> None:
        """Write an answer into the recording."""
        self.recording.keep_answer(key, request, kept, redactor=self.config.redactor, cell=cell)

    def lacks(self, cell: str) -> RecordingError:
        """Return the error for a request that the recording lacks."""
        return self._recordings.lacks(cell)

    async def complete(self, request: ChatRequest, **options: object) -> ChatResponse:
        """Return the whole answer; the options are those of `stream`."""
        accumulator = Accumulator()
        async with aclosing(self.stream(request, **options)) as events:  # type: ignore[arg-type]  # passed on as they are
            async for event in events:
                accumulator.add(event)
        return accumulator.response()

    async def embed(
        self,
        request: EmbedRequest,
        *,
        deadlines: Deadlines | None = None,
        trace: Trace | None = None,
        cell: str = "",
    ) -> EmbedResponse:
        """Return the vectors of texts; booked and recorded, never cached.

        Raises:
            VeError: As for `stream`.
        """
        trace = Trace() if trace is None else trace
        read = sum(text_tokens(item) if isinstance(item, str) else len(item) for item in request.inputs)
        ask = functools.partial(
            self.gateway.embed, request, deadlines=deadlines or self.deadlines, trace=trace
        )
        return await pieces.ask(self, pieces.VECTORS, request, Usage(input=read), ask, trace, cell)

    async def generate_image(
        self,
        request: ImageRequest,
        *,
        deadlines: Deadlines | None = None,
        trace: Trace | None = None,
        cell: str = "",
    ) -> ImageResponse:
        """Return pictures; booked and recorded, never cached.

        Raises:
            VeError: As for `stream`.
        """
        trace = Trace() if trace is None else trace
        most = Usage(input=text_tokens(request.prompt), output=IMAGE_OUTPUT * (request.n or 1))
        ask = functools.partial(
            self.gateway.generate_image, request, deadlines=deadlines or self.deadlines, trace=trace
        )
        return await pieces.ask(self, pieces.PICTURES, request, most, ask, trace, cell)

    async def rerank(
        self,
        request: RerankRequest,
        *,
        deadlines: Deadlines | None = None,
        trace: Trace | None = None,
        cell: str = "",
    ) -> RerankResponse:
        """Return the order in which documents fit a query; booked and recorded, never cached.

        Raises:
            VeError: As for `stream`.
        """
        trace = Trace() if trace is None else trace
        read = sum(text_tokens(text) + text_tokens(request.query) for text in request.documents)
        ask = functools.partial(
            self.gateway.rerank, request, deadlines=deadlines or self.deadlines, trace=trace
        )
        return await pieces.ask(self, pieces.RANKS, request, Usage(input=read), ask, trace, cell)

    async def aclose(self) -> None:
        """Close the connections and the store; videos go on at their providers."""
        for close in self.closers:
            await close()
        if self._filming is not None:
            await self._filming.engine.aclose()
        if self._gateway is not None:
            await self._gateway.aclose()
        if self._transport is not None:
            await self._transport.aclose()
        if self._store is not None:
            self._store.close()


def _replayed(kept: Kept, trace: Trace) -> list[Event]:
    try:
        trace.served = Target.parse(kept.served)
    except ConfigError:  # a recording says what it likes
        trace.served = None
    trace.cost = kept.cost
    return list(events_of(kept.response))
