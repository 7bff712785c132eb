"""A tiny MCP server over stdio or streamable HTTP: `python mcp_server.py [PORT]`."""

from __future__ import annotations

import os
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("tiny")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def shout(text: str) -> str:
    """Say it loud, with what the environment says."""
    return text.upper() + os.environ.get("SHOUT_END", "")


@server.tool()
def fail() -> str:
    """Fail."""
    raise ToolError("no luck today")


@server.tool()
def picture() -> Image:
    """Draw."""
    return Image(data=b"\x89PNG\r\n\x1a\n0000", format="png")


@server.tool()
def leave() -> str:
    """End the server at once."""
    os._exit(3)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
