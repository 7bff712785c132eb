"""The root of all errors, and those that the caller can mend."""

from __future__ import annotations

from collections.abc import Sequence


class VeError(Exception):
    """Root of every error of ve_magics.

    Args:
        message: What happened, one line.
        hint: What the reader can do about it; empty where nothing is known.

    Attributes:
        client_hint: What a client of the server can do about it, where `hint` speaks of magics, flags or keys that
            only a notebook has; None where `hint` is fit for both.
    """

    http_status: int = 500
    client_hint: str | None = None

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UserError(VeError):
    """The caller can mend it; shown in a cell without a traceback."""

    http_status = 400


class ArgumentsError(UserError):
    """A magic's line, a client's argument or an empty prompt that can't be used."""


class ConfigError(UserError):
    """A configuration file or variable that can't be used."""


class MissingKeyError(ConfigError):
    """No key is known for the provider that is to be called."""

    http_status = 401


class UnknownModelError(UserError):
    """No target goes by that name.

    Args:
        message: What happened.
        nearest: Living names that look alike, best first.
        hint: What to do.
    """

    http_status = 404

    def __init__(self, message: str, *, nearest: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.nearest = tuple(nearest)


class UnsupportedError(UserError):
    """A dialect or provider can't say this.

    Args:
        field: The field that can't be said, by its canonical name.
        dialect: Who can't say it.
        message: Replaces the standard sentence.
        hint: What to do.
    """

    def __init__(self, field: str, dialect: str, *, message: str = "", hint: str = "") -> None:
        super().__init__(message or f"{dialect} can't say {field!r}.", hint=hint)
        self.field = field
        self.dialect = dialect


class BudgetError(UserError):
    """The call could pass the budget; nothing was sent."""

    http_status = 402


class RecordingError(UserError):
    """A recording lacks this answer or can't be read."""


class StoppedError(UserError):
    """The user stopped it before its end."""


class MissingExtraError(UserError):
    """An optional package isn't installed."""

    http_status = 501

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional package.", hint=f"pip install 've_magics[{extra}]'")
        self.extra = extra
