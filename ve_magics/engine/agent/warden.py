"""A program that starts another one and ends it, and all that it has started, when the kernel is gone, however it went.

It is run by its path with the other program's command behind it, and passes standard input and output on untouched. It
stands alone, so that it begins at once.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

LOOKS = 0.5
"""Seconds between two looks whether the kernel is still there."""
GRACE = 1.0
"""Seconds that a program gets to end by itself, when its standard input has ended, and again when it is told."""


def watch(command: Sequence[str], *, grace: float = GRACE) -> int:
    """Run a command to its end, or to that of this process's parent; return its exit code.

    Args:
        command: The program with its arguments.
        grace: Seconds that it gets to end by itself, and again when it is told.
    """
    parent = os.getppid()
    told: list[int] = []
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    try:
        child = subprocess.Popen(command)  # noqa: S603 - what the user's own configuration names
    except OSError as error:
        print(error, file=sys.stderr)
        return 127
    while child.poll() is None and not told and os.getppid() == parent:
        if select.select([woken], [], [], LOOKS)[0]:
            os.read(woken, 512)
    if child.poll() is None and not _ended(child, grace):
        if not told:
            os.killpg(os.getpgrp(), signal.SIGTERM)
            _ended(child, grace)
        child.kill()
        child.wait()
        os.killpg(os.getpgrp(), signal.SIGKILL)
    return child.returncode or 0


def _ended(child: subprocess.Popen[bytes], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    return child.poll() is not None


if __name__ == "__main__":
    sys.exit(watch(sys.argv[1:]))
