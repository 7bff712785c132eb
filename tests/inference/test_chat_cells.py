"""`%%chat` in real kernels, answered by model servers that this project did not write."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from tests.inference.servers import MODEL, Server

pytestmark = [pytest.mark.inference, pytest.mark.kernel]
GREETING = "HI, 你天猫🚀!"


@pytest.fixture
def notebook_folder(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a notebook whose user has configured the server as her own provider."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[defaults]\nchat = "mine/{MODEL}"\n\n'
        f'[providers.mine]\nbase_url = "{server.base_url}"\nauth = "none"\nlocal = true\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("VE_CONFIG", str(config))
    monkeypatch.setenv("VE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


def run(folder: Path, *cells: str) -> list[list[Any]]:
    """Run a notebook and return the outputs of each cell."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in ("%load_ext ve_magics", *cells)]
    )
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells[1:]]


def test_cell_saves_the_answer_as_one_output(notebook_folder: Path) -> None:
    """A cell's saved output is the answer itself, short or cut at its limit, and a seen answer is not asked again."""
    ask = "%%chat -t 0\nHi"
    outputs = run(notebook_folder, ask, "%%chat -t 0 --max-tokens 5\nThe alphabet", "%ve usage")
    (greeting,) = outputs[0]
    assert greeting["data"]["text/plain"] == GREETING
    assert greeting["data"]["text/markdown"] == GREETING
    cut = outputs[1][0]
    assert cut["data"]["text/plain"].startswith("abcde")
    assert "f" not in cut["data"]["text/plain"].splitlines()[0]
    assert outputs[2]


def test_interrupt_stops_cell_and_server(server: Server, notebook_folder: Path) -> None:
    """The stop button ends a streaming cell at once, keeps what had come, and the server is free again."""
    manager, client = start_new_kernel(cwd=str(notebook_folder))
    try:
        client.execute_interactive("%load_ext ve_magics", timeout=60)
        request = client.execute("%%chat -t 0 --max-tokens 3500\nThe alphabet")
        shown = ""
        while "abc" not in shown:
            shown = _text(client.get_iopub_msg(timeout=60))
        manager.interrupt_kernel()
        started = time.monotonic()
        while True:
            message = client.get_iopub_msg(timeout=60)
            shown = _text(message) or shown
            if (
                message["msg_type"] == "status"
                and message["content"]["execution_state"] == "idle"
                and message["parent_header"].get("msg_id") == request
            ):
                break
        assert time.monotonic() - started < 2
        assert shown.startswith("abc")
        assert _answer(server) == GREETING
        assert time.monotonic() - started < 10
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _text(message: dict[str, Any]) -> str:
    """Return what a message shows; only the last one holds plain text too."""
    data = message["content"].get("data", {})
    text: str = data.get("text/markdown", "") if isinstance(data, dict) else ""
    return text


def _answer(server: Server) -> str:
    """Ask the server past this project and return what it says."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    reply = json.loads(connection.getresponse().read())
    connection.close()
    text: str = reply["choices"][0]["message"]["content"]
    return text
