"""Who may use the server: bearer tokens, each with the models it may ask and the money it may spend."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import parse_qs

import msgspec

from ve_magics.errors import AuthError, ConfigError, PermissionDeniedError, QuotaError


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

    def check_model(self, model: str) -> None:
        """Look whether a model may be asked.

        Raises:
            PermissionDeniedError: It may not.
        """
        if self.models and not any(fnmatchcase(model, pattern) for pattern in self.models):
            raise PermissionDeniedError(
                f"This token may not use {model}.",
                status=403,
                code="model_not_allowed",
                hint=f"It may use: {', '.join(self.models)}.",
            )


class Access:
    """The tokens that the server knows, and what their holders have spent.

    Args:
        grants: At least one.
    """

    def __init__(self, grants: tuple[Grant, ...]) -> None:
        self._grants = grants
        self.spent: dict[str, float] = {grant.name: 0.0 for grant in grants}

    def grant(self, headers: Mapping[str, str], query: bytes) -> Grant:
        """Return what the request's token allows, wherever a provider's SDK puts its key.

        Raises:
            AuthError: It has no token, or an unknown one.
        """
        offered = headers.get("authorization", "").removeprefix("Bearer ").strip()
        offered = offered or headers.get("x-api-key", "") or headers.get("x-goog-api-key", "")
        if not offered and query:
            offered = parse_qs(query.decode("latin-1")).get("key", [""])[0]
        found = [
            grant
            for grant in self._grants
            if hmac.compare_digest(grant.token.encode(), offered.encode("utf-8", "replace"))
        ]
        if not found:
            raise AuthError(
                "The token is missing or wrong.",
                status=401,
                code="invalid_api_key",
                hint="Send it as `Authorization: Bearer TOKEN`; the server prints where it lies.",
            )
        return found[0]

    def check_budget(self, grant: Grant) -> None:
        """Look whether a holder may spend more.

        Raises:
            QuotaError: The budget is used up.
        """
        if grant.budget is not None and self.spent[grant.name] >= grant.budget:
            raise QuotaError(
                f"The budget of {grant.name} (${grant.budget:g}) is used up.",
                status=429,
                code="insufficient_quota",
            )

    def book(self, grant: Grant, amount: float | None) -> None:
        """Add what a holder has spent; an unknown cost adds nothing."""
        self.spent[grant.name] += amount or 0.0


def server_token(home: Path, given: str) -> str:
    """Return the server's own token: the one that is given, or the one kept in the data directory, made once.

    Raises:
        ConfigError: The given one is too short, or the directory can't be written.
    """
    if given:
        if len(given) < 12:
            raise ConfigError(
                "VE_SERVER_TOKEN is too short.", hint="Use at least 12 characters, or unset it."
            )
        return given
    path = home / "server-token"
    try:
        if path.is_file():
            kept = path.read_text("utf-8").strip()
            if len(kept) >= 12:
                return kept
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = f"ve-{secrets.token_urlsafe(24)}"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(f"{token}\n", "utf-8")
    except OSError as error:
        raise ConfigError(
            f"No token can be kept in {home}: {error.strerror}.", hint="Set VE_SERVER_TOKEN or VE_HOME."
        ) from None
    return token
