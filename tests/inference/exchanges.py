"""What is asked of the real servers, word for word, and which fixture holds what they answered.

A fixture is the very bytes that came, with fixed values for what changes from run to run or from machine to machine:
ids that the server made up, times, places in its source, the last digits of probabilities.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.inference.servers import LLAMACPP, MODEL, TRANSFORMERS, Kind

FIXTURES = Path(__file__).parent.parent / "fixtures" / "chat_completions"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["北京", "Rome"]}},
            "required": ["city"],
        },
    },
}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
FORCED = {"type": "function", "function": {"name": "weather"}}
LONG = "x" * 5000
"""More than the tiny model's context of 4096 tokens."""

_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CREATED = re.compile(rb'("created": ?)\d+')
_PLACE = re.compile(rb'File \\"[^"]*\\", line \d+')
_LOGPROB = re.compile(rb'("logprob": ?)-?[0-9.e-]+')


@dataclass(frozen=True)
class Exchange:
    """A request and the name under which its reply is kept.

    Attributes:
        name: What follows `real_SERVER_` in the fixture's name.
        body: The request's body: fields beside the model, or bytes to be sent as they are.
        kinds: The servers that are asked.
    """

    name: str
    body: dict[str, Any] | bytes
    kinds: tuple[Kind, ...] = (TRANSFORMERS, LLAMACPP)

    @property
    def raw(self) -> bytes:
        """The request's body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps({"model": MODEL, **self.body}).encode()

    def fixture(self, kind: Kind, ending: str) -> Path:
        """Return the path of the fixture."""
        return FIXTURES / f"real_{kind.name}_{self.name}{ending}"


def ask(words: str, **fields: Any) -> dict[str, Any]:
    """Return the body that asks for the likeliest answer."""
    return {"messages": [{"role": "user", "content": words}], "temperature": 0, **fields}


def streamed(words: str, **fields: Any) -> dict[str, Any]:
    """Return the body that asks for a stream with its counts."""
    return ask(words, stream=True, stream_options={"include_usage": True}, **fields)


EXCHANGES = (
    Exchange("text", ask("Hi")),
    Exchange("stream_text", streamed("Hi")),
    Exchange("length", ask("Hi", max_tokens=5)),
    Exchange("stream_length", streamed("Hi", max_tokens=5)),
    Exchange("stop", ask("The alphabet", stop=["fg"], max_tokens=30)),
    Exchange("stream_stop", streamed("The alphabet", stop=["fg"], max_tokens=30)),
    Exchange("reasoning", ask("Please ponder")),
    Exchange("stream_reasoning", streamed("Please ponder")),
    Exchange("tool", ask("Hi", tools=[WEATHER])),
    Exchange("stream_tool", streamed("Hi", tools=[WEATHER])),
    Exchange("tool_forced", ask("Hi", tools=[WEATHER], tool_choice=FORCED, max_tokens=60), (LLAMACPP,)),
    Exchange(
        "stream_tool_forced", streamed("Hi", tools=[WEATHER], tool_choice=FORCED, max_tokens=60), (LLAMACPP,)
    ),
    Exchange("logprobs", ask("Hi", logprobs=True, top_logprobs=1, max_tokens=6), (LLAMACPP,)),
    Exchange("stream_logprobs", streamed("Hi", logprobs=True, top_logprobs=1, max_tokens=6), (LLAMACPP,)),
    Exchange("context", ask(LONG, max_tokens=5), (LLAMACPP,)),
    Exchange("stream_context", streamed(LONG, max_tokens=5), (LLAMACPP,)),
    Exchange("model", {"model": "other", **ask("Hi")}, (TRANSFORMERS,)),
    Exchange("field", ask("Hi", top_k=3), (TRANSFORMERS,)),
    Exchange("messages_text", {"messages": "Hi"}),
    Exchange("json_schema", ask("Hi", response_format=SCHEMA), (LLAMACPP,)),
    Exchange("not_json", b'{"model": '),
    Exchange("stream_error", {**streamed("Hi"), "temperature": -1}, (TRANSFORMERS,)),
    Exchange("stream_error_unescaped", streamed("Hi", logit_bias={"72": "it's"}), (TRANSFORMERS,)),
)


def settled(raw: bytes) -> bytes:
    """Return the bytes with fixed values for what changes."""
    raw = _UUID.sub(b"00000000-0000-4000-8000-000000000001", raw)
    raw = _PLACE.sub(rb'File \\"app.py\\", line 1', raw)
    return _LOGPROB.sub(rb"\g<1>-0.25", _CREATED.sub(rb"\g<1>1790000000", raw))
