"""A notebook run that shows in the terminal what a front end would show."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ve_magics.terminal import EchoingClient


class Terminal(io.StringIO):
    """A terminal, or a log."""

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._tty


def message(kind: str, **content: Any) -> dict[str, Any]:
    """Return a message of a kernel."""
    return {
        "msg_type": kind,
        "header": {"msg_type": kind},
        "parent_header": {},
        "content": {"metadata": {}, **content},
    }


def played(messages: list[dict[str, Any]], *, tty: bool = False) -> tuple[str, list[Any]]:
    """Return what is shown while a cell's messages come, and its outputs in the end."""
    cell = nbformat.v4.new_code_cell("%%chat\nHello")
    out = Terminal(tty=tty)
    client = EchoingClient(nbformat.v4.new_notebook(cells=[cell]), out=out)
    client.clear_before_next_output = False  # nbclient sets it when a cell begins
    for one in messages:
        client.process_message(one, cell, 0)
    return out.getvalue(), cell.outputs


def test_printed_words_are_echoed_once() -> None:
    """Words appear as they are printed; the output that takes their place is not shown again, but is what is saved."""
    words = [message("stream", name="stdout", text=text) for text in ("Good", " day")]
    shown, outputs = played(
        [*words, message("clear_output", wait=True), message("display_data", data={"text/plain": "Good day"})]
    )
    assert shown == "  │ %%chat\n  │ Hello\n\nGood day"
    assert [output["data"] for output in outputs] == [{"text/plain": "Good day"}]


def test_what_was_not_printed_is_shown() -> None:
    """An output that adds to what was printed, or that was never printed, is shown."""
    shown, _ = played(
        [
            message("stream", name="stdout", text="Good"),
            message("clear_output", wait=True),
            message("display_data", data={"text/plain": "Good\n\n■ stopped"}),
        ]
    )
    assert shown.endswith("Good\n\n■ stopped")
    shown, _ = played([message("execute_result", data={"text/plain": "42"}, execution_count=1)])
    assert shown.endswith("\n\n42")


@pytest.mark.parametrize(("tty", "between"), [(True, "\r"), (False, "\n")])
def test_progress_covers_itself_in_a_terminal(tty: bool, between: str) -> None:
    """A line of progress is covered by the next one in a terminal, and stands below it in a log."""
    lines = [message("stream", name="stdout", text=f"{part} %\r") for part in (10, 60)]
    done = [message("clear_output", wait=True), message("display_data", data={"text/plain": "a.mp4"})]
    shown, outputs = played([*lines, *done], tty=tty)
    assert shown.endswith(f"10 %{between}60 %{between}a.mp4")
    assert len(outputs) == 1


@pytest.mark.kernel
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.filterwarnings("error")
def test_an_interrupt_before_the_kernel_is_there_is_kept(tmp_path: Path) -> None:
    """Ctrl-C while the run is being set up ends it as soon as it can be ended, in good order."""

    class Early(EchoingClient):
        def execute(self, **options: Any) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            return super().execute(**options)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('ran')")])
    before, out = signal.getsignal(signal.SIGINT), io.StringIO()
    client = Early(notebook, out=out, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3")
    with pytest.raises(KeyboardInterrupt):
        client.run()
    assert "ran" not in out.getvalue()
    assert signal.getsignal(signal.SIGINT) is before
