"""Which disks let SQLite share memory between processes: write-ahead logging needs it, network disks don't have it."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|ncpfs|ceph|lustre|gpfs|beegfs|glusterfs|orangefs|9p|virtiofs|fuse(\..*)?"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def mounts() -> str:
    """Return the system's mount table as Linux writes it, or nothing where there is none."""
    try:
        return Path("/proc/mounts").read_text("utf-8", "replace")
    except OSError:
        return ""


def on_network_disk(path: PurePath, table: str) -> bool:
    """Whether a path lies on a disk that other machines may hold, so that only a rollback journal is safe.

    Args:
        path: Absolute path, symbolic links resolved.
        table: The mount table as `mounts` gives it.
    """
    if str(path).startswith("\\\\"):
        return True
    longest, found = -1, ""
    for line in table.splitlines():
        columns = line.split(" ")
        if len(columns) < 3:
            continue
        point = PurePath(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), columns[1]))
        if (path == point or point in path.parents) and len(point.parts) >= longest:
            longest, found = len(point.parts), columns[2].lower()
    return _NETWORK.fullmatch(found) is not None
