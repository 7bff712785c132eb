"""Keys: held in memory, never shown, read from the system keyring where the user says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NoReturn

from ve_magics.errors import ConfigError

SHORTEST = 8
"""A secret with fewer characters is too likely to be an ordinary word to be looked for in texts."""

_SENDABLE = re.compile(r"[!-~]+").fullmatch
_KEYLIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf)[-_][-_A-Za-z0-9]{16,}|\bAIza[-_A-Za-z0-9]{20,}|(?i:bearer)\s+[-_.A-Za-z0-9]{16,}"
)
_LONGEST_WORD = 512
"""Text without a space that is longer than this is media or sealed state, not somebody's key."""


class Secret:
    """A key that never shows itself: its repr and str are masked, and it can't be copied, pickled or made JSON.

    Args:
        value: The key.
        source: Where it was found, fit to be shown.

    Raises:
        ConfigError: It holds a character that no HTTP header can carry.
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self.source = source
        self._value = ""
        if value and not _SENDABLE(value):
            value = ""
            raise ConfigError(
                f"The key from {source} holds a character that no key has.",
                hint="Look for a space, a line break or a letter that isn't ASCII, and set it again.",
            )
        self._value = value

    def reveal(self) -> str:
        """Return the key itself, to be put in a request's header and nowhere else, not even in a variable."""
        return self._value

    def __repr__(self) -> str:
        return f"<key from {self.source}>"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key can't be copied out of memory")


class Redactor:
    """Takes known secrets, and whatever looks like a key, out of texts and JSON values; of a pair each half too.

    Args:
        secrets: The keys that are known.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        whole = tuple(secrets)
        halves = (
            Secret(half, one.source)
            for one in whole
            if ":" in one.reveal()
            for half in one.reveal().split(":")
        )
        self._secrets = tuple(one for one in (*whole, *halves) if len(one.reveal()) >= SHORTEST)

    def text(self, text: str) -> str:
        """Return the text with every key replaced by `[key]`."""
        for secret in self._secrets:
            text = text.replace(secret.reveal(), "[key]")
        if len(text) > _LONGEST_WORD and not any(space in text for space in " \n\t"):
            return text
        return _KEYLIKE.sub("[key]", text)

    def value(self, value: Any) -> Any:
        """Return a JSON value with every key in its texts replaced."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case _:
                return value

    def knows(self, data: bytes) -> bool:
        """Whether one of the known secrets stands in these bytes."""
        return any(secret.reveal().encode() in data for secret in self._secrets)


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
        return Secret(keyring.get_password("ve_magics", provider) or "", "the system keyring") or None
    except keyring.errors.KeyringError as error:
        raise ConfigError(
            f"The system keyring can't be used here: {error.__class__.__name__}.",
            hint=f"Set an environment variable, or type: %ve key {provider}",
        ) from None


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
