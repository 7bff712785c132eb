"""A notebook run that shows in the terminal what a front end would show, as it comes."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from nbclient import NotebookClient

from ve_magics.engine.config import child_environment


class EchoingClient(NotebookClient):  # type: ignore[misc]  # nbclient is untyped here
    """Runs a notebook like nbclient and writes each cell's source and growing outputs to a stream.

    The kernel is told that somebody watches, so that answers stream; the notebook is left with the same single
    outputs as ever.
    """

    def __init__(self, notebook: Any, *, out: TextIO, **options: Any) -> None:
        super().__init__(notebook, extra_arguments=["--IPKernelApp.log_level=ERROR"], **options)
        self._out = out
        self._cell: int | None = None
        self._shown: dict[str, str] = {}
        self._written = ""
        self._interrupted = False

    def run(self) -> None:
        """Execute all cells.

        Raises:
            CellExecutionError: A cell failed.
            KeyboardInterrupt: Ctrl-C was pressed; the kernel is gone.
        """
        try:
            with self._noting_interrupts():
                self.execute(env=child_environment(VE_MAGICS_STREAM="print"))
            if self._interrupted:
                raise KeyboardInterrupt
        except BaseException:
            if self._interrupted:  # nbclient takes the end of its work for the death of the kernel
                raise KeyboardInterrupt from None
            raise
        finally:
            self._line_end()

    @contextmanager
    def _noting_interrupts(self) -> Iterator[None]:
        """Note a Ctrl-C that comes while nbclient sets its loop up: raised there, it would leave half of it behind."""
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(*_: object) -> None:
            self._interrupted = True

        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel, and take Ctrl-C over from nbclient, which pulls the kernel away from under its own work."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def interrupt() -> None:
            self._interrupted = True
            self.shutdown_kernel = "immediate"  # asked to end in the middle of a cell, it would complain
            if task is not None:
                task.cancel()

        with suppress(NotImplementedError, RuntimeError):  # Windows; another thread than the main one
            loop.add_signal_handler(signal.SIGINT, interrupt)
        if self._interrupted:
            interrupt()
        await super().async_start_new_kernel(**options)

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Show what a message adds to the running cell, then do with it what nbclient does."""
        if cell_index != self._cell:
            self._begin(cell, cell_index)
        content = msg["content"]
        match msg["msg_type"]:
            case "display_data" | "update_display_data" | "execute_result":
                name = content.get("transient", {}).get("display_id") or f"#{len(self._shown)}"
                self._shown[name] = content["data"].get("text/plain", "")
                self._grow("".join(self._shown.values()))
            case "stream" if content["text"].endswith("\r"):
                self._passing(content["text"])
            case "stream":
                self._shown[f"#{len(self._shown)}"] = content["text"]
                self._grow("".join(self._shown.values()))
            case "clear_output":
                self._shown.clear()
        return super().process_message(msg, cell, cell_index)

    def _begin(self, cell: Any, cell_index: int) -> None:
        self._line_end()
        self._cell = cell_index
        self._shown.clear()
        self._written = ""
        source = "\n".join(f"  │ {line}" for line in cell["source"].splitlines())
        self._out.write(f"{source}\n\n")
        self._out.flush()

    def _grow(self, text: str) -> None:
        """Write what is new; a text that is the same, or has become another one, was read already."""
        if text.startswith(self._written):
            self._out.write(text[len(self._written) :])
            self._out.flush()
            self._written = text

    def _passing(self, text: str) -> None:
        """Write a line that the next one covers; in a log, where nothing can be covered, it stands alone."""
        self._out.write(text if self._out.isatty() else text.rstrip() + "\n")
        self._out.flush()

    def _line_end(self) -> None:
        if self._written:
            self._out.write("\n" if self._written.endswith("\n") else "\n\n")
            self._written = ""
