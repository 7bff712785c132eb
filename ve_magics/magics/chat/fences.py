"""What an answer holds inside its fences: the JSON or the code that was asked for."""

from __future__ import annotations

import json
import re
from typing import Any

_FENCE = re.compile(
    r"^[ ]{0,3}(`{3,}|~{3,})([^\n`]*)\n(.*?)(?:^[ ]{0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


def json_in(text: str) -> Any:
    """Return the JSON value that a text is, a fenced block unwrapped.

    Raises:
        ValueError: It isn't JSON; the message says why.
    """
    text = text.strip()
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        problem = f"it is not JSON ({error})" if isinstance(error, ValueError) else "it is nested too deep"
    for fence in _FENCE.finditer(text):
        try:
            return json.loads(fence[3], parse_constant=_no_constant)
        except (ValueError, RecursionError):
            continue
    raise ValueError(problem)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def code_in(text: str) -> tuple[str, str]:
    """Return the code of a text's first fenced block, and its language; all of the text where there is none."""
    found = _FENCE.search(text)
    if found is None:
        return text.strip("\n"), "python"
    words = found[2].split()
    language = words[0].lower() if words else "python"
    return found[3].rstrip("\n"), language if re.fullmatch(r"[\w+#.-]+", language) else "python"
