"""Films in recordings: found again by their request, and copied to where a live one would land."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ve_magics.catalog import Cost
from ve_magics.engine.recording import Film, Recording
from ve_magics.engine.session import Session
from ve_magics.engine.shots import film_key
from ve_magics.errors import StoreError
from ve_magics.jobs import Job, VideoRequest


class RecordedFilm(NamedTuple):
    """A film, and the recording that holds it."""

    film: Film
    recording: Recording

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of it: duration, size, revised_prompt, cost, directed, note."""
        names = ("duration", "size", "revised_prompt", "cost", "directed", "note")
        return {name: self.film.facts[name] for name in names if name in self.film.facts}


def recorded_film(
    session: Session,
    request: VideoRequest,
    model: str,
    *,
    fresh: bool,
    cell: str,
    take: int = 1,
    directed: bool = True,
) -> RecordedFilm | None:
    """Return the recorded film of a request, in the modes that replay; None where it is to be made.

    Raises:
        RecordingError: The session replays and the recording lacks it.
    """
    if session.mode not in ("auto", "replay") or (fresh and session.mode == "auto"):
        return None
    key = film_key(request, model, take, directed=directed)
    for recording in session.replays:
        film = recording.film(key, cell=cell)
        if film is not None:
            found = RecordedFilm(film, recording)
            cost = found.facts.get("cost")
            known = Cost(float(cost)) if isinstance(cost, (int, float)) else Cost()
            session.books.replay(key, film.served, None, known, kind="video")
            return found
    if session.mode == "replay":
        raise session.lacks(cell)
    return None


def copy_film(kept: RecordedFilm, folder: Path) -> tuple[Path, Path | None]:
    """Copy a recorded film and its poster into a folder, made where it isn't there, unless the same files lie there.

    Raises:
        StoreError: The folder can't be written, or another file has the name.
    """
    film = _copy(kept.recording.media / kept.film.file, folder)
    poster = _copy(kept.recording.media / kept.film.poster, folder) if kept.film.poster else None
    return film, poster


def _copy(source: Path, folder: Path) -> Path:
    target, part = folder / source.name, folder / f".{source.name}.part"
    try:
        if target.is_file():
            if filecmp.cmp(source, target, shallow=False):
                return target
            raise StoreError(
                f"{target.name} lies here already and is not the recorded file.",
                hint="Move it away and run the cell again.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"{target.name} can't be written: {error.strerror}.") from None
    return target


def keep_film(
    session: Session,
    request: VideoRequest,
    model: str,
    job: Job,
    take: int = 1,
    *,
    directed: bool = True,
    note: str = "",
) -> None:
    """Write a film that was made into the session's recording.

    Raises:
        RecordingError: The recording can't be read.
        StoreError: It can't be written.
    """
    files = [Path(job.path), *([Path(job.poster)] if job.poster else [])]
    film = Film(
        file=files[0].name,
        poster=files[1].name if job.poster else "",
        served=f"{job.provider}/{job.model}",
        facts={
            "duration": job.seconds,
            "size": job.size,
            "revised_prompt": job.revised_prompt,
            "cost": job.cost,
            **({"directed": job.request.prompt} if job.said else {}),
            **({"note": note} if note else {}),
        },
    )
    _keep(session, film_key(request, model, take, directed=directed), request, film, files)


def keep_joined(
    session: Session, request: VideoRequest, model: str, film: Film, files: Sequence[Path], *, directed: bool
) -> None:
    """Write a film that was joined from several into the session's recording.

    Args:
        session: The session.
        request: What stands for the whole film.
        model: By what name it is found again.
        film: What is kept of it.
        files: The film and its poster.
        directed: Whether a director may write its shots.

    Raises:
        RecordingError: The recording can't be read.
        StoreError: It can't be written.
    """
    _keep(session, film_key(request, model, directed=directed), request, film, files)


def _keep(session: Session, key: str, request: VideoRequest, film: Film, files: Sequence[Path]) -> None:
    session.recording.keep_film(key, request, film, files=files, redactor=session.config.redactor)
