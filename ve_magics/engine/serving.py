"""What the user's configuration says of the server: its own token, and the keys that it gives to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from ve_magics.engine.keys import Secret
from ve_magics.errors import ConfigError

TOKEN_VARIABLE = "VE_SERVER_TOKEN"  # noqa: S105 - the variable's name, not what it holds


class ServerKeyRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A `[[server.keys]]` table: who may ask the server.

    Attributes:
        name: What the books call its holder.
        key: `env:VARIABLE`.
        models: Patterns of the models that may be asked; empty allows all.
        budget: US dollars that may be spent in all; None sets no limit.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    key: Annotated[str, msgspec.Meta(pattern="^env:[A-Za-z_][A-Za-z0-9_]*$")]
    models: tuple[str, ...] = ()
    budget: Annotated[float, msgspec.Meta(ge=0)] | None = None


class ServerRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[server]` table."""

    keys: tuple[ServerKeyRow, ...] = ()


class Serving:
    """The server's settings with what the environment adds.

    Args:
        row: The `[server]` table.
        environ: The environment.

    Attributes:
        token: The server's own token as `VE_SERVER_TOKEN` gives it; false where it doesn't.
        keys: What each key allows, and the key itself.

    Raises:
        ConfigError: A key isn't set, holds a character that no key has, or a name comes twice.
    """

    def __init__(self, row: ServerRow, environ: Mapping[str, str]) -> None:
        self.token = Secret(environ.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE)
        names = [key.name for key in row.keys]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"[[server.keys]] names {name!r} twice.", hint="Give each its own name.")
        self.keys = tuple((key, _key(key, environ)) for key in row.keys)


def _key(row: ServerKeyRow, environ: Mapping[str, str]) -> Secret:
    variable = row.key.removeprefix("env:")
    secret = Secret(environ.get(variable, "").strip(), variable)
    if not secret:
        raise ConfigError(f"The key of {row.name} is not set.", hint=f"Set {variable}, or take out the row.")
    return secret
