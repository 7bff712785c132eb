"""A video that is made while other cells run, in a real kernel of either generation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.conftest import Kernel

pytestmark = pytest.mark.kernel


def later(kernel: Any, parent: str) -> dict[str, Any]:
    """Return the content of the change that brings the player to a cell that has ended long since."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "update_display_data" and "text/html" in message["content"]["data"]:
            assert message["parent_header"]["msg_id"] == parent
            content: dict[str, Any] = message["content"]
            return content
    raise AssertionError("no player came")


def test_player_appears_in_the_cell_that_began_it(kernel: Any) -> None:
    """The cell ends at once; the player comes to its output under its own header, although another cell ran since."""
    ran = kernel.run(
        "%%video --background --fresh --seconds 1 --size 128x128 -o clip\nA boat in the background"
    )
    (output,) = ran.outputs
    assert "in the background as job" in output["data"]["text/plain"]
    parent = next(message["parent_header"]["msg_id"] for message in ran.messages)
    kernel.client.execute("1 + 1")
    content = later(kernel, parent)
    assert content["transient"]["display_id"] == output["transient"]["display_id"]
    assert "<video src=" in content["data"]["text/html"]
    assert content["metadata"]["ve_magics"]["estimate_usd"] == 0.0
    assert kernel.value("clip.path.is_file()") == "True"


def begun(kernel: Any, cell: str) -> Any:
    """Run a cell that begins an answer; its output says so."""
    ran = kernel.run(cell)
    first = next(message["content"] for message in ran.messages if message["msg_type"] == "display_data")
    assert "answers in the background" in first["data"]["text/plain"]
    return ran


def last_of(kernel: Any, ran: Any, words: str) -> dict[str, str]:
    """Return what an output became that holds these words; it comes under the header of the cell that began it."""
    first = next(message for message in ran.messages if message["msg_type"] == "display_data")
    deadline = time.monotonic() + 60
    waiting = [*ran.messages]
    while time.monotonic() < deadline:
        message = waiting.pop(0) if waiting else kernel.client.get_iopub_msg(timeout=60)
        content: dict[str, Any] = message["content"]
        if message["msg_type"] == "update_display_data" and words in str(content["data"].get("text/plain")):
            assert message["parent_header"]["msg_id"] == first["parent_header"]["msg_id"]
            assert content["transient"] == first["content"]["transient"]
            data: dict[str, str] = content["data"]
            return data
    raise AssertionError(f"no output holds {words!r}")


def test_answer_lands_in_the_cell_that_asked(mine: Any) -> None:
    """The cell ends at once; its output becomes the answer although another cell has run since."""
    ran = begun(mine, "%%chat mine/m --background -o answer\nHello in the background")
    mine.client.execute("%ve wait")
    data = last_of(mine, ran, "Hello to you.")
    assert data == {"text/markdown": "Hello to you.", "text/plain": "Hello to you."}
    assert mine.value("answer.text") == "'Hello to you.'"


def test_an_interrupt_ends_the_waiting_and_not_the_answer(mine: Any, server: Any) -> None:
    """The stop button ends the cell that waits; `%ve background stop` ends the answer, and its cell says so."""
    ran = begun(mine, "%%chat mine/trickle --background -o answer\nWithout end")
    assert server.asked.wait(60)
    waiting = time.monotonic()

    def interrupt(_: Any) -> None:
        nonlocal waiting
        if time.monotonic() - waiting > 0.5:
            waiting = float("inf")
            mine.manager.interrupt_kernel()

    assert mine.run("%ve wait", interrupt).reply["ename"] == "KeyboardInterrupt"
    assert mine.value("answer.done") == "False"
    mine.client.execute("%ve background stop all")
    data = last_of(mine, ran, "■ stopped: partial answer")
    assert data["text/plain"].startswith("word word")
    assert server.gone.wait(10)


def test_a_kernel_that_ends_says_so_in_the_cell(any_python: Path, tmp_path: Path, server: Any) -> None:
    """Shut down while it answers, the kernel leaves what had come, marked as stopped."""
    (tmp_path / "config.toml").write_text(server.config, "utf-8")
    kernel = Kernel(any_python, tmp_path, VE_CONFIG=str(tmp_path / "config.toml"), MINE_API_KEY="sk-mine-01")
    try:
        ran = begun(kernel, "%%chat mine/trickle --background\nWithout end")
        assert server.asked.wait(60)
        kernel.client.shutdown()
        last_of(kernel, ran, "■ stopped")
        assert server.gone.wait(10)
    finally:
        kernel.close()
