"""What a simulator has done so far, so that tests can prove what was asked of it and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Counts since the app was made.

    Attributes:
        requests: Requests that were read, whatever became of them.
        faults: Requests that met a fault.
        chats: Answers of chat models that were begun.
        abandoned: Requests whose sender went away before the end.
        videos_created: Videos that would have been charged for.
        videos_made: Films that were really made.
        downloads: Files that were fetched, parts of them included.
    """

    requests: int = 0
    faults: int = 0
    chats: int = 0
    abandoned: int = 0
    videos_created: int = 0
    videos_made: int = 0
    downloads: int = 0
