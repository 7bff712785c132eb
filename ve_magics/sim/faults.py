"""Faults on demand, as real providers have them.

A fault is asked for by the model's name, `fault-KIND`, which works with any client, or by the header
`x-sim-fault: KIND`, which leaves the model as it is and works on every address. After the kind may stand seconds
and a count: `fault-429@5` asks to wait 5 s, `fault-500x2` fails the first two times that the same request comes and
then answers, so that a retry is seen to help.

| kind | what happens |
|---|---|
| `refused` | the connection is refused (over a socket: it is reset at once) |
| `reset` | the connection breaks before any header comes |
| `reset-midstream` | it breaks in the middle of the answer |
| `silence` | headers come, then nothing (`@` seconds; then the answer) |
| `silence-midstream` | the answer stops in its middle, then goes on after `@` seconds |
| `slow` | every token takes `@` seconds, 0.5 where none are named |
| `400` `context` `401` `403` `404` `quota` `500` `503` `504` | an error of that kind |
| `429` | too many requests; `retry-after` asks to wait `@` seconds |
| `filter` | the answer breaks off because of the content policy |
| `refusal` | the model says that it won't |
| `misfit` | JSON for a schema doesn't fit it, until the model is told what is wrong with it |
| `broken-json` | a piece of the answer is no JSON |
| `error-in-stream` | an error comes inside a stream that began well; without a stream, inside a 200 |
| `cut` | the answer ends well for HTTP, but without its end mark |
| `html`, `html-502` | a web page comes instead, with status 200 or 502 |
| `moderation` | videos and pictures: refused at once by the content policy |
| `lost` | videos: the job is made and its answer is lost |
| `job` `job-moderation` | videos: the job fails on its way, because of a fault or of the content policy |
| `stuck` | videos: the job never ends |
| `expired` | videos: the job succeeds and its file is gone at once |
| `download` | videos: the connection breaks in the middle of the file |
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from ve_magics.errors import (
    AuthError,
    BadRequestError,
    ContextLengthError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    ServerError,
    ServerTimeoutError,
    StatusError,
)
from ve_magics.sim.exchange import Answer, Request
from ve_magics.sim.settings import Settings

HEADER = "x-sim-fault"
MODEL_PREFIX = "fault-"
PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>%s</title></head>"
    b"<body><h1>%s</h1><p>This page stands where JSON was due.</p></body></html>\n"
)

ANSWERED: dict[str, tuple[type[StatusError], int, str, str]] = {
    "400": (BadRequestError, 400, "invalid_value", "Invalid value: the simulator was asked to refuse this."),
    "context": (
        ContextLengthError,
        400,
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens. However, your messages are longer.",
    ),
    "401": (
        AuthError,
        401,
        "invalid_api_key",
        "Incorrect API key provided. The simulator was asked for this.",
    ),
    "403": (
        PermissionDeniedError,
        403,
        "permission_denied",
        "Your project does not have access to this model.",
    ),
    "404": (NotFoundError, 404, "model_not_found", "The model does not exist or has been retired."),
    "429": (RateLimitError, 429, "rate_limit_exceeded", "Rate limit reached for requests. Slow down."),
    "quota": (
        QuotaError,
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "500": (ServerError, 500, "server_error", "The server had an error while processing your request."),
    "503": (OverloadedError, 503, "server_is_overloaded", "The server is overloaded. Try again later."),
    "504": (ServerTimeoutError, 504, "timeout", "The upstream model did not answer in time."),
    "moderation": (
        BadRequestError,
        400,
        "moderation_blocked",
        "Your request was blocked by our moderation system.",
    ),
}
"""Kinds that are told before the answer begins: the error, its HTTP status, its code and its words."""

BREAKS = frozenset({"refused", "reset", "html", "html-502"})
MIDWAY = frozenset(
    {
        "reset-midstream",
        "silence",
        "silence-midstream",
        "slow",
        "filter",
        "refusal",
        "misfit",
        "broken-json",
        "error-in-stream",
        "cut",
    }
)
FILMING = frozenset({"lost", "job", "job-moderation", "stuck", "expired", "download"})
KINDS = frozenset(ANSWERED) | BREAKS | MIDWAY | FILMING

_SPEC = re.compile(r"(?P<kind>[a-z0-9-]+?)(?:@(?P<seconds>\d+(?:\.\d+)?))?(?:x(?P<times>\d+))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: One of `KINDS`.
        seconds: What it names, or None.
        times: How often the same request meets it before it is answered; None for always.
    """

    kind: str
    seconds: float | None = None
    times: int | None = None

    @classmethod
    def read(cls, spec: str) -> Fault:
        """Return the fault that is written so.

        Raises:
            BadRequestError: There is no such fault.
        """
        found = _SPEC.fullmatch(spec.strip().lower())
        if found is None or found["kind"] not in KINDS:
            raise BadRequestError(
                f"The simulator knows no fault {spec!r}. It knows: {', '.join(sorted(KINDS))}.",
                status=400,
                code="invalid_value",
                param=HEADER,
            )
        return cls(
            found["kind"],
            float(found["seconds"]) if found["seconds"] else None,
            int(found["times"]) if found["times"] else None,
        )


class Faults:
    """Decides which request meets which fault, and counts.

    Args:
        remembered: How many different requests are counted before the oldest is forgotten.
    """

    def __init__(self, remembered: int = 10_000) -> None:
        self._met: OrderedDict[str, int] = OrderedDict()
        self._remembered = remembered

    def meet(self, request: Request, model: str = "") -> Fault | None:
        """Return the fault that this request meets now, if any.

        Args:
            request: The request; its header comes before its model.
            model: The model that it names.

        Raises:
            BadRequestError: It asks for a fault that there is not.
        """
        spec = request.headers.get(HEADER, "")
        if not spec and model.startswith(MODEL_PREFIX):
            spec = model.removeprefix(MODEL_PREFIX)
        if not spec:
            return None
        fault = Fault.read(spec)
        if fault.times is None:
            return fault
        key = f"{spec}\n{request.digest}"
        met = self._met[key] = self._met.pop(key, 0) + 1
        if len(self._met) > self._remembered:
            self._met.popitem(last=False)
        return fault if met <= fault.times else None


def error_of(fault: Fault, settings: Settings) -> StatusError | None:
    """Return the error that a fault is answered with, or None where it is none that is told before the answer."""
    if fault.kind not in ANSWERED:
        return None
    kind, status, code, words = ANSWERED[fault.kind]
    wait = settings.retry_after if fault.seconds is None else fault.seconds
    return kind(words, status=status, code=code, retry_after=wait if fault.kind == "429" else None)


async def break_off(fault: Fault, answer: Answer) -> bool:
    """Do what a fault does to the connection before the answer begins; False where it does nothing.

    Raises:
        ConnectionRefusedError: The connection is to be refused.
        ConnectionResetError: It is to be reset.
    """
    if fault.kind == "refused":
        raise ConnectionRefusedError("the simulator was asked to refuse the connection")
    if fault.kind == "reset":
        raise ConnectionResetError("the simulator was asked to break the connection")
    if fault.kind.startswith("html"):
        status, title = (502, b"502 Bad Gateway") if fault.kind == "html-502" else (200, b"Welcome")
        await answer.whole(status, PAGE % (title, title), media_type="text/html; charset=utf-8")
        return True
    return False


async def strike(fault: Fault | None, settings: Settings, answer: Answer) -> bool:
    """Do what a fault does before an answer begins; True where the answer may still come.

    Raises:
        StatusError: The fault is an error that is to be told.
        ConnectionError: It breaks the connection.
    """
    if fault is None:
        return True
    if error := error_of(fault, settings):
        raise error
    if fault.kind == "silence":
        await settings.sleep(settings.silence if fault.seconds is None else fault.seconds)
    return not await break_off(fault, answer)
