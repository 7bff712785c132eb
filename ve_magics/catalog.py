"""What is known about models: living names, what they can do, what they cost. Data with its date, and never a limit.

Names and prices age within weeks. A model that is not named here is sent all the same, and a price that is not
known is None. The user's configuration wins over every row.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import msgspec

from ve_magics.messages import Usage

AS_OF = "2026-11-23"
"""The day on which names and prices were read."""

DEFAULT_CHAT: Mapping[str, str] = {
    "openai": "gpt-5.4-mini",
    "anthropic": "claude-haiku-5-5",
    "google": "gemini-3.8-flash",
    "vectorengine": "gpt-5.4-mini",
    "openrouter": "openai/gpt-5.4-mini",
    "deepseek": "deepseek-chat",
    "dashscope": "qwen-plus",
    "moonshot": "kimi-latest",
    "zhipu": "glm-4.6",
    "siliconflow": "deepseek-ai/DeepSeek-V3",
    "mistral": "mistral-small-latest",
    "sim": "tutor",
}
"""The chat model that a provider is asked for where the user has named none."""

DEFAULT_VIDEO: Mapping[str, str] = {
    "google": "gemini-omni-1.1-flash",
    "vertex": "veo-3.1-fast-generate-001",
    "vectorengine": "sora-2",
    "runway": "gen4.5",
    "luma": "ray-3.2",
    "dashscope": "wan2.7-t2v",
    "minimax": "MiniMax-Hailuo-2.3",
    "xai": "grok-imagine-video",
    "siliconflow": "Wan-AI/Wan2.2-T2V-A14B",
    "sim": "film",
}
"""The video model that a provider is asked for where the user has named none."""

DEFAULT_EMBED: Mapping[str, str] = {
    "openai": "text-embedding-3-small",
    "google": "gemini-embedding-001",
    "vectorengine": "text-embedding-3-small",
    "siliconflow": "BAAI/bge-m3",
    "sim": "embed",
}
"""The embedding model that a provider is asked for where the user has named none."""

DEFAULT_IMAGE: Mapping[str, str] = {
    "openai": "gpt-image-1-mini",
    "google": "gemini-3.1-flash-image",
    "vectorengine": "gpt-image-1-mini",
    "sim": "image",
}
"""The image model that a provider is asked for where the user has named none."""

DEFAULT_RERANK: Mapping[str, str] = {"siliconflow": "BAAI/bge-reranker-v2-m3", "sim": "rerank"}
"""The reranking model that a provider is asked for where the user has named none."""

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "chat": DEFAULT_CHAT,
    "video": DEFAULT_VIDEO,
    "embed": DEFAULT_EMBED,
    "image": DEFAULT_IMAGE,
    "rerank": DEFAULT_RERANK,
}
"""The default models by kind of request."""

KNOWN_MODELS: Mapping[str, tuple[str, ...]] = {
    "openai": (
        "gpt-6-astra",
        "gpt-6.2-astra",
        "gpt-6.1-sol",
        "gpt-6.2-sol",
        "gpt-6.1-terra",
        "gpt-6-sol",
        "gpt-6-luna",
        "gpt-5.6-sol",
        "gpt-5.6-terra",
        "gpt-5.6-luna",
        "gpt-5.5",
        "gpt-5.4",
        "gpt-5.4-mini",
        "gpt-5.4-nano",
        "gpt-5.2",
        "gpt-5.1",
        "text-embedding-3-small",
        "text-embedding-3-large",
    ),
    "anthropic": (
        "claude-fable-5-2",
        "claude-mythos-5-2",
        "claude-haiku-5-5",
        "claude-sonnet-5-5",
        "claude-opus-5-5",
        "claude-fable-5-1",
        "claude-mythos-5-1",
        "claude-fable-5",
        "claude-mythos-5",
        "claude-opus-5",
        "claude-sonnet-5",
        "claude-opus-4-8",
        "claude-opus-4-7",
        "claude-opus-4-6",
        "claude-opus-4-5",
        "claude-sonnet-4-6",
        "claude-haiku-4-5",
    ),
    "google": (
        "gemini-4-argon",
        "gemini-3.8-flash",
        "gemini-3.7-flash",
        "gemini-3.6-flash",
        "gemini-3.5-flash",
        "gemini-3.5-flash-lite",
        "gemini-3.1-flash-lite",
        "gemini-3.1-pro-preview",
        "gemini-embedding-001",
        "gemini-embedding-2",
        "gemini-omni-1.1-flash",
        "gemini-omni-1.2-flash",
    ),
    "vertex": (
        "veo-3.1-generate-001",
        "veo-3.1-fast-generate-001",
        "veo-3.1-lite-generate-001",
    ),
    "runway": ("gen4.5", "gen4_turbo", "veo3.1", "veo3.1_fast"),
    "luma": ("ray-3.2",),
    "dashscope": ("wan2.7-t2v", "wan2.7-i2v", "wan2.7-r2v", "wan2.6-r2v"),
    "minimax": ("MiniMax-Hailuo-2.3", "MiniMax-H3"),
    "deepseek": ("deepseek-chat", "deepseek-reasoner"),
    "sim": ("tutor", "thinker", "film", "embed", "image", "rerank"),
}
"""Names that were alive on `AS_OF`, by provider: for completion and for the nearest name, never a limit."""

FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("gpt-", ("openai", "azure", "vectorengine")),
    ("o3", ("openai", "azure", "vectorengine")),
    ("o4", ("openai", "azure", "vectorengine")),
    ("text-embedding-", ("openai", "azure", "vectorengine")),
    ("sora-", ("vectorengine",)),
    ("veo-", ("vertex",)),
    ("gen4", ("runway",)),
    ("ray-", ("luma",)),
    ("kling-", ("kling",)),
    ("minimax-h", ("minimax",)),
    ("wan2.", ("dashscope",)),
    ("wanx2.", ("dashscope",)),
    ("claude-", ("anthropic", "vectorengine")),
    ("gemini-omni-", ("google",)),
    ("gemini-", ("google", "vertex", "vectorengine")),
    ("deepseek-", ("deepseek", "vectorengine")),
    ("qwen", ("dashscope", "vectorengine")),
    ("kimi-", ("moonshot", "vectorengine")),
    ("glm-", ("zhipu", "vectorengine")),
    ("doubao-", ("volcengine", "vectorengine")),
    ("grok-", ("xai", "vectorengine")),
    ("mistral-", ("mistral",)),
)
"""Who serves a family of models, the maker first."""


CONTEXTS: tuple[tuple[str, int], ...] = (
    ("gpt-5.1", 272_000),
    ("gpt-5.2", 272_000),
    ("claude-opus-4-5", 200_000),
    ("claude-haiku-4-5", 200_000),
    ("gemini-3.1-", 1_048_576),
    ("deepseek-chat", 128_000),
    ("deepseek-reasoner", 128_000),
    ("tutor", 128_000),
    ("thinker", 128_000),
)
"""Most tokens of a question, by how a model's name begins. A model that has no row is taken to have room enough."""


def context(model: str) -> int | None:
    """Return how many tokens a question to a model may have; None where that isn't known.

    Args:
        model: The provider's own name of the model, with or without a maker in front.
    """
    name = model.lower().rpartition("/")[2]
    return next((tokens for prefix, tokens in CONTEXTS if name.startswith(prefix)), None)


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model costs, in US dollars. None where it isn't known.

    Attributes:
        input: A million tokens read.
        output: A million tokens made.
        cached: A million tokens that came from the prompt cache; None takes `input`.
        cache_write: A million tokens written to the cache for minutes; None takes `input`.
        cache_write_1h: The same for an hour; None takes `cache_write`.
        second: A second of video.
        request: A request, whatever its size.
        long_input: Above this many input tokens the whole request costs `long_factor_*` times as much.
        as_of: The day on which the price was read.
    """

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    second: float | None = None
    request: float | None = None
    long_input: int | None = None
    long_factor_input: float = 1.0
    long_factor_output: float = 1.0
    as_of: str = AS_OF


_FREE = Price(input=0.0, output=0.0, second=0.0)

PRICES: Mapping[str, Price] = {
    "openai/gpt-6-astra": Price(input=10, output=50, cached=1, cache_write=12.5),
    "openai/gpt-6-sol": Price(
        input=2,
        output=10,
        cached=0.2,
        cache_write=2.5,
        long_input=272_000,
        long_factor_input=2,
        long_factor_output=1.5,
    ),
    "openai/gpt-6.1-sol": Price(input=2, output=10, cached=0.1, cache_write=2.5),
    "openai/gpt-6.1-terra": Price(input=1, output=5, cached=0.05, cache_write=1.25),
    "openai/gpt-6-luna": Price(input=0.1, output=0.5, cached=0.01, cache_write=0.125),
    "openai/gpt-5.6-sol": Price(
        input=4,
        output=20,
        cached=0.4,
        cache_write=5,
        long_input=272_000,
        long_factor_input=2,
        long_factor_output=1.5,
    ),
    "anthropic/claude-opus-5-5": Price(input=4, output=20, cached=0.2, cache_write=5, cache_write_1h=8),
    "anthropic/claude-sonnet-5-5": Price(input=2, output=10, cached=0.1, cache_write=2.5, cache_write_1h=4),
    "anthropic/claude-haiku-5-5": Price(
        input=0.1,
        output=0.5,
        cached=0.01,
        cache_write=0.125,
        cache_write_1h=0.2,
        long_input=100_000,
        long_factor_input=5,
        long_factor_output=5,
    ),
    "anthropic/claude-fable-5-2": Price(input=8, output=40, cached=0.2, cache_write=10, cache_write_1h=16),
    "google/gemini-3.8-flash": Price(input=0.75, output=3.75, cached=0.075),
    "google/gemini-4-argon": Price(input=2, output=10, cached=0.1),
    "google/gemini-3.1-pro-preview": Price(
        input=2, output=12, cached=0.2, long_input=200_000, long_factor_input=2, long_factor_output=1.5
    ),
    "google/gemini-omni-1.1-flash": Price(second=0.1014),  # 17.5 a million tokens, 5792 tokens a second
    "sim/tutor": _FREE,
    "sim/thinker": _FREE,
    "sim/film": _FREE,
    "sim/embed": _FREE,
    "sim/image": _FREE,
    "sim/rerank": _FREE,
}
"""What `provider/model` costs, read on `AS_OF`. A gateway's own mark-up is unknown, so gateways have no row."""


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer cost, in US dollars.

    Attributes:
        amount: None where no price is known.
        saved: What the prompt cache saved against paying full price for all input; 0 where unknown.
        reported: True where the provider itself said the amount.
    """

    amount: float | None = None
    saved: float = 0.0
    reported: bool = False


def cost(usage: Usage, price: Price | None) -> Cost:
    """Return what an answer cost.

    Args:
        usage: Its counts; a cost that the provider reported wins over any price.
        price: The target's price, or None where it isn't known.
    """
    if usage.cost is not None:
        return Cost(usage.cost, reported=True)
    if price is None:
        return Cost()
    if usage.seconds and not usage.output:
        if price.second is None:
            return Cost(price.request)
        return Cost(usage.seconds * price.second + (price.request or 0.0))
    if price.input is None or (price.output is None and usage.output):
        return Cost(price.request)
    factor_in = factor_out = 1.0
    if price.long_input is not None and usage.input > price.long_input:
        factor_in, factor_out = price.long_factor_input, price.long_factor_output
    full = price.input
    cached = full if price.cached is None else price.cached
    write = full if price.cache_write is None else price.cache_write
    write_1h = write if price.cache_write_1h is None else price.cache_write_1h
    plain = max(0, usage.input - usage.cached - usage.cache_write)
    short_write = usage.cache_write - usage.cache_write_1h
    read = plain * full + usage.cached * cached + short_write * write + usage.cache_write_1h * write_1h
    made = usage.output * (price.output or 0.0)
    amount = (read * factor_in + made * factor_out) / 1e6 + (price.request or 0.0)
    saved = (usage.input * full - read) * factor_in / 1e6
    return Cost(amount, saved)


def nearest(name: str, names: Iterable[str], *, count: int = 3) -> tuple[str, ...]:
    """Return the names that look most like this one, best first; fewer or none where nothing does."""
    pool = sorted(set(names))
    lowered = {candidate.lower(): candidate for candidate in reversed(pool)}
    short = {candidate.lower().rpartition("/")[2]: candidate for candidate in reversed(pool)}
    wanted = name.lower()
    found = [lowered[match] for match in difflib.get_close_matches(wanted, lowered, count, 0.6)]
    found += [
        short[match] for match in difflib.get_close_matches(wanted.rpartition("/")[2], short, count, 0.6)
    ]
    return tuple(dict.fromkeys(found))[:count]


def makers(model: str) -> tuple[str, ...]:
    """Return the providers that serve a model of this name, the maker first; empty where the family is unknown."""
    lowered = model.lower()
    for prefix, names in FAMILIES:
        if lowered.startswith(prefix):
            return names
    return ()


def estimate_tokens(text: str) -> int:
    """Return roughly how many tokens a text is: a quarter of one per letter, nearly one per Chinese character.

    A rule of thumb for estimates shown before a call, never for the books.
    """
    wide = sum(1 for character in text if ord(character) >= 0x2E80)
    return max(1 if text else 0, round(wide * 0.8 + (len(text) - wide) * 0.25))
