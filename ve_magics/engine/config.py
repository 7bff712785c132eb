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
    RouteRow,
    config_path,
    provider_of,
    read_file,
)
from ve_magics.engine.keychain import KeyChain
from ve_magics.engine.keys import Redactor, Secret, keyring_key
from ve_magics.engine.prices import Prices
from ve_magics.engine.serving import Serving
from ve_magics.errors import ConfigError, MissingKeyError, UnknownModelError
from ve_magics.providers import PROVIDERS, Provider
from ve_magics.routing import Route, Target

NO_KEY = Secret("", "no key needed")
"""What is sent where no key is needed: nothing."""

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
        self._keychain = KeyChain(self._environ, keyring)
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
        self._routes: dict[str, Route] = {}
        self._held: dict[str, Secret] = {}
        self._used: dict[str, str] = {}
        self._key_listeners: list[Callable[[str, int], object]] = []

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
        self.provider(provider)
        self._held[provider] = Secret(key, "%ve key")
        self._routes.clear()
        for listener in self._key_listeners:
            listener(provider, 1)

    def on_key(self, listener: Callable[[str, int], object]) -> None:
        """Have a listener called with a provider and the number of its keys whenever they change."""
        self._key_listeners.append(listener)

    def adopt(self, other: Config) -> None:
        """Take over what holds until the kernel ends: keys that were typed and defaults that were chosen."""
        self._used |= other._used
        for provider, secret in other._held.items():
            if provider in self.providers:
                self._held[provider] = secret
        self._routes.clear()

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
        row = ProviderRow(base_url=base_url, dialect=dialect)
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
        mine._held = dict(self._held)
        mine._routes, mine._key_listeners = {}, []
        if key:
            mine._held[name] = Secret(key, "api_key")
        return mine, name

    def provider(self, name: str) -> Provider:
        """Return a provider by name.

        Raises:
            UnknownModelError: There is none.
        """
        found = self.providers.get(name)
        if found is None:
            near = catalog.nearest(name, self.providers)
            hint = (
                f"Did you mean {' or '.join(near)}?"
                if near
                else f"Known: {', '.join(sorted(self.providers))}."
            )
            raise UnknownModelError(f"There is no provider {name!r}.", nearest=near, hint=hint)
        return found

    def keys(self, name: str) -> tuple[Secret, ...]:
        """Return the keys that are known for a provider, the first to be used first; empty where there are none.

        A system keyring that can't be asked holds none here; `key` tells why.
        """
        if name in self._held:
            return (self._held[name],)
        return tuple(found for found in self._found(name) if isinstance(found, Secret))

    def _found(self, name: str) -> list[Secret | MissingKeyError]:
        """Return what is known of a provider's keys: themselves, and why one that is there can't be used."""
        return self._keychain.found(name, self._specs(name), self.provider(name).key_names)

    def _specs(self, name: str) -> tuple[str, ...]:
        row = self._rows.get(name)
        return () if row is None else row.keys or ((row.key,) if row.key else ())

    def key(self, name: str, index: int = 0) -> Secret:
        """Return the key to send to a provider.

        Raises:
            MissingKeyError: It needs one, and none is known or the one that is there can't be used.
        """
        keys = self.keys(name)
        if keys:
            return keys[index % len(keys)]
        provider = self.provider(name)
        if provider.keyless:
            return NO_KEY
        for found in self._found(name):
            if isinstance(found, MissingKeyError):
                raise MissingKeyError(found.message, hint=found.hint)
        specs = self._specs(name)
        if not specs and isinstance(kept := self._keychain.in_keyring(name), Secret):
            return kept
        variables = [spec.removeprefix("env:") for spec in specs if spec.startswith("env:")]
        variable = next(iter(variables or provider.key_names), "")
        hint = f"Set {variable}, or type: %ve key {name}" if variable else f"Type: %ve key {name}"
        error = MissingKeyError(f"No key for {name}.", hint=hint)
        error.client_hint = "The server's owner can set one; or choose another model."
        raise error

    def key_faults(self) -> tuple[str, ...]:
        """Return why keys that are there can't be used, a line each."""
        found = (fault for name in self.providers if name not in self._held for fault in self._found(name))
        return tuple(dict.fromkeys(str(fault) for fault in found if isinstance(fault, MissingKeyError)))

    def pooled(self, name: str) -> bool:
        """Whether a provider's row names several keys."""
        row = self._rows.get(name)
        return row is not None and len(row.keys or ()) > 1 and name not in self._held

    def usable(self, name: str) -> bool:
        """Whether a provider could be asked now: it has a key or needs none."""
        return self.providers[name].keyless or bool(self.keys(name))

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
        models = (
            f"{provider}/{model}"
            for provider, known in catalog.KNOWN_MODELS.items()
            if provider in self.providers and self.usable(provider)
            for model in known
        )
        return (*self._route_rows, *self.aliases, *models)

    def route(self, model: str) -> Route:
        """Return the targets that may serve a model: a route, an alias, `provider/name`, or a bare name.

        Raises:
            UnknownModelError: Nobody is known to serve it.
            MissingKeyError: Everybody who serves it needs a key.
            ConfigError: A route or an alias leads nowhere or in a circle.
        """
        known = self._routes.get(model)
        if known is not None:
            return known
        name = self._resolve(model)
        row = self._route_rows.get(name)
        if row is None:
            target = self._target(name)
            route = Route(name=str(target), targets=(target,))
            if str(target) != name:
                return route
        else:
            route = self._routed(name, row)
        self._routes[model] = route
        return route

    def _resolve(self, model: str) -> str:
        """Follow aliases to the name of a route or a model."""
        seen: list[str] = []
        while model in self.aliases and model not in self._route_rows:
            if model in seen:
                raise ConfigError(
                    f"The alias {seen[0]!r} leads in a circle: {' → '.join([*seen, model])}.",
                    hint="Mend [aliases].",
                )
            seen.append(model)
            model = self.aliases[model]
        return model

    def _routed(self, name: str, row: RouteRow) -> Route:
        if not row.targets:
            raise ConfigError(f"[routes.{name}] has no targets.")
        targets = tuple(self._member(name, target) for target in row.targets)
        defaults = {} if row.retries is None else {"retries": row.retries}
        ranks = tuple(self._price_rank(target) for target in targets) if row.policy == "cheapest" else ()
        return Route(
            name=name,
            targets=targets,
            policy=row.policy,
            weights=row.weights,
            prices=ranks,
            hedge_percentile=row.hedge_percentile,
            **defaults,
        )

    def _member(self, route: str, model: str) -> Target:
        """Return the target that a route names; whether its provider has a key shows when it is asked."""
        name = self._resolve(model)
        if name in self._route_rows:
            raise ConfigError(
                f"[routes.{route}] names the route {name!r} as a target.", hint="Name its targets instead."
            )
        makers = [maker for maker in catalog.makers(name) if maker in self.providers]
        if self._named(name) is None and makers:
            usable = [maker for maker in makers if self.usable(maker)]
            return Target((usable or makers)[0], name)
        return self._target(name)

    def _named(self, model: str) -> Target | None:
        """Return the target that `provider/model` names; None for any other name."""
        provider, _, name = model.partition("/")
        return Target(provider, name) if name and provider in self.providers else None

    def _target(self, model: str) -> Target:
        if (target := self._named(model)) is not None:
            return target
        makers = [maker for maker in catalog.makers(model) if maker in self.providers]
        for maker in makers:
            if self.usable(maker):
                return Target(maker, model)
        if makers:
            self.key(makers[0])
        model = model[:200]
        near = catalog.nearest(model, self.names())
        how = f"Did you mean {' or '.join(near)}?" if near else "Name it provider/model;"
        hint = how if near else f"{how} %ve models lists them."
        error = UnknownModelError(f"Nobody here serves a model {model!r}.", nearest=near, hint=hint)
        error.client_hint = how if near else f"{how} GET /v1/models lists them."
        raise error

    def midstream(self, model: str) -> Midstream:
        """Return what happens to an answer of this model that breaks after its first token, as the user set it."""
        row = self._route_rows.get(self._resolve(model))
        return "restart" if row is None or row.midstream is None else row.midstream

    def price(self, target: Target) -> catalog.Price | None:
        """Return what a target costs; None where that isn't known."""
        return self.prices.price(target.provider, target.model)

    def _price_rank(self, target: Target) -> float | None:
        price = self.price(target)
        if price is None or price.input is None or price.output is None:
            return None
        return price.input * 3 + price.output


def _https_host(url: str) -> str:
    """Return the host and port of an https address; for any other, something that equals no other."""
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.scheme == "https" else url
