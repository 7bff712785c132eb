"""`%%video`: one prompt, one film that plays in the cell; its job outlives the cell, and the kernel."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from ve_magics.dialects.videos.makers import caution
from ve_magics.engine.film_targets import film_target
from ve_magics.engine.films import RecordedFilm, copy_film, recorded_film
from ve_magics.engine.session import Session
from ve_magics.engine.shots import as_asked
from ve_magics.engine.video.listing import short
from ve_magics.errors import StoreError, VeError
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
from ve_magics.magics.video.order import Order

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
    if doubt := caution(as_asked(request, target, None)):
        lines.append(f"caution   {doubt}")
    show_text("\n".join(lines))
