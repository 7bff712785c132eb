"""What goes in and out of a job: the request, the provider's word on it, and the job itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ve_magics.messages import Extra, Image

JobState = Literal[
    "queued", "submitting", "running", "succeeded", "failed", "cancelled", "expired", "unknown"
]

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    "queued": frozenset({"submitting", "failed", "cancelled"}),
    "submitting": frozenset({"running", "queued", "failed", "unknown"}),
    "running": frozenset({"succeeded", "failed", "cancelled", "expired"}),
    "unknown": frozenset({"running", "queued", "failed", "cancelled"}),
    "failed": frozenset({"running"}),
    "succeeded": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
}
"""From each state, the states that may follow. `submitting` to `queued`: the provider certainly made nothing.
From `unknown` the user or the provider's list settles it. `failed` to `running`: the provider has the video and
only its file didn't come; it is tried again."""

UNFINISHED: tuple[JobState, ...] = ("queued", "submitting", "running", "unknown")
"""The states in which something is still to be done."""

RemoteState = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
"""Where a job stands at its provider."""


class VideoRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be filmed. None or nothing leaves a setting to the provider.

    Attributes:
        prompt: What to show.
        model: The provider's name of the model.
        seconds: Length.
        size: Pixels as `WIDTHxHEIGHT`.
        aspect: For example `16:9`.
        resolution: For example `720p`.
        first_frame: The picture that it begins with.
        last_frame: The picture that it ends with.
        references: Pictures of what is to appear.
        seed: Makes a result repeatable where the model can.
        count: How many videos.
        negative_prompt: What not to show.
        audio: Whether to make sound.
        remix_of: The provider's id of the video that is to be changed.
        extra: Fields of the provider that are not known here.
    """

    prompt: str
    model: str = ""
    seconds: float | None = None
    size: str = ""
    aspect: str = ""
    resolution: str = ""
    first_frame: Image | None = None
    last_frame: Image | None = None
    references: tuple[Image, ...] = ()
    seed: int | None = None
    count: int | None = None
    negative_prompt: str = ""
    audio: bool | None = None
    remix_of: str = ""
    extra: Extra = {}


class JobFailure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why there is no video.

    Attributes:
        message: What happened, fit to be shown.
        kind: The class of the failure, as in `ErrorKind`, or `job`.
        code: The provider's own code.
        hint: What to do.
    """

    message: str
    kind: str = "job"
    code: str = ""
    hint: str = ""


class JobReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider says about a job.

    Attributes:
        provider_job_id: Its id of the job.
        state: Its word for the state, in ours.
        raw_status: Its own word.
        progress: 0 to 1.
        failure: Why it failed.
        urls: Where the files are.
        created: Seconds since 1970.
        expires_at: When it deletes them, seconds since 1970.
        cost: US dollars that it charged.
        seconds: Length.
        size: Pixels as `WIDTHxHEIGHT`.
        poll_after: Seconds that it asks to wait before the next poll.
        prompt: The prompt that it was given.
        revised_prompt: The prompt that it made of it.
        model: Who makes it.
        handle: What the dialect needs to find the job again, beyond its id.
    """

    provider_job_id: str = ""
    state: RemoteState = "queued"
    raw_status: str = ""
    progress: float | None = None
    failure: JobFailure | None = None
    urls: tuple[str, ...] = ()
    created: float | None = None
    expires_at: float | None = None
    cost: float | None = None
    seconds: float | None = None
    size: str = ""
    poll_after: float | None = None
    prompt: str = ""
    revised_prompt: str = ""
    model: str = ""
    handle: Mapping[str, Any] = {}


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One video being made.

    Attributes:
        id: Our own.
        key: Idempotency key; the same for every create call of this job.
        provider: Who makes it.
        request: What is asked.
        state: Where it stands.
        created: When it was written down, seconds since 1970, as all times here.
        updated: When it changed.
        submitted: When its last create call was begun, or a failed one was taken up again.
        contact: When the provider was last asked.
        attempts: Create calls that were begun.
        polls: Polls that were answered.
        failures: Polls that failed since then.
        fetches: Times that the file didn't come.
        wait: Seconds that the provider asked to wait, or None.
        provider_job_id: The provider's id.
        remote: What the provider said last, in our words.
        raw_status: What it said last, in its own.
        progress: 0 to 1.
        failure: Why there is no video.
        note: What hinders it for now.
        urls: Where the provider keeps the files.
        expires_at: When it deletes them.
        path: The file on this machine.
        folder: Where it is to land.
        stem: Its name without ending, where the caller chose one; other jobs may share it.
        poster: The picture for it on this machine.
        cost: US dollars; None where unknown.
        seconds: Length.
        size: Pixels as `WIDTHxHEIGHT`.
        notebook: Path of the notebook that asked.
        cell: Id of its cell.
        parent: Our id of the job that this one remixes.
        seen: Whether a cell has shown its video.
        revised_prompt: What the provider made of the prompt.
        said: The user's own prompt, where a director wrote the one of `request`.
        handle: What the dialect needs to find the job again.
        revision: How often the store has seen it change.
    """

    id: str
    provider: str
    request: VideoRequest
    key: str = ""
    state: JobState = "queued"
    created: float = 0.0
    updated: float = 0.0
    submitted: float = 0.0
    contact: float = 0.0
    attempts: int = 0
    polls: int = 0
    failures: int = 0
    fetches: int = 0
    wait: float | None = None
    provider_job_id: str = ""
    remote: RemoteState | None = None
    raw_status: str = ""
    progress: float | None = None
    failure: JobFailure | None = None
    note: str = ""
    urls: tuple[str, ...] = ()
    expires_at: float | None = None
    path: str = ""
    folder: str = ""
    stem: str = ""
    poster: str = ""
    cost: float | None = None
    seconds: float | None = None
    size: str = ""
    notebook: str = ""
    cell: str = ""
    parent: str = ""
    seen: bool = False
    revised_prompt: str = ""
    said: str = ""
    handle: Mapping[str, Any] = {}
    revision: int = 0

    @property
    def model(self) -> str:
        """The provider's name of the model."""
        return self.request.model

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be done."""
        return self.state not in UNFINISHED
