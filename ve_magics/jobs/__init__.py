"""A video being made: what is asked, what is known, and the only ways on from there.

    values  the request, the provider's word on it, the job, and which state may follow which
    steps   what is to be done next, and when
    moves   what came of it, folded into the job

Pure: time and chance come in as arguments. Whoever drives a job asks `next_step` what to do, does it, and folds what
came of it into the job with `applied` (the provider answered), `missed` (a poll failed), `refused` or `lost` (the
create call failed) and `unfetched` (the file didn't come). A job has `succeeded` only when its file is there.
"""

from ve_magics.jobs.moves import (
    SLACK,
    applied,
    certainly_not_made,
    expired,
    lost,
    matching,
    missed,
    moved,
    refused,
    retried,
    submitting,
    unfetched,
)
from ve_magics.jobs.steps import (
    PATIENCE,
    Done,
    Expire,
    Fetch,
    Poll,
    Random,
    Settle,
    Step,
    Submit,
    Timing,
    next_step,
)
from ve_magics.jobs.values import (
    TRANSITIONS,
    UNFINISHED,
    Job,
    JobFailure,
    JobReply,
    JobState,
    RemoteState,
    VideoRequest,
)

__all__ = [
    "PATIENCE",
    "SLACK",
    "TRANSITIONS",
    "UNFINISHED",
    "Done",
    "Expire",
    "Fetch",
    "Job",
    "JobFailure",
    "JobReply",
    "JobState",
    "Poll",
    "Random",
    "RemoteState",
    "Settle",
    "Step",
    "Submit",
    "Timing",
    "VideoRequest",
    "applied",
    "certainly_not_made",
    "expired",
    "lost",
    "matching",
    "missed",
    "moved",
    "next_step",
    "refused",
    "retried",
    "submitting",
    "unfetched",
]
