"""A video that is made while other cells run, in a real kernel of either generation."""

from __future__ import annotations

import time
from typing import Any

import pytest

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
