"""A part of a cell that failed while it was recorded: written down too, so that the cell replays as it was."""

from __future__ import annotations

import hashlib

import msgspec

from ve_magics.engine.recording import Kept, request_key
from ve_magics.engine.session import Session
from ve_magics.engine.trace import Trace
from ve_magics.errors import ConfigError, RecordingError, StoreError, VeError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.failure import RecordedFailureError, explain
from ve_magics.messages import ChatRequest
from ve_magics.routing import Target

_FIELD = "failed"


class _Failed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a failure.

    Attributes:
        kind: The name of its class.
        message: What happened.
        hint: What to do.
        lines: How a cell shows it.
        part: What had come of the answer; None where no word had.
    """

    kind: str
    message: str
    hint: str = ""
    lines: tuple[str, ...] = ()
    part: Kept | None = None


def _key(request: ChatRequest) -> str:
    return hashlib.sha256(b"failure\0" + request_key(request).encode()).hexdigest()


def keep_failure(
    session: Session, request: ChatRequest, error: VeError, part: Answer | None, cell: str
) -> None:
    """Write a failure into the recording, where the session records, in the place of an earlier answer.

    Args:
        session: The session.
        request: What was asked.
        error: What went wrong; an unusable recording or store is no answer of a model, and is not kept.
        part: What had come of the answer.
        cell: Who asked.

    Raises:
        StoreError: The recording can't be written.
    """
    if session.mode != "record" or isinstance(error, (RecordingError, StoreError)):
        return
    kept = None
    if part is not None:
        response = msgspec.structs.replace(part.response, id="")
        kept = Kept(response=response, served=part.served, cost=part.cost)
    failed = _Failed(
        kind=type(error).__name__,
        message=error.message,
        hint=error.hint,
        lines=tuple(explain(error)),
        part=kept,
    )
    recording = session.recording
    facts = {"asked": msgspec.to_builtins(request), _FIELD: msgspec.to_builtins(failed)}
    recording.keep(_key(request), facts, redactor=session.config.redactor, cell=cell)
    recording.outlive(request_key(request))


def recalled(
    session: Session, request: ChatRequest, cell: str
) -> tuple[RecordedFailureError, Answer | None] | None:
    """Return the recorded failure of a request and what had come of its answer; None where none was recorded.

    Raises:
        RecordingError: The entry can't be used.
    """
    for recording in session.replays:
        failed = recording.entry(_key(request), _FIELD, _Failed, cell=cell)
        if failed is not None:
            error = RecordedFailureError(
                failed.message, hint=failed.hint, kind=failed.kind, lines=failed.lines
            )
            return error, _part(request, failed.part)
    return None


def _part(request: ChatRequest, kept: Kept | None) -> Answer | None:
    if kept is None:
        return None
    trace = Trace()
    trace.source, trace.cost = "recording", kept.cost
    try:
        trace.served = Target.parse(kept.served)
    except ConfigError:  # nobody had answered yet, or the recording says what it likes
        trace.served = None
    return Answer(request, kept.response, trace, partial=True)
