"""Who serves models: each provider is a row of data; how it talks is its dialect's business.

A row says where the provider is, how it wants its key, which wire format it speaks and in what it differs from
that format's book. The user's configuration adds rows and overrides fields; nothing here is a limit.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

import msgspec

AuthScheme = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "key", "jwt", "none"]
"""How a key travels. `key` is the scheme `Key` of the header `authorization`. `jwt` signs a token for each call where
the key is a pair `ACCESS:SECRET`, and is `bearer` for any other key."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """In what a provider differs from its dialect's book.

    Attributes:
        max_tokens_field: The name under which chat completions takes `ChatRequest.max_tokens`.
        developer_role: True where system messages go out as `developer`.
        stream_usage: True where `stream_options.include_usage` is understood.
        reasoning_field: The field of an assistant message in which this provider wants its own reasoning
            back (`reasoning_content`, `reasoning`, `reasoning_details`); empty where it wants none.
        unsupported: Canonical `ChatRequest` fields that it rejects; they are an `UnsupportedError`.
        image_urls: True where it loads pictures from the web by itself.
        strict_tools: True where the `strict` field of tools is known.
        cache_key: True where `prompt_cache_key` is known.
        cache_marks: True where Anthropic's `cache_control` marks are known.
        cached_contents: True where Gemini's `cachedContents` can be made at the base URL.
        sampling: False where temperature, top_p and top_k must not be sent at all.
    """

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    developer_role: bool = False
    stream_usage: bool = True
    reasoning_field: Literal["", "reasoning_content", "reasoning", "reasoning_details"] = ""
    unsupported: tuple[str, ...] = ()
    image_urls: bool = True
    strict_tools: bool = True
    cache_key: bool = False
    cache_marks: bool = False
    cached_contents: bool = False
    sampling: bool = True


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint that serves models.

    Attributes:
        name: The part before the slash in `provider/model`.
        base_url: Address up to and including the version, without a slash at the end.
        dialect: Wire format of chat.
        auth: How the key travels.
        key_names: Environment variables that may hold the key, in order of preference.
        headers: Fixed headers that every request carries.
        query: Fixed query parameters that every request carries.
        video: Wire format of video; empty where it makes none.
        video_path: Path of the video interface at the same host, `/` for its root; empty where it is `base_url`'s.
        video_models: Wire formats of models whose names begin so, in lower case, where it is another one than `video`.
        local: True for a model server on the user's own machine: no key, offered when it is running.
        simulated: True for the simulator.
        allowed_hosts: Other hosts of the same provider that may be sent its key (regional and upload hosts).
        quirks: In what it differs from its dialect's book.
    """

    name: str
    base_url: str
    dialect: str = "chat_completions"
    auth: AuthScheme = "bearer"
    key_names: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    video: str = ""
    video_path: str = ""
    video_models: tuple[tuple[str, str], ...] = ()
    local: bool = False
    simulated: bool = False
    allowed_hosts: tuple[str, ...] = ()
    quirks: Quirks = Quirks()

    @property
    def host(self) -> str:
        """Host of the base URL, in lower case."""
        return (urlsplit(self.base_url).hostname or "").lower()

    def video_dialect(self, model: str) -> str:
        """Return the wire format in which this provider is asked to film with a model."""
        name = model.lower().rpartition("/")[2]
        return next((wire for start, wire in self.video_models if name.startswith(start)), self.video)

    @property
    def filming(self) -> Provider:
        """The row as calls about videos need it: `base_url` is where the video interface lies."""
        if not self.video_path:
            return self
        parts = urlsplit(self.base_url)
        return msgspec.structs.replace(
            self, base_url=f"{parts.scheme}://{parts.netloc}{self.video_path.rstrip('/')}", video_path=""
        )

    @property
    def keyless(self) -> bool:
        """True where no key is needed."""
        return self.auth == "none" or self.local or self.simulated


def auth_headers(provider: Provider, key: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that carry the key, as this provider wants them; none where there is no key.

    A pair that a token is to be signed with never travels itself.
    """
    if not key or provider.auth == "none" or (provider.auth == "jwt" and ":" in key):
        return ()
    if provider.auth in ("bearer", "jwt"):
        return (("authorization", f"Bearer {key}"),)
    if provider.auth == "key":
        return (("authorization", f"Key {key}"),)
    return ((provider.auth, key),)


_OPENAI = Quirks(max_tokens_field="max_completion_tokens", cache_key=True, unsupported=("top_k",))
_ANTHROPIC = Quirks(cache_marks=True)

_ROWS = (
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        dialect="responses",
        key_names=("OPENAI_API_KEY",),
        quirks=_OPENAI,
    ),
    Provider(
        name="anthropic",
        base_url="https://api.anthropic.com/v1",
        dialect="messages",
        auth="x-api-key",
        key_names=("ANTHROPIC_API_KEY",),
        headers=(("anthropic-version", "2023-06-01"),),
        quirks=_ANTHROPIC,
    ),
    Provider(
        name="google",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        dialect="generate_content",
        auth="x-goog-api-key",
        key_names=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        quirks=Quirks(cached_contents=True),
        video="gemini_interactions_videos",
        video_path="/v1",
        video_models=(("veo-", "veo"),),
    ),
    Provider(
        name="vertex",
        base_url="https://aiplatform.googleapis.com/v1/publishers/google",
        dialect="generate_content",
        auth="x-goog-api-key",
        key_names=("VERTEX_API_KEY",),
        video="veo",
    ),
    Provider(
        name="azure",
        base_url="https://YOUR-RESOURCE.openai.azure.com/openai/v1",
        auth="api-key",
        key_names=("AZURE_OPENAI_API_KEY",),
        quirks=_OPENAI,
    ),
    Provider(
        name="vectorengine",
        base_url="https://api.vectorengine.ai/v1",
        key_names=("VECTORENGINE_API_KEY", "VECTOR_ENGINE_API_KEY"),
        video="openai_videos",
        video_models=(
            ("veo", "unified_videos"),
            ("kling", "video_generations"),
            ("wan", "video_generations"),
            ("minimax", "video_generations"),
            ("doubao-seedance", "video_generations"),
        ),
    ),
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_names=("OPENROUTER_API_KEY",),
        video="openrouter_videos",
        quirks=Quirks(reasoning_field="reasoning_details", cache_marks=True),
    ),
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_names=("DEEPSEEK_API_KEY",),
        quirks=Quirks(reasoning_field="reasoning_content", strict_tools=False),
    ),
    Provider(
        name="dashscope",
        base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        key_names=("DASHSCOPE_API_KEY",),
        video="dashscope_videos",
        video_path="/api/v1",
        quirks=Quirks(strict_tools=False),
    ),
    Provider(
        name="moonshot",
        base_url="https://api.moonshot.cn/v1",
        key_names=("MOONSHOT_API_KEY",),
        quirks=Quirks(reasoning_field="reasoning_content", strict_tools=False),
    ),
    Provider(
        name="zhipu",
        base_url="https://open.bigmodel.cn/api/paas/v4",
        key_names=("ZHIPUAI_API_KEY", "ZHIPU_API_KEY"),
        quirks=Quirks(strict_tools=False),
    ),
    Provider(
        name="volcengine",
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        key_names=("ARK_API_KEY", "VOLCENGINE_API_KEY"),
        video="ark_videos",
        quirks=Quirks(strict_tools=False),
    ),
    Provider(
        name="siliconflow",
        base_url="https://api.siliconflow.cn/v1",
        key_names=("SILICONFLOW_API_KEY",),
        video="siliconflow_videos",
        quirks=Quirks(strict_tools=False),
    ),
    Provider(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_names=("MISTRAL_API_KEY",),
        quirks=Quirks(stream_usage=False),
    ),
    Provider(name="groq", base_url="https://api.groq.com/openai/v1", key_names=("GROQ_API_KEY",)),
    Provider(
        name="xai",
        base_url="https://api.x.ai/v1",
        key_names=("XAI_API_KEY",),
        video="xai_videos",
    ),
    Provider(name="together", base_url="https://api.together.xyz/v1", key_names=("TOGETHER_API_KEY",)),
    Provider(
        name="runway",
        base_url="https://api.dev.runwayml.com/v1",
        key_names=("RUNWAYML_API_SECRET",),
        video="runway",
    ),
    Provider(
        name="luma",
        base_url="https://agents.lumalabs.ai/v1",
        key_names=("LUMA_AGENTS_API_KEY",),
        video="luma",
    ),
    Provider(
        name="kling",
        base_url="https://api.klingai.com",
        auth="jwt",
        key_names=("KLING_API_KEY", "KLING_ACCESS_KEY:KLING_SECRET_KEY"),
        video="kling",
    ),
    Provider(
        name="minimax",
        base_url="https://api.minimax.io/v1",
        key_names=("MINIMAX_API_KEY",),
        video="minimax",
        video_path="/",
    ),
    Provider(name="fal", base_url="https://queue.fal.run", auth="key", key_names=("FAL_KEY",), video="fal"),
    Provider(
        name="replicate",
        base_url="https://api.replicate.com/v1",
        key_names=("REPLICATE_API_TOKEN",),
        video="replicate",
    ),
    Provider(name="ollama", base_url="http://127.0.0.1:11434/v1", auth="none", local=True),
    Provider(name="lmstudio", base_url="http://127.0.0.1:1234/v1", auth="none", local=True),
    Provider(name="vllm", base_url="http://127.0.0.1:8000/v1", auth="none", local=True),
    Provider(name="llamacpp", base_url="http://127.0.0.1:8080/v1", auth="none", local=True),
    Provider(
        name="sim",
        base_url="http://sim.invalid/v1",
        auth="none",
        simulated=True,
        video="openai_videos",
        quirks=Quirks(reasoning_field="reasoning_content", cache_key=True),
    ),
)

PROVIDERS: dict[str, Provider] = {row.name: row for row in _ROWS}
"""Every provider that needs no row in the user's configuration, by name."""
