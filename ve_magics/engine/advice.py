"""What the user can do about a failure."""

from __future__ import annotations

from ve_magics import catalog
from ve_magics.engine.config import Config
from ve_magics.errors import ConnectFailedError, RequestError, TimedOutError
from ve_magics.routing import Target


def advise(error: RequestError, target: Target, config: Config) -> None:
    """Write into an error who failed and, where it doesn't say so itself, what the user can do about it."""
    error.target = str(target)
    if not error.hint:
        error.hint = advice(error, target, config)
        error.client_hint = client_advice(error, target, config)


def advice(error: RequestError, target: Target, config: Config) -> str:
    """Return what the user can do about a failure; empty where nothing is known."""
    provider = config.provider(target.provider)
    match error.kind:
        case "authentication":
            keys = config.keys(provider.name)
            if not keys:
                variable = next(iter(provider.key_names), "")
                how = f"Set {variable}, or type" if variable else "Type"
                return f"{provider.name} wants a key. {how}: %ve key {provider.name}"
            return (
                f"The key of {provider.name} (from {keys[0].source}) was refused. Set another, or type:"
                f" %ve key {provider.name}"
            )
        case "permission":
            return f"The key of {provider.name} may not use {target.model}, or not from here."
        case "model_not_found":
            own = f"{provider.name}/"
            names = [name for name in config.names() if name.startswith(own) and name != str(target)]
            near = catalog.nearest(str(target), names)
            said = f"Did you mean {' or '.join(near)}? " if near else ""
            return f"{said}%ve models {provider.name} lists what it offers now."
        case "quota":
            return f"Credit or a spend limit at {provider.name} is used up; top it up or choose another: %ve use MODEL"
        case "rate_limit":
            wait = f" It asks to wait {error.retry_after:.0f} s." if error.retry_after else ""
            return f"{provider.name} takes no more for now.{wait} A route with a second target would fall back at once."
        case "context_length":
            return "Send less, start over with --new, or choose a model with a larger context."
        case "timeout" if isinstance(error, TimedOutError):
            return "Raise it with --timeout SECONDS, or choose another model with -m."
        case "network" if isinstance(error, ConnectFailedError) and provider.local:
            return f"Start {provider.name}, or choose another model: %ve use MODEL"
        case "network":
            return "Check the network and base_url; %ve doctor looks for the cause."
        case _:
            return ""


def client_advice(error: RequestError, target: Target, config: Config) -> str | None:
    """Return what a client of the server can do about a failure; None where `advice` says it as well."""
    provider = config.provider(target.provider)
    match error.kind:
        case "authentication":
            return f"The server has no key for {provider.name} that is good; its owner can set one."
        case "permission":
            return f"The server's key of {provider.name} may not use {target.model}, or not from there."
        case "model_not_found":
            return "GET /v1/models lists what is configured here."
        case "quota":
            return f"Credit or a spend limit at {provider.name} is used up; choose another model."
        case "context_length":
            return "Send less, or choose a model with a larger context."
        case "timeout" if isinstance(error, TimedOutError):
            return "Choose another model; the server's owner can raise the limit under [deadlines]."
        case "network" if isinstance(error, ConnectFailedError) and provider.local:
            return f"The server's owner can start {provider.name}; or choose another model."
        case "network":
            return "Try again; the server's owner can check the network and base_url."
        case _:
            return None
