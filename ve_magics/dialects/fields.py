"""Reads the fields of a request that came from outside: every value is checked, and the blamed field is named."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from ve_magics.dialects.nesting import too_deep
from ve_magics.errors import BadRequestError

_LARGEST = sys.float_info.max


def bad(message: str, param: str | None = None, code: str = "invalid_value") -> BadRequestError:
    """Return the error that tells a user what is wrong with a field."""
    return BadRequestError(message, status=400, code=code, param=param)


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises:
        BadRequestError: It is no JSON object, no UTF-8, or nested too deep.
    """
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise bad("The body is nested too deep.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise bad("The body must be a JSON object.")
    if too_deep(value):
        raise bad("The body is nested too deep.")
    return value


class Fields:
    """An object of the request, from which known fields are taken one by one; what is left over is `rest`.

    Args:
        value: The JSON value that should be an object.
        path: Where it stands, for error messages; empty for the body itself.
    """

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise bad(f"{path} must be an object.", path)
        self.path = path
        self.rest: dict[str, Any] = dict(value)

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Any:
        """Take a field of any type; None where it is absent or null."""
        return self.rest.pop(name, None)

    def missing(self, name: str) -> BadRequestError:
        """Return the error for a required field that isn't there."""
        return bad(f"{self.at(name)} is required.", self.at(name), "missing_required_parameter")

    def _typed(self, name: str, kinds: tuple[type, ...], what: str) -> Any:
        value = self.rest.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise bad(f"{self.at(name)} must be {what}.", self.at(name), "invalid_type")
        return value

    def text(self, name: str) -> str | None:
        """Take a string."""
        value: str | None = self._typed(name, (str,), "a string")
        return value

    def need_text(self, name: str) -> str:
        """Take a string that must be there and hold something."""
        value = self.text(name)
        if not value:
            raise self.missing(name)
        return value

    def flag(self, name: str) -> bool | None:
        """Take a boolean."""
        value: bool | None = self._typed(name, (bool,), "a boolean")
        return value

    def whole(self, name: str, least: int | None = None) -> int | None:
        """Take an integer."""
        value = self._typed(name, (int, float), "an integer")
        if value is None:
            return None
        if abs(value) >= 2**63:
            raise bad(f"{self.at(name)} is too large.", self.at(name))
        if value != int(value):
            raise bad(f"{self.at(name)} must be an integer.", self.at(name), "invalid_type")
        if least is not None and value < least:
            raise bad(f"{self.at(name)} must be at least {least}.", self.at(name))
        return int(value)

    def number(self, name: str) -> float | None:
        """Take a number."""
        value = self._typed(name, (int, float), "a number")
        if value is not None and abs(value) > _LARGEST:
            raise bad(f"{self.at(name)} is too large.", self.at(name))
        return None if value is None else float(value)

    def items(self, name: str) -> list[Any] | None:
        """Take a list."""
        value: list[Any] | None = self._typed(name, (list,), "a list")
        return value

    def object(self, name: str) -> dict[str, Any] | None:
        """Take an object."""
        value: dict[str, Any] | None = self._typed(name, (dict,), "an object")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of strings, or one string."""
        value = self._typed(name, (str, list), "a string or a list of strings")
        values = [value] if isinstance(value, str) else value or []
        if not all(isinstance(item, str) for item in values):
            raise bad(
                f"{self.at(name)} must be a string or a list of strings.", self.at(name), "invalid_type"
            )
        return tuple(values)

    def one_of(self, name: str, allowed: tuple[str, ...]) -> Any:
        """Take a string that must be one of these."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise bad(f"{self.at(name)} must be one of {', '.join(allowed)}.", self.at(name))
        return value

    def table(self, name: str, kinds: tuple[type, ...], what: str) -> dict[str, Any] | None:
        """Take an object whose values are all of one kind."""
        value = self.object(name)
        for key, item in (value or {}).items():
            if not isinstance(item, kinds) or isinstance(item, bool):
                raise bad(f"{self.at(name)}.{key} must be {what}.", f"{self.at(name)}.{key}", "invalid_type")
        return value

    def inner(self, name: str) -> Fields:
        """Take an object that must be there, to take fields from it in turn."""
        if self.rest.get(name) is None:
            raise self.missing(name)
        return Fields(self.rest.pop(name), self.at(name))
