"""The user's configuration: providers, keys, routes and defaults, and why each of them holds.

The stronger first: what was set in this kernel (`%ve use`, `%ve key`), a `ve_magics.toml` that lies beside the
notebook, the user's own file (`VE_CONFIG`, or `config.toml` in the user's configuration directory), the environment.
The file beside the notebook may choose models and routes, but it came with the notebook and is not trusted: it can't
add or change a provider, a price or a budget, so that it can't send a key to another host or spend without limit.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

import msgspec

from ve_magics import catalog
from ve_magics.engine.config_agents import McpServers
from ve_magics.engine.config_file import (
    ConfigFile,
    Midstream,
    ProviderRow,
    config_path,
    provider_of,
    read_file,
)
from ve_magics.engine.config_keys import ProviderKeys
from ve_magics.engine.config_routes import Routes
from ve_magics.engine.keychain import KeyChain
from ve_magics.engine.keys import Redactor, Secret, keyring_key
from ve_magics.engine.prices import Prices
from ve_magics.engine.serving import Serving
from ve_magics.errors import ConfigError
from ve_magics.providers import PROVIDERS, Provider
from ve_magics.routing import Route, Target

BESIDE = "ve_magics.toml"
"""Name of the file beside a notebook that may choose models and routes."""


def child_environment(**changes: str) -> dict[str, str]:
    """Return the environment for a process that is started here, with these changes."""
    return {**os.environ, **changes}


class Chosen(msgspec.Struct, frozen=True):
    """A default and the reason why it holds."""

    model: str
    why: str


class Config:
    """Everything that decides who is asked, with which key, and why.

    Args:
        environ: The environment to read; the process's own where None.
        directory: Where the notebook lies; its `ve_magics.toml` is read with little trust.
        keyring: Returns a provider's key from the system keyring, None where it holds none.
        file: The user's own file; the one that `VE_CONFIG` names, or the usual one, where None.

    Raises:
        ConfigError: A file can't be used.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
        keyring: Callable[[str], Secret | None] = keyring_key,
        file: Path | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self.path = config_path(self._environ) if file is None else file
        self.read_from: list[Path] = []
        own = ConfigFile()
        if self.path.is_file():
            own = read_file(self.path, trusted=True)
            self.read_from.append(self.path)
        elif file is not None or self._environ.get("VE_CONFIG"):
            where = "VE_CONFIG" if file is None else "--config"
            raise ConfigError(f"{where} names {self.path}, which is not a file.", hint=f"Mend {where}.")
        beside = ConfigFile()
        came_along = None if directory is None else directory / BESIDE
        if came_along is not None and came_along.is_file() and not self._is_own(came_along):
            beside = read_file(came_along, trusted=False)
            self.read_from.append(came_along)
        self._rows = own.providers
        self.providers = {
            **PROVIDERS,
            **{name: provider_of(name, row) for name, row in own.providers.items()},
        }
        self.aliases = {**own.aliases, **beside.aliases}
        free = {name for name, provider in self.providers.items() if provider.simulated or provider.local}
        self.prices = Prices(own.prices, free=free)
        self.budget = own.budget
        self.agents = own.agents
        self.mcp = McpServers(own.mcp, self._environ)
        self._server = own.server
        self.deadlines = msgspec.structs.replace(
            own.deadlines,
            **{name: value for name, value in msgspec.structs.asdict(beside.deadlines).items() if value},
        )
        self._files = (
            (beside.defaults, f"{BESIDE} beside the notebook"),
            (own.defaults, str(self.path)),
        )
        self._route_rows = {**own.routes, **beside.routes}
        self._used: dict[str, str] = {}
        self._keys = ProviderKeys(self.providers, self._rows, KeyChain(self._environ, keyring))
        self._routes = self._routes_with(self._keys)

    def _routes_with(self, keys: ProviderKeys) -> Routes:
        return Routes(self.providers, self._route_rows, self.aliases, keys, self.price)

    def _is_own(self, path: Path) -> bool:
        """Whether a path is the user's own file by another name."""
        return self.path.is_file() and path.samefile(self.path)

    @property
    def concurrency(self) -> dict[str, int]:
        """How many requests at once a provider may get, by provider, where the user set a limit."""
        return {name: row.concurrency for name, row in self._rows.items() if row.concurrency is not None}

    @property
    def serving(self) -> Serving:
        """Who may ask the server; raises `ConfigError` where a key isn't set."""
        return Serving(self._server, self._environ)

    @property
    def redactor(self) -> Redactor:
        """What takes every key that is known now out of texts that are kept."""
        return Redactor(secret for name in self.providers for secret in self.keys(name))

    @property
    def recording_mode(self) -> Literal["", "off", "auto", "record", "replay"]:
        """What `VE_RECORDING` says: off, auto, record or replay; empty where it says nothing.

        Raises:
            ConfigError: It says something else.
        """
        match self._environ.get("VE_RECORDING", "").lower():
            case ("" | "off" | "auto" | "record" | "replay") as mode:
                return mode
            case other:
                raise ConfigError(
                    f"VE_RECORDING={other} is not a mode.", hint="Use off, auto, record or replay."
                )

    @property
    def recording_log(self) -> Path | None:
        """The file of `VE_RECORDING_LOG`, to which each use of a recording is written; None where it names none."""
        name = self._environ.get("VE_RECORDING_LOG", "")
        return Path(name) if name else None

    def notebook(self, directory: Path) -> Path | None:
        """Return the notebook that runs, as far as the environment tells.

        `VE_NOTEBOOK` names it outright; Jupyter Server sets `JPY_SESSION_NAME` for the kernels that it starts.
        """
        for variable in ("VE_NOTEBOOK", "JPY_SESSION_NAME"):
            name = self._environ.get(variable, "")
            if name.endswith(".ipynb"):
                return directory / Path(name).name
        return None

    def hold_key(self, provider: str, key: str) -> None:
        """Keep a key in memory until the kernel ends.

        Raises:
            UnknownModelError: There is no such provider.
            ConfigError: The key holds a character that no key has.
        """
        self._keys.hold(provider, key)

    def on_key(self, listener: Callable[[str, int], object]) -> None:
        """Have a listener called with a provider and the number of its keys whenever they change."""
        self._keys.listen(listener)

    def adopt(self, other: Config) -> None:
        """Take over what holds until the kernel ends: keys that were typed and defaults that were chosen."""
        self._used |= other._used
        self._keys.adopt(other._keys)
        self._routes.forget()

    def use(self, kind: str, model: str) -> None:
        """Choose the default model of a kind (`chat`, `video`, …) until the kernel ends."""
        self._used[kind] = model

    def with_endpoint(self, base_url: str, key: str, dialect: str) -> tuple[Self, str]:
        """Return this configuration with a provider more, and its name: an address that the caller names outright.

        The caller's key goes to that address. Without one, the provider's own key is used where the address is that
        of a provider that is known, and none where it isn't.

        Raises:
            ConfigError: The address is not one, or the key holds a character that no key has.
        """
        row = ProviderRow(base_url=base_url, dialect=dialect, video="openai_videos")
        address = base_url.rstrip("/")
        known = next((name for name, one in self.providers.items() if one.base_url == address), "")
        if not known:
            host = next(
                (
                    n
                    for n, one in self.providers.items()
                    if _https_host(one.base_url) == _https_host(base_url)
                ),
                "",
            )
            known = host if host and not self.providers[host].local else ""
        if known:
            name = known
            provider = msgspec.structs.replace(self.providers[known], base_url=address, dialect=dialect)
        else:
            name = "endpoint"
            while name in self.providers:
                name += "-1"
            provider = provider_of(name, row)
            if not key:
                provider = msgspec.structs.replace(provider, auth="none")
        mine = copy.copy(self)
        mine.providers = {**self.providers, name: provider}
        mine._keys = self._keys.joined_by(provider, key)
        mine._routes = mine._routes_with(mine._keys)
        return mine, name

    def provider(self, name: str) -> Provider:
        """Return a provider by name.

        Raises:
            UnknownModelError: There is none.
        """
        return self._keys.provider(name)

    def keys(self, name: str) -> tuple[Secret, ...]:
        """Return the keys that are known for a provider, the first to be used first; empty where there are none.

        A system keyring that can't be asked holds none here; `key` tells why.
        """
        return self._keys.all(name)

    def key(self, name: str, index: int = 0) -> Secret:
        """Return the key to send to a provider.

        Args:
            name: The provider.
            index: Which of several keys; counted round.

        Raises:
            UnknownModelError: There is no such provider.
            MissingKeyError: It needs one, and none is known or the one that is there can't be used.
        """
        return self._keys.one(name, index)

    def key_faults(self) -> tuple[str, ...]:
        """Return why keys that are there can't be used, a line each."""
        return self._keys.faults()

    def pooled(self, name: str) -> bool:
        """Whether a provider's row names several keys."""
        return self._keys.pooled(name)

    def usable(self, name: str) -> bool:
        """Whether a provider could be asked now: it has a key or needs none."""
        return self._keys.usable(name)

    def default(self, kind: str) -> Chosen:
        """Return the model that serves a kind of request where none is named, and why.

        Args:
            kind: chat, video, embed, image or rerank.
        """
        if (chosen := self.chosen(kind)) is not None:
            return chosen
        table = catalog.DEFAULTS[kind]
        for name, model in table.items():
            if name != "sim" and (keys := self.keys(name)):
                return Chosen(f"{name}/{model}", f"{keys[0].source} is set")
        return Chosen(f"sim/{table['sim']}", "no key and no configuration: the built-in simulator answers")

    def chosen(self, kind: str) -> Chosen | None:
        """Return the model that the user has named for a kind of request; None where there is only a default."""
        if kind in self._used:
            return Chosen(self._used[kind], "%ve use")
        named = ((getattr(defaults, kind), source) for defaults, source in self._files)
        return next((Chosen(model, source) for model, source in named if model), None)

    def names(self) -> tuple[str, ...]:
        """Return every name that a user could type for a model now: routes, aliases, models of usable providers."""
        return self._routes.names()

    def route(self, model: str) -> Route:
        """Return the targets that may serve a model: a route, an alias, `provider/name`, or a bare name.

        Raises:
            UnknownModelError: Nobody is known to serve it.
            MissingKeyError: Everybody who serves it needs a key.
            ConfigError: A route or an alias leads nowhere or in a circle.
        """
        return self._routes.route(model)

    def midstream(self, model: str) -> Midstream:
        """Return what happens to an answer of this model that breaks after its first token, as the user set it."""
        return self._routes.midstream(model)

    def price(self, target: Target) -> catalog.Price | None:
        """Return what a target costs; None where that isn't known."""
        return self.prices.price(target.provider, target.model)


def _https_host(url: str) -> str:
    """Return the host and port of an https address; for any other, something that equals no other."""
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.scheme == "https" else url
