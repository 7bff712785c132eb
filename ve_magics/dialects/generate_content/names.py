"""Field names: the wire writes camelCase, and reads snake_case as well."""

from __future__ import annotations

import re
from typing import Any

from ve_magics.dialects.fields import Fields

_STEP = re.compile(r"_([a-z0-9])")


def camel(name: str) -> str:
    """Return a field's name in camelCase."""
    return _STEP.sub(lambda found: found[1].upper(), name) if "_" in name else name


class ProtoFields(Fields):
    """An object of the request whose fields may be written in either case; what is left over is in camelCase."""

    def __init__(self, value: Any, path: str = "") -> None:
        super().__init__(value, path)
        self.rest = {camel(name): item for name, item in self.rest.items()}

    def maybe(self, name: str) -> ProtoFields:
        """Take an object to take fields from it in turn; an empty one where there is none."""
        value = self.take(name)
        return ProtoFields({} if value is None else value, self.at(name))

    def left(self, *inner: tuple[str, Fields]) -> dict[str, Any]:
        """Return the fields that nobody took, and those of objects inside in their places."""
        rest = {name: value for name, value in self.rest.items() if value is not None}
        return rest | {name: fields.rest for name, fields in inner if fields.rest}
