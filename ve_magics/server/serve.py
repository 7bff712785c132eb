"""What `ve-magics serve` does: open a session, make the app, listen."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from ve_magics.engine.config import Config
from ve_magics.engine.listener import listen
from ve_magics.engine.session import Session
from ve_magics.errors import ConfigError
from ve_magics.server.access import Access, Grant, server_token
from ve_magics.server.app import ServerApp

GRACE = 120
"""Seconds that running streams get to finish when the server is told to stop."""


def serve(host: str, port: int, *, config_file: Path | None = None, data: Path | None = None) -> None:
    """Serve the gateway until the process is told to stop; prints one line with its URL when it is ready.

    Args:
        host: Address to listen at.
        port: Port; 0 takes a free one.
        config_file: A configuration file instead of the user's own.
        data: The data directory; the user's own where None.

    Raises:
        MissingExtraError: uvicorn isn't installed.
        ConfigError: The configuration, the token, the address or the port can't be used.
    """
    config = Config(file=config_file)
    session = Session(config=config, data=data)
    grants, note = open_to(host, config, session.data)
    listen(
        ServerApp(session, Access(grants)),
        host,
        port,
        name="ve-magics serve",
        what="ve-magics serve",
        grace=GRACE,
        note=note,
    )


def open_to(host: str, config: Config, home: Path) -> tuple[tuple[Grant, ...], str]:
    """Return whom the server is open to, and where its own token lies, as its first line says it.

    Raises:
        ConfigError: Others than this machine could reach it, and nobody has said who may ask.
    """
    serving = config.serving
    grants = [
        Grant(name=row.name, token=key.reveal(), models=row.models, budget=row.budget)
        for row, key in serving.keys
    ]
    if serving.token:
        own, note = serving.token.reveal(), f" (token: ${serving.token.source})"
    elif not is_loopback(host) and not grants:
        raise ConfigError(
            f"{host} can be reached from other machines, and no token was given.",
            hint="Set VE_SERVER_TOKEN, or give each user a key: [[server.keys]] in your configuration.",
        )
    else:
        own, path = server_token(home)
        note = f" (token in {path})"
    return (Grant(name="server", token=own), *grants), note


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
