"""`%%video`: one prompt, one film that plays in the cell; its job outlives the cell, and the kernel."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ve_magics.engine.films import RecordedFilm, copy_film, keep_film, recorded_film
from ve_magics.engine.session import Session
from ve_magics.engine.video.listing import short
from ve_magics.errors import JobError, JobExpiredError, JobFailedError, StoreError, UnsupportedError, VeError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.magics.background import Errand
from ve_magics.magics.chat.arguments import named_model
from ve_magics.magics.failure import explain, one_line
from ve_magics.magics.late import LateOutput
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.screen import filled_in_later
from ve_magics.magics.video.arguments import video_parser, video_request
from ve_magics.magics.video.clip import Clip
from ve_magics.magics.video.direction import Director, draft, words_of
from ve_magics.magics.video.footage import Footage, footage, origin
from ve_magics.magics.video.money import estimate
from ve_magics.magics.video.progress import Progress
from ve_magics.routing import Target

BACKGROUND_STEP = 2.0
"""Seconds between two changes of a background job's line at least."""


def video(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%video` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; the job goes on.
    """
    parser = video_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    session = notebook.session
    build_on = footage(notebook, options)
    request = build_on.onto(video_request(options, words_of(notebook, cell, raw=options.raw)))
    model = named_model(options, session.config.default("video").model)
    if options.draft:
        draft(notebook, request, film_target(session, model), line)
        return
    if options.dry_run:
        _show_plan(session, request, model, options, build_on)
        return
    films = [
        recorded_film(
            session,
            request,
            model,
            fresh=options.fresh,
            cell=notebook.cell,
            take=take,
            directed=not options.no_expand,
        )
        for take in range(1, options.count + 1)
    ]
    order = Order(notebook, request, model, options, build_on)
    if all(films):
        order.show([_recorded_clip(film, request, session.directory, options) for film in films if film])
        return
    order.target = film_target(session, model)
    if build_on.remixed is not None:
        order.parent = origin(notebook, build_on.remixed)
    order.director = None if options.no_expand else Director(session, order.target)
    if options.background and filled_in_later(notebook.shell):
        begin(order)
    else:
        order.finish(_wait(order))


def _recorded_clip(
    kept: RecordedFilm, request: VideoRequest, directory: Path, options: argparse.Namespace
) -> Clip:
    path, poster = copy_film(kept, directory)
    clip = Clip(path, poster=poster, prompt=request.prompt, served=kept.film.served, **kept.facts)
    clip.embed = options.embed
    return clip


class Order:
    """The videos of one cell, from the line to the output.

    Args:
        notebook: The notebook.
        request: What is to be filmed.
        model: The model as the user named it.
        options: The parsed line.
        build_on: The pictures and clips that they build on.

    Attributes:
        parent: The job whose video they change; None where they change none.
        target: Who makes them.
        director: Who writes the prompt; None where it goes as it is.
        progress: The cell's line.
    """

    def __init__(
        self,
        notebook: Notebook,
        request: VideoRequest,
        model: str,
        options: argparse.Namespace,
        build_on: Footage,
    ) -> None:
        self.notebook = notebook
        self.request = request
        self.model = model
        self.options = options
        self.target: Target | None = None
        self.parent: Job | None = None
        self._build_on = build_on
        self.director: Director | None = None
        self.progress = Progress(notebook.shell)
        self._session = notebook.session
        self._cell = notebook.cell

    @property
    def price(self) -> float | None:
        """What one of them would cost in US dollars; None where that isn't known."""
        if self.target is None:
            return None
        return self._session.filming.price(self._build_on.lasting(self.request), self.target)

    @property
    def note(self) -> str:
        """Why the director wrote nothing; empty where one did, or none was to."""
        return "" if self.director is None else self.director.note

    def news(self) -> AsyncGenerator[tuple[Job | None, ...], None]:
        """Yield the jobs, now and after each change."""
        assert self.target is not None
        return self._session.filming.films(
            self.request,
            self.model,
            self.target,
            count=self.options.count,
            folder=self._session.directory,
            notebook=self._session.place,
            cell=self._cell,
            fresh=self.options.fresh,
            direct=self.director,
            parent=self.parent,
            others=film_targets(self._session, self.model)[1:],
        )

    def line(self, jobs: tuple[Job | None, ...], elapsed: float) -> str:
        """Return the line that says how far they are."""
        known = [job for job in jobs if job is not None]
        if len(jobs) == 1:
            said = Progress.line(known[0], elapsed)
        else:
            ready = sum(job.state == "succeeded" for job in known)
            done = sum(job.progress or 0.0 for job in known) / len(jobs)
            said = f"▶ {self.target}: {ready} of {len(jobs)} videos ready · {done:.0%} · {elapsed:.0f} s"
        return f"{said} · {estimate(self.price, len(jobs))}"

    def made(self, jobs: tuple[Job | None, ...]) -> list[Job]:
        """Return the jobs, all of which have brought a video.

        Raises:
            JobError: One hasn't.
        """
        for job in jobs or (None,):
            if job is None or job.state != "succeeded":
                self.progress.drop()
                raise failure(job, self.options.timeout)
        return [job for job in jobs if job is not None]

    def finish(self, jobs: list[Job]) -> None:
        """Keep and show what was made."""
        self.show(self.keep(jobs))
        for job in jobs:
            self._session.filming.show(job)

    def keep(self, jobs: list[Job]) -> list[Clip]:
        """Return what was made as clips, written into the recording where there is one."""
        jobs = [self._build_on.joined(job) for job in jobs]
        if self._session.mode == "record":
            for take, job in enumerate(jobs, 1):
                keep_film(
                    self._session,
                    self.request,
                    self.model,
                    job,
                    take,
                    directed=self.director is not None,
                    note=self._note(job),
                )
        return [Clip.of_job(job, embed=self.options.embed, note=self._note(job)) for job in jobs]

    def _note(self, job: Job) -> str:
        """Return what is said below a video: why nobody directed it, and that another target made it."""
        made = f"{job.provider}/{job.model}"
        other = f"↪ {self.target} refused the order; {made} made the film" if made != str(self.target) else ""
        return " ".join(part for part in (self.note, other) if part)

    def show(self, clips: list[Clip]) -> None:
        """Leave the players as the cell's one output."""
        self.hand_over(clips)
        self.progress.finish(*self.output(clips))

    def hand_over(self, clips: list[Clip]) -> None:
        """Put the clips into the variable that the line names: one, or a list of several."""
        self.notebook.keep(self.options.output, clips[0] if self.options.count == 1 else clips)

    def output(self, clips: list[Clip]) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the players below one another, and the metadata."""
        bundles = [clip.bundle(self._session.directory) for clip in clips]
        data = {kind: "\n\n".join(bundle[kind] for bundle in bundles) for kind in bundles[0]}
        facts = clips[0].facts()
        if len(clips) > 1:
            facts["clips"] = [clip.facts() for clip in clips]
        if self.target is not None:
            facts["estimate_usd"] = None if self.price is None else self.price * len(clips)
        return data, facts


def begin(order: Order) -> None:
    """End the cell at once; its output changes as the videos are made, and becomes the players."""
    late = LateOutput(order.notebook.shell)
    news = order.news()
    jobs = order.notebook.portal.call(anext(news))  # what can't be ordered fails here, in the cell
    names = ", ".join(short(job.id) for job in jobs if job is not None)
    late.begin(
        f"▶ {order.target}: being made in the background as job {names} · {estimate(order.price, len(jobs))}."
        " Run the cell again, or %ve jobs, to see it.",
        {"jobs": [job.id for job in jobs if job is not None]},
    )
    errand = Errand(f"{order.target}: {one_line(order.request.prompt)[:40]}", order.notebook.cell or "a cell")
    order.notebook.background.begin(errand, order.notebook.portal, _follow(order, late, news))


async def _follow(
    order: Order, late: LateOutput, news: AsyncGenerator[tuple[Job | None, ...], None]
) -> VeError | None:
    """Show in the cell that began it what becomes of an order; returns what went wrong."""
    begun = shown = time.monotonic()
    jobs: tuple[Job | None, ...] = ()
    try:
        async with aclosing(news):
            async for jobs in news:
                now = time.monotonic()
                if now - shown > BACKGROUND_STEP:
                    shown = now
                    late.say(order.line(jobs, now - begun), {})
        clips = order.keep(order.made(jobs))
        order.hand_over(clips)
        late.fill(*order.output(clips))
    except OSError as error:
        return _told(late, StoreError(f"The video can't be shown: {error.strerror}."))
    except VeError as error:
        return _told(late, error)
    return None


def _told(late: LateOutput, error: VeError) -> VeError:
    late.say("\n".join(explain(error)), {"failed": True})
    return error


def film_target(session: Session, model: str) -> Target:
    """Return the first target of a model whose provider makes videos, one that has a key before one that hasn't.

    Raises:
        UnsupportedError: None of them does.
        UnknownModelError: Nobody serves the model.
    """
    return film_targets(session, model)[0]


def film_targets(session: Session, model: str) -> list[Target]:
    """Return the targets of a model whose providers make videos, those that have a key before those that haven't.

    Raises:
        UnsupportedError: None of them does.
        UnknownModelError: Nobody serves the model.
    """
    route = session.config.route(model)
    films = [target for target in route.targets if session.config.provider(target.provider).video]
    if films:
        return sorted(films, key=lambda target: not session.config.usable(target.provider))
    raise UnsupportedError(
        "video",
        route.targets[0].provider,
        message=f"{route.targets[0]} makes no videos.",
        hint="Choose another: %ve use sim/film, or a provider whose row says video = …",
    )


def _wait(order: Order) -> list[Job]:
    """Wait for the jobs of a cell, and show how far they are.

    Raises:
        VeError: One of them brought no video.
        KeyboardInterrupt: The cell was interrupted; the jobs go on.
    """
    progress, timeout = order.progress, order.options.timeout
    jobs: tuple[Job | None, ...] = ()
    begun = time.monotonic()
    try:
        for batch in order.notebook.portal.iterate(order.news()):
            jobs = batch[-1] if batch else jobs
            elapsed = time.monotonic() - begun
            if any(jobs):
                progress.say(order.line(jobs, elapsed), elapsed)
                if timeout is not None and elapsed > timeout:
                    break
    except KeyboardInterrupt:
        progress.drop()
        left = [short(job.id) for job in jobs if job is not None and not job.finished]
        if left:
            what = f"job {left[0]}" if len(left) == 1 else f"jobs {', '.join(left)}"
            progress.note(
                f"■ stopped waiting; the video goes on as {what}. Run the cell again to get it."
                f" %ve jobs shows it, %ve jobs cancel {left[0]} stops it."
            )
        raise
    except BaseException:
        progress.drop()
        raise
    return order.made(jobs)


def failure(job: Job | None, timeout: float | None) -> JobError:
    """Return the error for a job that ended, or was left, without a video.

    Args:
        job: The job; None where nothing was heard of it.
        timeout: Seconds after which it was left, or None.
    """
    if job is None:
        return JobError("The video's job was lost sight of.", hint="Run the cell again.")
    said = job.failure
    match job.state:
        case "unknown":
            name = short(job.id)
            return JobError(
                f"Nobody knows whether {job.provider} took the order for job {job.id}: its answer was lost.",
                hint="It was not ordered again, so nothing is paid twice. If it makes the video there:"
                f" %ve jobs settle {name} ITS_ID; if not: %ve jobs settle {name} again",
            )
        case "expired":
            return JobExpiredError(
                f"{job.provider} deleted the video before it was fetched.",
                hint="Make it again: %%video --fresh",
            )
        case "failed" | "cancelled":
            message = said.message if said else f"{job.provider} gave no reason."
            hint = (said.hint if said else "") or _advice(said.kind if said else "", job.provider)
            if job.state == "failed" and job.fetches:
                hint = f"{job.provider} has it. To fetch it again, free of charge: %ve jobs retry {short(job.id)}"
                return JobFailedError(f"The video was made, but its file didn't come: {message}", hint=hint)
            return JobFailedError(f"The video was not made: {message}", hint=hint)
        case _:
            return JobError(
                f"The video was not ready after {timeout:g} s." if timeout else "The video is not ready.",
                hint=f"It goes on as job {short(job.id)}. Run the cell again to get it; %ve jobs shows it.",
            )


def _advice(kind: str, provider: str) -> str:
    """Return what to do about a class of failure by which no video was made."""
    match kind:
        case "authentication":
            return f"Check the key: %ve key {provider} asks for a new one."
        case "permission" | "model_not_found":
            return f"See what {provider} offers your key now: %ve models {provider}"
        case "quota":
            return f"Add credit at {provider}, or choose another model: %ve models"
        case "rate_limit" | "overloaded" | "server" | "timeout" | "network":
            return "Run the cell again in a minute, or choose another model: %ve models"
        case "bad_request":
            return "Change the prompt or the flags and run the cell again."
        case _:
            return "Change the prompt and run the cell again."


def _show_plan(
    session: Session, request: VideoRequest, model: str, options: argparse.Namespace, build_on: Footage
) -> None:
    """Show what would be made, by whom, and what it would cost; what can't be made is refused."""
    target = film_target(session, model)
    session.filming.check(request, target)
    price = session.filming.price(build_on.lasting(request), target)
    lines = [
        f"to        {target}",
        f"prompt    {request.prompt}",
        f"director  {'left out' if options.no_expand else 'writes it out as a shot first; see it: --draft'}",
        f"length    {f'{request.seconds:g} s' if request.seconds else 'as the provider likes'}",
        f"size      {request.size or 'as the provider likes'}",
        f"estimate  {estimate(price, options.count)}; nothing was sent",
    ]
    if options.count > 1:
        lines.insert(5, f"videos    {options.count}")
    show_text("\n".join(lines))
