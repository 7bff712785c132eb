"""The built-in tools of a session: its films, its pictures, the pages that it may fetch."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ve_magics.catalog import cost
from ve_magics.dialects.images import ImageRequest
from ve_magics.engine.agent.builtin import fetch_offer, image_offer, python_offer, video_offer
from ve_magics.engine.agent.values import Arguments, CallMoved, Offer, Situation
from ve_magics.engine.budget import IMAGE_OUTPUT, text_tokens
from ve_magics.engine.fetching import Resolve, resolve
from ve_magics.engine.films import copy_film, keep_film, recorded_film
from ve_magics.engine.pages import fetch_page
from ve_magics.engine.session import Session
from ve_magics.engine.shots import film_key
from ve_magics.engine.trace import Trace
from ve_magics.engine.transport import Deadlines
from ve_magics.engine.video.listing import short
from ve_magics.errors import ToolArgumentsError, ToolFailedError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Text, Usage
from ve_magics.routing import Target
from ve_magics.tools import Output

PAGE_LIMIT = 2_000_000
"""Bytes of a page that are read."""
PAGE = Deadlines(connect=10, first_token=20, silence=20, total=40)
"""Limits of fetching a page, in seconds."""
_SIZE = re.compile(r"\d{2,5}x\d{2,5}").fullmatch
_UNSEEN = re.compile(
    r"<(script|style|template|noscript|svg)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
_BREAKS = re.compile(
    r"</?(?:p|div|br|li|h[1-6]|tr|section|article|table|ul|ol|pre|blockquote)\b[^>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class MadeFilm:
    """A film that a tool has made, as it lies on the disk.

    Attributes:
        facts: duration, size, revised_prompt, cost.
        job: The job that made it; None where it came from a recording.
    """

    path: Path
    poster: Path | None
    prompt: str
    served: str
    facts: dict[str, Any]
    job: Job | None = None


class Toolkit:
    """The built-in tools of one cell.

    Args:
        session: Who films, draws and fetches.
        cell: What to call the cell in an error.
        fresh: Make again what is known.
        execute: Runs Python in the notebook; None where there is none.
        resolve: Finds the addresses of a host.
    """

    def __init__(
        self,
        session: Session,
        *,
        cell: str = "",
        fresh: bool = False,
        execute: Callable[[str], Output] | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._session = session
        self._cell = cell
        self._fresh = fresh
        self._execute = execute
        self._resolve = resolve

    def offer(self, name: str, *, named: bool) -> Offer | None:
        """Return a built-in tool by its name; None where there is none that needs nothing but a session.

        Args:
            name: The tool.
            named: Whether the user's own cell named it.
        """
        match name:
            case "generate_video":
                return video_offer(self._film, price=self._film_price, known=self._film_known, named=named)
            case "generate_image":
                return image_offer(self._draw, price=self._picture_price, named=named)
            case "fetch_url":
                return fetch_offer(self._fetch, named=named)
            case "python" if self._execute is not None:
                return python_offer(self._execute, named=named)
            case _:
                return None

    # Films

    def _film_order(self, arguments: Arguments) -> tuple[VideoRequest, str, Target]:
        size = arguments.get("size") or ""
        if not isinstance(size, str) or (size and not _SIZE(size)):
            raise ToolArgumentsError("size is written as WIDTHxHEIGHT, such as 1280x720.")
        seconds = arguments.get("seconds")
        request = VideoRequest(
            prompt=str(arguments.get("prompt", "")),
            seconds=float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None,
            size=size,
        )
        if not request.prompt.strip():
            raise ToolArgumentsError("The prompt is empty.")
        model = self._session.config.default("video").model
        route = self._session.config.route(model)
        for target in route.targets:
            if self._session.config.provider(target.provider).video:
                return request, model, target
        raise UnsupportedError("video", route.targets[0].provider, message=f"{model} makes no videos.")

    def _film_price(self, arguments: Arguments) -> float | None:
        request, _, target = self._film_order(arguments)
        return self._session.filming.price(request, target)

    def _film_known(self, arguments: Arguments) -> bool:
        session = self._session
        request, model, target = self._film_order(arguments)
        if session.mode == "replay":
            return True
        key = film_key(request, model, directed=False)
        recorded = session.mode == "auto" and any(one.film(key) is not None for one in session.replays)
        return not self._fresh and (recorded or session.filming.has(request, model, target, session.place))

    async def _film(self, situation: Situation, **arguments: Any) -> Output:
        session = self._session
        request, model, target = self._film_order(arguments)
        kept = recorded_film(session, request, model, fresh=self._fresh, cell=self._cell, directed=False)
        if kept is not None:
            path, poster = copy_film(kept, session.directory)
            return _filmed(MadeFilm(path, poster, request.prompt, kept.film.served, dict(kept.facts)), 0.0)
        job: Job | None = None
        news = session.filming.film(
            request,
            model,
            target,
            folder=session.directory,
            notebook=session.place,
            cell=self._cell,
            fresh=self._fresh,
        )
        async with aclosing(news):
            async for job in news:
                if not job.finished:
                    done = "" if job.progress is None else f" {job.progress:.0%}"
                    said = f"job {short(job.id)} {job.state}{done}"
                    situation.tell(CallMoved(situation.agent, situation.call, said))
        if job is None or job.state != "succeeded":
            said = job.failure.message if job is not None and job.failure else f"{target} gave no reason."
            name = f" It is job {short(job.id)}: %ve jobs shows it." if job is not None else ""
            lacks = "made, but its file didn't come" if job is not None and job.fetches else "not made"
            raise ToolFailedError(f"The film was {lacks}: {said}{name}")
        if session.mode == "record":
            keep_film(session, request, model, job, directed=False)
        facts = {
            "duration": job.seconds,
            "size": job.size,
            "revised_prompt": job.revised_prompt,
            "cost": job.cost,
        }
        film = MadeFilm(
            Path(job.path),
            Path(job.poster) if job.poster else None,
            request.prompt,
            f"{job.provider}/{job.model}",
            facts,
            job,
        )
        session.filming.show(job)
        return _filmed(film, session.filming.price(request, target) if job.cost is None else job.cost)

    # Pictures

    def _picture_price(self, arguments: Arguments) -> float | None:
        config = self._session.config
        most = Usage(input=text_tokens(str(arguments.get("prompt", ""))), output=IMAGE_OUTPUT)
        targets = config.route(config.default("image").model).targets
        amounts = [cost(most, config.price(target)).amount for target in targets]
        known = [amount for amount in amounts if amount is not None]
        return max(known) if known and len(known) == len(amounts) else None

    async def _draw(self, situation: Situation, prompt: str, size: str | None = None) -> Output:  # noqa: ARG002 - one signature for all tools
        session = self._session
        trace = Trace()
        request = ImageRequest(model=session.config.default("image").model, prompt=prompt, size=size)
        response = await session.generate_image(request, trace=trace)
        images = tuple(image for image in response.images if image.data)
        words = Text(f"{len(images)} drawn, shown to the user." if images else "Nothing was drawn.")
        return Output((words, *images), failed=not images, shown=images, cost=trace.cost.amount)

    # Pages

    async def _fetch(self, url: str) -> str:
        page = await fetch_page(
            url.strip(),
            self._session.gateway.transport,
            resolve=self._resolve,
            deadlines=PAGE,
            largest=PAGE_LIMIT,
        )
        kind = (page.media_type or "text/html").partition(";")[0].strip().lower()
        if not (kind.startswith("text/") or kind.endswith(("json", "xml"))):
            raise ToolFailedError(f"{url} is no text but {kind}.")
        text = page.data.decode("utf-8", "replace")
        return words_of(text) if kind in ("text/html", "application/xhtml+xml") else text


def words_of(page: str) -> str:
    """Return the words of an HTML page that a reader would see, a line for each block."""
    seen = _BREAKS.sub("\n", _UNSEEN.sub(" ", page))
    lines = (" ".join(line.split()) for line in html.unescape(_TAG.sub(" ", seen)).splitlines())
    return "\n".join(line for line in lines if line)


def _filmed(film: MadeFilm, cost: float | None) -> Output:
    """Return what the model is told of a film, and the film for the cell."""
    told = {"file": film.path.name, "seconds": film.facts.get("duration"), "size": film.facts.get("size")}
    words = f"The film was made and plays in the notebook: {msgspec.json.encode(told).decode()}"
    return Output((Text(words),), shown=(film,), cost=cost)
