"""`%%agent`: a model that works with tools."""

from __future__ import annotations

from typing import Any

import ve_magics
from ve_magics.magics.agent_answer import AgentAnswer


@ve_magics.tool
def add(a: int, b: int) -> int:
    """Add two numbers and return the sum.

    Args:
        a: One number.
        b: The other number.
    """
    return a + b


def test_tool_is_called_and_its_result_told(bench: Any) -> None:
    """A function that the line names is called with the model's arguments, and the answer tells what came of it."""
    bench.shell.user_ns["add"] = add
    ran = bench.run("%%agent --tools add -o found\nAdd 3 and 4.")
    assert ran.error is None
    found = bench.shell.user_ns["found"]
    assert isinstance(found, AgentAnswer)
    assert [(call.name, call.result, call.failed) for call in found.calls] == [("add", "7", False)]
    assert "7" in found.text
    assert found.text in ran.text if ran.outputs else found.text in ran.printed


def test_film_is_made_and_plays(bench: Any) -> None:
    """A cell that names generate_video and says yes in advance gets the film as a durable job, and its player."""
    ran = bench.run(
        "%%agent --tools generate_video --approve auto -o made\nMake a short film of a paper boat."
    )
    assert ran.error is None
    made = bench.shell.user_ns["made"]
    (clip,) = made.shown
    assert clip.path.is_file()
    assert clip.job.state == "succeeded"
    assert clip.path.name in ran.printed
