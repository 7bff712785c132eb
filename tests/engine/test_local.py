"""Model servers on this machine: found by asking, offered, never used unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.scripted import Provider, World, fails, pauses, refuses
from tests.engine.test_models import lists
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.local import LocalServer, running_servers
from ve_magics.engine.transport import Mounted

pytestmark = pytest.mark.anyio


async def test_servers_that_run_here_are_found(tmp_path: Path) -> None:
    """Only what answers with models counts: not a refused port, not another program, not a silent one."""
    world = World(tmp_path, Provider(lists("a")))
    apps = {
        "127.0.0.1:11434": Provider(lists("llama", "qwen")),
        "127.0.0.1:1234": Provider(refuses()),
        "127.0.0.1:8000": Provider(fails(404)),
        "127.0.0.1:8080": Provider(pauses()),
    }
    gateway = Gateway(world.config, world.router, Mounted(apps), clock=world.clock)
    (server,) = await running_servers(gateway)
    assert server == LocalServer("ollama", ("llama", "qwen"))
    assert server.suggestion == "ollama/llama"
    assert LocalServer("vllm", ()).suggestion == "vllm/MODEL"
