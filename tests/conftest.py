"""What every test shares: an empty environment, one event loop back end, and the rule about what may be missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
# In CI the same examples each time, so that a run can be repeated; elsewhere fresh ones, so that more is seen.
hypothesis.settings.register_profile(
    "shared", deadline=None, derandomize=os.environ.get("CI", "").lower() in {"1", "true"}
)
hypothesis.settings.load_profile("shared")


class Require(Protocol):
    """The type of the `require` fixture."""

    def __call__(self, condition: object, reason: str) -> None:
        """Go on if the condition is true."""


def in_ci() -> bool:
    """Whether this run decides something: there, nothing may be missing."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name objects whose repr holds their address by their type, so that all workers collect the same tests."""
    return type(val).__name__ if " at 0x" in repr(val) else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, the loop that Jupyter kernels run."""
    return "asyncio"


@pytest.fixture(scope="session")
def require() -> Require:
    """Return `require(condition, reason)`: a test is skipped where something is missing, and fails in CI."""

    def check(condition: object, reason: str) -> None:
        if condition:
            return
        if in_ci():
            pytest.fail(f"missing in CI: {reason}")
        pytest.skip(reason)

    return check


@pytest.fixture(scope="session", autouse=True)
def _empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the developer's own keys, configuration and data, so that no test depends on them or touches them."""
    home = tmp_path_factory.mktemp("ve_home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("VE_") or name.endswith("_API_KEY"):
                patch.delenv(name)
        patch.setenv("VE_HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        yield


@pytest.fixture(scope="session")
def ipykernel6_python(require: Require) -> Path:
    """Return the Python of the second environment, which holds ve_magics and ipykernel 6."""
    folder, name = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    python = ROOT / ".venv-ipykernel6" / folder / name
    require(python.exists(), "no .venv-ipykernel6: `python3 .ci/dev test` makes it")
    code = "import ipykernel, ve_magics; print(ipykernel.__version__)"
    version = subprocess.run([python, "-c", code], capture_output=True, text=True)
    require(version.returncode == 0, f".venv-ipykernel6 is incomplete: {version.stderr.strip()[-200:]}")
    assert version.stdout.startswith("6."), f".venv-ipykernel6 holds ipykernel {version.stdout.strip()}"
    return python


class Heard:
    """A widget's comm that remembers what was sent instead of sending it, and can bring what a view would send.

    Attributes:
        messages: Custom messages and their buffers, oldest first.
        bytes: Bytes of JSON and buffers of all messages, those about traits included.
    """

    comm_id = "comm"

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        self.bytes = 0

    def on_msg(self, hear: Callable[[dict[str, Any]], None]) -> None:
        """Take who hears what views send."""
        self._hear = hear

    def send(self, data: Any = None, metadata: object = None, buffers: list[bytes] | None = None) -> None:
        """Remember a message."""
        self.bytes += len(json.dumps(data)) + sum(map(len, buffers or ()))
        if data.get("method") == "custom":
            self.messages.append((json.loads(json.dumps(data["content"])), list(buffers or ())))

    def bring(self, content: dict[str, Any], *buffers: bytes) -> None:
        """Bring a message from a view."""
        data = {"method": "custom", "content": content}
        self._hear({"content": {"data": data}, "buffers": [memoryview(one) for one in buffers]})

    def kinds(self) -> list[str]:
        """Return the kinds of the messages."""
        return [message["is"] for message, _ in self.messages]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of one kind."""
        return [message for message, _ in self.messages if message["is"] == kind]

    def close(self, *_: object, **__: object) -> None:
        """End."""


@pytest.fixture
def listen() -> Callable[[Any], Heard]:
    """Return `listen(view)`: hears what a widget sends from now on."""

    def begin(view: Any) -> Heard:
        view.comm = Heard()
        heard: Heard = view.comm
        return heard

    return begin
