"""A session's knowledge bases: its models make the vectors, its recording remembers what was found.

A replayed cell needs neither the documents nor their index: what a search has found is recorded under what was looked
for, and so is what a building command said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from ve_magics.dialects.embeddings import EmbedRequest, EmbedResponse
from ve_magics.dialects.rerank import RerankRequest, RerankResponse
from ve_magics.engine.budget import text_tokens
from ve_magics.engine.gateway import Trace
from ve_magics.engine.knowledge.gathering import is_address
from ve_magics.engine.knowledge.indexing import Embed, Fetch, Page
from ve_magics.engine.knowledge.searching import Found, Rerank
from ve_magics.engine.knowledge.shelf import Shelf
from ve_magics.engine.pages import fetch_page
from ve_magics.engine.session import Session
from ve_magics.messages import Usage
from ve_magics.store.knowledge import Passage
from ve_magics.store.ledger import Kind

Value = TypeVar("Value")
Answered = TypeVar("Answered", EmbedResponse, RerankResponse)


MARK_TOKENS = 4
"""Tokens that tell a question from a passage, at most."""

_MARKS = (
    ("nomic-embed", ("search_query: ", "search_document: ")),
    ("e5-", ("query: ", "passage: ")),
)
"""What stands before a question and before a passage, by a part of the model's name, as the models' own cards say."""


class SessionMeans:
    """Vectors, ranks and pages by way of a session: paid for from its budget, written to its books.

    None of it is recorded: what was found with it is, and no more of the documents than that.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def embed(self, model: str, *, question: bool = False) -> Embed:
        """Return what makes vectors with a model, of passages or of questions."""

        async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
            request = self._request(model, texts, question=question)
            most = Usage(input=sum(text_tokens(text) for text in texts) + len(texts) * MARK_TOKENS)
            trace = Trace()
            ask = self._session.gateway.embed(request, deadlines=self._session.deadlines, trace=trace)
            return (await self._booked(model, most, ask, trace, "embedding")).vectors

        return embed

    def _request(self, model: str, texts: Sequence[str], *, question: bool) -> EmbedRequest:
        """Tell the model whether these are questions, in the way in which it was taught the difference."""
        config = self._session.config
        targets = config.route(model).targets
        if all(config.provider(target.provider).dialect == "generate_content" for target in targets):
            task = "RETRIEVAL_QUERY" if question else "RETRIEVAL_DOCUMENT"
            return EmbedRequest(model=model, inputs=tuple(texts), task=task)
        mark = next(
            (marks[not question] for name, marks in _MARKS if all(name in one.model for one in targets)), ""
        )
        return EmbedRequest(model=model, inputs=tuple(mark + text for text in texts))

    def rerank(self, model: str) -> Rerank:
        """Return what ranks with a model."""

        async def rerank(query: str, texts: Sequence[str]) -> Sequence[tuple[int, float]]:
            request = RerankRequest(model=model, query=query, documents=tuple(texts))
            most = Usage(input=sum(text_tokens(text) + text_tokens(query) for text in texts))
            trace = Trace()
            ask = self._session.gateway.rerank(request, deadlines=self._session.deadlines, trace=trace)
            response = await self._booked(model, most, ask, trace, "rerank")
            return [(row.index, row.score) for row in response.results]

        return rerank

    async def _booked(
        self, model: str, most: Usage, ask: Coroutine[Any, Any, Answered], trace: Trace, kind: Kind
    ) -> Answered:
        session = self._session
        with closing(ask):
            if session.mode == "replay":
                raise session.lacks("")
            with session.books.reserved_for(model, most):
                answer = await ask
                assert trace.served is not None, "an answer has been given by somebody"
                session.books.write(trace.served, answer.usage, kind=kind)
        return answer

    @property
    def fetch(self) -> Fetch:
        """What fetches pages; nothing is while the session replays."""

        async def fetch(url: str) -> Page:
            if self._session.mode == "replay":
                raise self._session.lacks("")
            return await fetch_page(url, self._session.gateway.transport)

        return fetch


class Library:
    """The knowledge bases as one session sees them.

    Args:
        session: The session.
        shelf: The bases; those in the session's data directory where None.
    """

    def __init__(self, session: Session, shelf: Shelf | None = None) -> None:
        self.session = session
        self.shelf = Shelf(session.data / "knowledge", SessionMeans(session)) if shelf is None else shelf

    def model_for(self, kind: str) -> str:
        """Return the model that the user has chosen for `embed` or `rerank`; empty where he has chosen none.

        A key that happens to be there is no choice: documents go to nobody, and cost nothing, unasked.
        """
        chosen = self.session.config.chosen(kind)
        return "" if chosen is None else chosen.model

    async def find(
        self, name: str, query: str, k: int, *, rerank: str = "", fresh: bool = False, cell: str = ""
    ) -> Found:
        """Return the passages of a knowledge base that fit a question best, or those that were recorded.

        Args:
            name: The base.
            query: The question.
            k: How many passages at most.
            rerank: The model that puts the best in order; empty for none.
            fresh: Search although it is recorded what was found.
            cell: What to call the cell in an error.

        Raises:
            ArgumentsError: There is no such base.
            RecordingError: The session replays, and the recording lacks this search.
            StoreError: The base can't be read, or the recording not be written.
        """
        asked = {"knowledge_base": name, "query": query, "passages": k, "rerank": rerank}
        known = None if fresh and self.session.mode != "replay" else self._recorded(asked, Found, cell)
        if known is not None:
            return known
        found = await self.shelf.search(name, query, k, rerank=rerank)
        passages = tuple(portable(passage, self.session.directory) for passage in found.passages)
        found = msgspec.structs.replace(found, passages=passages)
        self._record(asked, msgspec.to_builtins(found), cell)
        return found

    async def search_documents(self, query: str, knowledge_base: str, k: int) -> list[Passage]:
        """Return the passages that fit a question best, best first: what an agent searches with.

        Raises:
            ArgumentsError: There is no such base.
            RecordingError: The session replays, and the recording lacks this search.
            StoreError: The base can't be read.
        """
        return [*(await self.find(knowledge_base, query, k)).passages]

    async def said(self, words: Sequence[str], say: Callable[[], Any], *, cell: str = "") -> str:
        """Return what a command says; nothing is done while a recording that has its words is replayed.

        Args:
            words: The command.
            say: Does it; returns an awaitable of what it says.
            cell: What to call the cell in an error.
        """
        asked = {"command": " ".join(words)}
        if (
            self.session.mode == "replay"
            and (known := self._recorded(asked, str, cell, required=False)) is not None
        ):
            return known
        text = str(await say())
        self._record(asked, text, cell)
        return text

    def close(self) -> None:
        """Close what is open."""
        self.shelf.close()

    def _recorded(
        self, asked: dict[str, Any], kind: type[Value], cell: str, *, required: bool = True
    ) -> Value | None:
        if self.session.mode not in ("auto", "replay"):
            return None
        key = _key(asked)
        for recording in self.session.replays:
            if (known := recording.entry(key, "found", kind, cell=cell)) is not None:
                return known
        if self.session.mode == "replay" and required:
            raise self.session.lacks(cell)
        return None

    def _record(self, asked: dict[str, Any], found: Any, cell: str) -> None:
        if self.session.mode == "record":
            facts = {"asked": asked, "found": found}
            self.session.recording.keep(_key(asked), facts, redactor=self.session.config.redactor, cell=cell)


def _key(asked: dict[str, Any]) -> str:
    return hashlib.sha256(b"knowledge\0" + msgspec.json.encode(asked, order="sorted")).hexdigest()


def portable(passage: Passage, directory: Path) -> Passage:
    """Return a passage as it may stand in a notebook: its source an address, or a path from the notebook's folder.

    A document elsewhere on the machine keeps its name alone: nobody who gets the notebook could follow the path.
    """
    source = passage.source
    if not is_address(source):
        try:
            source = PurePath(source).relative_to(directory.absolute()).as_posix()
        except ValueError:
            source = ""
    return msgspec.structs.replace(passage, source=source, id=0)


def link_of(passage: Passage) -> str:
    """Return where a portable passage's source can be opened; empty where it can't be from the notebook."""
    if not passage.source or is_address(passage.source):
        return passage.source
    page = f"#page={passage.page}" if passage.page and passage.source.lower().endswith(".pdf") else ""
    return quote(passage.source) + page
