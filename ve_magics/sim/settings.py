"""How a simulator behaves: its pace, its limits, and the clocks that it lives by."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a simulator behaves. All times are in seconds.

    Attributes:
        first_token: Time to the first token.
        tokens_per_second: Pace of an answer after that; `math.inf` for no pauses.
        prefill: Tokens of the prompt that are read per second before the first token, those in the prefix cache
            excepted; `math.inf` where reading takes no time.
        prefix_cache: Whether equal beginnings of prompts are remembered without being asked for.
        context: Most tokens of a prompt.
        silence: How long the faults of silence stay silent where they name no time.
        retry_after: What the fault 429 asks to wait where it names no time.
        keys: Keys that are accepted; where empty, any key or none will do.
        video_seconds: Time from a video's creation to its end, as long as its film is made by then.
        video_lifetime: How long a finished video can be fetched.
        idempotent: Whether a second creation with the same `idempotency-key` gives the first video again. Most
            real providers don't, so neither does this one by default.
        clock: Monotonic seconds.
        now: Seconds since 1970.
        sleep: Waits that many seconds.
    """

    first_token: float = 0.15
    tokens_per_second: float = 60.0
    prefill: float = math.inf
    prefix_cache: bool = True
    context: int = 128_000
    silence: float = 600.0
    retry_after: float = 1.0
    keys: tuple[str, ...] = ()
    video_seconds: float = 3.0
    video_lifetime: float = 3600.0
    idempotent: bool = False
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
