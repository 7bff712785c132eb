"""A target's breaker: closed while it is well, open after failures, half-open to see whether it is well again."""

from __future__ import annotations

from ve_magics.routing.values import Health, Random, Settings


class Breaker:
    """The health of one target.

    closed → open on consecutive failures, or on a share of failures within a window;
    open → half-open when its time has passed; half-open → closed when the probe is answered,
    → open for longer when it fails.

    Only attempts that began after it opened close it: an old stream that ends well proves nothing.
    """

    __slots__ = (
        "_bad",
        "_good",
        "_opened_at",
        "_random",
        "_settings",
        "_shut",
        "_times",
        "_window_end",
        "failures",
        "open_until",
        "probing",
    )

    def __init__(self, settings: Settings, random: Random) -> None:
        self._settings = settings
        self._random = random
        self.failures = 0
        self.open_until = 0.0
        self.probing = False
        self._shut = False
        self._opened_at = 0.0
        self._times = 0
        self._good = self._bad = 0
        self._window_end = 0.0

    def state(self, now: float) -> Health:
        """Return closed, open or half_open."""
        if not self._shut:
            return "closed"
        return "open" if now < self.open_until else "half_open"

    def admits(self, now: float) -> bool:
        """Whether an attempt may go through: always when closed, as the only probe when half-open."""
        return not self._shut or (now >= self.open_until and not self.probing)

    def enter(self, now: float) -> bool:
        """Let an attempt through, admitted or not; return whether it is the probe."""
        if not self._shut or not self.admits(now):
            return False
        self.probing = True
        return True

    def leave(self, *, probe: bool) -> None:
        """Note that an attempt is over, however it ended."""
        if probe:
            self.probing = False

    def answered(self, now: float, began: float) -> None:
        """Note an answer, or a refusal that shows the target to be alive, to an attempt begun at `began`."""
        if not self._shut:
            self.failures = 0
            self._roll(now)
            self._good += 1
        elif began >= self._opened_at:
            self._close()

    def failed(self, now: float, *, probe: bool) -> None:
        """Note a failure that speaks against the target's health."""
        self.failures += 1
        if self._shut:
            if probe:
                self._open(now)
            return
        self._roll(now)
        self._bad += 1
        settings = self._settings
        total = self._good + self._bad
        sick = total >= settings.breaker_volume and self._bad >= settings.breaker_ratio * total
        if sick or self.failures >= settings.breaker_failures:
            self._open(now)

    def trip(self, now: float, seconds: float) -> None:
        """Open it for so long."""
        self._shut = True
        self._opened_at = now
        self.open_until = now + seconds

    def _open(self, now: float) -> None:
        settings = self._settings
        longest = min(settings.open_cap, settings.open_base * 2.0 ** min(self._times, 30))
        self._times += 1
        self.trip(now, longest * (1.0 - self._random.random() / 2))

    def _close(self) -> None:
        self._shut = False
        self.failures = self._times = self._good = self._bad = 0
        self.open_until = 0.0

    def _roll(self, now: float) -> None:
        if now >= self._window_end:
            self._good = self._bad = 0
            self._window_end = now + self._settings.breaker_window
