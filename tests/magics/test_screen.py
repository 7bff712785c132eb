"""Whether an answer grows, and what reaches the front end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.magics.screen import CellScreen, streaming_wanted


def shell(**content: Any) -> Any:
    """Return a shell whose kernel runs a request with this content."""
    return SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: {"content": content}))


@pytest.mark.parametrize(
    ("env", "running", "wanted"),
    [
        ({}, shell(allow_stdin=True), True),
        ({}, shell(allow_stdin=False), False),
        ({}, shell(), True),
        ({}, SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: None)), True),
        ({}, None, False),
        ({"VE_RECORDING": "replay"}, shell(allow_stdin=True), False),
        ({"VE_RECORDING": "auto"}, shell(allow_stdin=True), True),
        ({"VE_MAGICS_STREAM": "1"}, shell(allow_stdin=False), True),
        ({"VE_MAGICS_STREAM": "0"}, shell(allow_stdin=True), False),
        ({"VE_MAGICS_STREAM": "on", "VE_RECORDING": "replay"}, None, True),
        ({"VE_MAGICS_STREAM": "maybe"}, shell(allow_stdin=True), True),
    ],
)
def test_streaming_is_for_readers(env: dict[str, str], running: Any, wanted: bool) -> None:
    """Streamed where someone looks on; not in replays and not for programs that run notebooks; a variable decides."""
    assert streaming_wanted(env, running) is wanted


@pytest.mark.parametrize("interactive", [True, False])
def test_a_terminal_streams_where_it_is_one(interactive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output into a file comes whole."""
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: interactive))
    assert streaming_wanted({}, SimpleNamespace()) is interactive


def test_outputs_carry_what_a_front_end_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Growing outputs have an id that is never saved, the last one has none; a place is kept by what is cleared away."""
    sent: list[tuple[Any, ...]] = []

    class Publisher:
        def publish(self, data: Any, metadata: Any = None, **more: Any) -> None:
            sent.append((data, metadata, more))

        def clear_output(self, wait: bool) -> None:
            sent.append(("clear", wait))

    shell = SimpleNamespace(display_pub=Publisher())
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.instance", lambda: shell)
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    screen = CellScreen()
    screen.show("a", "id")
    screen.update("ab", "id")
    screen.hold()
    screen.clear()
    screen.final({"text/plain": "x"}, {"ve_magics": {}})
    screen.final({"text/plain": "y"}, {"ve_magics": {}}, display_id="id")
    ((script, _, more),) = [entry for entry in sent if "application/javascript" in entry[0]]
    assert "minHeight" in script["application/javascript"]
    assert not more.get("transient")
    sent.pop(2)
    assert [entry[0] for entry in sent] == [
        {"text/markdown": "a"},
        {"text/markdown": "ab"},
        "clear",
        {"text/plain": "x"},
        {"text/plain": "y"},
    ]
    assert [entry[2].get("transient") for entry in sent if entry[0] != "clear"] == [
        {"display_id": "id"},
        {"display_id": "id"},
        None,
        {"display_id": "id"},
    ]
    assert sent[1][2]["update"] is True
    assert sent[2] == ("clear", True)
    assert sent[3][1] == {"ve_magics": {}}
