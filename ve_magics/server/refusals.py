"""What the server itself refuses, in the errors that every dialect can tell."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ve_magics.errors import BadRequestError, NotFoundError, ServerError, VeError

_LOG = logging.getLogger("ve_magics.server")


class ClientLeftError(Exception):
    """The client is gone, or reads nothing any more: there is nobody to tell anything."""


class MethodError(BadRequestError):
    """The path is right and the method isn't.

    Args:
        method: What was asked for.
        path: The path.
        allowed: What may be asked for there.
    """

    http_status = 405

    def __init__(self, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{path} takes {' or '.join(allowed)}, not {method}.", status=405, code="method_not_allowed"
        )
        self.allowed = tuple(allowed)


class _TooLargeError(BadRequestError):
    http_status = 413


class _TooSlowError(BadRequestError):
    http_status = 408


class _EncodedError(BadRequestError):
    http_status = 415


def too_large(limit: int) -> BadRequestError:
    """Return the error for a body above the limit in bytes."""
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return _TooLargeError(f"The body is larger than {size}.", status=413, code="request_too_large")


def too_slow(seconds: float) -> BadRequestError:
    """Return the error for a body that took too long to come."""
    return _TooSlowError(f"The body did not come within {seconds:g} s.", status=408, code="request_timeout")


def encoded(coding: str) -> BadRequestError:
    """Return the error for a compressed body."""
    shown = coding[:40].encode("ascii", "replace").decode()
    return _EncodedError(
        f"The body is encoded as {shown!r}.", status=415, code="unsupported_encoding", hint="Send it plain."
    )


def key_reused() -> BadRequestError:
    """Return the error for an idempotency key that another order has used."""
    error = BadRequestError(
        "This idempotency key was used for another order.",
        status=422,
        code="idempotency_key_reused",
        param="Idempotency-Key",
        hint="Use a fresh one for each order, and the same one to repeat it.",
    )
    error.http_status = 422
    return error


def unknown_video(name: str) -> NotFoundError:
    """Return the error for a video that the holder of this token doesn't have."""
    shown = name[:80].encode("ascii", "replace").decode()
    return NotFoundError(f"There is no video {shown!r}.", status=404, code="not_found", param="video_id")


def conflict(message: str, code: str, *, status: int = 409) -> BadRequestError:
    """Return the error for something that can't be done with a video as it is: 409, or 404 and 410 where it is gone."""
    error = BadRequestError(message, status=status, code=code, param="video_id")
    error.http_status = status
    return error


def unknown_path(method: str, path: str) -> NotFoundError:
    """Return the error for a path where nothing is."""
    shown = path[:200].encode("ascii", "replace").decode()
    return NotFoundError(f"Nothing answers {method} {shown} here.", status=404, code="unknown_url")


def told(error: Exception) -> VeError:
    """Return what may be told of an error: ours in words for clients; of any other only that there was one.

    The log gets the error's class and place and nothing of its text, which could hold a prompt or a key.
    """
    if isinstance(error, VeError):
        if error.client_hint is not None:
            error.hint = error.client_hint
        return error
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    _LOG.error("%s at %s", type(error).__name__, place)
    failure = ServerError("The server failed.", status=500, code="internal_error")
    failure.http_status = 500
    return failure
