"""`--dry-run`: what a cell would send, to whom, and roughly what it would cost."""

from __future__ import annotations

import msgspec

from ve_magics import catalog
from ve_magics.engine.gateway import affinity
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.messages import ChatRequest, Part, Text


def show_plan(notebook: Notebook, request: ChatRequest, note: str = "") -> None:
    """Show what would be sent, as `plan` says it."""
    show_text(plan(notebook, request, note))


def plan(notebook: Notebook, request: ChatRequest, note: str = "") -> str:
    """Say what would be sent, to whom, and roughly what it would cost.

    Args:
        notebook: The running notebook.
        request: What would be sent.
        note: What was left out of it.
    """
    config = notebook.session.config
    route = config.route(request.model)
    words = "\n".join(
        part.text for message in request.messages for part in message.parts if isinstance(part, Text)
    )
    tokens = catalog.estimate_tokens(words)
    lines = [f"to        {', then '.join(str(target) for target in route.targets)}"]
    uncounted = 0
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                lines.append(f"{message.role:<9} {part.text}")
            else:
                uncounted += 1
                lines.append(f"{message.role:<9} [{_attached(part)}]")
    skipped = {"model", "messages", "stream"}
    settings = {
        name: value
        for name, value in msgspec.to_builtins(request).items()
        if name not in skipped and value not in (None, "", [], {})
    }
    if settings:
        lines.append(f"settings  {', '.join(f'{name}={value}' for name, value in settings.items())}")
    price = config.price(route.targets[0])
    if price is None or price.input is None:
        cost = "price unknown"
    else:
        out = request.max_tokens or 1000
        cost = (
            f"≈ ${(tokens * price.input + out * (price.output or 0)) / 1e6:.4f} with {out} tokens of answer"
        )
    beside = f" and {uncounted} attached, not counted" if uncounted else ""
    lines.append(f"estimate  ≈ {tokens} tokens in{beside}, {cost}; nothing was sent")
    if affinity(request):
        lines.append("cache     the prefix is long enough for the provider's prompt cache")
    if note:
        lines.append(note)
    return "\n".join(lines)


def _attached(part: Part) -> str:
    """Say what goes along: its kind, its type or name, and its size or address."""
    words = [type(part).__name__.lower(), getattr(part, "name", "") or getattr(part, "media_type", "")]
    words.append(getattr(part, "url", "") or f"{len(getattr(part, 'data', b'')):,} bytes")
    return ", ".join(word for word in words if word)
