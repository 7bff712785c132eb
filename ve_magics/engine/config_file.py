"""The configuration file: where it lies, what may stand in it, and what a file beside a notebook may not say."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from ve_magics import catalog
from ve_magics.errors import ConfigError
from ve_magics.providers import PROVIDERS, Provider
from ve_magics.routing import Policy

_SECTIONS = {"defaults", "providers", "aliases", "routes", "prices", "budget", "deadlines"}
_TRUSTED_ONLY = {"providers", "prices", "budget"}


class ProviderRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A `[providers.NAME]` table of the user's file; what it leaves out stays as it is known."""

    base_url: str | None = None
    dialect: str | None = None
    auth: str | None = None
    key: str | None = None
    keys: tuple[str, ...] | None = None
    headers: dict[str, str] | None = None
    query: dict[str, str] | None = None
    video: str | None = None
    local: bool | None = None
    allowed_hosts: tuple[str, ...] | None = None
    concurrency: int | None = None
    quirks: dict[str, Any] | None = None


class RouteRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A `[routes.NAME]` table."""

    targets: tuple[str, ...]
    policy: Policy = "ordered"
    weights: tuple[float, ...] = ()
    hedge_percentile: float | None = None
    retries: int | None = None
    midstream: str | None = None


class DefaultsRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[defaults]` table."""

    chat: str | None = None
    video: str | None = None
    embed: str | None = None
    image: str | None = None
    rerank: str | None = None


class BudgetRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[budget]` table: limits in US dollars."""

    notebook: float | None = None
    total: float | None = None


class DeadlinesRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[deadlines]` table: seconds."""

    connect: float | None = None
    first_token: float | None = None
    silence: float | None = None
    total: float | None = None


class ConfigFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration file."""

    defaults: DefaultsRow = msgspec.field(default_factory=DefaultsRow)
    providers: dict[str, ProviderRow] = {}
    aliases: dict[str, str] = {}
    routes: dict[str, RouteRow] = {}
    prices: dict[str, catalog.Price] = {}
    budget: BudgetRow = msgspec.field(default_factory=BudgetRow)
    deadlines: DeadlinesRow = msgspec.field(default_factory=DeadlinesRow)


def home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the data directory: `VE_HOME`, or the user's own."""
    environ = os.environ if environ is None else environ
    named = environ.get("VE_HOME")
    return (
        Path(named).expanduser() if named else Path(platformdirs.user_data_dir("ve_magics", appauthor=False))
    )


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return the user's configuration file: `VE_CONFIG`, or `config.toml` in the user's configuration directory."""
    environ = os.environ if environ is None else environ
    named = environ.get("VE_CONFIG")
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_config_dir("ve_magics", appauthor=False)) / "config.toml"


def read_file(path: Path, *, trusted: bool) -> ConfigFile:
    """Read a configuration file.

    Args:
        path: The file.
        trusted: False for a file that came with a notebook.

    Raises:
        ConfigError: It can't be read, isn't TOML, or says something that is not understood or not allowed there.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name} can't be read: {error.__class__.__name__}.", hint=f"See {path}."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}.", hint=f"Mend {path}.") from None
    for section in table:
        if section not in _SECTIONS:
            near = catalog.nearest(section, _SECTIONS, count=1)
            hint = f"Did you mean [{near[0]}]?" if near else f"Sections are {', '.join(sorted(_SECTIONS))}."
            raise ConfigError(f"{path.name} has an unknown section [{section}].", hint=hint)
    if not trusted and (refused := sorted(_TRUSTED_ONLY & table.keys())):
        raise ConfigError(
            f"{path.name} came with the notebook and may not set [{refused[0]}].",
            hint=f"Only your own file can: {config_path()}.",
        )
    try:
        return msgspec.convert(table, ConfigFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path.name}: {error}.", hint=f"Mend {path}.") from None


def provider_of(name: str, row: ProviderRow) -> Provider:
    """Return the provider that a row makes, over what is known of it.

    Raises:
        ConfigError: It is not known and has no address, or a field can't be used.
    """
    known = PROVIDERS.get(name)
    if known is None and not row.base_url:
        near = catalog.nearest(name, PROVIDERS, count=1)
        hint = f"Did you mean {near[0]}?" if near else "A provider of your own needs base_url."
        raise ConfigError(f"[providers.{name}] is not a known provider and names no base_url.", hint=hint)
    data: dict[str, Any] = msgspec.to_builtins(known) if known else {"name": name}
    changes = msgspec.to_builtins(row)
    for field in ("base_url", "dialect", "auth", "video", "local", "allowed_hosts"):
        if changes[field] is not None:
            data[field] = changes[field]
    for field in ("headers", "query"):
        if changes[field] is not None:
            data[field] = [[key.lower(), value] for key, value in changes[field].items()]
    if row.quirks is not None:
        data["quirks"] = {**data.get("quirks", {}), **row.quirks}
    data["base_url"] = data["base_url"].rstrip("/")
    if not data["base_url"].startswith(("http://", "https://")):
        raise ConfigError(f"[providers.{name}] base_url must begin with http:// or https://.")
    if row.key is None and row.keys is None and known is None and data.get("auth", "bearer") == "bearer":
        data.setdefault("key_names", [f"{name.upper().replace('-', '_')}_API_KEY"])
    try:
        return msgspec.convert(data, Provider)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[providers.{name}]: {error}.") from None
