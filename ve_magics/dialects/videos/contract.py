"""What a video dialect can do as a client of a provider; some can serve as well.

A dialect object is stateless and shared. Where a provider has no such call, the encoder returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.errors import VeError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

Variant = Literal["video", "thumbnail"]


class Link(msgspec.Struct, frozen=True):
    """An absolute address of a file.

    Attributes:
        url: `http` or `https`.
        keyed: Whether the provider's key may go there; it is dropped at any redirect to another host.
    """

    url: str
    keyed: bool = False


class Packed(msgspec.Struct, frozen=True):
    """A file that comes inside an answer, as base64 in JSON.

    Attributes:
        request: The call whose answer holds it.
        unpack: Returns the file of that answer; raises `DecodeError` where it holds none.
    """

    request: WireRequest
    unpack: Callable[[bytes], bytes]


Source = WireRequest | Link | Packed
"""Where a file may be had: a call that answers with it, an address, or a call whose answer holds it."""


class VideoPage(msgspec.Struct, frozen=True):
    """A part of a provider's list of jobs.

    Attributes:
        replies: The jobs, each with its id.
        after: Where the next part begins; empty at the end.
    """

    replies: tuple[JobReply, ...]
    after: str = ""


class VideoDialect(Protocol):
    """A wire format of video, as a provider's client speaks it."""

    name: str
    honours_keys: bool
    """Whether two create calls with the same idempotency key make one video. True only where it is documented."""

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it.

        Raises:
            ArgumentsError: It has no prompt.
            UnsupportedError: It holds something that the dialect can't say or the model can't make; the hint names
                the nearest allowed value.
        """

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:
        """Return the call that has a video made, or remixed where `request.remix_of` is set.

        Args:
            request: What is to be filmed.
            provider: Who is to make it.
            key: Idempotency key.

        Raises:
            ArgumentsError: As for `check`.
            UnsupportedError: As for `check`.
        """

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; header names are in lower case.

        Raises:
            StatusError: The provider refused.
            DecodeError: The bytes don't speak the dialect, or hold no id.
        """

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll.

        Raises:
            StatusError: The provider refused; `NotFoundError` where it doesn't know the job.
            DecodeError: The bytes don't speak the dialect.
        """

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return where a finished job's file may be had, best first; nothing where it can't."""

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job, or None."""

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a finished job deleted at the provider, or None."""

    def decode_done(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Read the answer to a cancel or delete call.

        Raises:
            StatusError: The provider refused.
        """

    def encode_list(self, after: str = "") -> WireRequest | None:
        """Return the call that lists the newest jobs, or None."""

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        """Read a part of the list.

        Raises:
            StatusError: The provider refused.
            DecodeError: The bytes don't speak the dialect.
        """


@runtime_checkable
class FindsByKey(Protocol):
    """A video dialect whose provider keeps our own key with each job, so that one whose answer was lost is found."""

    def encode_find(self, job: Job) -> WireRequest:
        """Return the call that asks for the job that was made with this one's idempotency key."""

    def decode_find(self, job: Job, status: int, headers: Mapping[str, str], body: bytes) -> JobReply | None:
        """Read the answer; None where what was found is not certainly this job's.

        Raises:
            StatusError: The provider refused, or knows no such job.
            DecodeError: The bytes don't speak the dialect.
        """


class ListQuery(msgspec.Struct, frozen=True):
    """What part of the list a user of the server wants.

    Attributes:
        after: Id of the job before the first one; empty for the beginning.
        limit: At most so many.
        newest_first: The order.
    """

    after: str = ""
    limit: int = 20
    newest_first: bool = True


class VideoServerDialect(Protocol):
    """A wire format of video, as a server speaks it with its users."""

    def decode_create_request(self, body: bytes, headers: Mapping[str, str]) -> VideoRequest:
        """Read a user's create call.

        Raises:
            BadRequestError: The body is not one; `param` names the field.
        """

    def decode_remix_request(self, body: bytes, headers: Mapping[str, str], job_id: str) -> VideoRequest:
        """Read a user's wish to have a job changed; it is named in `remix_of`.

        Raises:
            BadRequestError: The body is not one; `param` names the field.
        """

    def decode_list_query(self, query: Mapping[str, str]) -> ListQuery:
        """Read which part of the list is wanted.

        Raises:
            BadRequestError: It makes no sense; `param` names the field.
        """

    def encode_job(self, job: Job) -> bytes:
        """Return a job as its users see it, under our own id."""

    def encode_jobs(self, jobs: tuple[Job, ...], *, more: bool) -> bytes:
        """Return a part of the list."""

    def encode_deleted(self, job_id: str) -> bytes:
        """Return the confirmation that a job was deleted."""

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body of a failure."""


def may_carry_key(url: str, provider: Provider) -> bool:
    """Whether a provider's key may be sent to this address: its own origin, or another host of its own over TLS."""
    try:
        there, own = urlsplit(url), urlsplit(provider.base_url)
        ports = {"http": 80, "https": 443}
        if (there.scheme, there.hostname, there.port or ports.get(there.scheme)) == (
            own.scheme,
            own.hostname,
            own.port or ports.get(own.scheme),
        ):
            return True
    except ValueError:
        return False
    return there.scheme == "https" and (there.hostname or "") in provider.allowed_hosts
