"""Simulated providers: an ASGI app that answers like real ones, fails like real ones, and needs no network.

`app()` is the embedded default of ve_magics and, with `ve_magics.sim.serve`, a server of its own. Its answers come
from a small engine of rules and tables: equal questions get equal answers, and every answer bears a model's name
that begins with `sim/`. What it can be asked to do wrong stands in `ve_magics.sim.faults`.
"""

from __future__ import annotations

from ve_magics.sim.settings import Settings
from ve_magics.sim.simulator import Simulator

__all__ = ["Settings", "Simulator", "app"]


def app(settings: Settings | None = None) -> Simulator:
    """Return a fresh simulator: an ASGI app with counters of its own.

    Args:
        settings: How it behaves; the embedded default's pace where None.
    """
    return Simulator(settings)
