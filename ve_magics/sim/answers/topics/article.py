"""One piece of what the simulated models know."""

from __future__ import annotations

from typing import NamedTuple


class Article(NamedTuple):
    """What is known about a topic, in one language.

    Attributes:
        title: What it is called.
        keys: Other words by which it is asked for, in lower case.
        gist: The one sentence that says it.
        points: What else is worth saying, the most important first.
    """

    title: str
    keys: tuple[str, ...]
    gist: str
    points: tuple[str, ...]
