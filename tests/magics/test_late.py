"""An output that is filled in after its cell has ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ve_magics.magics.late import LateOutput


class Session:
    """Remembers what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    def msg(self, kind: str, content: dict[str, Any], *, parent: dict[str, Any]) -> dict[str, Any]:
        return {"kind": kind, "content": content, "parent": parent}

    def send(self, socket: object, message: dict[str, Any], *, ident: bytes) -> None:
        self.sent.append((socket, message, ident))


def test_change_bears_the_header_of_the_cell_that_began_it() -> None:
    """Whatever cell runs by then, the change goes to the output of the first, and is neutralised."""
    session = Session()
    publisher = SimpleNamespace(
        session=session, pub_socket="socket", topic=b"topic", parent_header={"msg_id": "first"}
    )
    late = LateOutput(SimpleNamespace(display_pub=publisher))
    publisher.parent_header = {"msg_id": "second"}
    late.say("<b>half</b> way", {"job": "j"})
    ((socket, message, ident),) = session.sent
    assert (socket, ident, message["kind"], message["parent"]) == (
        "socket",
        b"topic",
        "update_display_data",
        {"msg_id": "first"},
    )
    assert message["content"]["data"]["text/plain"] == "<b>half</b> way"
    assert "<b>" not in message["content"]["data"]["text/markdown"]
    assert message["content"]["metadata"] == {"ve_magics": {"job": "j"}}
    assert message["content"]["transient"]["display_id"].startswith("ve-")


def test_lines_stay_lines() -> None:
    """What went wrong comes in lines of its own, as a cell that waits shows it."""
    session = Session()
    late = LateOutput(SimpleNamespace(display_pub=SimpleNamespace(session=session, pub_socket="socket")))
    late.say("✗ failed\nDo this.", {})
    ((_, message, _),) = session.sent
    assert message["content"]["data"] == {
        "text/markdown": "✗ failed  \nDo this.",
        "text/plain": "✗ failed\nDo this.",
    }


def test_a_terminal_is_left_alone() -> None:
    """Where no output can be changed any more, nothing is shown."""
    LateOutput(SimpleNamespace(display_pub=object())).fill({"text/plain": "x"}, {})
