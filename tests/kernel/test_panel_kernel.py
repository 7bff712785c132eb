"""A panel in a real kernel of either generation: messages in, deltas out, the transcript in its own cell."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.kernel


class View:
    """What stands for a panel's view in the page.

    Args:
        kernel: The kernel.
        name: The conversation.
    """

    def __init__(self, kernel: Any, name: str) -> None:
        self.kernel = kernel
        self.ran = kernel.run(f"%ve panel {name}")
        opened = [message["content"] for message in self.ran.messages if message["msg_type"] == "comm_open"]
        (self.comm,) = (
            content["comm_id"] for content in opened if content["data"]["state"].get("conversation") == name
        )
        self.heard: list[dict[str, Any]] = []

    def send(self, **content: Any) -> None:
        """Send what a view would."""
        session = self.kernel.client.session
        data = {"method": "custom", "content": {"view": "v1", "page": 1.0, **content}}
        message = session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        self.kernel.client.shell_channel.send(message)

    def until(self, end: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Take messages until one fits; returns it. What the view was told is kept."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            message = self.kernel.client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == self.comm:
                self.heard.append(message["content"]["data"].get("content", {}))
            if end(message):
                found: dict[str, Any] = message
                return found
        raise AssertionError("nothing of the kind came")

    def ended(self, message: dict[str, Any]) -> bool:
        """Return whether a message ends an answer."""
        return bool(self.heard) and self.heard[-1].get("is") == "end" and message["msg_type"] == "comm_msg"


def test_panel_answers_while_a_cell_runs(kernel: Any) -> None:
    """The answer streams under a running cell, and the transcript changes in the cell that shows the panel."""
    view = View(kernel, "rivers")
    parent = view.ran.messages[0]["parent_header"]["msg_id"]
    shown = [message for message in view.ran.messages if message["msg_type"] == "display_data"]
    assert len(shown) == 2
    view.send(do="hello")
    view.send(do="ask", text="What is a context manager?", nonce="n", images=[])
    view.until(lambda message: message["msg_type"] == "comm_msg" and view.heard[-1]["is"] == "turn")
    cell = kernel.client.execute("import time; time.sleep(5)")
    view.until(view.ended)
    reply = kernel.client.get_shell_msg
    changed = view.until(
        lambda message: (
            message["msg_type"] == "update_display_data"
            and "Answer" in message["content"]["data"]["text/plain"]
        )
    )
    assert changed["parent_header"]["msg_id"] == parent
    assert changed["content"]["transient"] == shown[1]["content"]["transient"]
    words = "".join(message.get("text", "") for message in view.heard if message["is"] == "more")
    assert words in changed["content"]["data"]["text/plain"]
    assert [message["is"] for message in view.heard].count("more") > 5
    while reply(timeout=60)["parent_header"].get("msg_id") != cell:
        pass


def test_stop_leaves_a_silent_provider_at_once(mine: Any, server: Any) -> None:
    """A provider that accepts and says nothing is left within 0.3 s of the message, and its connection closed."""
    view = View(mine, "silence")
    mine.run("import ve_magics; ve_magics.ChatPanel('silence').model = 'mine/silent'")
    view.send(do="ask", text="Hello?", nonce="n", images=[])
    assert server.asked.wait(30)
    begun = time.monotonic()
    view.send(do="stop")
    view.until(view.ended)
    took = time.monotonic() - begun
    assert view.heard[-1]["turn"]["state"] == "stopped"
    assert server.gone.wait(5)
    assert took < 0.3


def test_key_stays_out_of_the_bubble(mine: Any) -> None:
    """A provider that echoes the key in its refusal can't bring it into the panel or the transcript."""
    view = View(mine, "keys")
    mine.run("import ve_magics; ve_magics.ChatPanel('keys').model = 'mine/echo'")
    view.send(do="ask", text="Hello?", nonce="n", images=[])
    view.until(view.ended)
    error = " ".join(view.heard[-1]["turn"]["error"])
    assert "key" in error
    assert "sk-canary" not in str(view.heard)
