"""Conversations, completion and next cells in a real kernel, as JupyterLab and programs ask for them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

PATIENCE = 60.0


def run(kernel: Any, code: str, cell: str = "", *, allow_stdin: bool = True) -> Any:
    """Run a cell the way JupyterLab does, which sends the cell's id with each request.

    The ordinary client can't send it, so it is put into the next request that goes out.
    """
    client = kernel.client
    message = client.session.msg

    def with_cell(kind: str, *arguments: Any, **named: Any) -> Any:
        made = message(kind, *arguments, **named)
        if kind == "execute_request" and cell:
            made["metadata"]["cellId"] = cell
        return made

    client.session.msg = with_cell
    try:
        return kernel.run(code, allow_stdin=allow_stdin)
    finally:
        client.session.msg = message


def restart(kernel: Any) -> None:
    """Restart the kernel and load the magics for the notebook n.ipynb."""
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(PATIENCE)
    begin(kernel)


def begin(kernel: Any) -> None:
    """Load the magics for the notebook n.ipynb."""
    kernel.run("import os; os.environ['VE_NOTEBOOK'] = 'n.ipynb'")
    kernel.run("%load_ext ve_magics")
    kernel.run("%ve reload")


def asked(kernel: Any) -> list[str]:
    """Return what the last question went out with."""
    value = kernel.value("[m.text for m in answer.request.messages if m.role == 'user']")
    found: list[str] = json.loads(value.replace("'", '"'))
    return found


def test_conversation_goes_on_after_a_restart(kernel: Any, kernel_folder: Path) -> None:
    """The kernel restarts in the middle: the next cell goes on, and an earlier one takes its own place."""
    begin(kernel)
    run(kernel, "%%chat -c demo -o answer\nMy name is Ada.", "a")
    run(kernel, "%%chat -c demo -o answer\nI live in Ur.", "b")
    assert asked(kernel) == ["My name is Ada.", "I live in Ur."]
    restart(kernel)
    run(kernel, "%%chat -c demo -o answer\nWhat is my name?", "c")
    assert asked(kernel) == ["My name is Ada.", "I live in Ur.", "What is my name?"]
    assert "Ada" in kernel.value("answer.text")
    run(kernel, "%%chat -c demo -o answer\nI live in Uruk.", "b")
    assert asked(kernel) == ["My name is Ada.", "I live in Uruk."]
    restart(kernel)
    run(kernel, "%%chat -c demo -o answer\nWhat is my name?", "c")
    assert asked(kernel) == ["My name is Ada.", "I live in Uruk.", "What is my name?"]
    kept = json.loads((kernel_folder / "n.conversations.json").read_text("utf-8"))
    assert [turn["cell"] for turn in kept["conversations"]["demo"]["turns"]] == ["a", "b", "c"]


def test_code_offers_a_next_cell_to_a_reader(kernel: Any) -> None:
    """The front end gets the code as a next cell where somebody looks on, and only the block elsewhere."""
    begin(kernel)
    for reader in (True, False):
        ran = run(
            kernel,
            "%%chat -f code --fresh\nWrite a Python function that reverses a string.",
            allow_stdin=reader,
        )
        offered = [one for one in ran.reply["payload"] if one["source"] == "set_next_input"]
        (output,) = ran.outputs
        code = output["data"]["text/plain"]
        assert "def " in code
        assert [(one["text"], one["replace"]) for one in offered] == ([(code, False)] if reader else [])


def test_line_shows_its_answer_once(kernel: Any) -> None:
    """`%chat` leaves one output and no `Out`; assigned, the answer is an object."""
    begin(kernel)
    (output,) = run(kernel, "%chat What is 6 times 7?").outputs
    assert output["output_type"] == "display_data"
    assert "42" in output["data"]["text/plain"]
    (output,) = run(kernel, "answer = %chat What is 6 times 8?").outputs
    assert "48" in kernel.value("answer.text")
    (output,) = run(kernel, "1 / 0").outputs
    (output,) = run(kernel, "%chat --fix --dry-run").outputs
    assert "cell, line 1" in output["data"]["text/plain"]
    assert "ipykernel" not in output["data"]["text/plain"]


def test_front_end_completes_the_line(kernel: Any) -> None:
    """A completion request for a `%%chat` line offers flags and models, and none inside the prompt."""
    begin(kernel)

    def tab(code: str) -> list[str]:
        kernel.client.complete(code, len(code))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = kernel.client.get_shell_msg(timeout=PATIENCE)
            if message["msg_type"] == "complete_reply":
                found: list[str] = message["content"]["matches"]
                return found
        raise AssertionError("the kernel offered nothing")

    assert "--schema" in tab("%%chat --sch")
    assert "sim/thinker" in tab("%%chat -m sim/th")
    assert "sim/thinker" not in tab("%%chat\nsim/th")
