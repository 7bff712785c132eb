"""Tools of MCP servers, by way of the official SDK (extra `[mcp]`): programs that are started, and addresses.

A server is started, or connected to, when its tools are first asked for, and stays until the session ends. Each lives
in a task of its own, because what the SDK opens must be closed where it was opened. What its tools do is not known
here: each call has to be approved, and what they give back is data.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any, TextIO, cast

from ve_magics.engine.agent import warden
from ve_magics.engine.agent.values import Arguments, Offer, Situation
from ve_magics.engine.config_agents import McpServer
from ve_magics.errors import MissingExtraError, ToolFailedError
from ve_magics.messages import Image, Text, Tool
from ve_magics.tools import Output, output_of

SEPARATOR = "__"
"""Between a server's name and its tool's."""
MOST_TOOLS = 128
"""Tools of one server that are offered."""
STARTING = 30.0
"""Seconds within which a server must be there."""
STOPPING = 8.0
"""Seconds within which the SDK ends it: it asks, terminates after two seconds, and kills after two more."""
MOST_PAGES = 64
"""Pages of a list of tools that are asked for."""
_CLOSED = "Connection closed"
"""What the SDK's error says where the connection is gone."""
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_DESCRIPTION = 2_000

Client = Any
"""The SDK's client, which is only imported when it is needed."""
Opener = Callable[[AsyncExitStack, TextIO], Awaitable[Client]]
"""Opens a client that lasts as long as the stack; what a started program says besides goes into the file."""


class McpConnection:
    """One server, connected to when it is first needed.

    Args:
        server: Where it is.
    """

    def __init__(self, server: McpServer) -> None:
        self.server = server
        self._client: asyncio.Future[Client] | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def tools(self) -> tuple[tuple[str, Tool], ...]:
        """Return what the server offers: its own name of each tool, and the tool as it is offered here.

        Raises:
            MissingExtraError: The SDK isn't installed.
            ToolFailedError: The server can't be reached or gives no list.
        """
        client = await self._connected()
        found: list[Any] = []
        cursor = None
        for _ in range(MOST_PAGES):
            page = await self._answer(client.list_tools(cursor=cursor), "list its tools")
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) >= MOST_TOOLS:
                break
        tools: dict[str, tuple[str, Tool]] = {}
        for one in found[:MOST_TOOLS]:
            tool = _tool(self.server.name, one, tools)
            tools[tool.name] = (str(one.name), tool)
        return tuple(tools.values())

    async def call(self, name: str, arguments: Arguments) -> Output:
        """Return what a tool of the server gives back.

        Raises:
            ToolFailedError: It gives nothing back in time, or the server is gone.
        """
        client = await self._connected()
        result = await self._answer(client.call_tool(name, dict(arguments)), f"run {name}")
        return _output(result)

    async def _answer(self, asked: Any, what: str) -> Any:
        client, task, stop = self._client, self._task, self._stop
        try:
            async with asyncio.timeout(self.server.timeout):
                return await asked
        except TimeoutError:
            raise ToolFailedError(
                f"The MCP server {self.server.name} did not {what} within {self.server.timeout:g} s."
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is told in our words
            if (task is not None and task.done()) or str(error) == _CLOSED:
                stop.set()
                if self._client is client:
                    self._client = None  # it is gone: the next call connects anew
            raise ToolFailedError(
                f"The MCP server {self.server.name} could not {what}: {_first_line(error)}"
            ) from None

    async def _connected(self) -> Client:
        if self._client is None or (self._task is not None and self._task.done()):
            opener = _opener(self.server)
            self._client = asyncio.get_running_loop().create_future()
            self._stop = asyncio.Event()
            self._task = asyncio.create_task(self._live(opener, self._client, self._stop))
        patience = min(STARTING, self.server.timeout)
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(self._client)
        except TimeoutError:
            await self.aclose()
            raise self._unusable(f"it was not there within {patience:g} s.") from None

    async def _live(self, opener: Opener, ready: asyncio.Future[Client], stop: asyncio.Event) -> None:
        """Be connected until it is told to stop."""
        with tempfile.TemporaryFile("w+", errors="replace") as file:
            stderr = cast("TextIO", file)
            try:
                async with AsyncExitStack() as stack:
                    client = await opener(stack, stderr)
                    if not ready.done():
                        ready.set_result(client)
                    await stop.wait()
            except Exception as error:  # noqa: BLE001 - told to whoever waits for the connection
                if not ready.done():
                    ready.set_exception(self._unusable(f"{_first_line(error)}{_last_words(stderr)}"))
            finally:
                if not ready.done():
                    ready.set_exception(self._unusable("it was ended before it was there."))
                    ready.exception()  # there may be nobody who waits for it

    def _unusable(self, why: str) -> ToolFailedError:
        name = self.server.name
        return ToolFailedError(
            f"The MCP server {name} can't be used: {why}", hint=f"Look at [mcp.{name}] in your configuration."
        )

    async def aclose(self) -> None:
        """End it."""
        self._stop.set()
        task, client = self._task, self._client
        self._task = self._client = None
        if task is None:
            return
        if client is not None and not client.done():
            task.cancel()  # it is still about to begin; later on a cancellation would keep the SDK from ending it
        done, _ = await asyncio.wait([task], timeout=STOPPING)
        if not done:
            task.cancel()
            await asyncio.wait([task], timeout=1)


def _last_words(stderr: TextIO) -> str:
    """Return the last line that a program wrote to its standard error."""
    stderr.seek(0)
    lines = stderr.read(100_000).split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" (it says: {said[:300]})" if said else ""


def _opener(server: McpServer) -> Opener:
    """Return what opens a client for a server; what a started program says besides goes into a file.

    Raises:
        MissingExtraError: The SDK isn't installed.
    """
    try:
        import mcp
    except ImportError:
        raise MissingExtraError(f"The MCP server {server.name}", "mcp") from None
    logs = logging.getLogger("mcp")
    if not logs.handlers:  # else each line that is no message would be shown in the cell, with a traceback
        logs.addHandler(logging.NullHandler())

    async def opened(stack: AsyncExitStack, stderr: TextIO) -> Client:
        source: Any
        if server.url:
            from mcp.client.streamable_http import streamable_http_client
            from mcp.shared._httpx_utils import create_mcp_http_client

            http: AbstractAsyncContextManager[Any] = create_mcp_http_client(headers=dict(server.headers))
            source = streamable_http_client(server.url, http_client=await stack.enter_async_context(http))
        else:
            from mcp.client.stdio import stdio_client

            program, *arguments = watched(server.command)
            started = mcp.StdioServerParameters(
                command=program,
                args=arguments,
                env=dict(server.env) or None,
                cwd=server.cwd or None,
            )
            source = stdio_client(started, errlog=stderr)
        return await stack.enter_async_context(mcp.Client(source))

    return opened


def watched(command: Sequence[str]) -> list[str]:
    """Return a command that also ends when this process is killed; on Windows the SDK sees to that itself."""
    if sys.platform == "win32" or not sys.executable:
        return [*command]
    return [sys.executable, "-I", "-S", warden.__file__, *command]


def _tool(server: str, found: Any, taken: Collection[str]) -> Tool:
    """Return a server's tool as it is offered to models, by a name that no other one of it has."""
    whole = f"{server}{SEPARATOR}{_NOT_IN_NAMES.sub('_', found.name)}"
    name, number = whole[:_LONGEST_NAME], 2
    while name in taken:
        end = f"_{number}"
        name, number = whole[: _LONGEST_NAME - len(end)] + end, number + 1
    schema = dict(found.input_schema or {})
    schema.setdefault("type", "object")
    schema.setdefault("properties", {})
    return Tool(name, (found.description or found.name)[:_LONGEST_DESCRIPTION], schema)


def _output(result: Any) -> Output:
    """Return what a call gave back: texts and pictures; of everything else only that it was there."""
    parts: list[Text | Image] = []
    for one in result.content:
        kind = getattr(one, "type", "")
        if kind == "text":
            parts.append(Text(one.text))
        elif kind == "image" and one.mime_type in _PICTURES:
            with suppress(binascii.Error, ValueError):
                parts.append(Image(base64.b64decode(one.data, validate=True), one.mime_type))
        elif kind == "resource" and isinstance(getattr(one.resource, "text", None), str):
            parts.append(Text(one.resource.text))
        else:
            parts.append(Text(f"[{kind or 'something'} that can't be shown here]"))
    if not parts and result.structured_content is not None:
        return output_of(result.structured_content)
    return output_of(Output(tuple(parts) or (Text("(nothing)"),), failed=bool(result.is_error)))


def _first_line(error: BaseException) -> str:
    """Return what an error says; of a group, what its first one says."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0][:300]}" if words else type(error).__name__


def mcp_offers(
    connection: McpConnection, tools: Sequence[tuple[str, Tool]], *, named: bool, wanted: str = ""
) -> list[Offer]:
    """Return a server's tools on offer.

    Args:
        connection: The server.
        tools: Its own name of each tool, and the tool as it is offered.
        named: Whether the user's own cell named each of them, not only their server.
        wanted: Only the tool that is offered by this name.
    """

    def offer(own: str, tool: Tool) -> Offer:
        async def run(arguments: Arguments, situation: Situation) -> Output:  # noqa: ARG001 - as every tool is called
            return await connection.call(own, arguments)

        return Offer(spec=tool, run=run, approve=True, named=named, untrusted=True)

    return [offer(own, tool) for own, tool in tools if not wanted or tool.name == wanted]
