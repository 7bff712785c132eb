"""What a real kernel sends for an answer, and what programs that run notebooks make of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

pytestmark = pytest.mark.kernel

SOURCE = """
import time
from ve_magics.errors import RateLimitError
from ve_magics.events import Accumulator, TextDelta
from ve_magics.magics.chat.display import AnswerDisplay
from ve_magics.magics.failure import CellError

PARAGRAPH = "## 标题\\n\\nSome **words** and `code`, <b>raw</b>.\\n\\n- a\\n- b\\n\\n```python\\nprint(1)\\n```\\n\\n"

def answer(text, pause=0.0005, end="finish"):
    display, accumulator = AnswerDisplay(get_ipython()), Accumulator()
    for start in range(0, len(text), 4):
        event = TextDelta(text[start : start + 4])
        accumulator.add(event)
        display.add(event)
        display.tick(time.monotonic())
        time.sleep(pause)
    getattr(display, end)(accumulator.response(), {"latency": time.time()})
"""
FAIL = 'raise CellError(RateLimitError("Too many.", status=429, target="a/b")) from None'

Message = dict[str, Any]


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingKernelClient]:
    """Yield a client of a kernel in which `answer` is defined."""
    manager, client = start_new_kernel(kernel_name="python3")
    run(client, SOURCE)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str, *, allow_stdin: bool = True) -> list[Message]:
    """Run code as a front end does, and return what the kernel published."""
    request = client.execute(code, allow_stdin=allow_stdin)
    messages = []
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != request:
            continue
        messages.append(message)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return messages


def kinds(messages: list[Message]) -> list[str]:
    """Return the kinds of output messages, in order."""
    return [m["msg_type"] for m in messages if m["msg_type"] not in ("status", "execute_input")]


def test_streaming_costs_bytes_in_proportion(client: BlockingKernelClient) -> None:
    """An answer of 8,000 tokens costs less than a megabyte and at most 15 messages a second."""
    messages = run(client, "answer((PARAGRAPH * 400)[:32000])")
    assert (
        sum(
            len(json.dumps(m["content"]))
            + len(json.dumps(m["header"], default=str))
            + len(json.dumps(m["parent_header"], default=str))
            for m in messages
        )
        < 1_000_000
    )
    seconds = (messages[-1]["header"]["date"] - messages[0]["header"]["date"]).total_seconds()
    assert len(kinds(messages)) <= 15 * seconds + 3
    assert kinds(messages).count("update_display_data") > 10
    assert kinds(messages)[-2:] == ["clear_output", "display_data"]
    assert "display_id" not in messages[-2]["content"].get("transient", {})


def test_nothing_but_the_answer_where_nobody_looks_on(client: BlockingKernelClient) -> None:
    """A client that can't answer questions gets one message: the output that remains, the same as streamed."""
    (whole,) = (
        m for m in run(client, "answer(PARAGRAPH)", allow_stdin=False) if m["msg_type"] == "display_data"
    )
    streamed = [m for m in run(client, "answer(PARAGRAPH)") if m["msg_type"] == "update_display_data"][-1]
    assert whole["content"]["data"] == streamed["content"]["data"]
    assert "display_id" not in whole["content"].get("transient", {})


def test_a_failure_is_an_error_of_a_few_lines(client: BlockingKernelClient) -> None:
    """The cell fails with readable lines and no traceback."""
    (error,) = (m["content"] for m in run(client, FAIL) if m["msg_type"] == "error")
    assert error["ename"] == "CellError"
    assert error["traceback"][0] == "✗ rate limit: Too many."
    assert len(error["traceback"]) <= 4


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a notebook that was run by nbclient."""
    cells = [
        nbformat.v4.new_code_cell(source)
        for source in (SOURCE, "answer(PARAGRAPH)", "answer('**粗体：**后文')")
    ]
    document = nbformat.v4.new_notebook(cells=cells)
    document.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(document, timeout=60).execute()
    path = tmp_path / "answers.ipynb"
    nbformat.write(document, path)
    return path


def nbval(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run nbval on a notebook."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        *options,
        "-p",
        "no:cacheprovider",
        "-q",
        "--rootdir",
        str(path.parent),
        path.name,
    ]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=120)


def test_a_run_notebook_holds_one_output_and_passes_strict_nbval(notebook: Path) -> None:
    """One output with Markdown and the text; strict nbval passes without sanitizers, whatever the metadata says."""
    document = nbformat.read(notebook, as_version=4)
    for cell in document.cells[1:]:
        (output,) = cell.outputs
        assert set(output.data) == {"text/markdown", "text/plain"}
    assert document.cells[2].outputs[0].data["text/plain"] == "**粗体：**后文"
    done = nbval(notebook, "--nbval")
    assert done.returncode == 0, done.stdout


def test_a_failure_fails_everything_that_runs_notebooks(tmp_path: Path) -> None:
    """nbclient, papermill and even nbval's lax mode report a cell that failed."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    document = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SOURCE), nbformat.v4.new_code_cell(FAIL)]
    )
    document.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "fails.ipynb"
    nbformat.write(document, path)
    with pytest.raises(CellExecutionError, match="Too many"):
        NotebookClient(document, timeout=60).execute()
    lax = nbval(path, "--nbval-lax")
    assert lax.returncode == 1, lax.stdout
    with pytest.raises(PapermillExecutionError, match="Too many"):
        papermill.execute_notebook(str(path), str(tmp_path / "out.ipynb"), progress_bar=False)
