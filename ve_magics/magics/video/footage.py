"""The pictures and earlier clips that a `%%video` line builds on."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from ve_magics.engine.video.joining import join_films, last_picture
from ve_magics.engine.video.listing import named
from ve_magics.errors import ArgumentsError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.magics.chat import attachments
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.video.clip import Clip
from ve_magics.messages import Image
from ve_magics.store.mp4 import probe


class Footage(msgspec.Struct, frozen=True):
    """What a video builds on.

    Attributes:
        first: The picture that it begins with.
        last: The picture that it ends with.
        remixed: The file of the clip that is to be changed; None where none is.
        extended: The file of the clip that it goes on from; None where none is.
    """

    first: Image | None = None
    last: Image | None = None
    remixed: Path | None = None
    extended: Path | None = None

    def onto(self, request: VideoRequest) -> VideoRequest:
        """Return a request that builds on it; a clip that is to be changed goes by its file's name here."""
        remixed = self.remixed.name if self.remixed is not None else ""
        return msgspec.structs.replace(
            request, first_frame=self.first, last_frame=self.last, remix_of=remixed
        )

    def lasting(self, request: VideoRequest) -> VideoRequest:
        """Return a request with its length as far as that is known: a changed clip lasts as long as it did."""
        if request.seconds is not None or self.remixed is None:
            return request
        return msgspec.structs.replace(request, seconds=probe(self.remixed).duration or None)

    def joined(self, job: Job) -> Job:
        """Return a job whose file is the whole film: the clip that it goes on from, and what it made.

        Raises:
            MissingExtraError: PyAV isn't installed.
            JobError: A file can't be read.
            StoreError: The film can't be written.
        """
        if self.extended is None:
            return job
        made = Path(job.path)
        whole = made.with_name(f"{made.stem}-extended.mp4")
        join_films([self.extended, made], whole)
        found = probe(whole)
        return msgspec.structs.replace(job, path=str(whole), seconds=round(found.duration, 2))


def footage(notebook: Notebook, options: argparse.Namespace) -> Footage:
    """Return what a line builds on.

    Raises:
        ArgumentsError: Something that it names isn't there, or two of them don't go together.
        MissingExtraError: PyAV isn't installed, and a clip is to go on.
    """
    if options.extend and (options.image or options.remix):
        raise ArgumentsError(
            "--extend begins where the clip ends, so --image and --remix don't go with it.",
            hint="Leave them out.",
        )
    remixed = _clip(notebook, options.remix, "--remix") if options.remix else None
    extended = _clip(notebook, options.extend, "--extend") if options.extend else None
    first = _picture(notebook, options.image)
    if extended is not None:
        first = Image(data=last_picture(extended), media_type="image/png")
    return Footage(first, _picture(notebook, options.last), remixed, extended)


def origin(notebook: Notebook, remixed: Path) -> Job:
    """Return the job that made a clip.

    Raises:
        ArgumentsError: None of ours did.
    """
    for job in notebook.session.filming.jobs.find():
        if job.path and Path(job.path) == remixed:
            return job
    raise ArgumentsError(
        f"No job here made {remixed.name}, so no provider knows it.",
        hint="Only a clip that was made from this machine can be remixed; make it again: %%video --fresh",
    )


def _picture(notebook: Notebook, source: str | None) -> Image | None:
    if not source:
        return None
    return attachments.image(source, directory=notebook.directory, namespace=notebook.namespace)


def _clip(notebook: Notebook, source: str, flag: str) -> Path:
    value = notebook.namespace.get(source) if source.isidentifier() else None
    if isinstance(value, Clip):
        path = value.path
    elif value is None and source.startswith("video_"):
        path = Path(named(notebook.session.filming.jobs.find(), source).path)
    else:
        path = notebook.directory / Path(source).expanduser()
    if value is not None and not isinstance(value, Clip):
        raise ArgumentsError(f"{flag}: the variable {source} is no clip.", hint="Keep one: %%video -o NAME")
    if not path.is_file():
        raise ArgumentsError(f"{flag}: there is no clip {source}.", hint=f"Looked for {path}.")
    return path
