"""By which names kernels know one another: whether one that has a job is another one, still alive, or surely dead.

Notebooks whose names nobody knows share a folder's name. A job that a living kernel has there is another notebook's;
one that a dead kernel left behind is taken up, so that nothing is paid twice.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import uuid
from pathlib import Path

PROCESSES = Path("/proc")
"""Where Linux tells of its processes."""


def own(processes: Path = PROCESSES) -> str:
    """Return a new name for a session of this process: machine, process, where and when it was started, a number.

    Args:
        processes: The system's table of processes.
    """
    since = f"{_place(processes)}.{_started(processes, os.getpid())}"
    return f"{platform.node()}:{os.getpid()}:{since}:{uuid.uuid4().hex}"


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


def surely_dead(name: str, processes: Path = PROCESSES) -> bool:
    """Tell whether a name is that of a process which certainly does not run any more.

    That can be told of a process of this machine since it was last started, in this container, on Linux: its number is
    free, or another process has it, or it has ended and only its parent has not noticed. Of anybody else it is not
    told, and neither where a name doesn't say where and when its process was started.

    Args:
        name: What `own` returned there.
        processes: The system's table of processes.
    """
    words = name.split(":")
    if len(words) != 4 or words[0] != platform.node() or not words[1].isdigit():
        return False
    process, (place, _, started) = int(words[1]), words[2].partition(".")
    if not place or not started or process in (0, os.getpid()) or place != _place(processes):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, and is somebody else's: it may be a later one with the same number
        pass
    now = _started(processes, process)
    return bool(now) and (now != started or _ended(processes, process))


def _place(processes: Path) -> str:
    """Return a digest of what numbers and times of processes are good for; nothing where that isn't known.

    They can be compared since the machine was started, between processes that see the same ones and the same clock.
    """
    try:
        if (processes / "self").readlink() != Path(str(os.getpid())):  # a table of other processes than ours
            return ""
        facts = [(processes / "sys/kernel/random/boot_id").read_text("ascii").strip()]
        facts.append(str((processes / "self/ns/pid").readlink()))
        clock = processes / "self/ns/time"
        facts.append(str(clock.readlink()) if clock.is_symlink() else "one clock for all")
    except (OSError, ValueError):
        return ""
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16] if all(facts) else ""


def _fields(processes: Path, process: int) -> list[str]:
    """Return what Linux says of a process from its state on; nothing where it says nothing."""
    try:
        said = (processes / str(process) / "stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return said.rpartition(")")[2].split()  # its name may hold anything, blanks and brackets too


def _started(processes: Path, process: int) -> str:
    """Return when a process was started, in ticks since the machine was; nothing where that isn't known."""
    fields = _fields(processes, process)
    return fields[19] if len(fields) > 19 else ""


def _ended(processes: Path, process: int) -> bool:
    """Whether a process has ended, all its threads too, and waits for its parent to notice."""
    fields = _fields(processes, process)
    try:
        threads = len(list((processes / str(process) / "task").iterdir()))
    except OSError:
        return False
    return bool(fields) and fields[0] in ("Z", "X") and threads == 1
