"""The user's configuration: providers, keys, routes and defaults, and why each of them holds.

Three sources, the stronger first: what was set in this kernel (`%ve use`, `%ve key`), the user's own file
(`VE_CONFIG`, or `config.toml` in the user's configuration directory), and the environment. A `ve_magics.toml` that
lies beside the notebook may choose models and routes, but it came with the notebook and is not trusted: it can't
add or change a provider, so that it can't send a key to another host.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ve_magics import catalog
from ve_magics.engine.config_file import ConfigFile, ProviderRow, config_path, provider_of, read_file
from ve_magics.engine.keys import Secret, keyring_key
from ve_magics.errors import ConfigError, MissingKeyError, UnknownModelError
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

    Raises:
        ConfigError: A file can't be used.
    """

    def __init__(self, *, environ: Mapping[str, str] | None = None, directory: Path | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self.path = config_path(self._environ)
        self.read_from: list[Path] = []
        own = ConfigFile()
        if self.path.is_file():
            own = read_file(self.path, trusted=True)
            self.read_from.append(self.path)
        elif self._environ.get("VE_CONFIG"):
            raise ConfigError(
                f"VE_CONFIG names {self.path}, which is not a file.", hint="Unset VE_CONFIG or mend it."
            )
        beside = ConfigFile()
        if directory is not None and (directory / BESIDE).is_file():
            beside = read_file(directory / BESIDE, trusted=False)
            self.read_from.append(directory / BESIDE)
        self._rows = own.providers
        self.providers = {
            **PROVIDERS,
            **{name: provider_of(name, row) for name, row in own.providers.items()},
        }
        self.aliases = {**own.aliases, **beside.aliases}
        self.prices = {**catalog.PRICES, **own.prices}
        self.budget = own.budget
        self.deadlines = own.deadlines
        self._files = (
            (beside.defaults, f"{BESIDE} beside the notebook"),
            (own.defaults, str(self.path)),
        )
        self._route_rows = {**own.routes, **beside.routes}
        self._held: dict[str, Secret] = {}
        self._used: dict[str, str] = {}

    @property
    def concurrency(self) -> dict[str, int]:
        """How many requests at once a provider may get, by provider, where the user set a limit."""
        return {name: row.concurrency for name, row in self._rows.items() if row.concurrency}

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
        """Keep a key in memory until the kernel ends."""
        self.provider(provider)
        self._held[provider] = Secret(key, "%ve key")

    def use(self, kind: str, model: str) -> None:
        """Choose the default model of a kind (`chat`, `video`, …) until the kernel ends."""
        self._used[kind] = model

    def add_endpoint(self, base_url: str, key: str, dialect: str) -> str:
        """Make a provider of an address and a key that the caller names outright; returns its name.

        Raises:
            ConfigError: The address is not one.
        """
        row = ProviderRow(base_url=base_url, dialect=dialect)
        host = (urlsplit(base_url).hostname or "").lower()
        known = next(
            (name for name, known in PROVIDERS.items() if known.host == host and not known.local), ""
        )
        name = known or host or "endpoint"
        provider = provider_of(name, row)
        self.providers[name] = provider if key else msgspec.structs.replace(provider, auth="none")
        if key:
            self._held[name] = Secret(key, "api_key")
        return name

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
        """Return the keys that are known for a provider, the first to be used first; empty where there are none."""
        provider = self.provider(name)
        if name in self._held:
            return (self._held[name],)
        row = self._rows.get(name)
        named = () if row is None else row.keys or ((row.key,) if row.key else ())
        if named:
            return tuple(secret for spec in named if (secret := self._read_key(name, spec)))
        found = (self._environ.get(variable, "").strip() for variable in provider.key_names)
        pairs = zip(provider.key_names, found, strict=True)
        return tuple(Secret(value, variable) for variable, value in pairs if value)[:1]

    def _read_key(self, name: str, spec: str) -> Secret | None:
        scheme, _, rest = spec.partition(":")
        if scheme == "env" and rest:
            value = self._environ.get(rest, "").strip()
            return Secret(value, rest) if value else None
        if spec == "keyring":
            return keyring_key(name)
        raise ConfigError(
            f'[providers.{name}] key must be "env:VARIABLE" or "keyring", not the key itself.',
            hint=f"Put the key in an environment variable, or type %ve key {name}.",
        )

    def key(self, name: str, index: int = 0) -> Secret:
        """Return the key to send to a provider.

        Raises:
            MissingKeyError: It needs one and none is known.
        """
        provider = self.provider(name)
        keys = self.keys(name)
        if keys:
            return keys[index % len(keys)]
        if provider.keyless:
            return Secret("", "no key needed")
        row = self._rows.get(name)
        spec = row.key if row is not None and row.key else ""
        variable = (
            spec.removeprefix("env:") if spec.startswith("env:") else next(iter(provider.key_names), "")
        )
        hint = f"Set {variable}, or type: %ve key {name}" if variable else f"Type: %ve key {name}"
        raise MissingKeyError(f"No key for {name}.", hint=hint)

    def usable(self, name: str) -> bool:
        """Whether a provider could be asked now: it has a key or needs none."""
        return self.providers[name].keyless or bool(self.keys(name))

    def default(self, kind: str) -> Chosen:
        """Return the model that serves a kind of request where none is named, and why.

        Args:
            kind: chat, video, embed, image or rerank.
        """
        if kind in self._used:
            return Chosen(self._used[kind], "%ve use")
        for defaults, source in self._files:
            model = getattr(defaults, kind)
            if model:
                return Chosen(model, source)
        table = {"chat": catalog.DEFAULT_CHAT, "video": catalog.DEFAULT_VIDEO}.get(kind, {})
        for name, model in table.items():
            if name != "sim" and (keys := self.keys(name)):
                return Chosen(f"{name}/{model}", f"{keys[0].source} is set")
        simulated = {"chat": "tutor", "video": "film"}.get(kind, kind)
        return Chosen(f"sim/{simulated}", "no key and no configuration: the built-in simulator answers")

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
            ConfigError: A route or an alias leads nowhere or in a circle.
        """
        seen: list[str] = []
        while model in self.aliases and model not in self._route_rows:
            if model in seen:
                raise ConfigError(f"The alias {model!r} leads in a circle: {' → '.join([*seen, model])}.")
            seen.append(model)
            model = self.aliases[model]
        row = self._route_rows.get(model)
        if row is None:
            target = self._target(model)
            return Route(name=str(target), targets=(target,), prices=(self._price_rank(target),))
        if not row.targets:
            raise ConfigError(f"[routes.{model}] has no targets.")
        targets = tuple(self._target(self.aliases.get(name, name)) for name in row.targets)
        optional: dict[str, Any] = {"hedge_percentile": row.hedge_percentile}
        if row.retries is not None:
            optional["retries"] = row.retries
        return Route(
            name=model,
            targets=targets,
            policy=row.policy,
            weights=row.weights,
            prices=tuple(self._price_rank(target) for target in targets),
            **optional,
        )

    def _target(self, model: str) -> Target:
        provider, slash, name = model.partition("/")
        if slash and name and provider in self.providers:
            return Target(provider, name)
        for maker in catalog.makers(model):
            if maker in self.providers and self.usable(maker):
                return Target(maker, model)
        wanted = catalog.makers(model)
        if wanted and not slash:
            self.key(wanted[0])
        near = catalog.nearest(model, self.names())
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else "Name it provider/model; %ve models lists them."
        )
        raise UnknownModelError(f"Nobody here serves a model {model!r}.", nearest=near, hint=hint)

    def price(self, target: Target) -> catalog.Price | None:
        """Return what a target costs; None where that isn't known."""
        return self.prices.get(str(target))

    def _price_rank(self, target: Target) -> float | None:
        price = self.price(target)
        if price is None or price.input is None or price.output is None:
            return None
        return price.input * 3 + price.output
