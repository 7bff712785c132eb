"""Every error that ve_magics raises, as one tree.

    VeError
    ├─ UserError                        the caller can mend it
    │  ├─ ArgumentsError                a magic line, a tool's signature, an empty prompt
    │  ├─ ConfigError                   a configuration file or a variable that can't be used
    │  │  └─ MissingKeyError            no key for a provider
    │  ├─ UnknownModelError             no target by that name; knows the nearest names
    │  ├─ UnsupportedError              a dialect can't say this field; never dropped in silence
    │  ├─ BudgetError                   the call could pass the limit; nothing was sent
    │  ├─ RecordingError                a replay without this answer, or a recording that can't be read
    │  ├─ StoppedError                  the user stopped it before its end
    │  └─ MissingExtraError             an optional package that isn't installed
    ├─ RequestError                     one attempt failed
    │  ├─ TransportError                no answer came
    │  │  ├─ ConnectFailedError         the connection could not be made
    │  │  └─ TimedOutError              knows which deadline: connect, first_token, silence, total
    │  ├─ StatusError                   the provider answered with an error
    │  │  ├─ AuthError                  wrong or missing key
    │  │  ├─ PermissionDeniedError      the key may not do this
    │  │  ├─ NotFoundError              unknown or retired model, or a URL that isn't there
    │  │  ├─ BadRequestError
    │  │  │  ├─ ContextLengthError
    │  │  │  └─ ContentFilterError
    │  │  ├─ RateLimitError
    │  │  ├─ QuotaError                 credit or spend limit used up; waiting doesn't help
    │  │  ├─ OverloadedError
    │  │  ├─ ServerTimeoutError         the provider itself ran out of time
    │  │  └─ ServerError
    │  ├─ DecodeError                   the bytes don't speak the dialect
    │  └─ InterruptedStreamError        broke after the first token; carries what came
    ├─ RouteExhaustedError              every target failed; knows each attempt
    ├─ UnfitAnswerError                 the answer lacks the form that was asked for; carries what came
    ├─ ToolError                        UnknownToolError, ToolArgumentsError, ToolFailedError
    ├─ JobError
    │  ├─ JobFailedError
    │  ├─ JobExpiredError
    │  └─ JobTransitionError            a bug: a job can't go from here to there
    └─ StoreError
       ├─ SchemaTooNewError
       ├─ StoreBusyError
       └─ JobChangedError                another kernel changed the job meanwhile

A message says what happened, a hint what to do about it. Neither ever holds a key or a prompt.
"""

from ve_magics.errors.outcomes import (
    JobChangedError,
    JobError,
    JobExpiredError,
    JobFailedError,
    JobTransitionError,
    SchemaTooNewError,
    StoreBusyError,
    StoreError,
    ToolArgumentsError,
    ToolError,
    ToolFailedError,
    UnfitAnswerError,
    UnknownToolError,
)
from ve_magics.errors.requests import (
    ERRORS,
    AuthError,
    BadRequestError,
    ConnectFailedError,
    ContentFilterError,
    ContextLengthError,
    DecodeError,
    ErrorKind,
    InterruptedStreamError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    Phase,
    QuotaError,
    RateLimitError,
    RequestError,
    RouteExhaustedError,
    ServerError,
    ServerTimeoutError,
    StatusError,
    TimedOutError,
    TransportError,
)
from ve_magics.errors.user import (
    ArgumentsError,
    BudgetError,
    ConfigError,
    MissingExtraError,
    MissingKeyError,
    RecordingError,
    StoppedError,
    UnknownModelError,
    UnsupportedError,
    UserError,
    VeError,
)

__all__ = [
    "ERRORS",
    "ArgumentsError",
    "AuthError",
    "BadRequestError",
    "BudgetError",
    "ConfigError",
    "ConnectFailedError",
    "ContentFilterError",
    "ContextLengthError",
    "DecodeError",
    "ErrorKind",
    "InterruptedStreamError",
    "JobChangedError",
    "JobError",
    "JobExpiredError",
    "JobFailedError",
    "JobTransitionError",
    "MissingExtraError",
    "MissingKeyError",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "Phase",
    "QuotaError",
    "RateLimitError",
    "RecordingError",
    "RequestError",
    "RouteExhaustedError",
    "SchemaTooNewError",
    "ServerError",
    "ServerTimeoutError",
    "StatusError",
    "StoppedError",
    "StoreBusyError",
    "StoreError",
    "TimedOutError",
    "ToolArgumentsError",
    "ToolError",
    "ToolFailedError",
    "TransportError",
    "UnfitAnswerError",
    "UnknownModelError",
    "UnknownToolError",
    "UnsupportedError",
    "UserError",
    "VeError",
]
