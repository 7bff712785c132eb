"""By which names kernels know one another: whether one that has a job is another one, and still alive.

Notebooks whose names nobody knows share a folder's name. A job that a living kernel has there is another notebook's;
one that a dead kernel left behind is taken up, so that nothing is paid twice.
"""

from __future__ import annotations

import os
import platform
import sys
import uuid


def own() -> str:
    """Return a new name for a session of this process: machine, process and a number of its own."""
    return f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex}"


def another(name: str) -> bool:
    """Tell whether a name is that of another process on this machine that lives.

    Where that can't be told, as on Windows, no other counts as living.
    """
    machine, _, rest = name.partition(":")
    process = rest.partition(":")[0]
    if machine != platform.node() or not process.isdigit() or int(process) in (0, os.getpid()):
        return False
    if sys.platform == "win32":
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, and is somebody else's
        return True
    return True
