"""How a broken call is told."""

from __future__ import annotations

import pytest

from ve_magics.engine.transport.failures import timed_out
from ve_magics.engine.transport.wire import Deadlines


@pytest.mark.parametrize(
    ("left", "said"), [(2.7275312, "2.7 s"), (600.0, "600 s"), (0.0512, "0.051 s"), (59.96, "60 s")]
)
def test_seconds_are_told_as_one_reads_them(left: float, said: str) -> None:
    """What is left of a deadline when a try begins is told with as many digits as mean something."""
    assert timed_out("host", "total", Deadlines(total=left)).message == f"host did not finish within {said}."
