"""What becomes of answers, tools, jobs and the store."""

from __future__ import annotations

from ve_magics.errors.user import VeError


class UnfitAnswerError(VeError):
    """The answer lacks the form that was asked for, although the model was told what is wrong with it.

    Args:
        message: What happened.
        raw: The answer as it came.
        hint: What to do.
    """

    http_status = 502

    def __init__(self, message: str, *, raw: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.raw = raw


class ToolError(VeError):
    """A tool call went wrong; the message goes back to the model."""


class UnknownToolError(ToolError):
    """The model called a tool that it was not offered."""


class ToolArgumentsError(ToolError):
    """The model's arguments don't fit the tool's signature."""


class ToolFailedError(ToolError):
    """The tool itself raised."""


class JobError(VeError):
    """A video job went wrong."""


class JobFailedError(JobError):
    """The provider could not or would not make the video."""


class JobExpiredError(JobError):
    """The result was not fetched before the provider deleted it."""


class JobTransitionError(JobError):
    """A job can't go from here to there: a bug."""


class StoreError(VeError):
    """The store can't be used."""


class SchemaTooNewError(StoreError):
    """The store was written by a newer version of ve_magics."""


class StoreBusyError(StoreError):
    """Another process holds the store for too long."""


class JobChangedError(StoreError):
    """Another kernel changed the job meanwhile; nothing was written."""
