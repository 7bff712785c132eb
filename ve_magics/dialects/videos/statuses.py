"""One table for the words with which providers say how far a video is."""

from __future__ import annotations

import re

from ve_magics.jobs import RemoteState

_WORDS: dict[RemoteState, str] = {
    "queued": "queued pending submitted not_start preparing queueing created starting throttled in_queue inqueue",
    "running": "running in_progress inprogress processing generating dreaming suspended requires_continuation "
    "image_downloading video_generating video_generation_completed video_upsampling video_upsampling_completed",
    "succeeded": "succeeded succeed success completed complete finished done",
    "failed": "failed fail failure error incomplete timeout budget_exceeded requires_action",
    "cancelled": "cancelled canceled aborted deleted",
    "expired": "expired",
}
STATUSES: dict[str, RemoteState] = {word: state for state, words in _WORDS.items() for word in words.split()}
"""Words in lower case, without a prefix such as `TASK_STATUS_`."""

_PREFIX = re.compile(r"^(?:task_|job_)?status_")


def remote_state(word: str, *, default: RemoteState = "running") -> RemoteState:
    """Return what a provider's word for the state means.

    An unknown word means that the job goes on: it is never taken for success, and a deadline ends it.

    Args:
        word: The word as it came.
        default: What an unknown word means.
    """
    plain = _PREFIX.sub("", word.strip().lower().replace("-", "_").replace(" ", "_"))
    if plain.endswith("_failed"):
        return "failed"
    return STATUSES.get(plain, default)
