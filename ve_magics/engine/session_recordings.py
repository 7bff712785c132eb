"""Whether a session records or replays, and the files that it does it with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ve_magics.engine.recording import Kept, Mode, Recording, beside
from ve_magics.errors import RecordingError, StoreError


class SessionRecordings:
    """The recording that a session writes to, and those that it may replay from; each is opened when it is needed.

    Args:
        mode: Whether answers are recorded or replayed.
        directory: Where the notebook lies.
        notebook: Returns the notebook's path; None where it isn't known.
        log: The file to which each use of a recording is written, if any.
        warn: Told of a recording that can't be read and is nobody's here.

    Attributes:
        mode: Whether answers are recorded or replayed.
    """

    def __init__(
        self,
        mode: Mode,
        directory: Path,
        notebook: Callable[[], Path | None],
        log: Path | None,
        warn: Callable[[str], object],
    ) -> None:
        self.mode: Mode = mode
        self._directory = directory
        self._notebook = notebook
        self._log = log
        self._warn = warn
        self._own: Recording | None = None
        self._replays: list[Recording] | None = None

    @property
    def own(self) -> Recording:
        """The recording that is written to.

        Raises:
            RecordingError: It can't be read, or the notebook has no name to call it by.
        """
        if self._own is None:
            notebook = self._notebook()
            if notebook is None:
                raise RecordingError(
                    "The notebook's name is not known here, so its recording has none.",
                    hint="Name it: %ve record NAME, or set VE_NOTEBOOK=NAME.ipynb.",
                )
            self._own = Recording(beside(notebook, self._directory)[0], self._log)
        return self._own

    @property
    def replays(self) -> list[Recording]:
        """The recordings that may be replayed from."""
        if self.mode == "record":
            return [self.own]
        if self._replays is None:
            notebook = self._notebook()
            own = beside(notebook, self._directory)
            if notebook is not None and own[0].is_file():
                self._replays = [Recording(own[0], self._log)]
            else:
                self._replays = self._neighbours()
        return self._replays

    def _neighbours(self) -> list[Recording]:
        """Return every recording in the folder; one that can't be read is somebody else's and is passed over."""
        found = []
        for path in beside(None, self._directory):
            try:
                found.append(Recording(path, self._log))
            except RecordingError as error:
                self._warn(error.message)
        return found

    def switch(self, mode: Mode) -> None:
        """Switch to a mode; the files are looked for anew.

        Raises:
            RecordingError: There is nothing to record to, or it can't be read; the mode stays.
            StoreError: The recording can't be written; the mode stays.
        """
        before, self.mode = self.mode, mode
        self._own = self._replays = None
        if mode == "record":
            try:
                self.own.check_writable()
            except (RecordingError, StoreError):
                self.mode = before
                raise

    def answer(self, key: str, cell: str = "") -> Kept | None:
        """Return what was recorded under a digest; None where nothing was, or nothing is replayed."""
        if self.mode not in ("auto", "replay"):
            return None
        for recording in self.replays:
            kept = recording.answer(key, cell=cell)
            if kept is not None:
                return kept
        return None

    def lacks(self, cell: str) -> RecordingError:
        """Return the error for a request that the recording lacks."""
        names = ", ".join(recording.path.name for recording in self.replays) or "no recording here"
        where = f"The recording lacks the answer of {cell}" if cell else "The recording lacks this answer"
        return RecordingError(
            f"{where} ({names}).", hint="Run the notebook once with VE_RECORDING=record, or type %ve record."
        )
