"""Where films are made: jobs that take their time, and a thread that really makes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ve_magics.sim.counters import Counters
from ve_magics.sim.faults import Fault
from ve_magics.sim.film import film, poster, thumbnail
from ve_magics.sim.settings import Settings

PIXELS = 60_000_000
"""About how many pixels a film should have in all: longer or larger ones get fewer pictures a second."""

FEWEST, MOST = 8, 12
"""Pictures per second."""

QUEUED = 0.15
"""Share of a job's time in which it has not begun."""

BREAKS_OFF = 0.6
"""Share of a job's time after which a failing one fails."""

MADE_AT_ONCE = 1
"""Films that are made at the same time; more would only take turns."""

FAILURES = {
    "job": ("server_error", "The video could not be made: the simulator was asked to fail."),
    "job-moderation": ("moderation_blocked", "Your request was blocked by our moderation system."),
}


@dataclass(slots=True, eq=False)
class Shot:
    """One video: what it is to show, and what has become of it.

    Attributes:
        id: Its name.
        prompt: What it shows.
        model: As it is shown.
        seconds: Its length.
        width: In pixels.
        height: In pixels.
        seed: Another number gives another scene.
        born: When it was ordered, by the monotonic clock.
        created: The same, in seconds since 1970.
        fault: What goes wrong with it.
        parent: Id of the video that it remixes.
        data: The film, once it is made.
        ready: When it was made, by the monotonic clock.
        broken: Why it could not be made.
        downloads: How often its file was asked for.
    """

    id: str
    prompt: str
    model: str
    seconds: float
    width: int
    height: int
    seed: int
    born: float
    created: float
    fault: Fault | None = None
    parent: str | None = None
    data: bytes = b""
    still: bytes = b""
    ready: float | None = None
    broken: str = ""
    downloads: int = 0
    work: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        """The fault's kind; empty where it has none."""
        return "" if self.fault is None else self.fault.kind


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a shot stands at a moment.

    Attributes:
        status: queued, in_progress, completed or failed.
        progress: 0 to 100.
        completed: When it was completed, in seconds since 1970.
        expires: When its file is deleted, the same.
        failure: The code and the words of its failure.
        gone: Whether its file has been deleted.
    """

    status: str
    progress: int = 0
    completed: int | None = None
    expires: int | None = None
    failure: tuple[str, str] | None = None
    gone: bool = False


class Studio:
    """Makes films.

    Args:
        settings: How long a job takes, and by which clock.
        counters: Counted up.
    """

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters
        self._free: asyncio.Semaphore | None = None

    def begin(self, shot: Shot) -> None:
        """Begin to make a film."""
        shot.work = asyncio.create_task(self._make(shot))

    async def _make(self, shot: Shot) -> None:
        if shot.kind in ("stuck", *FAILURES):
            return
        frames = PIXELS / (shot.width * shot.height * shot.seconds)
        fps = max(FEWEST, min(MOST, int(frames)))
        try:
            shot.data = await self._aside(
                lambda: film(
                    shot.prompt,
                    seconds=shot.seconds,
                    width=shot.width,
                    height=shot.height,
                    seed=shot.seed,
                    fps=fps,
                )
            )
        except ValueError as error:
            shot.broken = str(error)
        else:
            self._counters.videos_made += 1
        shot.ready = self._settings.clock()

    async def poster(self, shot: Shot) -> bytes:
        """Return a small still picture of a film, a PNG file."""
        if not shot.still:
            shot.still = await self._aside(
                lambda: thumbnail(shot.prompt, width=shot.width, height=shot.height, seed=shot.seed)
            )
        return shot.still

    async def picture(self, prompt: str, width: int, height: int, seed: int) -> bytes:
        """Return a PNG file that shows a prompt."""
        return await self._aside(lambda: poster(prompt, width=width, height=height, seed=seed))

    async def _aside(self, make: Callable[[], bytes]) -> bytes:
        """Make something on a thread of its own that doesn't hold up the end of the process."""
        if self._free is None:
            self._free = asyncio.Semaphore(MADE_AT_ONCE)
        loop = asyncio.get_running_loop()
        async with self._free:
            done: asyncio.Future[bytes] = loop.create_future()

            def tell(result: bytes, error: Exception | None) -> None:
                if done.done():
                    return
                if error is None:
                    done.set_result(result)
                else:
                    done.set_exception(error)

            def work() -> None:
                result, failure = b"", None
                try:
                    result = make()
                except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits is told
                    failure = error
                if not loop.is_closed():
                    loop.call_soon_threadsafe(tell, result, failure)

            threading.Thread(target=work, name="ve-magics-sim-film", daemon=True).start()
            return await done

    def stand(self, shot: Shot) -> Stand:
        """Return where a shot stands now."""
        whole = self._settings.video_seconds
        passed = self._settings.clock() - shot.born
        share = passed / whole if whole > 0 else 1.0
        if shot.kind in FAILURES and share >= BREAKS_OFF:
            return Stand("failed", failure=FAILURES[shot.kind])
        if shot.broken:
            return Stand("failed", failure=("invalid_value", shot.broken))
        if share >= 1 and shot.ready is not None:
            finished = max(shot.ready, shot.born + whole)
            completed = shot.created + finished - shot.born
            lifetime = 0.0 if shot.kind == "expired" else self._settings.video_lifetime
            gone = self._settings.clock() - finished >= lifetime
            return Stand("completed", 100, int(completed), int(completed + lifetime), gone=gone)
        if share < QUEUED:
            return Stand("queued")
        return Stand("in_progress", min(99, int(100 * share)))
