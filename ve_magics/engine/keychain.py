"""Where keys are found: environment variables and the system keyring, each asked as rarely as can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ve_magics.engine.keys import Secret
from ve_magics.errors import ConfigError, MissingKeyError


class KeyChain:
    """Finds keys. One that is there and can't be used is found as the error that says why, and never raised here.

    Args:
        environ: The environment; variables that change are seen.
        keyring: Returns a provider's key from the system keyring, None where it holds none; asked once a provider.
    """

    def __init__(self, environ: Mapping[str, str], keyring: Callable[[str], Secret | None]) -> None:
        self._environ = environ
        self._keyring = keyring
        self._seen: dict[str, Secret] = {}
        self._from_keyring: dict[str, Secret | MissingKeyError | None] = {}

    def found(
        self, provider: str, specs: Sequence[str], variables: Sequence[str]
    ) -> list[Secret | MissingKeyError]:
        """Return a provider's keys, the first to be used first.

        Args:
            provider: Its name.
            specs: Where the user said that they are: `env:VARIABLE` or `keyring`.
            variables: Well-known variables, of which the first that is set counts where the user said nothing. Two
                with a colon between them hold the halves of a pair.
        """
        if specs:
            named = (
                self.in_keyring(provider) if spec == "keyring" else self._variable(spec.removeprefix("env:"))
                for spec in specs
            )
            return [key for key in named if key is not None]
        for variable in variables:
            if (key := self._variable(variable)) is not None:
                return [key]
        return []

    def _variable(self, variable: str) -> Secret | MissingKeyError | None:
        known = self._seen.get(variable)
        if known is not None and known.reveal() == self._environ.get(variable):
            return known
        halves = [self._environ.get(name, "").strip() for name in variable.split(":")]
        try:
            known = Secret(":".join(halves) if all(halves) else "", variable)
        except ConfigError as error:
            return MissingKeyError(error.message, hint=error.hint)
        if not known:
            return None
        self._seen[variable] = known
        return known

    def in_keyring(self, provider: str) -> Secret | MissingKeyError | None:
        """Return a provider's key from the system keyring; None where it holds none."""
        if provider not in self._from_keyring:
            try:
                self._from_keyring[provider] = self._keyring(provider)
            except ConfigError as error:
                self._from_keyring[provider] = MissingKeyError(error.message, hint=error.hint)
        return self._from_keyring[provider]
