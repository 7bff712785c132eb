"""AI models, text and video, in a Jupyter notebook.

In a notebook: `%load_ext ve_magics`, then `%%chat`, `%%video`, `%ve`. In Python:

    from ve_magics import VectorEngineClient

    async with VectorEngineClient() as client:
        answer = await client.chat_completion([{"role": "user", "content": "Hello"}])
        print(answer.text)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ve_magics.client import VectorEngineClient
    from ve_magics.engine.agent.team import Member
    from ve_magics.errors import (
        ArgumentsError,
        AuthError,
        BadRequestError,
        BudgetError,
        ConfigError,
        ContentFilterError,
        ContextLengthError,
        InterruptedStreamError,
        JobError,
        MissingKeyError,
        NotFoundError,
        OverloadedError,
        QuotaError,
        RateLimitError,
        RecordingError,
        RequestError,
        RouteExhaustedError,
        ServerError,
        StatusError,
        TimedOutError,
        TransportError,
        UnknownModelError,
        UnsupportedError,
        UserError,
        VeError,
    )
    from ve_magics.magics.panel.gallery import Gallery
    from ve_magics.magics.panel.panel import ChatPanel
    from ve_magics.messages import ChatRequest, ChatResponse, Message, Tool, Usage
    from ve_magics.tools import tool

__version__ = "0.1.0"

__all__ = [
    "ArgumentsError",
    "AuthError",
    "BadRequestError",
    "BudgetError",
    "ChatPanel",
    "ChatRequest",
    "ChatResponse",
    "ConfigError",
    "ContentFilterError",
    "ContextLengthError",
    "Gallery",
    "InterruptedStreamError",
    "JobError",
    "Member",
    "Message",
    "MissingKeyError",
    "NotFoundError",
    "OverloadedError",
    "QuotaError",
    "RateLimitError",
    "RecordingError",
    "RequestError",
    "RouteExhaustedError",
    "ServerError",
    "StatusError",
    "TimedOutError",
    "Tool",
    "TransportError",
    "UnknownModelError",
    "UnsupportedError",
    "Usage",
    "UserError",
    "VeError",
    "VectorEngineClient",
    "__version__",
    "load_ipython_extension",
    "tool",
    "unload_ipython_extension",
]

_HOMES = {
    "ChatPanel": "ve_magics.magics.panel.panel",
    "Gallery": "ve_magics.magics.panel.gallery",
    "VectorEngineClient": "ve_magics.client",
    "tool": "ve_magics.tools",
    "Member": "ve_magics.engine.agent.team",
} | dict.fromkeys(("ChatRequest", "ChatResponse", "Message", "Tool", "Usage"), "ve_magics.messages")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "ve_magics.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Register the magics: what `%load_ext ve_magics` does."""
    from ve_magics.magics.loading import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away and close what is open: what `%unload_ext ve_magics` does."""
    from ve_magics.magics.loading import unload

    unload(shell)
