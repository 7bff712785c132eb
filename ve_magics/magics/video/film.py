"""A film of several shots as an object: what `%%storyboard -o NAME` puts into the notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ve_magics.magics.video.clip import Clip
from ve_magics.magics.video.player import picture_uri, player, relative_url

MAX_SHEET = 48_000
"""Bytes of a contact sheet that travels in the notebook, so that it is seen where the files are not; a larger one is
linked."""


class Film:
    """Several shots, joined.

    Attributes:
        path: The film.
        sheet: A picture that shows the middle of each shot.
        clips: The shots; none where the film came from a recording.
        shots: What is known of each: prompt, directed, seconds, cost.
        title: Its title; empty where nobody gave it one.
        served: `provider/model` that made the shots.
        duration: Seconds.
        size: Pixels as `WIDTHxHEIGHT`.
        cost: US dollars; None where one of them is unknown.
        note: Why no director wrote the shots; empty where one did, or none was to.
    """

    def __init__(
        self,
        path: Path,
        sheet: Path,
        *,
        shots: Sequence[Mapping[str, Any]],
        clips: Sequence[Clip] = (),
        title: str = "",
        served: str = "",
        duration: float | None = None,
        size: str = "",
        note: str = "",
    ) -> None:
        self.path = path
        self.sheet = sheet
        self.shots = [dict(shot) for shot in shots]
        self.clips = list(clips)
        self.title = title
        self.served = served
        self.duration = duration
        self.size = size
        self.note = note

    @property
    def cost(self) -> float | None:
        """US dollars; None where one shot's is unknown."""
        costs = [shot.get("cost") for shot in self.shots]
        known = [float(cost) for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def bundle(self, directory: Path) -> dict[str, str]:
        """Return what a cell shows for it: the player, the contact sheet and the list of shots.

        Args:
            directory: Where the notebook lies; addresses are relative to it.
        """
        width, _, height = self.size.partition("x")
        shown = player(
            self.path,
            directory=directory,
            width=int(width) if width.isdigit() else None,
            height=int(height) if height.isdigit() else None,
            duration=self.duration,
            title=self.title,
            note=self.note,
        )
        title = [f"<p><strong>{html.escape(self.title)}</strong></p>"] if self.title else []
        data = self.sheet.read_bytes() if self.sheet.is_file() else b""
        address = picture_uri(data, MAX_SHEET) or html.escape(relative_url(self.sheet, directory))
        sheet = f'<img src="{address}" width="640" alt="The middle of each shot">'
        items = "".join(f"<li>{html.escape(_line(shot))}</li>" for shot in self.shots)
        lines = [f"  {number}. {_line(shot)}" for number, shot in enumerate(self.shots, 1)]
        return {
            "text/html": "\n".join([*title, shown["text/html"], f"<p>{sheet}</p>", f"<ol>{items}</ol>"]),
            "text/plain": "\n".join([*([self.title] if self.title else []), shown["text/plain"], *lines]),
        }

    def facts(self) -> dict[str, Any]:
        """Return what varies from run to run, for output metadata."""
        facts = {"served_by": self.served, "shots": self.shots, "cost_usd": self.cost}
        return {**facts, "simulated": True} if self.served.startswith("sim/") else facts

    def __repr__(self) -> str:
        seconds = f", {self.duration:g} s" if self.duration else ""
        return f"<Film {self.path.name}, {len(self.shots)} shots{seconds}{f', {self.size}' if self.size else ''}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle(Path.cwd()), {"ve_magics": self.facts()}


def _line(shot: Mapping[str, Any]) -> str:
    seconds = shot.get("seconds")
    words = " ".join(str(shot.get("prompt", "")).split())
    return f"{words} ({seconds:g} s)" if seconds else words
