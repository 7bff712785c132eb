"""Writes lines of the ledger on a thread of their own, so that no stream waits for the disk or for another process.

Lines that come together are written together. One that can't be written is kept and tried again; only what can't be
written when the server stops is lost, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque

from ve_magics.engine.session import Session
from ve_magics.errors import StoreError
from ve_magics.store.ledger import Entry

_LOG = logging.getLogger("ve_magics.server")

FLUSH = 0.05
"""Seconds for which a line waits for others."""

AGAIN = 1.0
"""Seconds until lines that couldn't be written are tried again."""


class Scribe:
    """Writes lines; used from the thread of one event loop.

    Args:
        session: Has the ledger.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: deque[Entry] = deque()
        self._pen = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[StoreError | None] | None = None

    def add(self, entry: Entry, *, wait: float = FLUSH) -> None:
        """Take a line, to be written in so many seconds, or with the one that is being written after that.

        Raises:
            RuntimeError: No event loop is running.
        """
        self._waiting.append(entry)
        if self._writing is not None:
            return
        if self._timer is not None and not wait:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._begin)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        self._writing = loop.run_in_executor(None, self._write)
        self._writing.add_done_callback(self._ended)

    def _ended(self, writing: asyncio.Future[StoreError | None]) -> None:
        self._writing = None
        failed = None if writing.cancelled() else writing.result()
        if failed is not None:
            _LOG.warning("%d lines of the ledger wait: %s", len(self._waiting), failed.message)
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AGAIN if failed else 0.0, self._begin)

    def _write(self) -> StoreError | None:
        """Write what waits, in one transaction; return why it has to wait on."""
        with self._pen:
            entries: list[Entry] = []
            while self._waiting:
                entries.append(self._waiting.popleft())
            if not entries:
                return None
            try:
                ledger = self._session.ledger
                with self._session.store.write():
                    for entry in entries:
                        ledger.add(entry)
            except StoreError as error:
                self._waiting.extendleft(reversed(entries))
                return error
            return None

    def catch_up(self) -> None:
        """Write every line that waits or is being written, here and now.

        Raises:
            StoreError: They can't be written; they go on waiting.
        """
        error = self._write()
        if error is not None:
            raise error

    def close(self) -> None:
        """Write every line for the last time; what can't be written is lost, and logged."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        error = self._write()
        if error is not None:
            _LOG.error("%d lines of the ledger are lost: %s", len(self._waiting), error.message)
            self._waiting.clear()
