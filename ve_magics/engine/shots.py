"""An order of videos, and what becomes of it: by what it is found again, and when another order makes sense."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import msgspec

from ve_magics.engine.director import Directed
from ve_magics.errors import MissingKeyError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.routing import Target

Direct = Callable[[VideoRequest], Awaitable[Directed]]
"""Has a director write the prompt of a request that is about to be paid for."""


class Shot(NamedTuple):
    """One of several videos.

    Attributes:
        request: What is to be filmed.
        take: Which of several videos of the same request.
        direct: Writes its prompt; None sends the user's own.
        parent: The job whose video it changes; None where it changes none.
    """

    request: VideoRequest
    take: int = 1
    direct: Direct | None = None
    parent: Job | None = None


def film_key(request: VideoRequest, model: str, take: int = 1, *, directed: bool = True) -> str:
    """Return the digest by which the video of a request is found again.

    Args:
        request: What the user wants to be filmed.
        model: The model as the user named it.
        take: Which of several videos of the same request.
        directed: Whether a director may write its prompt.
    """
    plain = msgspec.structs.replace(request, model=model)
    said = b"video\0" + msgspec.json.encode(plain, order="sorted") + (b"\0%d" % take if take > 1 else b"")
    said += b"" if directed else b"\0as it is"
    return hashlib.sha256(said).hexdigest()


def as_asked(request: VideoRequest, target: Target, parent: Job | None) -> VideoRequest:
    """Return a request in its provider's names."""
    remixed = request.remix_of if parent is None else parent.provider_job_id
    return msgspec.structs.replace(request, model=target.model, remix_of=remixed)


def there(job: Job) -> bool:
    """Whether a job's video lies on this machine."""
    return job.state == "succeeded" and Path(job.path).is_file()


def refused(job: Job | None) -> bool:
    """Whether a provider certainly took no order, for a reason that is its own."""
    if job is None or job.state != "failed" or job.provider_job_id or job.failure is None:
        return False
    kinds = ("authentication", "permission", "model_not_found", "quota", "rate_limit", "overloaded")
    return job.failure.kind in kinds


def worth_another(job: Job | None) -> bool:
    """Whether a video failed by no fault of its request, so that another order may bring it."""
    failure = job.failure if job is not None and job.state == "failed" and not job.fetches else None
    return failure is not None and failure.kind in ("server", "overloaded", "timeout", "network", "job")


def unfetched(job: Job | None) -> bool:
    """Whether a video was made, and paid, and only its file didn't come."""
    return job is not None and job.state == "failed" and job.fetches > 0


async def ordered(
    order: Callable[[Target], AsyncGenerator[Job, None]], targets: Sequence[Target], again: int
) -> AsyncGenerator[Job, None]:
    """Yield the jobs that make one video, now and after each change: another target's where one refuses the order.

    Args:
        order: Orders it from a target, and yields its job.
        targets: Who is asked, in order. An order that may have been taken is never given to another.
        again: How often one that failed by no fault of its own is ordered anew.

    Raises:
        VeError: As `order` does; what only another target than the first can't do is passed over.
    """
    job: Job | None = None
    while True:
        try:
            async with aclosing(order(targets[0])) as news:
                async for job in news:
                    yield job
        except (UnsupportedError, MissingKeyError):
            if job is None or len(targets) == 1:  # the first target's own, or nobody is left
                raise
            targets = targets[1:]
            continue
        if len(targets) > 1 and refused(job):
            targets = targets[1:]
        elif again and worth_another(job):
            again -= 1
        else:
            return
