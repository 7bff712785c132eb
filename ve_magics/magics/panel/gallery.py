"""`Gallery` and `%ve gallery`: the notebook's videos, those in the making included, live and as a table."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ve_magics.errors import ArgumentsError, VeError
from ve_magics.jobs import Job
from ve_magics.magics.failure import explain, one_line
from ve_magics.magics.late import LateOutput
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.panel.gallery_table import gallery_bundle
from ve_magics.magics.panel.panel import running_notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.video.clip import Clip
from ve_magics.magics.video.player import relative_url
from ve_magics.widgets.gallery_view import Card, Files, GalleryView

STEP = 1.0
"""Seconds between two looks at jobs that are being made."""
MOST = 200
"""Jobs that are shown, the newest of the notebook."""

_SHOWCASES: WeakKeyDictionary[Notebook, Showcase] = WeakKeyDictionary()


class Showcase:
    """A notebook's videos, shown by one widget in any number of views.

    Args:
        notebook: The running notebook.

    Attributes:
        view: The widget.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._files: dict[str, Files] = {}
        self._outputs: list[LateOutput] = []
        self._looking: concurrent.futures.Future[None] | None = None
        self._still: list[tuple[Any, ...]] = []
        self.view = GalleryView(lambda name: self._files.get(name, Files()), self._hear)
        session = notebook.session
        if session.mode != "replay":
            notebook.portal.call(session.filming.resume(session.place))
        self.look()
        notebook.shell.events.register("post_run_cell", self._after_cell)

    def leave(self, output: LateOutput) -> None:
        """Leave the table in an output of the running cell, and change it as videos are made."""
        self._outputs.append(output)
        output.open(self.bundle(), {})

    def bundle(self) -> dict[str, str]:
        """Return the table as an output."""
        return gallery_bundle([(card, self._files.get(card.id, Files())) for card in self.view.cards])

    def look(self) -> None:
        """Show what the videos are now, and go on looking while any is being made."""
        if self._show() and (self._looking is None or self._looking.done()):
            self._looking = self._notebook.portal.submit(self._look_often())

    async def _look_often(self) -> None:
        unfinished = True
        while unfinished:
            await asyncio.sleep(STEP)
            with suppress(VeError):
                unfinished = self._show()

    def _show(self) -> bool:
        """Show what the videos are now; returns whether any is being made."""
        session = self._notebook.session
        directory = session.directory
        jobs = session.filming.jobs.find(notebook=session.place, limit=MOST)
        files = {job.id: _files(job.path, job.poster) for job in jobs}
        cards = [_card(job, directory) for job in jobs]
        known = {job.path for job in jobs}
        for name, clip in self._clips().items():
            if str(clip.path) not in known:
                known.add(str(clip.path))
                files[name] = _files(str(clip.path), str(clip.poster or ""))
                cards.append(_card_of_clip(name, clip, directory))
        self._files = files
        self.view.show(cards)
        still = [(card.id, card.state, card.here, card.poster, card.cost, card.why) for card in cards]
        if still != self._still:
            self._still = still
            for output in self._outputs:
                output.fill(self.bundle(), {})
        return any(not job.finished for job in jobs)

    def _clips(self) -> dict[str, Clip]:
        """Return the clips in the notebook's variables: those of a recording have no job."""
        found: dict[str, Clip] = {}
        for name, value in [*self._notebook.namespace.items()]:
            several = value if isinstance(value, list) else [value]
            if not name.startswith("_"):
                clips = [one for one in several if isinstance(one, Clip)]
                found |= {f"{name}-{index}": clip for index, clip in enumerate(clips)}
        return found

    def _after_cell(self, _: Any) -> None:
        """Look again: the cell may have ordered a video."""
        shell = self._notebook.shell
        if getattr(shell, "_ve_magics", None) is None:
            shell.events.unregister("post_run_cell", self._after_cell)
            return
        with suppress(VeError):
            self.look()

    def _hear(self, content: Mapping[str, Any]) -> None:
        view = str(content.get("view", ""))
        try:
            match content.get("do"):
                case "hello":
                    self.look()
                case "cancel":
                    self._notebook.portal.submit(self._cancel(str(content.get("id", "")), view))
                case _:
                    pass
        except VeError as error:
            self.view.refuse(" ".join(explain(error)), view=view)

    async def _cancel(self, name: str, view: str) -> None:
        session = self._notebook.session
        try:
            if all(card.id != name for card in self.view.cards):
                raise ArgumentsError("There is no such video here.")
            await session.filming.engine.cancel(name)
            self._show()
        except VeError as error:
            self.view.refuse(" ".join(explain(error)), view=view)


def _files(path: str, poster: str) -> Files:
    return Files(Path(path) if path else None, Path(poster) if poster else None)


def _is_file(path: str) -> bool:
    return bool(path) and Path(path).is_file()


def _card(job: Job, directory: Path) -> Card:
    why = job.failure.message if job.failure is not None else job.note
    return Card(
        id=job.id,
        prompt=job.said or job.request.prompt,
        revised=job.revised_prompt or (job.request.prompt if job.said else ""),
        model=f"{job.provider}/{job.model}",
        state=job.state,
        progress=None if job.progress is None else round(job.progress, 2),
        cost=job.cost,
        seconds=job.seconds or job.request.seconds,
        size=job.size or job.request.size,
        created=job.created,
        why=one_line(why),
        path=relative_url(Path(job.path), directory) if job.path else "",
        here=_is_file(job.path),
        poster=_is_file(job.poster),
    )


def _card_of_clip(name: str, clip: Clip, directory: Path) -> Card:
    return Card(
        id=name,
        prompt=clip.prompt,
        revised=clip.revised_prompt,
        model=clip.served,
        cost=clip.cost,
        seconds=clip.duration,
        size=clip.size,
        path=relative_url(clip.path, directory),
        here=clip.path.is_file(),
        poster=clip.poster is not None and clip.poster.is_file(),
    )


class Gallery:
    """The notebook's videos as cards: they play, can be compared side by side, and change while they are made.

    It shows itself as the last value of a cell, and leaves a table with their posters below as an ordinary output.
    All galleries of a notebook are one in several places.

    Args:
        notebook: The notebook; the running one where None.

    Raises:
        ArgumentsError: There is no notebook.
        StoreError: The jobs can't be read.
    """

    def __init__(self, *, notebook: Notebook | None = None) -> None:
        self._notebook = running_notebook() if notebook is None else notebook
        if self._notebook not in _SHOWCASES:
            _SHOWCASES[self._notebook] = Showcase(self._notebook)
        self._showcase = _SHOWCASES[self._notebook]
        self._showcase.look()

    @property
    def view(self) -> GalleryView:
        """The widget, for layouts; shown by itself it leaves no table."""
        return self._showcase.view

    def __repr__(self) -> str:
        return "Gallery()"

    def _ipython_display_(self) -> None:
        shell = self._notebook.shell
        if not hasattr(shell, "kernel"):
            show_text(self._showcase.bundle()["text/plain"])
            return
        from IPython.display import publish_display_data

        data, metadata = self.view._repr_mimebundle_()
        publish_display_data(data, metadata)
        self._showcase.leave(LateOutput(shell))


def gallery(notebook: Notebook, words: list[str]) -> None:
    """Run `%ve gallery`.

    Raises:
        VeError: As for `Gallery`, or the line says more.
    """
    if words:
        raise ArgumentsError("%ve gallery takes nothing more than that.", hint="Usage: %ve gallery")
    Gallery(notebook=notebook)._ipython_display_()
