"""Every chat dialect by name. A dialect is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module

from ve_magics.dialects.contract import Dialect

DIALECTS: dict[str, str] = {
    "chat_completions": "ve_magics.dialects.chat_completions",
    "generate_content": "ve_magics.dialects.generate_content",
    "responses": "ve_magics.dialects.responses",
    "messages": "ve_magics.dialects.messages",
}
"""Name of each dialect, and the module whose `dialect` it is."""


def get_dialect(name: str) -> Dialect:
    """Return the dialect of this name.

    Raises:
        KeyError: No dialect goes by that name.
    """
    dialect: Dialect = import_module(DIALECTS[name]).dialect
    return dialect
