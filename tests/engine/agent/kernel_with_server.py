"""A program that uses an MCP server from a loop on a daemon thread, as a notebook's kernel does, and just ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ve_magics.engine.acting import Connections
from ve_magics.engine.config_agents import McpServer

note = sys.argv[1]
server = Path(__file__).with_name("mcp_hostile.py")
row = McpServer(name="h", command=(sys.executable, str(server), "stays", "remembers", note))
session: Any = SimpleNamespace(config=SimpleNamespace(mcp={"h": row}), closers=[])
memory: Any = SimpleNamespace(tools=lambda _: None, keep_tools=lambda *_: None)
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


async def use() -> None:
    """Ask the server for its tools."""
    offers = await Connections(session).source("h", memory)()
    assert [offer.name for offer in offers] == ["h__go"]


asyncio.run_coroutine_threadsafe(use(), loop).result(30)
if "killed" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
