"""`%%storyboard`: a story or a list of shots, made side by side and joined into one film.

Each shot is a job of its own, written down before it is paid. Whatever stops the cell, running it again makes only
what isn't there yet.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec

from ve_magics.engine.director import MOST_SHOTS, Plan, listed, planned
from ve_magics.engine.film_targets import film_target, film_targets
from ve_magics.engine.films import RecordedFilm, copy_film, keep_joined, recorded_film
from ve_magics.engine.recording import Film as Recorded
from ve_magics.engine.session import Session
from ve_magics.engine.shots import Shot, film_key
from ve_magics.engine.video import file_stem
from ve_magics.engine.video.failing import failure
from ve_magics.engine.video.joining import contact_sheet, join_films
from ve_magics.errors import ArgumentsError, ConfigError, JobFailedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.magics.chat.arguments import named_model
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.video.arguments import video_settings
from ve_magics.magics.video.clip import Clip
from ve_magics.magics.video.direction import Director, chat_model, words_of
from ve_magics.magics.video.film import Film
from ve_magics.magics.video.money import check_budget, estimate
from ve_magics.magics.video.progress import Progress
from ve_magics.magics.video.storyboard_arguments import storyboard_parser
from ve_magics.routing import Target
from ve_magics.store.mp4 import probe

FOLDER = "shots"
"""Where the shots land, beside the notebook; the film itself lies beside it."""


def storyboard(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%storyboard` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; the shots go on.
    """
    parser = storyboard_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    session = notebook.session
    model = named_model(options, session.config.default("video").model)
    if not cell.strip():
        raise ArgumentsError(
            "There is no story.",
            hint="Write a story below the %%storyboard line, or a list of shots, a line each with -.",
        )
    if options.shots > MOST_SHOTS:
        raise ArgumentsError(f"A storyboard has at most {MOST_SHOTS} shots.", hint="Make several films.")
    cell = words_of(notebook, cell, raw=options.raw)
    whole = _whole(options, cell)
    progress = Progress(notebook.shell)
    kept = recorded_film(
        session, whole, _name(model), fresh=options.fresh, cell=notebook.cell, directed=not options.no_expand
    )
    if kept is not None:
        film = _recorded(kept, session.directory)
        notebook.keep(options.output, film)
        progress.finish(film.bundle(session.directory), film.facts())
        return
    target = film_target(session, model)
    session.filming.check(_request(options, "A shot.", None), target)
    plan = _plan(notebook, options, cell, target)
    if len(plan.shots) > MOST_SHOTS:
        raise ArgumentsError(f"A storyboard has at most {MOST_SHOTS} shots.", hint="Make several films.")
    requests = [_request(options, shot.words, shot.seconds) for shot in plan.shots]
    for request in requests:
        session.filming.check(request, target)
    price = _price(session, requests, target)
    if options.dry_run:
        _show_plan(plan, requests, target, price)
        return
    hint = "Name fewer shots or shorter ones, or give a larger --budget."
    check_budget("film", price, options.budget, hint)
    director = None if options.no_expand else Director(session, target, plan.story)
    shots = [Shot(request, take, director) for request, take in _takes(requests)]
    jobs = _made(notebook, progress, shots, model, target, options, price)
    film = _joined(notebook, options, cell, plan, jobs, director, target)
    if session.mode == "record":
        _record(session, whole, model, film, directed=not options.no_expand)
    notebook.keep(options.output, film)
    progress.finish(film.bundle(session.directory), film.facts())
    for job in jobs:
        session.filming.show(job)


def _price(session: Session, requests: list[VideoRequest], target: Target) -> float | None:
    """Return what all shots would cost in US dollars; None where the price of one isn't known."""
    prices = [session.filming.price(request, target) for request in requests]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def _record(session: Session, whole: VideoRequest, model: str, film: Film, *, directed: bool) -> None:
    """Write the joined film into the recording."""
    recorded = Recorded(
        file=film.path.name,
        poster=film.sheet.name,
        served=film.served,
        facts={
            "shots": film.shots,
            "title": film.title,
            "duration": film.duration,
            "size": film.size,
            "note": film.note,
        },
    )
    keep_joined(session, whole, _name(model), recorded, [film.path, film.sheet], directed=directed)


def _name(model: str) -> str:
    """Return by what name a recording knows the films of a model, apart from its single videos."""
    return f"storyboard {model}"


def _request(options: argparse.Namespace, words: str, seconds: float | None) -> VideoRequest:
    return video_settings(options, words, seconds=options.seconds if seconds is None else seconds)


def _whole(options: argparse.Namespace, cell: str) -> VideoRequest:
    """Return the request that stands for the whole film in a recording."""
    request = _request(options, cell, None)
    return msgspec.structs.replace(request, extra={**request.extra, "shots": options.shots})


def _plan(notebook: Notebook, options: argparse.Namespace, cell: str, target: Target) -> Plan:
    plan = listed(cell)
    if plan is not None:
        return plan
    session = notebook.session
    chat = chat_model(session, target)
    if not chat:
        raise ConfigError(
            "No chat model is set up that could divide the story into shots.",
            hint="Write the shots as a list, a line each, beginning with -, or name a model: %ve use MODEL",
        )
    return notebook.portal.call(
        planned(cell.strip(), options.shots, seconds=options.seconds, ask=session.complete, chat=chat)
    )


def _takes(requests: list[VideoRequest]) -> list[tuple[VideoRequest, int]]:
    """Return each request with the number of its like so far, so that two shots alike are two videos."""
    return [(request, requests[: number + 1].count(request)) for number, request in enumerate(requests)]


def _made(
    notebook: Notebook,
    progress: Progress,
    shots: list[Shot],
    model: str,
    target: Target,
    options: argparse.Namespace,
    price: float | None,
) -> list[Job]:
    """Wait for the shots, and show how far they are.

    Raises:
        VeError: One of them brought no video; the others are there.
        KeyboardInterrupt: The cell was interrupted; they go on.
    """
    session = notebook.session
    jobs: tuple[Job | None, ...] = ()
    begun = time.monotonic()
    progress.say(f"▶ {target}: {len(shots)} shots · {estimate(price)}", 0.0)
    news = session.filming.reel(
        shots,
        model,
        target,
        folder=session.directory / FOLDER,
        notebook=session.place,
        cell=notebook.cell,
        fresh=options.fresh,
        limit=options.limit,
        again=1,
        others=film_targets(session, model)[1:],
    )
    try:
        for batch in notebook.portal.iterate(news):
            jobs = batch[-1] if batch else jobs
            elapsed = time.monotonic() - begun
            ready = sum(job is not None and job.state == "succeeded" for job in jobs)
            done = sum(job.progress or 0.0 for job in jobs if job is not None) / len(shots)
            progress.say(
                f"▶ {target}: {ready} of {len(shots)} shots ready · {done:.0%} · {elapsed:.0f} s · {estimate(price)}",
                elapsed,
            )
    except KeyboardInterrupt:
        progress.drop()
        if any(job is not None and not job.finished for job in jobs):
            progress.note(
                "■ stopped waiting; the shots go on. Run the cell again to get the film. %ve jobs lists them."
            )
        raise
    except BaseException:
        progress.drop()
        raise
    return _whole_reel(progress, jobs, len(shots))


def _whole_reel(progress: Progress, jobs: tuple[Job | None, ...], count: int) -> list[Job]:
    made = [job for job in jobs if job is not None and job.state == "succeeded"]
    if len(made) == count:
        return made
    progress.drop()
    missing = [number for number, job in enumerate(jobs, 1) if job is None or job.state != "succeeded"]
    first = failure(jobs[missing[0] - 1] if jobs else None, None)
    names = ", ".join(str(number) for number in missing)
    raise JobFailedError(
        f"{'Shot' if len(missing) == 1 else 'Shots'} {names} of {count} failed: {first.message}",
        hint=f"The others are kept: change what failed and run the cell again. {first.hint}",
    )


def _joined(
    notebook: Notebook,
    options: argparse.Namespace,
    cell: str,
    plan: Plan,
    jobs: list[Job],
    director: Director | None,
    target: Target,
) -> Film:
    clips = [Clip.of_job(job) for job in jobs]
    pictures = " ".join(hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in clips)
    key = film_key(
        _whole(options, cell), pictures
    )  # the same shots are the same film, whenever they were made
    path = (
        notebook.session.directory
        / f"{file_stem(plan.title or plan.story or plan.shots[0].words, key[:8])}.mp4"
    )
    sheet = path.with_suffix(".jpg")
    films = [clip.path for clip in clips]
    join_films(films, path)
    contact_sheet(films, sheet)
    found = probe(path)
    shots = [
        {"prompt": clip.prompt, "directed": clip.directed, "seconds": clip.duration, "cost": clip.cost}
        for clip in clips
    ]
    return Film(
        path,
        sheet,
        shots=shots,
        clips=clips,
        title=plan.title,
        served=str(target),
        duration=round(found.duration, 2),
        size=f"{found.width}x{found.height}",
        note=director.note if director is not None else "",
    )


def _recorded(kept: RecordedFilm, directory: Path) -> Film:
    path, sheet = copy_film(kept, directory)
    facts: dict[str, Any] = dict(kept.film.facts)
    return Film(
        path,
        sheet if sheet is not None else path,
        shots=facts.get("shots") or (),
        title=str(facts.get("title") or ""),
        served=kept.film.served,
        duration=facts.get("duration"),
        size=str(facts.get("size") or ""),
        note=str(facts.get("note") or ""),
    )


def _show_plan(plan: Plan, requests: list[VideoRequest], target: Target, price: float | None) -> None:
    """Show the shots, who would make them, and what they would cost."""
    lines = [f"to        {target}", *([f"title     {plan.title}"] if plan.title else [])]
    for number, request in enumerate(requests, 1):
        length = f" ({request.seconds:g} s)" if request.seconds else ""
        lines.append(f"shot {number:<4} {request.prompt}{length}")
    lines.append(f"estimate  {estimate(price)}; no film was ordered")
    show_text("\n".join(lines))
