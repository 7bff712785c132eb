"""Who may use the server: tokens, each with the models it may ask and the money it may spend."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import parse_qs

import msgspec

from ve_magics.errors import AuthError, ConfigError, PermissionDeniedError

SHORTEST = 12
"""Characters that a token has at least."""


class Grant(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What one token allows.

    Attributes:
        name: What the books call its holder.
        token: The token itself.
        models: Patterns of the models that may be asked, such as `fast` or `openai/*`; empty allows all.
        budget: US dollars that may be spent in all; None sets no limit.
    """

    name: str
    token: str
    models: tuple[str, ...] = ()
    budget: float | None = None

    def __repr__(self) -> str:
        return f"<grant of {self.name}>"

    def allows(self, model: str) -> bool:
        """Whether a model may be asked."""
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)

    def check_model(self, model: str) -> None:
        """Look whether a model may be asked.

        Raises:
            PermissionDeniedError: It may not.
        """
        if not self.allows(model):
            raise PermissionDeniedError(
                f"This token may not use {model[:200]}.",
                status=403,
                code="model_not_allowed",
                hint=f"It may use: {', '.join(self.models)}.",
            )


class Access:
    """The tokens that the server knows.

    Args:
        grants: At least one.

    Raises:
        ConfigError: A token is too short, or two holders have the same.
    """

    def __init__(self, grants: tuple[Grant, ...]) -> None:
        for grant in grants:
            if len(grant.token) < SHORTEST:
                raise ConfigError(
                    f"The token of {grant.name} is too short.", hint=f"Use at least {SHORTEST} characters."
                )
        if len({grant.token for grant in grants}) < len(grants):
            raise ConfigError("Two keys of the server are the same.", hint="Give each holder an own one.")
        self.grants = grants

    def grant(self, headers: Mapping[str, str], query: bytes) -> Grant:
        """Return what the request's token allows, wherever a provider's SDK puts its key.

        Raises:
            AuthError: It has no token, or an unknown one.
        """
        offered = [headers.get(name, "") for name in ("x-api-key", "x-goog-api-key", "api-key")]
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        offered.append(credentials.strip() if scheme.lower() == "bearer" else "")
        if not any(offered) and query:
            offered = parse_qs(query.decode("latin-1")).get("key", [])
        tokens = [token.encode("utf-8", "replace") for token in offered if token]
        for token in tokens:
            for grant in self.grants:
                if hmac.compare_digest(grant.token.encode(), token):
                    return grant
        raise AuthError(
            "The token is wrong." if tokens else "The token is missing.",
            status=401,
            code="invalid_api_key",
            hint="Send it as `Authorization: Bearer TOKEN`; the server's first line says where it lies.",
        )


def server_token(home: Path) -> tuple[str, Path]:
    """Return the token that is kept in the data directory, made once for this user alone, and its file.

    Raises:
        ConfigError: The directory can't be used.
    """
    path = home / "server-token"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = path.read_text("utf-8").strip() if path.is_file() else ""
        if len(kept) < SHORTEST:
            kept = f"ve-{secrets.token_urlsafe(24)}"
            fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - Path.open can't set the mode
                file.write(f"{kept}\n")
            fresh.replace(path)
        path.chmod(0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"No token can be kept in {home}: {type(error).__name__}.", hint="Set VE_SERVER_TOKEN or VE_HOME."
        ) from None
    return kept, path
