"""A job whose answer got lost, looked for at its provider: by our own key, or in a list."""

from __future__ import annotations

from ve_magics.dialects.videos.contract import FindsByKey
from ve_magics.engine.video.means import Means
from ve_magics.errors import NotFoundError, StatusError
from ve_magics.jobs import SLACK, Job, JobReply, matching
from ve_magics.store.jobs import JobStore

MOST_PAGES = 20
"""Parts of a list that are read before a search is given up."""


async def found(means: Means, job: Job) -> tuple[JobReply | None, bool]:
    """Return what a provider made of a lost job, None where it can't be told; and whether to look again may help.

    Raises:
        VeError: The provider can't be asked now, or knows no job with this one's key.
    """
    dialect = means.speaks(job.provider, job.model)
    if isinstance(dialect, FindsByKey):
        answer = await means.call(dialect.encode_find(job), means.provider(job.provider))
        return dialect.decode_find(job, *answer), True
    replies = await listed(means, job)
    return (None, False) if replies is None else (own_of(means.store, job, replies), True)


async def listed(means: Means, job: Job) -> tuple[JobReply, ...] | None:
    """Return what a provider's list holds from about the time of a job's create call on.

    Returns:
        The videos, newest first; None where the provider has no list.

    Raises:
        VeError: It has one, and it can't be read now.
    """
    provider, dialect = means.provider(job.provider), means.speaks(job.provider, job.model)
    found: list[JobReply] = []
    after = ""
    for _ in range(MOST_PAGES):
        wire = dialect.encode_list(after)
        if wire is None:
            return None
        try:
            page = dialect.decode_list(*await means.call(wire, provider))
        except NotFoundError:
            return None
        except StatusError as error:
            if error.status in (405, 501):
                return None
            raise
        found += page.replies
        times = [reply.created for reply in page.replies if reply.created is not None]
        if not page.after or page.after == after or (times and min(times) < job.submitted - SLACK):
            break
        after = page.after
    return tuple(found)


def own_of(store: JobStore, job: Job, replies: tuple[JobReply, ...]) -> JobReply | None:
    """Return the video in a list that can only be this job's, or None.

    While another job that asked for the same is just being sent, nobody knows whose a new video is.
    """
    others = [other for other in store.find(limit=100_000) if other.provider == job.provider]
    alike = [other for other in others if other.id != job.id and other.request == job.request]
    if any(other.state == "submitting" for other in alike):
        return None
    taken = {other.provider_job_id for other in others}
    twins = 1 + sum(other.state == "unknown" for other in alike)
    return matching(job, replies, taken, twins=twins)
