"""What the server counts, in the text format that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ve_magics.engine.gateway import Trace
from ve_magics.errors import VeError
from ve_magics.jobs import Job
from ve_magics.routing import Router
from ve_magics.server.accounts import Booked

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_HEALTH = {"closed": 0, "half_open": 1, "open": 2}


STRANGERS = 500
"""Most targets that are counted by name although no configuration names them."""

OTHERS = "other"
"""What all further targets are counted as."""


class Histogram:
    """Counts of durations in seconds."""

    def __init__(self) -> None:
        self._counts = [0] * len(_BUCKETS)
        self._sum = 0.0
        self._count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._sum += seconds
        self._count += 1
        for index, bound in enumerate(_BUCKETS):
            if seconds <= bound:
                self._counts[index] += 1

    def lines(self, name: str) -> Iterable[str]:
        """Yield the exposition's lines."""
        yield f"# TYPE {name} histogram"
        for bound, count in zip(_BUCKETS, self._counts, strict=True):
            yield f'{name}_bucket{{le="{bound:g}"}} {count}'
        yield f'{name}_bucket{{le="+Inf"}} {self._count}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {self._count}"


class Metrics:
    """Everything that the server counts since it started.

    Clients may ask for any name, so only so many names become labels.

    Args:
        targets: Targets that are always counted by name.
    """

    def __init__(self, targets: Iterable[str] = ()) -> None:
        self._known = set(targets)
        self._most = len(self._known) + STRANGERS
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._cost: Counter[str] = Counter()
        self._unknown_cost: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._films: Counter[tuple[str, str]] = Counter()
        self._duration = Histogram()
        self._first_token = Histogram()
        self.open = 0
        self.left = 0
        self.films = 0
        self.sent = 0

    def answered(self, dialect: str, trace: Trace, lines: Iterable[Booked], seconds: float) -> None:
        """Count one request that reached the gateway, and what is paid for it, whoever is paid."""
        target = self._name(str(trace.served or ""))
        self._requests[dialect, target, "answered" if target else "failed"] += 1
        for tried in trace.attempts:
            self._attempts[self._name(tried.target), tried.failure or "ok"] += 1
        self._duration.add(seconds)
        if trace.first_token is not None:
            self._first_token.add(trace.first_token)
        for line in lines:
            paid = self._name(str(line.target))
            if line.usage is not None:
                for kind in ("input", "cached", "cache_write", "output", "reasoning"):
                    self._tokens[paid, kind] += getattr(line.usage, kind)
            if line.cost.amount is None:
                self._unknown_cost[paid] += 1
            else:
                self._cost[paid] += line.cost.amount  # type: ignore[assignment]  # a Counter adds floats as well

    def ordered(self, target: str) -> None:
        """Count one video that was ordered."""
        self._films[self._name(target), "ordered"] += 1

    def filmed(self, job: Job) -> None:
        """Count one video that has ended, and what is paid for it."""
        target = self._name(f"{job.provider}/{job.model}")
        self._films[target, job.state] += 1
        if job.state == "succeeded" or job.fetches:
            if job.cost is None:
                self._unknown_cost[target] += 1
            else:
                self._cost[target] += job.cost  # type: ignore[assignment]  # as above

    def refused(self, error: VeError) -> None:
        """Count one request that was answered with an error."""
        self._refused[type(error).__name__] += 1

    def broken(self, error: VeError) -> None:
        """Count one stream that broke after it had begun."""
        self._broken[type(error).__name__] += 1

    def _name(self, target: str) -> str:
        """Return what a target is counted as."""
        if target in self._known or not target:
            return target
        if len(self._known) >= self._most or len(target) > 200:
            return OTHERS
        self._known.add(target)
        return target

    def text(self, router: Router) -> str:
        """Return the exposition."""
        lines = ["# TYPE ve_requests_total counter"]
        lines += [
            f"ve_requests_total{_labels(dialect=dialect, target=target, outcome=outcome)} {count}"
            for (dialect, target, outcome), count in sorted(self._requests.items())
        ]
        lines.append("# TYPE ve_attempts_total counter")
        lines += [
            f"ve_attempts_total{_labels(target=target, outcome=outcome)} {count}"
            for (target, outcome), count in sorted(self._attempts.items())
        ]
        lines.append("# TYPE ve_tokens_total counter")
        lines += [
            f"ve_tokens_total{_labels(target=target, kind=kind)} {count}"
            for (target, kind), count in sorted(self._tokens.items())
        ]
        lines.append("# TYPE ve_cost_usd_total counter")
        lines += [
            f"ve_cost_usd_total{_labels(target=t)} {amount:.9f}" for t, amount in sorted(self._cost.items())
        ]
        lines.append("# TYPE ve_unknown_cost_total counter")
        lines += [
            f"ve_unknown_cost_total{_labels(target=t)} {n}" for t, n in sorted(self._unknown_cost.items())
        ]
        lines.append("# TYPE ve_refused_total counter")
        lines += [f"ve_refused_total{_labels(reason=r)} {n}" for r, n in sorted(self._refused.items())]
        lines.append("# TYPE ve_broken_streams_total counter")
        lines += [f"ve_broken_streams_total{_labels(reason=r)} {n}" for r, n in sorted(self._broken.items())]
        lines.append("# TYPE ve_videos_total counter")
        lines += [
            f"ve_videos_total{_labels(target=target, outcome=outcome)} {count}"
            for (target, outcome), count in sorted(self._films.items())
        ]
        lines += ["# TYPE ve_videos_in_the_making gauge", f"ve_videos_in_the_making {self.films}"]
        lines += ["# TYPE ve_video_bytes_total counter", f"ve_video_bytes_total {self.sent}"]
        lines += ["# TYPE ve_clients_left_total counter", f"ve_clients_left_total {self.left}"]
        lines += ["# TYPE ve_open_requests gauge", f"ve_open_requests {self.open}"]
        lines.append("# HELP ve_target_state 0 closed, 1 half open, 2 open\n# TYPE ve_target_state gauge")
        states = [state for state in router.snapshot() if str(state.target) in self._known]
        lines += [f"ve_target_state{_labels(target=str(s.target))} {_HEALTH[s.state]}" for s in states]
        lines.append("# TYPE ve_target_in_flight gauge")
        lines += [f"ve_target_in_flight{_labels(target=str(s.target))} {s.in_flight}" for s in states]
        lines += self._duration.lines("ve_request_seconds")
        lines += self._first_token.lines("ve_first_token_seconds")
        return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
