"""Real model servers that others wrote: how each is installed, started, found ready and ended."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import platformdirs

HERE = Path(__file__).parent
CACHE = Path(platformdirs.user_cache_dir("ve_magics", appauthor=False)) / "inference"
"""Where the servers' environments are kept between runs; remove it to build them anew."""
MODEL = "tiny"
STARTING = 180.0
"""Most seconds that a server may take until it answers."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A model server that this project did not write.

    Attributes:
        name: What it is called in fixtures and test names.
        weights: The form of weights that it loads, a word of `tiny_model.py`.
        file: The model's path inside the folder that the server is started in.
        command: Makes its command line from its environment's folder of programs and a port.
        health: A path that answers 200 once it is ready.
        environment: What it needs in its environment variables.
    """

    name: str
    weights: str
    file: str
    command: Callable[[Path, int], list[str]]
    health: str
    environment: dict[str, str] = field(default_factory=dict)


TRANSFORMERS = Kind(
    name="transformers",
    weights="safetensors",
    file=MODEL,
    command=lambda programs, port: [
        *(str(programs / "transformers"), "serve", MODEL, "--device", "cpu"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ],
    health="/health",
    environment={"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
)
LLAMACPP = Kind(
    name="llamacpp",
    weights="gguf",
    file=f"{MODEL}.gguf",
    command=lambda programs, port: [
        *(str(programs / "python"), "-m", "llama_cpp.server", "--model", f"{MODEL}.gguf"),
        *("--model_alias", MODEL, "--n_ctx", "4096", "--n_threads", "2", "--embedding", "true"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ],
    health="/v1/models",
)
KINDS = (TRANSFORMERS, LLAMACPP)


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        kind: Which one it is.
        base_url: Its address, version included.
        log: What it prints.
    """

    kind: Kind
    base_url: str
    log: Path


def environment(kind: Kind) -> Path:
    """Return the folder of programs of a server's environment, built first where it isn't there.

    Building takes minutes: pip downloads what `requirements-NAME.txt` pins, and compiles llama.cpp.
    """
    wanted = (HERE / f"requirements-{kind.name}.txt").read_bytes() + sys.version.encode()
    folder = CACHE / f"{kind.name}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    done = folder / "complete"
    if not done.exists():
        print(f"\nbuilding {folder} (minutes, once)", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(programs / "python"), "-m", "pip", "install", "-q", "-r", f"requirements-{kind.name}.txt"])
        done.touch()
    return programs


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode == 0, f"{command} failed:\n{ran.stdout[-3000:]}"


@contextmanager
def running(kind: Kind, folder: Path) -> Iterator[Server]:
    """Write the tiny model into a folder, start the server there, and end it in the end.

    Args:
        kind: The server.
        folder: An empty folder.
    """
    programs = environment(kind)
    _run([str(programs / "python"), "tiny_model.py", kind.weights, str(folder / kind.file)])
    port = free_port()
    log = folder / "server.log"
    with log.open("wb") as lines:
        process = subprocess.Popen(
            kind.command(programs, port),
            cwd=folder,
            env=os.environ | kind.environment,
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}{kind.health}", log)
            yield Server(kind, f"http://127.0.0.1:{port}/v1", log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended:\n{log.read_text(errors='replace')[-3000:]}"
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer within {STARTING:.0f} s:\n{log.read_text(errors='replace')[-3000:]}")
