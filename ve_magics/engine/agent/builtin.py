"""The tools that come with ve_magics, each around a callable that its surroundings give."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from ve_magics.engine.agent.functions import offer_of
from ve_magics.engine.agent.values import Arguments, Offer, Situation
from ve_magics.engine.knowledge.citing import SEARCHED
from ve_magics.engine.knowledge.numbering import Numbering
from ve_magics.messages import Text
from ve_magics.store.knowledge import Passage
from ve_magics.tools import FunctionTool, Output, output_of

BUILT_IN = ("generate_video", "generate_image", "search_documents", "fetch_url", "python")
"""Their names. A cell has those that it names; `--kb` names `search_documents`."""

Runs = Callable[..., Awaitable[Output]]
"""Does what a tool is for: the situation, then the tool's arguments by name."""

_PASSAGES = 6
"""Passages of one search where the model asks for no number."""


Search = Callable[[str, str, int], Awaitable[Sequence[Passage]]]
"""Returns the passages of a knowledge base that fit a query best: query, knowledge base, how many."""


def _built(described: Callable[..., Any], runs: Runs, *, named: bool, **more: Any) -> Offer:
    """Return a tool whose signature and docstring are those of a function, and whose work another one does."""
    tool = FunctionTool(described)

    async def run(arguments: Arguments, situation: Situation) -> Output:
        _, by_name = tool.read(arguments)
        return await runs(situation, **by_name)

    return dataclasses.replace(offer_of(tool, named=named), run=run, **more)


def video_offer(
    runs: Runs,
    *,
    price: Callable[[Arguments], float | None],
    known: Callable[[Arguments], bool],
    named: bool,
) -> Offer:
    """Return `generate_video`."""

    def generate_video(
        prompt: Annotated[
            str, "What the film shows, in full sentences: subject, place, light, movement of the camera."
        ],
        seconds: Annotated[float | None, "Length in seconds."] = None,
        size: Annotated[str | None, "Pixels as WIDTHxHEIGHT, such as 1280x720."] = None,
    ) -> None:
        """Make a film (a video clip) from words. It costs money and takes minutes; it plays in the notebook."""

    return _built(generate_video, runs, named=named, approve=True, price=price, known=known, remembers=True)


def image_offer(runs: Runs, *, price: Callable[[Arguments], float | None], named: bool) -> Offer:
    """Return `generate_image`."""

    def generate_image(
        prompt: Annotated[str, "What the picture shows."],
        size: Annotated[str | None, "Pixels as WIDTHxHEIGHT, such as 1024x1024."] = None,
    ) -> None:
        """Draw a picture (an image) from words. It costs money; it is shown in the notebook."""

    return _built(generate_image, runs, named=named, approve=True, price=price)


def search_offer(search: Search, knowledge_base: str, numbering: Numbering) -> Offer:
    """Return `search_documents` for one knowledge base, whose passages are numbered."""

    def search_documents(
        query: Annotated[str, "What to look for: a question or a few words."],
        count: Annotated[int, "How many passages."] = _PASSAGES,
    ) -> None:
        """Search the documents of the user and return the passages that fit best, each with its source."""

    async def runs(_: Situation, query: str, count: int = _PASSAGES) -> Output:
        found = await search(query, knowledge_base, max(1, min(count, 20)))
        if not found:
            return Output((Text("The documents hold nothing that fits."),))
        sources = tuple((numbering.number(passage), passage) for passage in found)
        told = [f"[{number}] {_place(passage)}\n{passage.text.strip()}" for number, passage in sources]
        return Output((Text("\n\n".join(told)),), sources=sources)

    return _built(search_documents, runs, named=True, untrusted=True, rules=SEARCHED)


def _place(passage: Passage) -> str:
    """Return where a passage stands: the document, its headings and its page, as far as they are known."""
    page = f"page {passage.page}" if passage.page else ""
    place = " · ".join(filter(None, (passage.name or passage.source, " › ".join(passage.heading), page)))
    return " ".join(place.split())


def fetch_offer(fetch: Callable[[str], Awaitable[str]], *, named: bool) -> Offer:
    """Return `fetch_url`."""

    def fetch_url(url: Annotated[str, "An address that begins with https://."]) -> None:
        """Read a page of the public web as text."""

    async def runs(_: Situation, url: str) -> Output:
        return output_of(await fetch(url))

    return _built(fetch_url, runs, named=named, approve=True, untrusted=True)


def python_offer(execute: Callable[[str], Output], *, named: bool) -> Offer:
    """Return `python`, which only a person may approve.

    Args:
        execute: Runs code in the notebook and returns what it printed and what its last line is; called in the cell's
            own thread.
        named: Whether the user's own cell named it.
    """

    def python(
        code: Annotated[str, "Python source. Its last expression and what it prints come back."],
    ) -> None:
        """Run Python code in the user's notebook, with its variables."""

    async def runs(situation: Situation, code: str) -> Output:
        return output_of(await situation.here(lambda: execute(code)))

    return _built(python, runs, named=named, approve=True, always=True)
