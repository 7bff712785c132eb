"""A lock that only one process holds, and that the system takes back when the process dies, however it dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ve_magics.errors import StoreBusyError, StoreError


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a file's lock for the time of a block.

    Raises:
        StoreBusyError: Somebody else holds it.
        StoreError: The file can't be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"Can't lock {path.name}: {error.strerror}.",
            hint="Check the folder's permissions and disk, or let VE_HOME name a folder that can be written.",
        ) from error
    try:
        try:
            _take(handle)
        except OSError:
            raise StoreBusyError(
                f"Another kernel is building the knowledge base {path.stem!r}.",
                hint="Searches still answer from its last build. Try again when it has finished.",
            ) from None
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
