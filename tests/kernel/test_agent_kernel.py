"""`%%agent` in real kernels: the question for a yes, the stop button, and a notebook that replays."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.kernel.conftest import ROOT, Kernel, Ran

pytestmark = pytest.mark.kernel
TOOLS = """
import threading, time, ve_magics
begun = threading.Event()
sent = []

@ve_magics.tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

@ve_magics.tool(approve=True)
def send_email(email: str) -> str:
    "Send an email."
    sent.append(email)
    return "sent"

@ve_magics.tool
def search_web(query: str) -> str:
    "Search the web."
    begun.set()
    time.sleep(30)
    return "nothing"
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Yield a kernel whose notebook has tools."""
    kernel = Kernel(Path(sys.executable), tmp_path_factory.mktemp("agent"))
    kernel.run(TOOLS)
    yield kernel
    kernel.close()


def answering(kernel: Kernel, word: str, questions: list[str]) -> Any:
    """Return what answers the kernel's questions while a cell runs."""

    def during(_: Ran) -> None:
        try:
            message = kernel.client.get_stdin_msg(timeout=0.01)
        except Empty:
            return
        questions.append(message["content"]["prompt"])
        kernel.client.input(word)

    return during


def test_reader_says_yes_or_no(desk: Kernel) -> None:
    """The front end's reader is asked with the whole call; a yes makes it, a no doesn't."""
    for word, sent in (("n", []), ("y", ["eve@example.com"])):
        questions: list[str] = []
        ran = desk.run(
            "%%agent --tools send_email --no-cache\nSend an email to eve@example.com",
            answering(desk, word, questions),
        )
        assert ran.reply["status"] == "ok"
        assert len(questions) == 1
        assert 'send_email(email="eve@example.com")' in questions[0]
        assert desk.value("sent") == repr(sent)
        assert [output["output_type"] for output in ran.outputs] == ["display_data"]


def test_nobody_there_is_a_failed_cell(desk: Kernel) -> None:
    """A program that runs the notebook gets a failed cell that says what to do."""
    ran = desk.run(
        "%%agent --tools send_email --no-cache\nSend an email to bob@example.com", allow_stdin=False
    )
    assert ran.reply["status"] == "error"
    assert "--approve auto" in "\n".join(ran.reply["traceback"])
    assert "bob@example.com" not in desk.value("sent")


def test_stop_button_stops_a_tool_that_blocks(desk: Kernel) -> None:
    """The stop button ends the cell within 0.3 s although a tool blocks its thread; what was done stays."""
    stopped: list[float] = []

    def during(ran: Ran) -> None:
        if stopped or not any("… search_web" in str(message["content"]) for message in ran.messages):
            return
        time.sleep(0.3)
        stopped.append(time.monotonic())
        desk.manager.interrupt_kernel()

    ran = desk.run("%%agent --tools search_web -o found\nSearch the web for paper boats", during)
    assert stopped
    assert time.monotonic() - stopped[0] < 0.3 + 0.35, "the stop itself, and the kernel's own messages"
    assert ran.reply["status"] == "error"
    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert desk.value("(found.partial, found.calls[0].name)") == "(True, 'search_web')"
    assert "stopped" in str(ran.outputs)


def test_notebook_replays_its_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nbclient saves one output for a run, and a replay, without the tool's effects, gives the same one."""
    for name, value in {
        "IPYTHONDIR": str(tmp_path / ".ipython"),
        "VE_HOME": str(tmp_path / ".ve"),
        "VE_NOTEBOOK": "n.ipynb",
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(name, value)
    cells = (
        "%load_ext ve_magics",
        TOOLS,
        "%%agent --tools send_email,add --approve auto\nSend an email to eve@example.com",
        "sent",
    )

    def executed() -> list[Any]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return list(notebook.cells)

    monkeypatch.setenv("VE_RECORDING", "record")
    recorded = executed()
    monkeypatch.setenv("VE_RECORDING", "replay")
    replayed = executed()
    (output,), (again,) = recorded[2].outputs, replayed[2].outputs
    assert output.data == again.data
    assert sorted(output.data) == ["text/markdown", "text/plain"]
    assert recorded[3].outputs[0].data["text/plain"] == "['eve@example.com']"
    assert replayed[3].outputs[0].data["text/plain"] == "[]"
