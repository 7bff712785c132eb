"""What a dialect of JSON calls has in common with the next: create, poll, files at addresses, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Source, Variant, VideoPage, may_carry_key
from ve_magics.dialects.videos.limits import Limits, check_limits, check_prompt
from ve_magics.dialects.videos.reading import decode_object
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

_PLAIN = VideoRequest(prompt="")


class PolledVideos(ABC):
    """A client's side that a dialect fills in: its words, `encode_create`, `encode_poll` and `decode_reply`.

    Attributes:
        name: The dialect's name.
        no_words: Fields of `VideoRequest` that the dialect has no word for, each with what to do instead.
        limits: By model, what it can make.
        any_model: What holds for every model that `limits` doesn't name; None where nothing is known.
    """

    name: ClassVar[str]
    honours_keys: ClassVar[bool] = False
    no_words: ClassVar[Mapping[str, str]] = {}
    limits: ClassVar[Mapping[str, Limits]] = {}
    any_model: ClassVar[Limits | None] = None

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        for field, hint in self.no_words.items():
            if getattr(request, field) != getattr(_PLAIN, field) and (field, request.count) != ("count", 1):
                raise UnsupportedError(field, self.name, hint=hint)
        check_limits(request, self.limits.get(request.model, self.any_model), self.name)

    def decode_object(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; raises as the contract says."""
        return decode_object(status, headers, body)

    @abstractmethod
    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an answer says about a job."""

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        reply = self.decode_reply(self.decode_object(status, headers, body))
        if not reply.provider_job_id:
            raise DecodeError("The provider's answer holds no id of a video.")
        return reply

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        reply = self.decode_reply(self.decode_object(status, headers, body))
        if not reply.raw_status:
            raise DecodeError("The provider's answer doesn't say how far the video is.")
        return reply

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return the addresses that the provider named; it has no picture of a video."""
        if variant != "video":
            return ()
        return tuple(Link(url, may_carry_key(url, provider)) for url in job.urls)

    def encode_cancel(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def encode_delete(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def decode_done(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Read the answer to a cancel or delete call; raises as the contract says."""
        if status >= 300:
            self.decode_object(status, headers, body)

    def encode_list(self, after: str = "") -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        """Read a part of the list; raises as the contract says."""
        self.decode_object(status, headers, body)
        return VideoPage(())


def post_json(path: str, value: Mapping[str, Any]) -> WireRequest:
    """Return a call that sends a JSON object."""
    return WireRequest(path, msgspec.json.encode(value))


def get(path: str, **query: str) -> WireRequest:
    """Return a call that asks for something."""
    return WireRequest(path, method="GET", headers=(), query=tuple(query.items()))


def whole_seconds(request: VideoRequest, dialect: str) -> int | None:
    """Return a length as the whole number that the dialect has words for.

    Raises:
        UnsupportedError: It is none; the hint names the nearest.
    """
    if request.seconds is None:
        return None
    nearest = max(1, round(request.seconds))
    if request.seconds != nearest:
        raise UnsupportedError(
            "seconds",
            dialect,
            message=f"{dialect} takes whole seconds, not {request.seconds:g}.",
            hint=f"The nearest is {nearest}.",
        )
    return nearest


def said(**fields: Any) -> dict[str, Any]:
    """Return those fields that say something; what is None or empty is left to the provider."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", (), [])}
