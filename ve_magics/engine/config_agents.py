"""What the configuration file says of agents and of MCP servers: `[agents.NAME]` and `[mcp.NAME]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from ve_magics.errors import ConfigError

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,31}").fullmatch
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)").fullmatch
_KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class AgentRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An `[agents.NAME]` table.

    Attributes:
        purpose: What it is for, as the one who hands out work reads it.
        model: Who it is; the cell's own model where empty.
        tools: What it may call, named as in `--tools`.
        system: What its system prompt says besides.
    """

    purpose: str
    model: str = ""
    tools: tuple[str, ...] = ()
    system: str = ""


class McpRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An `[mcp.NAME]` table: a program to start, or an address.

    Attributes:
        command: The program, with its arguments where it is a list.
        args: More arguments.
        env: Variables of its environment besides the few that every program gets; `env:NAME` takes a variable's value.
        cwd: Where it runs.
        url: Address of a server that speaks streamable HTTP.
        headers: Header fields that it gets; no keys.
        key: `env:NAME` of the key that it gets as a bearer token.
        timeout: Seconds that a call may take.
    """

    command: str | tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    key: str = ""
    timeout: Seconds = 60.0


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server that may be used. Its repr holds no values.

    Attributes:
        command: The program with its arguments; empty where it is an address.
        url: The address.
    """

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str = ""
    url: str = ""
    headers: Mapping[str, str] = {}
    timeout: float = 60.0

    def __repr__(self) -> str:
        return f"McpServer({self.name!r})"


class McpServers:
    """The servers that the user's own file names.

    Args:
        rows: What it says of them.
        environ: The environment that `env:NAME` is looked up in.
    """

    def __init__(self, rows: Mapping[str, McpRow], environ: Mapping[str, str]) -> None:
        self._rows = rows
        self._environ = environ

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __getitem__(self, name: str) -> McpServer:
        """Return a server; raises `KeyError` where none has the name, `ConfigError` where it can't be used."""
        return server_of(name, self._rows[name], self._environ)


def check_names(agents: Mapping[str, AgentRow], servers: Mapping[str, McpRow]) -> None:
    """Look whether agents and servers can be called by their names.

    Raises:
        ConfigError: One can't.
    """
    for section, rows in (("agents", agents), ("mcp", servers)):
        for name in rows:
            if not _NAME(name):
                raise ConfigError(
                    f"[{section}.{name}] can't be called so.",
                    hint="A name is ASCII letters, digits, _ and -.",
                )


def server_of(name: str, row: McpRow, environ: Mapping[str, str]) -> McpServer:
    """Return the server that a row means.

    Args:
        name: The row's name.
        row: What it says.
        environ: The environment that `env:NAME` is looked up in.

    Raises:
        ConfigError: It means none, or a variable isn't set.
    """
    command = (
        (row.command,) if isinstance(row.command, str) and row.command else tuple(row.command)
    ) + row.args
    if bool(command) == bool(row.url):
        raise ConfigError(f"[mcp.{name}] needs a command or a url, one of them.")
    if row.url:
        parts = urlsplit(row.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigError(f"[mcp.{name}] url is not an address.", hint="Write it like https://HOST/mcp.")
    headers = {}
    for field, value in row.headers.items():
        if field.lower() in _KEY_HEADERS:
            raise ConfigError(
                f"[mcp.{name}] headers may not carry a key ({field}).",
                hint='Give it as key = "env:VARIABLE".',
            )
        headers[field] = value
    if row.key:
        if not _VARIABLE(row.key):
            raise ConfigError(f'[mcp.{name}] key must be "env:VARIABLE", not the key itself.')
        headers["Authorization"] = f"Bearer {_value(name, row.key, environ)}"
    return McpServer(
        name=name,
        command=command,
        env={variable: _value(name, value, environ) for variable, value in row.env.items()},
        cwd=row.cwd,
        url=row.url,
        headers=headers,
        timeout=row.timeout,
    )


def _value(name: str, spec: str, environ: Mapping[str, str]) -> str:
    named = _VARIABLE(spec)
    if named is None:
        return spec
    if named[1] not in environ:
        raise ConfigError(
            f"[mcp.{name}] names the variable {named[1]}, which is not set.", hint=f"Set {named[1]}."
        )
    return environ[named[1]]
