"""The key that goes to a provider: typed in this kernel, named by the user's file, or found in the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from ve_magics import catalog
from ve_magics.engine.config_file import ProviderRow
from ve_magics.engine.keychain import KeyChain
from ve_magics.engine.keys import Secret
from ve_magics.errors import MissingKeyError, UnknownModelError
from ve_magics.providers import Provider

NO_KEY = Secret("", "no key needed")
"""What is sent where no key is needed: nothing."""


class ProviderKeys:
    """Who the providers are, and the keys that are known for each.

    Args:
        providers: The providers by name.
        rows: What the user's file says of them.
        chain: Finds keys in the environment and the system keyring.
    """

    def __init__(
        self, providers: Mapping[str, Provider], rows: Mapping[str, ProviderRow], chain: KeyChain
    ) -> None:
        self._providers = providers
        self._rows = rows
        self._chain = chain
        self._held: dict[str, Secret] = {}
        self._listeners: list[Callable[[str, int], object]] = []

    def provider(self, name: str) -> Provider:
        """Return a provider by name.

        Raises:
            UnknownModelError: There is none.
        """
        found = self._providers.get(name)
        if found is None:
            near = catalog.nearest(name, self._providers)
            hint = (
                f"Did you mean {' or '.join(near)}?"
                if near
                else f"Known: {', '.join(sorted(self._providers))}."
            )
            raise UnknownModelError(f"There is no provider {name!r}.", nearest=near, hint=hint)
        return found

    def hold(self, provider: str, key: str) -> None:
        """Keep a key in memory until the kernel ends, and tell the listeners.

        Raises:
            UnknownModelError: There is no such provider.
            ConfigError: The key holds a character that no key has.
        """
        self.provider(provider)
        self._held[provider] = Secret(key, "%ve key")
        for listener in self._listeners:
            listener(provider, 1)

    def listen(self, listener: Callable[[str, int], object]) -> None:
        """Have a listener called with a provider and the number of its keys whenever they change."""
        self._listeners.append(listener)

    def adopt(self, other: ProviderKeys) -> None:
        """Take over the keys that were typed, as far as their providers are known here."""
        self._held |= {name: secret for name, secret in other._held.items() if name in self._providers}

    def joined_by(self, provider: Provider, key: str) -> Self:
        """Return these keys with a provider more, or in the place of its namesake, and nobody listening.

        Args:
            provider: The provider.
            key: The key that its caller gave; empty for none.

        Raises:
            ConfigError: The key holds a character that no key has.
        """
        joined = type(self)({**self._providers, provider.name: provider}, self._rows, self._chain)
        joined._held = dict(self._held)
        if key:
            joined._held[provider.name] = Secret(key, "api_key")
        return joined

    def all(self, name: str) -> tuple[Secret, ...]:
        """Return the keys that are known for a provider, the first to be used first; empty where there are none.

        A system keyring that can't be asked holds none here; `one` tells why.
        """
        if name in self._held:
            return (self._held[name],)
        return tuple(found for found in self._found(name) if isinstance(found, Secret))

    def one(self, name: str, index: int = 0) -> Secret:
        """Return the key to send to a provider.

        Raises:
            MissingKeyError: It needs one, and none is known or the one that is there can't be used.
        """
        keys = self.all(name)
        if keys:
            return keys[index % len(keys)]
        provider = self.provider(name)
        if provider.keyless:
            return NO_KEY
        for found in self._found(name):
            if isinstance(found, MissingKeyError):
                raise MissingKeyError(found.message, hint=found.hint)
        specs = self._specs(name)
        if not specs and isinstance(kept := self._chain.in_keyring(name), Secret):
            return kept
        variables = [spec.removeprefix("env:") for spec in specs if spec.startswith("env:")]
        variable = next(iter(variables or provider.key_names), "")
        hint = f"Set {variable}, or type: %ve key {name}" if variable else f"Type: %ve key {name}"
        error = MissingKeyError(f"No key for {name}.", hint=hint)
        error.client_hint = "The server's owner can set one; or choose another model."
        raise error

    def faults(self) -> tuple[str, ...]:
        """Return why keys that are there can't be used, a line each."""
        found = (fault for name in self._providers if name not in self._held for fault in self._found(name))
        return tuple(dict.fromkeys(str(fault) for fault in found if isinstance(fault, MissingKeyError)))

    def pooled(self, name: str) -> bool:
        """Whether a provider's row names several keys."""
        row = self._rows.get(name)
        return row is not None and len(row.keys or ()) > 1 and name not in self._held

    def usable(self, name: str) -> bool:
        """Whether a provider could be asked now: it has a key or needs none."""
        return self._providers[name].keyless or bool(self.all(name))

    def _found(self, name: str) -> list[Secret | MissingKeyError]:
        """Return what is known of a provider's keys: themselves, and why one that is there can't be used."""
        return self._chain.found(name, self._specs(name), self.provider(name).key_names)

    def _specs(self, name: str) -> tuple[str, ...]:
        row = self._rows.get(name)
        return () if row is None else row.keys or ((row.key,) if row.key else ())
