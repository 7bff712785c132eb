"""Real kernels, and a server whose models behave by name."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
CANARY = "sk-canary-0123456789abcdef"
PATIENCE = 60.0
"""Seconds after which a kernel that says nothing counts as dead."""


class _Handler(BaseHTTPRequestHandler):
    """Answers by the model's name.

    `down` and `below` are overloaded, `silent` accepts and says nothing, `trickle` says a word every tenth of a second and never ends, `echo` refuses
    with the key in its message, and any other says a whole answer.
    """

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Take a question."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("authorization", "")
        self.server.asked.set()
        match asked["model"]:
            case "silent":
                self._until_gone()
            case "trickle":
                self._begin("text/event-stream")
                try:
                    while not self.server.over.wait(0.1):
                        self._chunk({"delta": {"content": "word "}})
                except OSError:
                    self.server.gone.set()
            case "down" | "below":
                self.server.refused += 1
                body = json.dumps({"error": {"message": "The engine is overloaded"}}).encode()
                self.send_response(503)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            case "echo":
                body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode()
                self.send_response(401)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            case _:
                self._begin("text/event-stream")
                self._chunk({"delta": {"role": "assistant", "content": "Hello to you."}})
                self._chunk({"delta": {}, "finish_reason": "stop"})
                self.wfile.write(b"data: [DONE]\n\n")

    def _begin(self, media_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("connection", "close")
        self.end_headers()

    def _chunk(self, choice: dict[str, Any]) -> None:
        chunk = {
            "id": "c1",
            "object": "chat.completion.chunk",
            "model": "m",
            "choices": [{"index": 0, **choice}],
        }
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def _until_gone(self) -> None:
        self.connection.settimeout(PATIENCE)
        if not self.connection.recv(1):
            self.server.gone.set()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """The server.

    Attributes:
        asked: A question has come.
        gone: Who asked has gone away before the end.
        over: The test is over.
        refused: How many questions were sent away as too many.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = threading.Event()
        self.gone = threading.Event()
        self.over = threading.Event()
        self.refused = 0

    @property
    def config(self) -> str:
        """A configuration whose provider `mine` is this server."""
        return (
            "[providers.mine]\n"
            f'base_url = "http://127.0.0.1:{self.server_port}/v1"\n'
            'dialect = "chat_completions"\n'
            'key = "env:MINE_API_KEY"\n'
            "[routes.around]\n"
            'targets = ["mine/down", "mine/below"]\n'
        )


class Ran:
    """What a cell did.

    Attributes:
        messages: Everything that the kernel published while it ran.
        reply: Its reply.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reply: dict[str, Any] = {}

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """What a front end shows in the end."""
        shown: list[dict[str, Any]] = []
        waiting = False
        for message in self.messages:
            kind, content = message["msg_type"], message["content"]
            if kind == "clear_output":
                waiting = True
            elif kind in ("display_data", "stream", "execute_result", "error"):
                shown = [] if waiting else shown
                waiting = False
                shown.append({"output_type": kind, **content})
            elif kind == "update_display_data":
                name = content["transient"]["display_id"]
                for output in shown:
                    if output.get("transient", {}).get("display_id") == name:
                        output.update(content)
        return shown

    @property
    def updates(self) -> int:
        """How many messages showed something that grows."""
        return sum(m["msg_type"] in ("display_data", "update_display_data") for m in self.messages)


class Kernel:
    """A running kernel.

    Args:
        python: The interpreter that runs it.
        folder: Where it runs.
        environ: What its environment has besides.
    """

    def __init__(self, python: Path, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=[
                str(python),
                "-m",
                "ipykernel_launcher",
                "--IPKernelApp.log_level=ERROR",
                "-f",
                "{connection_file}",
            ],
            language="python",
            display_name="Python",
        )
        self.manager.start_kernel(
            cwd=str(folder),
            env={
                **os.environ,
                "IPYTHONDIR": str(folder / ".ipython"),
                "VE_HOME": str(folder / ".ve"),
                "PYTHONPATH": str(ROOT),
                **environ,
            },
        )
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE)
        self.run("%load_ext ve_magics")

    def run(
        self, code: str, during: Callable[[Ran], None] = lambda _: None, *, allow_stdin: bool = True
    ) -> Ran:
        """Run a cell to its end; `during` is called after each of its messages."""
        ran = Ran()
        parent = self.client.execute(code, allow_stdin=allow_stdin)
        deadline = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < deadline, f"the kernel is still busy with {code!r}"
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                during(ran)
                continue
            if message["parent_header"].get("msg_id") != parent:
                continue
            ran.messages.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            during(ran)
        while not ran.reply:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == parent:
                ran.reply = message["content"]
        return ran

    def value(self, expression: str) -> str:
        """Return the repr of an expression in the kernel."""
        (output,) = self.run(f"print(repr({expression}))").outputs
        text: str = output["text"]
        return text.rstrip("\n")

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield the server."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module", params=["ipykernel 7", "ipykernel 6"])
def any_python(request: pytest.FixtureRequest) -> Path:
    """Return an interpreter with each of the two generations of ipykernel."""
    if request.param == "ipykernel 7":
        return Path(sys.executable)
    found: Path = request.getfixturevalue("ipykernel6_python")
    return found


@pytest.fixture(scope="module")
def kernel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the module's kernels run."""
    return tmp_path_factory.mktemp("kernel")


@pytest.fixture(scope="module")
def kernel(any_python: Path, kernel_folder: Path) -> Iterator[Kernel]:
    """Yield a kernel with the magics; its configuration is read anew by `%ve reload`."""
    config = kernel_folder / "config.toml"
    config.touch()
    kernel = Kernel(any_python, kernel_folder, VE_CONFIG=str(config), MINE_API_KEY=CANARY)
    yield kernel
    kernel.close()


@pytest.fixture
def mine(kernel: Kernel, kernel_folder: Path, server: Server) -> Kernel:
    """Return the kernel, its provider `mine` being the server."""
    (kernel_folder / "config.toml").write_text(server.config, "utf-8")
    kernel.run("%ve reload")
    return kernel
