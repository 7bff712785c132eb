"""`%%batch --video`: a film for every row, each a job of its own."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ve_magics.engine.film_targets import film_target, film_targets
from ve_magics.engine.filming import SIDE_BY_SIDE
from ve_magics.engine.films import RecordedFilm, copy_film, keep_film, recorded_film
from ve_magics.engine.shots import Shot
from ve_magics.engine.video.failing import failure
from ve_magics.errors import VeError
from ve_magics.jobs import Job
from ve_magics.magics.batch.rows import Found, bar, free_name, record_of, summed_up
from ve_magics.magics.chat.prompt import text_of
from ve_magics.magics.failure import one_line
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.video.arguments import video_settings
from ve_magics.magics.video.direction import Director
from ve_magics.magics.video.money import check_budget, estimate
from ve_magics.magics.video.progress import Progress
from ve_magics.messages import Image, Text

FOLDER = "clips"
"""Where a batch's videos land, beside the notebook."""


def films(
    notebook: Notebook, options: argparse.Namespace, rows: list[Any], prompts: list[tuple[Text | Image, ...]]
) -> Found | None:
    """Film every row; None where only a plan was asked for.

    Raises:
        VeError: Nothing can be ordered.
        KeyboardInterrupt: The cell was interrupted; what was begun goes on.
    """
    session = notebook.session
    model = options.named or session.config.default("video").model
    requests = [video_settings(options, _words(words), seconds=options.seconds) for words in prompts]
    takes = [requests[: number + 1].count(request) for number, request in enumerate(requests)]
    directed = not options.no_expand
    kept = [
        recorded_film(
            session, one, model, fresh=options.fresh, cell=notebook.cell, take=take, directed=directed
        )
        for one, take in zip(requests, takes, strict=True)
    ]
    if all(kept):
        results = [
            _filmed(row, film, session.directory) for row, film in zip(rows, kept, strict=True) if film
        ]
        return results, summed_up(len(rows), 0, _sum(results)), []
    target = film_target(session, model)
    prices = [session.filming.price(request, target) for request in requests]
    price = None if None in prices else sum(amount or 0.0 for amount in prices)
    if options.dry_run:
        for request in requests:
            session.filming.check(request, target)
        shown = [f"row {at:<5} {one_line(request.prompt)}" for at, request in enumerate(requests[:3])]
        end = [f"videos    {len(rows):,}", f"estimate  {estimate(price)}; nothing was sent"]
        show_text("\n".join([f"to        {target}", *shown, *end]))
        return None
    hint = "Take fewer rows or shorter videos, or give a larger --budget."
    check_budget("batch", price, options.budget, hint)
    director = Director(session, target) if directed else None
    shots = [Shot(one, take, director) for one, take in zip(requests, takes, strict=True)]
    errors: dict[int, VeError] = {}
    jobs = _reel(notebook, options, shots, model, errors, price)
    for number, job in enumerate(jobs):
        if number not in errors and (job is None or job.state != "succeeded"):
            errors[number] = failure(job, None)
        elif job is not None and session.mode == "record":
            note = director.note if director is not None else ""
            keep_film(session, requests[number], model, job, takes[number], directed=directed, note=note)
    results = []
    for number, row in enumerate(rows):
        job = jobs[number] if number < len(jobs) and number not in errors else None
        results.append(_clip(row, session.directory, job, errors.get(number)))
    for number, job in enumerate(jobs):
        if job is not None and number not in errors:
            session.filming.show(job)
    return results, summed_up(len(rows), len(errors), _sum(results)), list(errors.values())


def _words(parts: tuple[Text | Image, ...]) -> str:
    return text_of(parts, "A video's prompt", "Put words into it alone.")


def _reel(
    notebook: Notebook,
    options: argparse.Namespace,
    shots: list[Shot],
    model: str,
    errors: dict[int, VeError],
    price: float | None,
) -> tuple[Job | None, ...]:
    session, progress = notebook.session, Progress(notebook.shell)
    begun = time.monotonic()
    jobs: tuple[Job | None, ...] = ()
    news = session.filming.reel(
        shots,
        model,
        film_target(session, model),
        folder=session.directory / FOLDER,
        notebook=session.place,
        cell=notebook.cell,
        fresh=options.fresh,
        limit=options.limit or SIDE_BY_SIDE,
        others=film_targets(session, model)[1:],
        errors=errors,
    )
    try:
        for changes in notebook.portal.iterate(news):
            jobs = changes[-1] if changes else jobs
            elapsed = time.monotonic() - begun
            ready = sum(job is not None and job.state == "succeeded" for job in jobs)
            line = f"▶ {bar(ready, len(shots))} {ready} of {len(shots)} videos · {elapsed:.0f} s · {estimate(price)}"
            progress.say(line, elapsed)
    except KeyboardInterrupt:
        progress.drop()
        progress.note(
            "■ stopped waiting; the videos that were begun go on. Run the cell again to get them all."
        )
        raise
    finally:
        progress.drop()
    return jobs


def _clip(row: Any, directory: Path, job: Job | None, error: VeError | None) -> dict[str, Any]:
    result = record_of(row)
    path = Path(job.path) if job is not None else None
    result[free_name(result, "video")] = path.relative_to(directory).as_posix() if path is not None else None
    result[free_name(result, "seconds")] = job.seconds if job is not None else None
    result[free_name(result, "cost")] = job.cost if job is not None else None
    result[free_name(result, "error")] = error.message if error is not None else None
    return result


def _filmed(row: Any, kept: RecordedFilm, directory: Path) -> dict[str, Any]:
    path, _ = copy_film(kept, directory / FOLDER)
    result = record_of(row)
    result[free_name(result, "video")] = path.relative_to(directory).as_posix()
    result[free_name(result, "seconds")] = kept.film.facts.get("duration")
    result[free_name(result, "cost")] = kept.film.facts.get("cost")
    result[free_name(result, "error")] = None
    return result


def _sum(results: list[dict[str, Any]]) -> float | None:
    costs = [result.get("cost") for result in results if result.get("video")]
    return None if None in costs else sum(float(cost or 0.0) for cost in costs)
