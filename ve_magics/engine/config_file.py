"""The configuration file: where it lies, what may stand in it, and what a file beside a notebook may not say."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import platformdirs

from ve_magics import catalog
from ve_magics.dialects.videos.registry import VIDEO_DIALECTS
from ve_magics.engine.config_agents import AgentRow, McpRow, check_names
from ve_magics.engine.serving import ServerRow
from ve_magics.errors import ConfigError
from ve_magics.providers import PROVIDERS, Provider, Quirks
from ve_magics.routing import Policy

Midstream = Literal["fail", "restart", "continue"]
"""What happens to an answer that breaks after its first token."""

WIRES = ("chat_completions", "responses", "messages", "generate_content")
"""Wire formats of chat that a row may name."""

LARGEST = 1024 * 1024
"""Most bytes of a configuration file."""

_SECTIONS = {
    "defaults",
    "providers",
    "aliases",
    "routes",
    "prices",
    "budget",
    "deadlines",
    "server",
    "agents",
    "mcp",
}
_TRUSTED_ONLY = {"providers", "prices", "budget", "server", "agents", "mcp"}
_KEYS_ELSEWHERE = {
    "headers": {"authorization", "x-api-key", "x-goog-api-key", "api-key", "proxy-authorization", "cookie"},
    "query": {"key", "api_key", "api-key", "apikey", "access_token", "token"},
}
"""Fields by which a key could travel although it belongs in `key`."""

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Dollars = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


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
    video_path: str | None = None
    video_models: dict[str, str] | None = None
    local: bool | None = None
    allowed_hosts: tuple[str, ...] | None = None
    concurrency: Count | None = None
    quirks: dict[str, Any] | None = None


class RouteRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A `[routes.NAME]` table."""

    targets: tuple[str, ...]
    policy: Policy = "ordered"
    weights: tuple[float, ...] = ()
    hedge_percentile: float | None = None
    retries: int | None = None
    midstream: Midstream | None = None


class DefaultsRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[defaults]` table."""

    chat: str | None = None
    video: str | None = None
    embed: str | None = None
    image: str | None = None
    rerank: str | None = None


class BudgetRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[budget]` table: limits in US dollars of one notebook and of everything.

    `allow_unknown` lets calls through whose price nobody knows.
    """

    notebook: Dollars | None = None
    total: Dollars | None = None
    allow_unknown: bool = False


class DeadlinesRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `[deadlines]` table: seconds."""

    connect: Seconds | None = None
    first_token: Seconds | None = None
    silence: Seconds | None = None
    total: Seconds | None = None


class ConfigFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration file."""

    defaults: DefaultsRow = msgspec.field(default_factory=DefaultsRow)
    providers: dict[str, ProviderRow] = {}
    aliases: dict[str, str] = {}
    routes: dict[str, RouteRow] = {}
    prices: dict[str, catalog.Price] = {}
    budget: BudgetRow = msgspec.field(default_factory=BudgetRow)
    deadlines: DeadlinesRow = msgspec.field(default_factory=DeadlinesRow)
    server: ServerRow = msgspec.field(default_factory=ServerRow)
    agents: dict[str, AgentRow] = {}
    mcp: dict[str, McpRow] = {}


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
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path.name} is larger than {LARGEST >> 20} MiB.", hint=f"See {path}.")
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name} can't be read: {error.__class__.__name__}.", hint=f"See {path}."
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "nested too deep"
        raise ConfigError(f"{path.name} is not valid TOML: {said}.", hint=f"Mend {path}.") from None
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
        file = msgspec.convert(table, ConfigFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path.name}: {error}.", hint=f"Mend {path}.") from None
    check_names(file.agents, file.mcp)
    if not trusted:
        _check_untrusted(path, file)
    return file


def _check_untrusted(path: Path, file: ConfigFile) -> None:
    """Refuse names that would make `provider/model` mean something else than it says."""
    for name in (*file.aliases, *file.routes):
        if name.partition("/")[0] in PROVIDERS and "/" in name:
            raise ConfigError(
                f"{path.name} came with the notebook and may not say what {name!r} means.",
                hint="Choose a name without a provider before the slash.",
            )


_ENVIRONMENT = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*").fullmatch


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
    if row.video is not None:  # another interface: what is known of the old one says nothing of it
        data |= {"video_path": "", "video_models": []}
    for field in ("base_url", "dialect", "auth", "video", "video_path", "local", "allowed_hosts"):
        if changes[field] is not None:
            data[field] = changes[field]
    if row.video_models is not None:
        data["video_models"] = [[start.lower(), wire] for start, wire in row.video_models.items()]
    if row.headers is not None:
        data["headers"] = [[field.lower(), value] for field, value in row.headers.items()]
    if row.query is not None:
        data["query"] = [[field, value] for field, value in row.query.items()]
    if row.quirks is not None:
        data["quirks"] = {**data.get("quirks", {}), **row.quirks}
    _check_words(name, row)
    _check_keys_are_elsewhere(name, row)
    data["base_url"] = data["base_url"].rstrip("/")
    _check_address(name, data["base_url"])
    for spec in (row.key, *(row.keys or ())):
        if spec is not None and spec != "keyring" and not _ENVIRONMENT(spec):
            raise ConfigError(
                f'[providers.{name}] key must be "env:VARIABLE" or "keyring", not the key itself.',
                hint=f"Put the key in an environment variable, or type %ve key {name}.",
            )
    if row.key is None and row.keys is None and known is None and data.get("auth", "bearer") == "bearer":
        data.setdefault("key_names", [f"{re.sub('[^A-Z0-9]', '_', name.upper())}_API_KEY"])
    try:
        return msgspec.convert(data, Provider)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[providers.{name}]: {error}.") from None


def _check_words(name: str, row: ProviderRow) -> None:
    """Refuse a name that could never be asked for, and words that mean nothing."""
    if "/" in name or name != name.strip() or not name:
        raise ConfigError(f"[providers.{name}] can't be asked for: a name holds no slash and no space.")
    said = (
        ("dialect", [row.dialect] if row.dialect else [], WIRES),
        ("quirk", row.quirks or (), Quirks.__struct_fields__),
        ("video format", [row.video] if row.video else [], VIDEO_DIALECTS),
        ("video format", (row.video_models or {}).values(), VIDEO_DIALECTS),
    )
    for what, words, known in said:
        for word in words:
            if word not in known:
                near = catalog.nearest(word, known, count=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
                raise ConfigError(f"[providers.{name}] names an unknown {what} {word!r}.", hint=hint)


def _check_address(name: str, base_url: str) -> None:
    """Refuse what is no address, and what would carry a key in it."""
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(
            f"[providers.{name}] base_url is not an address.",
            hint="Write it like https://HOST/v1, beginning with http:// or https://.",
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"[providers.{name}] base_url holds more than an address.",
            hint='Give the key as key = "env:VARIABLE" and parameters under query.',
        )


def _check_keys_are_elsewhere(name: str, row: ProviderRow) -> None:
    """Refuse a key that stands in the file, where it would be shown, or in addresses, where it would be logged."""
    for field, fields in _KEYS_ELSEWHERE.items():
        for given in getattr(row, field) or {}:
            if given.lower() in fields:
                raise ConfigError(
                    f"[providers.{name}] {field} may not carry a key ({given}).",
                    hint='Give it as key = "env:VARIABLE" or "keyring"; auth says how it travels.',
                )
