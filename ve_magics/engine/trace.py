"""What happened on the way to an answer, as it is shown to the user and written into the books."""

from __future__ import annotations

from typing import Literal

import msgspec

from ve_magics.catalog import Cost
from ve_magics.messages import Usage
from ve_magics.routing import Target


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt as it is shown to the user.

    Attributes:
        target: `provider/model`.
        seconds: How long it took.
        failure: The class of the failure, or `hedged` where another target was faster; empty for the attempt that
            answered.
        message: What the failure said.
        first_token: Seconds to the first token; None where none came.
    """

    target: str
    seconds: float
    failure: str = ""
    message: str = ""
    first_token: float | None = None


class Billed(msgspec.Struct, frozen=True):
    """An answer that nobody will read to its end and that is paid for all the same.

    Attributes:
        target: Who gave it.
        usage: What it used, as far as that was told before it broke off.
    """

    target: Target
    usage: Usage | None


class Trace:
    """What happened on the way to an answer; the gateway writes it while it works.

    Attributes:
        attempts: Every attempt, in order.
        served: The target that answered, once one does.
        continued: Targets that went on with a broken answer, in order; `served` is the last of them.
        first_token: Seconds from the question to the first token that was kept.
        source: Where the answer came from: a provider, this session's cache, or a recording.
        cost: What the answer cost when it was made, once it is whole.
        billed: Answers that broke off, came second or couldn't be read, and prefixes that were read to be kept.
        notices: What the user should be told once: that a model is gone, say.
    """

    def __init__(self) -> None:
        self.attempts: list[Tried] = []
        self.served: Target | None = None
        self.continued: list[str] = []
        self.first_token: float | None = None
        self.source: Literal["provider", "cache", "recording"] = "provider"
        self.cost = Cost()
        self.billed: list[Billed] = []
        self.notices: list[str] = []

    @property
    def failures(self) -> list[Tried]:
        """The attempts that failed or came second."""
        return [tried for tried in self.attempts if tried.failure]
