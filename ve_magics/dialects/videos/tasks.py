"""What interfaces of tasks have in common: a task is made and asked after, and its answer names the file's address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Source, Variant, VideoPage, may_carry_key
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.providers import Provider

_PLAIN = VideoRequest(prompt="", count=1)


class TaskDialect(ABC):
    """A video dialect, with an answer to all that most such interfaces lack: keys, cancelling, deleting, a list."""

    name: str
    honours_keys = False

    @abstractmethod
    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer.

        Raises:
            StatusError: The provider refused, also where it did so inside a good answer.
            DecodeError: The bytes are no JSON object.
        """

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return the addresses that the provider named; it has no pictures."""
        urls = job.urls if variant == "video" else ()
        return tuple(Link(url, may_carry_key(url, provider)) for url in urls)

    def encode_cancel(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def encode_delete(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def decode_done(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Read the answer to a cancel or delete call; raises as the contract says."""
        if body.strip() or status >= 300:
            self.read(status, headers, body)

    def encode_list(self, after: str = "") -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: a list that tells no prompts can't show whose a lost job is."""
        return None

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:  # noqa: ARG002 - as above
        """Return an empty page."""
        return VideoPage(())


def check_said(request: VideoRequest, dialect: str, hints: Mapping[str, str]) -> None:
    """Look whether a request holds fields that a dialect can't say.

    Args:
        request: What is to be filmed.
        dialect: Who is to say it.
        hints: Fields that it can't say, and what to do instead; empty where nothing can be done.

    Raises:
        UnsupportedError: It holds one of them.
    """
    for field, hint in hints.items():
        if getattr(request, field) not in (getattr(_PLAIN, field), None):
            raise UnsupportedError(field, dialect, hint=hint)


def whole_seconds(request: VideoRequest, dialect: str) -> int | None:
    """Return the length as a whole number of seconds.

    Raises:
        UnsupportedError: It is none.
    """
    if request.seconds is None:
        return None
    if request.seconds != int(request.seconds):
        raise UnsupportedError(
            "seconds",
            dialect,
            message=f"A video of {request.seconds:g} seconds can't be asked for.",
            hint=f"The nearest is {round(request.seconds)}: it takes whole seconds.",
        )
    return int(request.seconds)


def present(pairs: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """Return those fields that have a value; nothing said leaves a setting to the provider."""
    return {name: value for name, value in pairs if value not in (None, "", [])}


def needed_id(found: str) -> str:
    """Return the id of a task.

    Raises:
        DecodeError: There is none.
    """
    if not found:
        raise DecodeError("The provider's answer holds no id of a video.")
    return found
