"""Budgets that hold: what a call could cost at most is known before it is sent, and is kept free while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from ve_magics.catalog import Price
from ve_magics.engine.config_file import BudgetRow
from ve_magics.errors import BudgetError
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from ve_magics.routing import Target

MOST_OUTPUT = 128_000
"""Tokens that an answer has at most where the request doesn't limit it."""

IMAGE_TOKENS = 2_000
IMAGE_OUTPUT = 20_000
"""Tokens that a picture which is made has at most."""

MESSAGE_TOKENS = 16
"""Tokens that a message costs beside what it says, at most."""


class Purse:
    """One session's budgets and what of them is spoken for by calls that are running.

    Args:
        limits: The user's limits.
        spent: Returns the US dollars that were spent so far: of this notebook (True) or of everything (False).
    """

    def __init__(self, limits: BudgetRow, spent: Callable[[bool], float]) -> None:
        self.limits = limits
        self._spent = spent
        self._reserved = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self.limits.notebook is not None or self.limits.total is not None

    def limit_notebook(self, dollars: float | None) -> None:
        """Set this notebook's limit until the kernel ends; None lifts it."""
        self.limits = msgspec.structs.replace(self.limits, notebook=dollars)

    def spent(self, *, notebook: bool) -> float:
        """Return the US dollars that were spent so far, of this notebook or of everything, calls that run included."""
        return self._spent(notebook) + self._reserved

    @contextmanager
    def reserved(self, most: float | None, what: str, *, hint: str = "") -> Iterator[None]:
        """Keep so much free while a call runs.

        Args:
            most: US dollars that the call could cost at most; None where nobody knows.
            what: What the call is, for the error.
            hint: How it could cost less.

        Raises:
            BudgetError: It could pass a limit, or nobody knows what it costs.
        """
        if not self.limited:
            yield
            return
        if most is None:
            if not self.limits.allow_unknown:
                raise BudgetError(
                    f"There is a budget, and nobody knows what {what} costs.",
                    hint=f'Give its price in your configuration: [prices."{what}"] input = … and output = …'
                    " in dollars a million tokens, or set allow_unknown = true under [budget].",
                )
            most = 0.0
        for name, limit, notebook in (
            ("this notebook", self.limits.notebook, True),
            ("everything", self.limits.total, False),
        ):
            if limit is None:
                continue
            left = limit - self.spent(notebook=notebook)
            if most > left:
                raise BudgetError(
                    f"This call could cost up to ${most:.4f}, and of the budget of {name} (${limit:.4f})"
                    f" ${max(0.0, left):.4f} is left. Nothing was sent.",
                    hint=hint or "Raise it: %ve budget AMOUNT, or [budget] in your configuration.",
                )
        self._reserved += most
        try:
            yield
        finally:
            self._reserved -= most


def most_of_chat(
    request: ChatRequest, targets: Sequence[tuple[Target, Price | None]], *, hedged: bool = False
) -> tuple[float | None, str]:
    """Return what a chat request could cost at most in US dollars, and the target that it is said of.

    None where the price of one of the targets isn't known; that one is named then.

    Args:
        request: The question.
        targets: Who may serve it, and their prices.
        hedged: Whether two of them may be asked at once.
    """
    read = most_tokens(request)
    made = (request.max_tokens or MOST_OUTPUT) * (request.n or 1)
    most, of = 0.0, ""
    for target, price in targets:
        if price is None or price.input is None or price.output is None:
            return None, str(target)
        factor_in = factor_out = 1.0
        if price.long_input is not None and read > price.long_input:
            factor_in, factor_out = price.long_factor_input, price.long_factor_output
        dearest = max(price.input, price.cache_write or 0.0, price.cache_write_1h or 0.0)
        cost = (read * dearest * factor_in + made * price.output * factor_out) / 1e6 + (price.request or 0.0)
        if cost >= most:
            most, of = cost, str(target)
    return most * (2 if hedged else 1), of


def most_tokens(request: ChatRequest) -> int:
    """Return how many tokens a request has at most: an upper bound, not an estimate."""
    about = (request.tools, request.tool_choice, request.output, request.extra)
    return text_tokens(msgspec.json.encode(about).decode()) + sum(map(_message_tokens, request.messages))


def _message_tokens(message: Message) -> int:
    return MESSAGE_TOKENS + text_tokens(message.name) + sum(map(_part_tokens, message.parts))


def _part_tokens(part: Part) -> int:
    match part:
        case Text() | Reasoning():
            own = text_tokens(part.text)
        case ToolCall():
            own = MESSAGE_TOKENS + text_tokens(part.arguments) + text_tokens(part.name)
        case ToolResult():
            own = MESSAGE_TOKENS + sum(map(_part_tokens, part.parts))
        case Image():
            own = IMAGE_TOKENS
        case File():
            own = IMAGE_TOKENS + len(part.data) // 2
        case Audio():
            own = IMAGE_TOKENS + len(part.data) // 100
        case _:
            own = text_tokens(msgspec.json.encode(part).decode())
    state = part.state
    return own if state is None else own + text_tokens(msgspec.json.encode(state.data).decode())


def text_tokens(text: str) -> int:
    """Return how many tokens a text has at most.

    Half a token per ASCII character and one and a half per any other is what tokenizers make of bad cases; ordinary
    English has a quarter of one per character, and Chinese four fifths.
    """
    plain = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return round(plain * 0.5 + (len(text) - plain) * 1.5)
