"""The videos of one cell, from the line to the output."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from typing import Any

from ve_magics.engine.film_targets import film_targets
from ve_magics.engine.films import keep_film
from ve_magics.engine.video.failing import failure
from ve_magics.jobs import Job, VideoRequest
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.video.clip import Clip
from ve_magics.magics.video.direction import Director
from ve_magics.magics.video.footage import Footage
from ve_magics.magics.video.money import estimate
from ve_magics.magics.video.progress import Progress
from ve_magics.routing import Target


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
