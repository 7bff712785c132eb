"""What video jobs are driven with: all of it is handed in, so that each piece can be another one in a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Packed, Source, VideoDialect
from ve_magics.engine.video.landing import MAX_VIDEO, Pieces, TooLargeError
from ve_magics.errors import JobError, UnsupportedError, VeError
from ve_magics.jobs import Job, Timing
from ve_magics.providers import Provider
from ve_magics.store.jobs import JobStore

MAX_PACKED = MAX_VIDEO // 4
"""Bytes of the largest answer with a video inside; it is held in memory."""

Answer = tuple[int, Mapping[str, str], bytes]
Call = Callable[[WireRequest, Provider], Awaitable[Answer]]
"""Carries a call out: status, headers with names in lower case, body. Raises `RequestError` where no answer came."""


SIMULATED_WAIT = 1.0
"""Seconds that pass at most before a simulated provider is asked again."""


class FetchFile(Protocol):
    """Fetches a file: raises `StatusError` for a bad status, follows redirects only where that is safe."""

    def __call__(self, source: WireRequest | Link, provider: Provider) -> Pieces:
        """Return the file's bytes."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an engine and its driver share; the arguments of `VideoEngine` under the same names."""

    store: JobStore
    call: Call
    fetch: FetchFile
    provider: Callable[[str], Provider]
    dialect: Callable[[str], VideoDialect]
    account: Callable[[Job], float | None]
    owner: str
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]
    offload: Callable[[Callable[[], Any]], Awaitable[Any]]
    timing: Timing
    lease_seconds: float
    dead: Callable[[str], bool]

    def patience(self, job: Job) -> Timing:
        """Return how patient to be with the provider of a job; a simulated one recovers at once or never."""
        try:
            simulated = self.provider(job.provider).simulated
        except VeError:  # the configuration may have lost it since
            simulated = False
        if not simulated:
            return self.timing
        return msgspec.structs.replace(
            self.timing,
            first_retry=min(self.timing.first_retry, SIMULATED_WAIT),
            longest_poll=min(self.timing.longest_poll, SIMULATED_WAIT),
        )

    def job(self, job_id: str) -> Job:
        """Return a job as it is now.

        Raises:
            JobError: There is no such job.
        """
        job = self.store.get(job_id)
        if job is None:
            raise JobError(f"There is no job {job_id}.")
        return job

    def speaks(self, provider: str, model: str) -> VideoDialect:
        """Return the video dialect in which a provider is asked for a model.

        Raises:
            ConfigError: There is no such provider.
            UnsupportedError: It makes no videos.
        """
        try:
            return self.dialect(self.provider(provider).video_dialect(model))
        except KeyError:
            raise UnsupportedError("video", provider, message=f"{provider} makes no videos here.") from None

    def pieces(self, source: Source, provider: Provider) -> Pieces:
        """Return a file's bytes; raises as `FetchFile` does, and `DecodeError` where an answer holds no file."""
        if isinstance(source, Packed):
            return unpacked(source, self.fetch(source.request, provider), self.offload)
        return self.fetch(source, provider)


async def unpacked(
    source: Packed,
    answer: Pieces,
    offload: Callable[[Callable[[], Any]], Awaitable[Any]],
    *,
    limit: int = MAX_PACKED,
) -> Pieces:
    """Yield the file that an answer holds.

    Args:
        source: Knows how it is packed.
        answer: The bytes of the answer.
        offload: Runs a slow function beside the event loop.
        limit: Most bytes of the answer that are taken.

    Raises:
        DecodeError: It holds none.
        TooLargeError: It is longer than the limit.
    """
    taken = bytearray()
    async with aclosing(answer):
        async for piece in answer:
            taken += piece
            if len(taken) > limit:
                raise TooLargeError(limit)
    yield await offload(lambda: source.unpack(bytes(taken)))
