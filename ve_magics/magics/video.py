"""`%%video`: one prompt, one film that plays in the cell; its job outlives the cell, and the kernel."""

from __future__ import annotations

import argparse
import time

from ve_magics.engine.films import copy_film, keep_film, recorded_film
from ve_magics.engine.session import Session
from ve_magics.errors import JobError, JobExpiredError, JobFailedError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.magics import attachments
from ve_magics.magics.arguments import named_model, video_parser, video_request
from ve_magics.magics.clip import Clip
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.progress import Progress
from ve_magics.routing import Target


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
    frame = None
    if options.image:
        frame = attachments.image(options.image, directory=notebook.directory, namespace=notebook.namespace)
    request = video_request(options, cell, first_frame=frame)
    model = named_model(options, session.config.default("video").model)
    if options.dry_run:
        _show_plan(session, request, model)
        return
    progress = Progress(notebook.shell)
    kept = recorded_film(session, request, model, fresh=options.fresh, cell=notebook.cell)
    if kept is not None:
        path, poster = copy_film(kept, session.directory)
        clip = Clip(path, poster=poster, prompt=request.prompt, served=kept.film.served, **kept.facts)
        clip.embed = options.embed
    else:
        job = _make(notebook, request, model, options, progress)
        clip = Clip.of_job(job, embed=options.embed)
        if session.mode == "record":
            keep_film(session, request, model, job)
    notebook.keep(options.output, clip)
    progress.finish(clip.bundle(session.directory), clip.facts())


def film_target(session: Session, model: str) -> Target:
    """Return the first target of a model whose provider makes videos.

    Raises:
        UnsupportedError: None of them does.
        UnknownModelError: Nobody serves the model.
    """
    route = session.config.route(model)
    for target in route.targets:
        if session.config.provider(target.provider).video:
            return target
    raise UnsupportedError(
        "video",
        route.targets[0].provider,
        message=f"{route.targets[0]} makes no videos.",
        hint="Choose another: %ve use sim/film, or a provider whose row says video = …",
    )


def _make(
    notebook: Notebook, request: VideoRequest, model: str, options: argparse.Namespace, progress: Progress
) -> Job:
    session = notebook.session
    target = film_target(session, model)
    news = session.filming.film(
        request,
        model,
        target,
        folder=session.directory,
        notebook=str(session.notebook or session.directory),
        cell=notebook.cell,
        fresh=options.fresh,
    )
    job: Job | None = None
    begun = time.monotonic()
    try:
        for batch in notebook.portal.iterate(news):
            if batch:
                job = batch[-1]
            elapsed = time.monotonic() - begun
            if job is not None:
                progress.show(job, elapsed)
            if options.timeout is not None and elapsed > options.timeout and job is not None:
                break
    except KeyboardInterrupt:
        progress.drop()
        if job is not None and not job.finished:
            progress.note(
                f"⏹ stopped waiting; the video goes on as job {job.id}. Run the cell again to get it."
            )
        raise
    except BaseException:
        progress.drop()
        raise
    if job is None or job.state != "succeeded":
        progress.drop()
        raise failure(job, options.timeout)
    return job


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
            return JobError(
                f"Nobody knows whether {job.provider} took the order for job {job.id}: its answer was lost.",
                hint="Look there whether it makes the video. It was not ordered again, so nothing is paid twice.",
            )
        case "expired":
            return JobExpiredError(
                f"{job.provider} deleted the video before it was fetched.",
                hint="Make it again: %%video --fresh",
            )
        case "failed" | "cancelled":
            message = said.message if said else f"{job.provider} gave no reason."
            hint = (said.hint if said else "") or "Change the prompt and run the cell again."
            return JobFailedError(f"The video was not made: {message}", hint=hint)
        case _:
            return JobError(
                f"The video was not ready after {timeout:g} s." if timeout else "The video is not ready.",
                hint=f"It goes on as job {job.id}. Run the cell again to get it.",
            )


def _show_plan(session: Session, request: VideoRequest, model: str) -> None:
    """Show what would be made, by whom, and what it would cost."""
    target = film_target(session, model)
    cost = session.filming.price(request, target)
    lines = [
        f"to        {target}",
        f"prompt    {request.prompt}",
        f"length    {f'{request.seconds:g} s' if request.seconds else 'as the provider likes'}",
        f"size      {request.size or 'as the provider likes'}",
        f"estimate  {'price unknown' if cost is None else f'${cost:.2f}'}; nothing was sent",
    ]
    show_text("\n".join(lines))
