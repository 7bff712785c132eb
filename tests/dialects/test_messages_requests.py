"""What the Messages dialect sends: the wire's own order, each model's rules, and nothing that can't be said."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.messages import dialect
from ve_magics.dialects.messages.rules import rules_of
from ve_magics.errors import UnsupportedError
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
    State,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    assistant,
    system,
    user,
)
from ve_magics.providers import PROVIDERS, Provider, Quirks

NAME = "messages"
P = Provider(name="p", base_url="http://127.0.0.1/v1", dialect=NAME)
MARKED = msgspec.structs.replace(P, quirks=Quirks(cache_marks=True))
TOOL = Tool("weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
PDF = b"%PDF-1.4"
LONG = "word " * 4000


def body(*messages: Message, provider: Provider = P, **fields: Any) -> dict[str, Any]:
    """Return the JSON body that is sent for a question."""
    request = ChatRequest(**{"model": "m", "messages": messages or (user("Hi"),)} | fields)
    sent: dict[str, Any] = json.loads(dialect.encode_request(request, provider).body)
    return sent


def refused(field: str, *messages: Message, provider: Provider = P, **fields: Any) -> UnsupportedError:
    """Return the error that names the field that can't be said."""
    with pytest.raises(UnsupportedError) as caught:
        body(*messages, provider=provider, **fields)
    assert caught.value.field == field
    return caught.value


def test_smallest_question() -> None:
    """Path, version and max_tokens are supplied; an own version of the provider's row wins."""
    wire = dialect.encode_request(ChatRequest(model="m", messages=(user("Hi"),), stream=True), P)
    assert (wire.path, wire.method, wire.stream) == ("/messages", "POST", True)
    assert dict(wire.headers) == {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    assert json.loads(wire.body) == {
        "model": "m",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }
    wire = dialect.encode_request(ChatRequest(model="m"), PROVIDERS["anthropic"])
    assert dict(wire.headers) == {"content-type": "application/json"}


def test_system_text_stands_apart() -> None:
    """Leading system and developer messages are the system text; later ones are told by the user."""
    sent = body(
        system("A"),
        Message("developer", (Text("B"),)),
        user("Hi"),
        assistant("Yo"),
        system("C"),
        user("D"),
    )
    assert sent["system"] == "A\n\nB"
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user", "user"]
    parts = body(Message("system", (Text("A"), Text(" "), Text("B"))), user("Hi"))["system"]
    assert [block["text"] for block in parts] == ["A", "B"]
    assert "system" not in body(system(" "), user("Hi"))
    refused("system.image", Message("system", (Image(b"x", "image/png"),)), user("Hi"))
    refused("developer.image", system("A"), Message("developer", (Image(b"x", "image/png"),)))


def test_users_of_this_dialect_keep_their_system_messages() -> None:
    """A system message that has fields of its own, or a later one, goes out as a message."""
    second = Message("system", (Text("B"),))
    sent = body(system("A"), second, user("Hi"), dialect=NAME)
    assert sent["system"] == "A"
    assert sent["messages"][0] == {"role": "system", "content": "B"}
    odd = Message("system", (Text("A"),), extra={"future": 1})
    assert body(odd, dialect=NAME)["messages"] == [{"role": "system", "content": "A", "future": 1}]


def test_results_of_one_turn_are_one_message() -> None:
    """Results that stand in a row are joined, what the user says next comes after them, results first."""
    sent = body(
        user("?"),
        Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"x":1}'))),
        Message("tool", (ToolResult("a", (Text("1"),)),)),
        Message("tool", (ToolResult("b", (Text("2"), Image(b"\x89PNG", "")), is_error=True),)),
        Message("user", (Text("And?"), ToolResult("c"))),
        user("More"),
    )["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user", "user"]
    results = sent[2]["content"]
    assert [block["type"] for block in results] == ["tool_result", "tool_result", "tool_result", "text"]
    assert results[0] == {"type": "tool_result", "tool_use_id": "a", "content": "1"}
    assert results[1]["is_error"] is True
    assert [block["type"] for block in results[1]["content"]] == ["text", "image"]
    assert results[2] == {"type": "tool_result", "tool_use_id": "c"}
    assert sent[1]["content"][1]["input"] == {"x": 1}
    refused("tool.text", Message("tool", (Text("x"),)))


def test_results_keep_the_fields_of_their_messages() -> None:
    """Unknown fields of joined messages go out in the same dialect, unknown blocks of a result too."""
    raw = [{"type": "text", "text": "a"}, {"type": "tool_reference", "tool_name": "f"}]
    sent = body(
        Message("tool", (ToolResult("a", (Text("a"),), extra={"content": raw, "future": 1}),)),
        Message("user", (), extra={"future": 2}),
        dialect=NAME,
    )["messages"]
    assert sent[0]["future"] == 2
    assert sent[0]["content"] == [{"type": "tool_result", "tool_use_id": "a", "content": raw, "future": 1}]


def test_what_says_nothing_is_left_out() -> None:
    """Blank text and messages without anything else are not sent: they would be refused."""
    sent = body(
        user(" "), user("Hi", Text("\n")), assistant(""), Message("assistant", (Refusal(" "),)), user("x")
    )
    assert sent["messages"] == [{"role": "user", "content": "Hi"}, {"role": "user", "content": "x"}]


def test_calls_have_objects_and_ids_of_allowed_letters() -> None:
    """Broken arguments are wrapped so that the model sees them; foreign ids become allowed ones on both sides."""
    sent = body(
        Message(
            "assistant", (ToolCall("f.0:1", "f", "[1"), ToolCall("ok", "g", " "), ToolCall("", "h", "[]"))
        ),
        Message("tool", (ToolResult("f.0:1"),)),
    )["messages"]
    calls = sent[0]["content"]
    assert calls[0]["input"] == {"INVALID_JSON": "[1"}
    assert calls[1]["input"] == {}
    assert calls[2]["input"] == {"INVALID_JSON": "[]"}
    assert calls[0]["id"] == sent[1]["content"][0]["tool_use_id"] == "ve_662e303a31"
    refused("tool_call.custom", Message("assistant", (ToolCall("a", "f", "x", custom=True),)))


def test_pictures_and_documents() -> None:
    """Bytes, addresses and file ids become sources; media types are found where they are not told."""
    sent = body(
        Message(
            "user",
            (
                Image(b"\xff\xd8\xff"),
                Image(b"GIF89a"),
                Image(b"RIFF....WEBP"),
                Image(url="https://example.org/a.png"),
                Image(file_id="f1"),
                File(PDF, name="a.pdf"),
                File(b"\xef\xbb\xbfHi", "text/markdown; charset=utf-8"),
                File(b"{}", "application/json"),
                File(url="https://example.org/a.pdf"),
                File(file_id="f2"),
            ),
        )
    )["messages"][0]["content"]
    sources = [block["source"] for block in sent]
    assert [source.get("media_type") for source in sources[:3]] == ["image/jpeg", "image/gif", "image/webp"]
    assert sources[3:5] == [
        {"type": "url", "url": "https://example.org/a.png"},
        {"type": "file", "file_id": "f1"},
    ]
    assert sent[5] == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="},
        "title": "a.pdf",
    }
    assert sources[6] == {"type": "text", "media_type": "text/plain", "data": "Hi"}
    assert sources[7]["data"] == "{}"
    assert sources[8:] == [
        {"type": "url", "url": "https://example.org/a.pdf"},
        {"type": "file", "file_id": "f2"},
    ]


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("image.data", Image()),
        ("image.media_type", Image(b"?")),
        ("file.data", File()),
        ("file.media_type", File(b"PK", "application/vnd.ms-excel")),
        ("file.media_type", File(b"\xff", "text/plain")),
        ("user.audio", Audio(b"x", "wav")),
        ("user.opaque", Opaque("chat_completions", {"type": "video_url"})),
        ("user.tool_call", ToolCall("a", "f")),
    ],
)
def test_unsayable_part_of_a_user(field: str, part: Any) -> None:
    """What a user's message can't hold is an error that names it."""
    refused(field, Message("user", (part,)))


def test_addresses_where_the_provider_loads_none() -> None:
    """A provider that doesn't load from the web gets no address."""
    closed = msgspec.structs.replace(P, quirks=Quirks(image_urls=False))
    refused("image.url", Message("user", (Image(url="https://x"),)), provider=closed)
    refused("file.url", Message("user", (File(url="https://x"),)), provider=closed)


def test_names_of_participants_are_unsayable() -> None:
    """The wire has no names."""
    refused("message.name", Message("user", (Text("Hi"),), name="Ann"))


def thought(origin: str, data: Any = None) -> Reasoning:
    """Return a thought with a state."""
    return Reasoning("Hm.", State(origin, NAME, data or {"type": "thinking", "signature": "s"}))


def test_memory_goes_back_to_its_provider_only() -> None:
    """Thoughts, opaque blocks, citations and fields of calls go to the provider that made them, and to no other."""
    mark = State("p", NAME, None)
    message = Message(
        "assistant",
        (
            thought("p"),
            thought("q"),
            thought("p", "odd"),
            Reasoning("Not signed."),
            Reasoning("", State("p", NAME, {"type": "redacted_thinking", "data": "d"})),
            Reasoning("", State("p", "responses", {"id": "rs"})),
            Text("Hi", ({"type": "char_location"},), mark),
            Opaque(NAME, {"type": "server_tool_use"}, mark),
            Opaque("responses", {"type": "web_search_call"}, State("p", "responses", 1)),
            ToolCall("a", "f", "{}", state=State("p", NAME, {"caller": {"type": "x"}, "name": "no"})),
        ),
    )
    said = body(message)["messages"][0]["content"]
    assert said == [
        {"type": "thinking", "signature": "s", "thinking": "Hm."},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
        {"type": "server_tool_use"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "x"}},
    ]
    elsewhere = body(message, provider=msgspec.structs.replace(P, name="other"))["messages"][0]["content"]
    assert elsewhere == [
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]


def test_users_of_this_dialect_bring_their_own_memory() -> None:
    """What came without an origin goes out as it came where the same dialect is spoken, and nowhere else."""
    message = Message(
        "assistant",
        (
            thought(""),
            Text("Hi", ({"type": "char_location"},), extra={"future": 1}),
            Opaque(NAME, {"type": "server_tool_use"}),
            Opaque(NAME, "odd"),
            Image(b"x", "image/png"),
            File(PDF, "application/pdf"),
            ToolCall("a", "f", "{}", extra={"caller": 1}),
        ),
    )
    said = body(message, dialect=NAME)["messages"][0]["content"]
    assert [block["type"] for block in said] == [
        "thinking",
        "text",
        "server_tool_use",
        "image",
        "document",
        "tool_use",
    ]
    assert (said[1]["future"], said[1]["citations"], said[5]["caller"]) == (1, [{"type": "char_location"}], 1)
    refused("assistant.image", message)
    plain = Message("assistant", tuple(part for part in message.parts if not isinstance(part, (Image, File))))
    assert [block["type"] for block in body(plain)["messages"][0]["content"]] == ["text", "tool_use"]
    refused("assistant.audio", Message("assistant", (Audio(b"x", "wav"),)))


def test_opaque_parts_of_a_user_go_out() -> None:
    """Blocks that only this dialect knows may be given by hand."""
    block = {"type": "search_result", "source": "s", "title": "t", "content": []}
    assert body(Message("user", (Opaque(NAME, block), Text("?"))))["messages"][0]["content"][0] == block


def test_tools() -> None:
    """Schemas are objects, strictness is told where it is known, tools of other wires are unsayable."""
    sent = body(tools=(TOOL, Tool("now", strict=True), Tool("odd", parameters={"properties": {}})))["tools"]
    assert sent[0] == {"name": "weather", "description": "Weather.", "input_schema": TOOL.parameters}
    assert sent[1] == {"name": "now", "input_schema": {"type": "object", "properties": {}}, "strict": True}
    assert sent[2]["input_schema"] == {"type": "object", "properties": {}}
    refused("tools.custom", tools=(Tool("x", custom=True),))
    hosted = Tool("web_search", hosted={"type": "web_search_20260209", "name": "web_search"})
    refused("tools.hosted", tools=(hosted,))
    assert body(tools=(hosted,), dialect=NAME)["tools"] == [hosted.hosted]
    lax = msgspec.structs.replace(P, quirks=Quirks(strict_tools=False))
    refused("tools.strict", tools=(Tool("x", strict=True),), provider=lax)
    assert "strict" not in body(tools=(Tool("x", strict=False),), provider=lax)["tools"][0]


def test_tool_choice() -> None:
    """Every canonical choice has its word; where some tools are allowed, only those are offered."""
    two = (TOOL, Tool("now"))

    def chosen(**fields: Any) -> Any:
        return body(**{"tools": two} | fields).get("tool_choice")

    assert chosen(tool_choice=ToolChoice("auto")) == {"type": "auto"}
    assert chosen(tool_choice=ToolChoice("none"), parallel_tool_calls=False) == {"type": "none"}
    assert chosen(tool_choice=ToolChoice("required")) == {"type": "any"}
    assert chosen(tool_choice=ToolChoice("required", ("now",))) == {"type": "tool", "name": "now"}
    assert chosen(parallel_tool_calls=False) == {"type": "auto", "disable_parallel_tool_use": True}
    assert chosen(parallel_tool_calls=True) is None
    assert chosen(tool_choice=ToolChoice("auto"), parallel_tool_calls=True) == {
        "type": "auto",
        "disable_parallel_tool_use": False,
    }
    assert chosen(tools=(), tool_choice=ToolChoice("auto")) is None
    assert chosen(tools=(), parallel_tool_calls=False) is None
    allowed = body(tools=two, tool_choice=ToolChoice("auto", ("now",)))
    assert [tool["name"] for tool in allowed["tools"]] == ["now"]
    refused("tool_choice", model="claude-opus-5-5", tools=two, tool_choice=ToolChoice("required"))
    assert body(model="claude-opus-5-5", tools=two, tool_choice=ToolChoice("auto"))["tool_choice"]


def test_output() -> None:
    """A schema is sent as one; any JSON object is asked for in words."""
    schema = {"type": "object"}
    sent = body(output=OutputFormat("json_schema", schema, "x"), effort="high")
    assert sent["output_config"] == {"effort": "high", "format": {"type": "json_schema", "schema": schema}}
    refused("output.schema", output=OutputFormat("json_schema"))
    assert "JSON object" in body(output=OutputFormat("json_object"))["system"]
    told = body(system("Be brief."), user("Hi"), output=OutputFormat("json_object"))["system"]
    assert told.startswith("Be brief.\n\n")
    blocks = Message("system", (Text("A"), Text("B")))
    assert len(body(blocks, user("Hi"), output=OutputFormat("json_object"))["system"]) == 3
    assert body(output=OutputFormat("text")) == body()


@pytest.mark.parametrize(
    ("field", "value", "harmless"),
    [
        ("presence_penalty", 0.5, 0),
        ("frequency_penalty", 0.5, 0),
        ("logit_bias", {"1": 1.0}, {}),
        ("logprobs", True, False),
        ("top_logprobs", 2, 0),
        ("seed", 1, None),
        ("n", 2, 1),
        ("verbosity", "low", None),
        ("modalities", ("audio",), ("text",)),
        ("metadata", {"a": "b"}, {}),
        ("store", True, False),
        ("service_tier", "flex", None),
        ("stop", (" ",), ()),
        ("cache_ttl", "1h", None),
    ],
)
def test_unsayable_field(field: str, value: Any, harmless: Any) -> None:
    """What the wire has no word for is an error that names it, unless it asks for what happens anyway."""
    refused(field, **{field: value})
    assert body(**{field: harmless}) == body()


def test_field_that_the_provider_rejects() -> None:
    """A row's own limits are errors too."""
    picky = msgspec.structs.replace(P, quirks=Quirks(unsupported=("top_k", "effort")))
    refused("top_k", provider=picky, top_k=3)
    assert body(provider=picky, top_p=0.5)["top_p"] == 0.5


def test_plain_settings() -> None:
    """User, tier, stop sequences and the user's own fields are written where they belong."""
    sent = body(
        user="u", service_tier="default", stop=("END",), extra={"speed": "fast", "metadata": {"x": 1}}
    )
    assert sent["metadata"] == {"user_id": "u", "x": 1}
    assert (sent["service_tier"], sent["stop_sequences"], sent["speed"]) == ("standard_only", ["END"], "fast")
    assert "speed" not in body(extra={"speed": "fast"}, dialect="chat_completions")
    assert body(service_tier="priority", dialect=NAME)["service_tier"] == "priority"


def test_sampling() -> None:
    """Sampling goes out as it was set, no hotter than the wire's hottest; newer models take their defaults only."""
    sent = body(temperature=1.7, top_p=0.9, top_k=40)
    assert (sent["temperature"], sent["top_p"], sent["top_k"]) == (1.0, 0.9, 40)
    for model in ("claude-opus-4-7", "claude-sonnet-5", "claude-haiku-5-5", "anthropic.claude-fable-6-v1"):
        assert body(model=model, temperature=1, top_p=1.0).keys() == body(model=model).keys()
        refused("temperature", model=model, temperature=0)
        refused("top_p", model=model, top_p=0.9)
        refused("top_k", model=model, top_k=1)
    assert body(model="claude-sonnet-4-6", temperature=0)["temperature"] == 0
    refused("top_p", model="claude-sonnet-4-5", temperature=0.5, top_p=0.5)
    refused("temperature", provider=msgspec.structs.replace(P, quirks=Quirks(sampling=False)), temperature=0)
    newer = msgspec.structs.replace(P, headers=(("Anthropic-Version", "2026-10-21"),))
    refused("temperature", provider=newer, temperature=0.3)


def thinking(model: str, **fields: Any) -> tuple[Any, Any, int]:
    """Return what is said of thinking: the object, the effort, and the upper bound of the answer."""
    sent = body(model=model, **fields)
    return sent.get("thinking"), sent.get("output_config", {}).get("effort"), sent["max_tokens"]


def test_effort_and_thinking() -> None:
    """Each generation of models hears of thinking in its own words."""
    adaptive = {"type": "adaptive"}
    shown = {"type": "adaptive", "display": "summarized"}
    assert thinking("other", effort="minimal") == (None, "low", 8192)
    assert thinking("other", effort="none") == ({"type": "disabled"}, None, 8192)
    assert thinking("claude-opus-5-5", effort="xhigh") == (adaptive, "xhigh", 16_384)
    assert thinking("claude-opus-5-5", effort="low", dialect=NAME) == (None, "low", 16_384)
    assert thinking("claude-opus-5-5", reasoning_summary="auto") == (shown, None, 16_384)
    assert thinking("claude-haiku-5-5", effort="none") == ({"type": "disabled"}, None, 16_384)
    assert thinking("claude-opus-4-5", effort="high") == (None, "high", 16_384)
    budget = {"type": "enabled", "budget_tokens": 16_384}
    assert thinking("claude-haiku-4-5", effort="high") == (budget, None, 32_768)
    least = {"type": "enabled", "budget_tokens": 1500}
    assert thinking("claude-haiku-4.5", effort="max", max_tokens=3000) == (least, None, 3000)
    assert thinking("claude-sonnet-4-5", reasoning_summary="auto", max_tokens=99) == (None, None, 99)
    assert thinking("claude-opus-4-5", reasoning_summary="auto", effort="low", max_tokens=9000) == (
        {"type": "enabled", "budget_tokens": 2048},
        "low",
        9000,
    )


def test_thinking_budget() -> None:
    """A budget goes to models that know one; nothing may be less than the wire's least."""
    budget = {"type": "enabled", "budget_tokens": 2000}
    assert thinking("claude-opus-4-6", thinking_budget=2000, effort="low") == (budget, "low", 18_384)
    assert thinking("claude-haiku-4-5", thinking_budget=2000, effort="low", max_tokens=3000) == (
        budget,
        None,
        3000,
    )
    assert thinking("other", thinking_budget=0)[0] == {"type": "disabled"}
    refused("thinking_budget", model="claude-sonnet-5", thinking_budget=2000)
    refused("thinking_budget", thinking_budget=5)
    refused("thinking_budget", model="claude-opus-5-5", thinking_budget=0)
    refused("effort", model="claude-fable-5-1", effort="none")


@pytest.mark.parametrize(
    ("model", "forced", "silent", "cacheable"),
    [
        ("claude-opus-5-5", False, False, 512),
        ("claude-sonnet-5-5-20261001", False, False, 512),
        ("claude-fable-5-1", False, False, 512),
        ("claude-mythos-5-2", False, False, 512),
        ("claude-opus-6", False, False, 512),
        ("claude-haiku-5-5", True, True, 512),
        ("claude-fable-5", True, True, 512),
        ("claude-opus-5-20260301", True, True, 512),
        ("anthropic/claude-sonnet-5", True, True, 1024),
        ("claude-opus-4-8", True, True, 1024),
        ("claude-opus-4.7", True, True, 2048),
        ("us.anthropic.claude-opus-4-6-v1:0", True, True, 4096),
        ("claude-sonnet-4-6", True, True, 1024),
        ("claude-opus-4-1", True, True, 4096),
        ("claude-sonnet-4-5-20250929", True, True, 1024),
        ("glm-4.6", True, True, 1024),
    ],
)
def test_rules_follow_the_models_name(model: str, forced: bool, silent: bool, cacheable: int) -> None:
    """Family and version are found wherever they stand in a name."""
    rules = rules_of(model)
    assert (rules.forced_tools, rules.silent, rules.cacheable) == (forced, silent, cacheable)


def marks(sent: dict[str, Any]) -> list[str]:
    """Return where cache marks stand."""
    found = [f"tools{number}" for number, tool in enumerate(sent.get("tools", ())) if "cache_control" in tool]
    places = [("system", sent.get("system"))]
    places += [(f"messages{number}", turn["content"]) for number, turn in enumerate(sent["messages"])]
    for name, blocks in places:
        if isinstance(blocks, list):
            found += [f"{name}.{at}" for at, block in enumerate(blocks) if "cache_control" in block]
    return found


LONG_TOOL = Tool("weather", LONG, {"type": "object"})


def test_long_prefix_is_marked_where_it_pays() -> None:
    """Tools, system text and the last two turns of the user are marked, four marks at most."""
    talk = [message for _ in range(4) for message in (user("Hi"), assistant("Yo"))]
    sent = body(system("Be brief."), *talk, user("?"), provider=MARKED, tools=(Tool("a"), LONG_TOOL))
    assert marks(sent) == ["tools1", "system.0", "messages6.0", "messages8.0"]
    assert sent["system"][0]["cache_control"] == {"type": "ephemeral"}
    once = body(system(LONG), user("Hi"), provider=MARKED)
    assert marks(once) == ["system.0"]
    asked_for = body(system(LONG), user("Hi"), provider=MARKED, cache_ttl="1h")
    assert marks(asked_for) == ["system.0", "messages0.0"]
    assert asked_for["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert marks(body(user(LONG), provider=MARKED, cache_key="k")) == ["messages0.0"]


def test_short_prefix_is_not_marked() -> None:
    """What is too short to be kept is not marked, nor is anything for a provider that knows no marks."""
    assert (
        marks(body(system("Hi"), user("Hi"), assistant("Yo"), user("?"), provider=MARKED, tools=(TOOL,)))
        == []
    )
    assert marks(body(system(LONG), user("Hi"), cache_key="k")) == []
    refused("cache_ttl", provider=MARKED, cache_ttl="24h")


def test_weight_of_media() -> None:
    """Pictures and documents weigh by their size, not by their letters; Chinese weighs more than its letters."""
    picture = Message("user", (Image(b"x" * 60_000, "image/png"),))
    assert marks(body(picture, provider=MARKED, cache_key="k")) == ["messages0.0"]
    small = Message("user", (Image(b"x" * 600, "image/png"), File(PDF, "application/pdf")))
    assert marks(body(small, provider=MARKED, cache_key="k")) == []
    address = Message("user", (Image(url="https://example.org/a.png"),))
    assert marks(body(address, provider=MARKED, cache_key="k")) == []
    assert marks(body(user("字" * 1500), provider=MARKED, cache_key="k")) == ["messages0.0"]


def test_marks_of_the_user_are_left_alone() -> None:
    """Where the user has marked anything, nothing is added."""
    mark = {"cache_control": {"type": "ephemeral"}}
    mine = Message("user", (Text("Hi", extra=mark),))
    assert marks(body(system(LONG), mine, provider=MARKED, dialect=NAME)) == ["messages0.0"]
    assert marks(body(system(LONG), user("Hi"), provider=MARKED, extra=mark)) == []
    inside = Message("tool", (ToolResult("a", (Text("x", extra=mark), Text("y"))),))
    assert marks(body(system(LONG), inside, provider=MARKED, dialect=NAME)) == []
