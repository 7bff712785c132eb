"""What went wrong on the wire, told in one line that names the host and nothing else of the request."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import ConnectFailedError, DecodeError, Phase, TimedOutError, TransportError


def timed_out(host: str, phase: Phase, deadlines: Deadlines) -> TimedOutError:
    """Say which deadline ran out."""
    limit: float = getattr(deadlines, phase)  # what was left of a longer one has many digits
    seconds = f"{round(limit, 1 if limit >= 1 else 3):g} s"
    if phase == "connect":
        message = f"No connection to {host} within {seconds}."
        hint = "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY)."
    elif phase == "first_token":
        message = f"{host} did not begin to answer within {seconds}."
        hint = "Try again, allow more time or use another model."
    elif phase == "silence":
        message = f"{host} fell silent for {seconds} in the middle of its answer."
        hint = "Try again or use another model."
    else:
        message = f"{host} did not finish within {seconds}."
        hint = "Allow more time or ask for less."
    return TimedOutError(message, phase=phase, hint=hint)


def connect_failed(host: str, error: BaseException) -> ConnectFailedError:
    """Say why a connection could not be made, from the root of the error's causes."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError) and (why := getattr(cause, "verify_message", "")):
            return ConnectFailedError(
                f"The certificate of {host} can't be trusted: {why}.",
                hint="If a company proxy or a server of your own stands there, set SSL_CERT_FILE to its certificate.",
            )
        if isinstance(cause, socket.gaierror):
            return ConnectFailedError(
                f"There is no host named {host}, or names can't be looked up.",
                hint="Check the spelling of the provider's base_url, and the network.",
            )
        if isinstance(cause, ConnectionRefusedError):
            return ConnectFailedError(
                f"{host} refuses connections.", hint="Check that the server runs and that the port is right."
            )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ConnectFailedError(
            f"No TLS could be agreed with {host}.",
            hint="Check whether its address begins with http:// or https://.",
        )
    return ConnectFailedError(f"{host} can't be reached.", hint="Check the network and the proxy settings.")


def proxy_failed(host: str) -> ConnectFailedError:
    """Say that the proxy would not or could not connect."""
    return ConnectFailedError(
        f"The proxy did not connect to {host}.", hint="Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    )


def broken(host: str, *, in_body: bool) -> TransportError:
    """Say that a connection ended before the answer did."""
    if in_body:
        return TransportError(f"{host} broke off in the middle of its answer.", hint="Try again.")
    return TransportError(f"{host} closed the connection without an answer.", hint="Try again.")


def garbled(host: str) -> TransportError:
    """Say that the answer isn't HTTP."""
    return TransportError(
        f"{host} did not answer in valid HTTP.", hint="Check the address: another service may stand there."
    )


def unforeseen(host: str, error: BaseException) -> TransportError:
    """Say that something failed that no rule knows; only the kind of error is shown."""
    return TransportError(f"The call to {host} failed: {type(error).__name__}.")


def too_long(host: str, limit: int) -> DecodeError:
    """Say that a body has more bytes than are taken."""
    return DecodeError(f"The answer of {host} is longer than {limit} bytes.", retryable=False)


def undecodable(host: str, encoding: str) -> DecodeError:
    """Say that a body doesn't fit its content encoding."""
    return DecodeError(f"The answer of {host} is not valid {encoding}.", hint="Try again.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that led to it, once each."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__context__, cause.__cause__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
