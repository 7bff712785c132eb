"""Keys: held in memory, never shown, read from the system keyring where the user says so."""

from __future__ import annotations

from typing import Any

from ve_magics.errors import ConfigError


class Secret:
    """A key that never shows itself: its repr and str are masked, and it can't be pickled or copied into JSON."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source

    def reveal(self) -> str:
        """Return the key itself, to be put in a request's header and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"<key from {self.source}>"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> Any:
        raise TypeError("a key can't be copied out of memory")


def keyring_key(provider: str) -> Secret | None:
    """Return a provider's key from the system keyring; None where it holds none.

    Raises:
        ConfigError: The keyring package isn't installed or has no backend here.
    """
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise ConfigError(
            "The system keyring needs an optional package.", hint="pip install 've_magics[keyring]'"
        ) from None
    try:
        value = keyring.get_password("ve_magics", provider)
    except keyring.errors.KeyringError as error:
        raise ConfigError(
            f"The system keyring can't be used here: {error.__class__.__name__}.",
            hint=f"Set an environment variable, or type: %ve key {provider}",
        ) from None
    return Secret(value, "the system keyring") if value else None


def save_to_keyring(provider: str, key: str) -> bool:
    """Put a provider's key in the system keyring; return whether that worked."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return False
    try:
        keyring.set_password("ve_magics", provider, key)
    except keyring.errors.KeyringError:
        return False
    return True
