"""What goes wrong between us and a provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from ve_magics.errors.user import VeError

ErrorKind = Literal[
    "authentication",
    "permission",
    "model_not_found",
    "bad_request",
    "context_length",
    "content_filter",
    "rate_limit",
    "quota",
    "overloaded",
    "server",
    "timeout",
    "network",
    "decode",
]
"""The classes of failure; a failure is classified once and its class decides what is tried next."""

Phase = Literal["connect", "first_token", "silence", "total"]
"""Which deadline ran out."""


class RequestError(VeError):
    """One attempt at one target failed. Only its subclasses are raised.

    Args:
        message: What happened.
        hint: What to do.
        retry_after: Seconds that the provider asked to wait, or None.
        request_id: The provider's id of the request, or None.
        retryable: The provider's own word on retrying; None leaves it to the class.
        target: `provider/model` that was tried.
    """

    kind: ErrorKind
    http_status = 502
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after: float | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        target: str = "",
    ) -> None:
        if type(self) is RequestError:
            raise TypeError("RequestError is abstract: raise one of its subclasses")
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable
        self.target = target


class TransportError(RequestError):
    """No answer came: the connection failed or broke."""

    kind: ErrorKind = "network"
    default_retryable = True


class ConnectFailedError(TransportError):
    """The connection could not be made: refused, no such host, TLS."""


class TimedOutError(TransportError):
    """A deadline ran out.

    Args:
        message: What happened.
        phase: Which deadline: connect, first_token, silence or total.
        **context: As for `RequestError`.
    """

    kind: ErrorKind = "timeout"
    http_status = 504

    def __init__(self, message: str, *, phase: Phase, **context: Any) -> None:
        super().__init__(message, **context)
        self.phase: Phase = phase


class StatusError(RequestError):
    """The provider answered with an error.

    Args:
        message: The provider's own message, made safe to show.
        status: HTTP status of the answer; 200 where the error came inside a good answer.
        code: The provider's error code or type, or None.
        param: The field the provider blames, or None.
        **context: As for `RequestError`.
    """

    kind: ErrorKind = "server"

    def __init__(
        self, message: str, *, status: int, code: str | None = None, param: str | None = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.status = status
        self.code = code
        self.param = param


class AuthError(StatusError):
    """The key is wrong or missing."""

    kind: ErrorKind = "authentication"
    http_status = 401


class PermissionDeniedError(StatusError):
    """The key may not do this, or not from here."""

    kind: ErrorKind = "permission"
    http_status = 403


class NotFoundError(StatusError):
    """The model is unknown or retired, or nothing stands at that URL."""

    kind: ErrorKind = "model_not_found"
    http_status = 404


class BadRequestError(StatusError):
    """The provider doesn't accept the request as it is."""

    kind: ErrorKind = "bad_request"
    http_status = 400


class ContextLengthError(BadRequestError):
    """The messages don't fit the model's context."""

    kind: ErrorKind = "context_length"


class ContentFilterError(BadRequestError):
    """The provider's policy refused the request."""

    kind: ErrorKind = "content_filter"


class RateLimitError(StatusError):
    """Too many requests for now."""

    kind: ErrorKind = "rate_limit"
    http_status = 429
    default_retryable = True


class QuotaError(StatusError):
    """Credit or a spend limit is used up; waiting doesn't help."""

    kind: ErrorKind = "quota"
    http_status = 429


class OverloadedError(StatusError):
    """The provider is overloaded."""

    kind: ErrorKind = "overloaded"
    http_status = 503
    default_retryable = True


class ServerTimeoutError(StatusError):
    """The provider itself ran out of time."""

    kind: ErrorKind = "timeout"
    http_status = 504
    default_retryable = True


class ServerError(StatusError):
    """The provider failed."""

    kind: ErrorKind = "server"
    http_status = 502
    default_retryable = True


class DecodeError(RequestError):
    """The bytes don't speak the dialect."""

    kind: ErrorKind = "decode"
    default_retryable = True


class InterruptedStreamError(RequestError):
    """The stream broke after its first token was delivered.

    Args:
        message: What happened.
        cause: The failure that broke it.
        partial: The text that had come.
    """

    default_retryable = False

    def __init__(self, message: str, *, cause: RequestError, partial: str = "") -> None:
        super().__init__(message, hint=cause.hint, request_id=cause.request_id, target=cause.target)
        self.client_hint = cause.client_hint
        self.kind = cause.kind
        self.cause = cause
        self.partial = partial


class RouteExhaustedError(VeError):
    """Every target of the route failed.

    Args:
        message: What happened.
        attempts: The failure of each attempt, in order; at least one.
        hint: What to do.
    """

    def __init__(self, message: str, *, attempts: Sequence[RequestError], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.attempts = tuple(attempts)
        last = self.attempts[-1]
        self.kind: ErrorKind = last.kind
        self.http_status = last.http_status
        self.retryable = any(attempt.retryable for attempt in self.attempts)
        self.retry_after = last.retry_after
        self.request_id = last.request_id


ERRORS: dict[ErrorKind, type[StatusError]] = {
    "authentication": AuthError,
    "permission": PermissionDeniedError,
    "model_not_found": NotFoundError,
    "bad_request": BadRequestError,
    "context_length": ContextLengthError,
    "content_filter": ContentFilterError,
    "rate_limit": RateLimitError,
    "quota": QuotaError,
    "overloaded": OverloadedError,
    "server": ServerError,
    "timeout": ServerTimeoutError,
}
"""The class that an answered failure of each kind is raised as."""
