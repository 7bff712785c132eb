"""Task interfaces with one answer for create and poll: a dialect adds its words, its two calls and how it reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.limits import Limits, check_limits, check_prompt
from ve_magics.dialects.videos.reading import decode_object
from ve_magics.dialects.videos.tasks import TaskDialect, check_said, needed_id, present
from ve_magics.errors import DecodeError
from ve_magics.jobs import JobReply, VideoRequest


class PolledVideos(TaskDialect):
    """A client's side that a dialect fills in with `encode_create`, `encode_poll` and `decode_reply`.

    Attributes:
        name: The dialect's name.
        no_words: Fields of `VideoRequest` that the dialect has no word for, each with what to do instead.
        limits: By model, what it can make.
        any_model: What holds for every model that `limits` doesn't name; None where nothing is known.
    """

    no_words: ClassVar[Mapping[str, str]] = {}
    limits: ClassVar[Mapping[str, Limits]] = {}
    any_model: ClassVar[Limits | None] = None

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        check_said(request, self.name, self.no_words)
        check_limits(request, self.limits.get(request.model, self.any_model), self.name)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; raises as the contract says."""
        return decode_object(status, headers, body)

    @abstractmethod
    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an answer says about a job."""

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        reply = self.decode_reply(self.read(status, headers, body))
        needed_id(reply.provider_job_id)
        return reply

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        reply = self.decode_reply(self.read(status, headers, body))
        if not reply.raw_status:
            raise DecodeError("The provider's answer doesn't say how far the video is.")
        return reply


def post_json(path: str, value: Mapping[str, Any]) -> WireRequest:
    """Return a call that sends a JSON object."""
    return WireRequest(path, msgspec.json.encode(value))


def get(path: str, **query: str) -> WireRequest:
    """Return a call that asks for something."""
    return WireRequest(path, method="GET", headers=(), query=tuple(query.items()))


def said(**fields: Any) -> dict[str, Any]:
    """Return those fields that say something; what is None or empty is left to the provider."""
    return present(fields.items())
