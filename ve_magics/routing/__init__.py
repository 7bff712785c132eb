"""Routing: which target is tried next, after what wait, and when to stop. No await, no IO, no clock of its own.

    values        what goes in and out: Target, Route, Attempt, Outcome, Settings
    dispositions  what each class of failure means: retry, fall back, or stop
    breaker       closed, open, half-open: one target's health
    gate          concurrency limits, first come first served
    records       what the router remembers of each target and provider
    affinity      equal long prefixes keep to one target
    choice        the policies: which of several ready targets
    course        one request's way along its route
    router        the whole, driven from outside

The laws that hold, whatever comes:

1.  A fallback starts at once. Waits come only when every permitted target has been tried, or when every target
    that could serve is at its concurrency limit.
2.  No wait ends after the deadline.
3.  A breaker orders targets, it never refuses: where every target is open, the one that opens soonest is tried.
4.  Through a half-open breaker goes one probe at a time, as long as a healthy target exists for the others.
5.  What may have created something billable is not sent again.
6.  After the first token was delivered nothing is tried again, unless the caller says that it starts over.
7.  However a flow ends (answer, failure, close, exception), it leaves no slot taken and no place in a queue.
"""

from ve_magics.routing.affinity import prefix_key
from ve_magics.routing.dispositions import DISPOSITIONS, Disposition, Verdict, decide
from ve_magics.routing.router import Router
from ve_magics.routing.values import (
    Attempt,
    Clock,
    Midstream,
    Outcome,
    Policy,
    Random,
    RateLimit,
    Reason,
    Route,
    Settings,
    Target,
    TargetState,
)

__all__ = [
    "DISPOSITIONS",
    "Attempt",
    "Clock",
    "Disposition",
    "Midstream",
    "Outcome",
    "Policy",
    "Random",
    "RateLimit",
    "Reason",
    "Route",
    "Router",
    "Settings",
    "Target",
    "TargetState",
    "Verdict",
    "decide",
    "prefix_key",
]
