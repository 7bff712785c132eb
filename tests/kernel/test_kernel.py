"""The magics in a real kernel, of either generation: stopping, keeping, and giving no key away."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

CANARY = "sk-canary-0123456789abcdef"
BUSY_MACHINE = 0.5
"""Seconds within which an interrupted kernel is idle again."""


class Stop:
    """Interrupts the kernel once something has happened.

    Attributes:
        at: When it did.
    """

    def __init__(self, kernel: Any, when: Any) -> None:
        self._kernel = kernel
        self._when = when
        self.at = 0.0

    def __call__(self, ran: Any) -> None:
        if not self.at and self._when(ran):
            self.at = time.monotonic()
            self._kernel.manager.interrupt_kernel()

    @property
    def took(self) -> float:
        """Seconds since then."""
        assert self.at, "the kernel was never interrupted"
        return time.monotonic() - self.at


def test_silent_server_is_left_at_once(mine: Any, server: Any) -> None:
    """An interrupt ends the cell while the server says nothing, closes the connection, and caches nothing."""
    stop = Stop(mine, lambda _: server.asked.is_set())
    ran = mine.run("%%chat mine/silent -o answer\nHello", stop)
    assert stop.took < BUSY_MACHINE
    *_, error = ran.outputs
    assert (ran.reply["ename"], len(error["traceback"])) == ("KeyboardInterrupt", 1)
    assert server.gone.wait(1)
    assert mine.value("(answer.partial, answer.text)") == "(True, '')"
    (cache,) = mine.run("%ve cache").outputs
    assert cache["data"]["text/plain"].startswith("0 answers")


def test_falling_back_for_ever_can_be_stopped(mine: Any, server: Any) -> None:
    """An interrupt ends a cell whose targets all fail again and again, and nobody is asked afterwards."""
    stop = Stop(mine, lambda _: server.refused >= 3)
    ran = mine.run("%%chat around\nHello", stop)
    assert stop.took < BUSY_MACHINE
    *_, error = ran.outputs
    assert error["ename"] == "KeyboardInterrupt"
    asked = server.refused
    assert mine.value("1 + 1") == "2"
    assert server.refused == asked


def test_partial_answer_is_kept_and_marked(mine: Any, server: Any) -> None:
    """An interrupt in the middle of an answer leaves its words as one output, marked, and caches nothing."""
    stop = Stop(
        mine,
        lambda ran: (
            "word" in json.dumps([m["content"] for m in ran.messages], default=str) and ran.updates > 3
        ),
    )
    ran = mine.run("%%chat mine/trickle -o answer\nHello", stop)
    assert stop.took < BUSY_MACHINE
    answer, error = ran.outputs
    assert answer["data"]["text/plain"].startswith("word ")
    assert answer["data"]["text/plain"].endswith("■ stopped: partial answer")
    assert answer["metadata"]["ve_magics"]["partial"] is True
    assert error["ename"] == "KeyboardInterrupt"
    assert server.gone.wait(1)
    assert mine.value("(answer.partial, answer.text.startswith('word '))") == "(True, True)"
    (cache,) = mine.run("%ve cache").outputs
    assert cache["data"]["text/plain"].startswith("0 answers")


def test_no_key_leaves_the_kernel(mine: Any, kernel_folder: Path) -> None:
    """A server that refuses a key and repeats it gets it into no message, recording or store."""
    said = []
    for cell in (
        "%ve record canary",
        "%%chat mine/echo\nHello",
        "%%chat mine/answer\nHello",
        "%ve",
        "%ve doctor",
        "%ve live",
    ):
        said += mine.run(cell).messages
    published = json.dumps([(m["content"], m["metadata"]) for m in said], default=str)
    assert "✗ auth: " in json.dumps(published, ensure_ascii=False) or "\\u2717 auth: " in published
    assert "Hello to you" in published
    assert CANARY not in published
    assert (kernel_folder / "canary.recording.json").is_file()
    for path in kernel_folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_answer_streams_where_somebody_looks_on(kernel: Any) -> None:
    """A front end with a reader sees the answer grow; a program that runs notebooks gets one output, the same one."""
    cell = "%%chat --fresh\nWhat is a context manager in Python?"
    watched, unwatched = kernel.run(cell), kernel.run(cell, allow_stdin=False)
    assert watched.updates >= 4
    assert unwatched.updates == 1
    assert [output["data"] for output in watched.outputs] == [output["data"] for output in unwatched.outputs]
    (output,) = watched.outputs
    assert output["data"]["text/markdown"].startswith("### Context manager")


@pytest.mark.parametrize(
    ("cell", "first"),
    [
        ("%%chat", "✗ arguments: The prompt is empty."),
        ("%%chat --fast\nHello", "✗ arguments: %%chat has no flag --fast."),
        ("%%chat tutr\nHello", "✗ unknown model: Nobody here serves a model 'tutr'."),
        ("%%chat deepseek/deepseek-chat\nHello", "✗ missing key: No key for deepseek."),
        ("%%chat sim/fault-html\nHello", "✗ decode: The address answered with a web page"),
        ("%%video", "✗ arguments: The prompt is empty."),
        ("%ve key deepseek", "✗ config: Nobody can type a key here."),
    ],
)
def test_failure_is_an_error_output_of_a_few_lines(kernel: Any, cell: str, first: str) -> None:
    """A failure is one `error` output, as Run All, papermill and nbval look for, with at most four lines."""
    ran = kernel.run(cell, allow_stdin=False)
    (error,) = ran.outputs
    assert error["output_type"] == "error"
    assert ran.reply["status"] == "error"
    assert len(error["traceback"]) <= 4
    assert error["traceback"][0].startswith(first)
