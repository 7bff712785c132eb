"""The clip as an object: what `%%video -o NAME` puts into the notebook."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from ve_magics.engine.video.joining import convert_film
from ve_magics.jobs import Job
from ve_magics.magics.video.player import codec_note, player
from ve_magics.store.mp4 import probe


class Clip:
    """A video that was made.

    Attributes:
        path: The file.
        poster: The picture for it, or None.
        prompt: What was asked.
        directed: The prompt that the director made of it and that was filmed; empty where it was filmed as it is.
        note: Why no director wrote the prompt; empty where one did, or none was to.
        revised_prompt: What the provider made of it; empty where it said nothing.
        served: `provider/model` that made it.
        duration: Seconds.
        size: Pixels as `WIDTHxHEIGHT`.
        cost: US dollars; None where unknown.
        job: The job that made it; None where it came from a recording.
    """

    def __init__(
        self,
        path: Path,
        *,
        poster: Path | None,
        prompt: str,
        revised_prompt: str = "",
        directed: str = "",
        note: str = "",
        served: str = "",
        duration: float | None = None,
        size: str = "",
        cost: float | None = None,
        job: Job | None = None,
        embed: bool = False,
    ) -> None:
        self.path = path
        self.poster = poster
        self.prompt = prompt
        self.revised_prompt = revised_prompt
        self.directed = directed
        self.note = note
        self.served = served
        self.duration = duration
        self.size = size
        self.cost = cost
        self.job = job
        self.embed = embed

    @classmethod
    def of_job(cls, job: Job, *, embed: bool = False, note: str = "") -> Clip:
        """Return the clip that a job has made."""
        return cls(
            Path(job.path),
            poster=Path(job.poster) if job.poster else None,
            prompt=job.said or job.request.prompt,
            revised_prompt=job.revised_prompt,
            directed=job.request.prompt if job.said else "",
            note=note,
            served=f"{job.provider}/{job.model}",
            duration=job.seconds,
            size=job.size,
            cost=job.cost,
            job=job,
            embed=embed,
        )

    def bundle(self, directory: Path) -> dict[str, str]:
        """Return what a cell shows for it: a player, and text for whoever can't play.

        Args:
            directory: Where the notebook lies; the player's addresses are relative to it.
        """
        width, _, height = self.size.partition("x")
        poster = self.poster.read_bytes() if self.poster is not None and self.poster.is_file() else b""
        return player(
            self.path,
            directory=directory,
            width=int(width) if width.isdigit() else None,
            height=int(height) if height.isdigit() else None,
            duration=self.duration,
            poster=poster,
            title=self.prompt,
            directed=self.directed,
            note=" ".join(part for part in (self.note, codec_note(self.codec)) if part),
            embed=self.embed,
        )

    @property
    def codec(self) -> str:
        """Four characters by which the file calls its codec, such as `avc1`; empty where it can't be read."""
        try:
            return probe(self.path).codec
        except (OSError, ValueError):
            return ""

    def convert(self) -> Clip:
        """Return this clip as H.264, which every front end plays, in a file beside it.

        Raises:
            MissingExtraError: PyAV isn't installed.
            JobError: The file can't be read.
            StoreError: The new one can't be written.
        """
        target = self.path.with_name(f"{self.path.stem}-h264.mp4")
        convert_film(self.path, target)
        clip = copy.copy(self)
        clip.path = target
        return clip

    def facts(self) -> dict[str, Any]:
        """Return what varies from run to run, for output metadata."""
        facts: dict[str, Any] = {"served_by": self.served, "prompt": self.prompt, "cost_usd": self.cost}
        if self.directed:
            facts["directed_prompt"] = self.directed
        if self.revised_prompt:
            facts["revised_prompt"] = self.revised_prompt
        if self.job is not None:
            facts["job"] = self.job.id
        if self.served.startswith("sim/"):
            facts["simulated"] = True
        return facts

    def __repr__(self) -> str:
        seconds = f", {self.duration:g} s" if self.duration else ""
        return f"<Clip {self.path.name}{seconds}{f', {self.size}' if self.size else ''}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle(Path.cwd()), {"ve_magics": self.facts()}
