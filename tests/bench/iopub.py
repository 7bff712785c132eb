"""What an answer that grows in a cell costs: bytes and messages on the kernel's way to the page, and the kernel's time.

    python -m tests.bench.iopub [--peer PYTHON] [--tokens 500 2000 8000] [--rate 200]

The same server streams the same answer to a real kernel with `%%chat` and, where an interpreter with chatlas is named,
to a real kernel with `Chat.chat()`. Such an interpreter:

    python -m venv peer && peer/bin/pip install chatlas openai ipykernel
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
SECTION = """## Part {number}

Words of **part {number}** that go on for a while, with `code` and a [link](https://example.com), so that the page has \
something to do.

- a first thing that is said
- a second thing, which is a little longer than the first one was

```python
for i in range({number}):
    print(f"line {{i}}")
```

"""


class Row(NamedTuple):
    """What one answer cost.

    Attributes:
        tokens: Its length in pieces of about four letters.
        size: Its length in bytes.
        sent: Bytes that the kernel published for it, all frames counted.
        messages: How many messages.
        seconds: Processor time of the kernel's process.
        saved: Bytes of what a saved notebook would hold.
    """

    tokens: int
    size: int
    sent: int
    messages: int
    seconds: float
    saved: int


def pieces(tokens: int) -> list[str]:
    """Return an answer of so many pieces."""
    text = "".join(SECTION.format(number=number) for number in range(1, 2 + tokens * 4 // 300))
    return [text[start : start + 4] for start in range(0, tokens * 4, 4)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stream

    def do_POST(self) -> None:
        """Stream an answer; the model's name is its length in tokens."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        began = time.monotonic()
        for number, piece in enumerate(pieces(int(asked["model"]))):
            late = began + number / self.server.rate - time.monotonic()
            if late > 0:
                time.sleep(late)
            self._chunk({"delta": {"content": piece}})
        self._chunk({"delta": {}, "finish_reason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, choice: dict[str, Any]) -> None:
        base = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        chunk = {**base, "choices": [{"index": 0, **choice}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Stream(ThreadingHTTPServer):
    """A server of answers.

    Args:
        rate: Tokens a second.
    """

    daemon_threads = True

    def __init__(self, rate: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rate = rate

    @property
    def address(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def kernel(python: str, folder: Path, **environ: str) -> Iterator[Any]:
    """Yield a client of a running kernel."""
    manager = KernelManager()
    argv = [python, "-m", "ipykernel_launcher", "--IPKernelApp.log_level=ERROR", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="Python")
    env = {**os.environ, "IPYTHONDIR": str(folder / ".ipython"), **environ}
    manager.start_kernel(cwd=str(folder), env=env)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(PATIENCE)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: Any, code: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a cell as a front end with a reader does; return the bytes that were published, and the messages."""
    parent = client.execute(code, allow_stdin=True)
    sent, messages = 0, []
    while True:
        frames = client.iopub_channel.socket.recv_multipart()
        _, rest = client.session.feed_identities(frames)
        message = client.session.deserialize(rest)
        if message["parent_header"].get("msg_id") != parent:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "error":
            sys.exit("\n".join(content["traceback"]))
        if kind == "status" and content["execution_state"] == "idle":
            break
        if kind not in ("status", "execute_input"):
            sent += sum(map(len, frames))
            messages.append(message)
    client.get_shell_msg(timeout=PATIENCE)
    return sent, messages


def saved(messages: Sequence[dict[str, Any]]) -> int:
    """Return the bytes of the outputs that are left when all messages have been followed."""
    outputs: list[dict[str, Any]] = []
    waiting = False
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            waiting = bool(content["wait"])
            outputs = outputs if waiting else []
        elif kind == "update_display_data":
            for output in outputs:
                if output.get("transient") == content["transient"]:
                    output.update(content)
        else:
            outputs = [] if waiting else outputs
            waiting = False
            outputs.append(dict(content))
    return sum(len(json.dumps(output.get("data", output)).encode()) for output in outputs)


def measured(client: Any, cell: str, tokens: int) -> Row:
    """Return what one answer cost."""
    _, before = run(client, "import time as _t; print(_t.process_time())")
    sent, messages = run(client, cell)
    _, after = run(client, "print(_t.process_time())")
    began, ended = (
        float("".join(message["content"]["text"] for message in both)) for both in (before, after)
    )
    size = len("".join(pieces(tokens)).encode())
    return Row(tokens, size, sent, len(messages), ended - began, saved(messages))


def ours(address: str, lengths: Sequence[int], folder: Path) -> list[Row]:
    """Return what `%%chat` costs."""
    config = folder / "config.toml"
    config.write_text(f'[providers.bench]\nbase_url = "{address}"\nkey = "env:BENCH_API_KEY"\n', "utf-8")
    environ = {"VE_CONFIG": str(config), "VE_HOME": str(folder / "ve"), "BENCH_API_KEY": "none"}
    with kernel(sys.executable, folder, PYTHONPATH=str(ROOT), **environ) as client:
        run(client, "%load_ext ve_magics")
        run(client, "%%chat bench/20\nWarm up")
        return [measured(client, f"%%chat bench/{tokens}\nTell me.", tokens) for tokens in lengths]


def theirs(address: str, lengths: Sequence[int], folder: Path, python: str) -> list[Row]:
    """Return what chatlas costs."""
    prepare = (
        "from chatlas import ChatOpenAICompletions\n"
        "def ask(tokens):\n"
        f"    chat = ChatOpenAICompletions(model=str(tokens), base_url={address!r}, api_key='none')\n"
        "    chat.chat('Tell me.')\n"
    )
    with kernel(python, folder) as client:
        run(client, prepare)
        run(client, "ask(20)")
        return [measured(client, f"ask({tokens})", tokens) for tokens in lengths]


def table(name: str, rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"| {name} | {row.tokens:,} | {row.size:,} | {row.sent:,} | {row.sent / row.size:.1f} | {row.messages:,} |"
        f" {row.seconds:.2f} | {row.saved:,} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter with chatlas, openai and ipykernel")
    parser.add_argument("--tokens", type=int, nargs="+", default=[500, 2000, 8000])
    parser.add_argument("--rate", type=float, default=200.0, help="tokens a second")
    options = parser.parse_args()
    server = Stream(options.rate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{options.rate:g} tokens a second\n")
    print("| | tokens | answer, bytes | iopub, bytes | per byte | messages | kernel, s | saved, bytes |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        print(table("`%%chat`", ours(server.address, options.tokens, Path(one))), flush=True)
        if options.peer is None:
            print("\nchatlas was left out: name an interpreter that has it with --peer.")
        else:
            asked = [options.peer, "-c", "import chatlas; print(chatlas.__version__)"]
            version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
            print(
                table(f"chatlas {version}", theirs(server.address, options.tokens, Path(other), options.peer))
            )
    server.shutdown()


if __name__ == "__main__":
    main()
