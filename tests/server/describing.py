"""The published description of OpenAI's API, as facts in `described/`, and the order that its streams keep."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

FOLDER = Path(__file__).parent / "described"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "additions")
GROWING = ("message", "function_call", "custom_tool_call")
ENDS = ("response.completed", "response.incomplete", "response.failed")


class Sent(NamedTuple):
    """One event of a stream: its name, empty where it has none, and its value."""

    name: str
    value: Any


def read_stream(raw: bytes) -> list[Sent]:
    """Return the events of a stream whose every event has one line of data; comments are passed over."""
    events = []
    for block in raw.decode().replace("\r\n", "\n").split("\n\n"):
        fields = dict(re.findall(r"^(event|data): (.*)$", block, re.MULTILINE))
        if "data" in fields:
            value = fields["data"] if fields["data"] == "[DONE]" else json.loads(fields["data"])
            events.append(Sent(fields.get("event", ""), value))
    return events


@cache
def _additions() -> dict[str, Any]:
    value = json.loads((FOLDER / "additions.json").read_bytes())
    del value["$comment"]
    return value  # type: ignore[no-any-return]  # json.loads gives Any


def described(name: str) -> dict[str, Any]:
    """Return one description, as it stands in its file."""
    return json.loads((FOLDER / f"{name}.json").read_bytes())  # type: ignore[no-any-return]  # as above


def narrowed(schema: Any, place: str) -> Any:
    """Return a schema in which every object has no fields but those described and our own additions."""
    if isinstance(schema, list):
        return [narrowed(item, place) for item in schema]
    if not isinstance(schema, dict):
        return schema
    narrow = {
        key: {
            name: narrowed(value, f"{place.partition('#')[0]}#/$defs/{name}") for name, value in inner.items()
        }
        if key == "$defs"
        else {name: narrowed(value, "") for name, value in inner.items()}
        if key == "properties"
        else narrowed(inner, "")
        for key, inner in schema.items()
    }
    if "properties" in schema and "not" not in schema["properties"].get("type", {}):
        narrow["properties"] = narrow["properties"] | _additions().get(place, {})
        narrow["additionalProperties"] = False
    return narrow


@cache
def _registry(narrow: bool) -> Registry[Any]:
    values = [described(name) for name in NAMES]
    if narrow:
        values = [narrowed(value, value["$id"].removeprefix("urn:described:") + "#") for value in values]
    return Registry().with_resources((value["$id"], Resource.from_contents(value)) for value in values)


@cache
def _validator(name: str, part: str, narrow: bool) -> Draft202012Validator:
    target = f"urn:described:{name}" + (f"#/$defs/{part}" if part else "")
    return Draft202012Validator({"$ref": target}, registry=_registry(narrow))


def check(value: Any, name: str, part: str = "", *, narrow: bool = True) -> None:
    """Hold a value to a description.

    Args:
        value: What was sent.
        name: The description's file.
        part: One of its definitions instead of its top.
        narrow: Whether fields that are neither described nor known as our own additions are wrong too.
    """
    found = best_match(_validator(name, part, narrow).iter_errors(value))
    assert found is None, f"{name} {part} at {found.json_path}: {found.message}"


def check_chunks(events: list[Sent], *, usage: bool, narrow: bool = True) -> None:
    """Hold a stream of chunks to its description, one by one and in their order.

    Args:
        events: All of it.
        usage: Whether the counts were asked for.
        narrow: As for `check`.
    """
    *said, end = events
    assert end == ("", "[DONE]")
    chunks = [value for _, value in said]
    for chunk in chunks:
        check(chunk, "chat_completions_stream", narrow=narrow)
    for field in ("id", "created", "model", "object"):
        assert len({chunk[field] for chunk in chunks}) == 1, field
    if usage:
        *spoken, last = chunks
        assert last["choices"] == []
        assert last["usage"] is not None
        assert all(chunk["usage"] is None for chunk in spoken)
    elif narrow:
        spoken = chunks
        assert not any("usage" in chunk for chunk in chunks)
    else:
        spoken = [chunk for chunk in chunks if chunk["choices"]]
    _check_choices([choice for chunk in spoken for choice in chunk["choices"]])


def _check_choices(told: list[dict[str, Any]]) -> None:
    for index in {choice["index"] for choice in told}:
        own = [choice for choice in told if choice["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert [choice["finish_reason"] is None for choice in own] == [True] * (len(own) - 1) + [False]
        opened: list[int] = []
        for call in (call for choice in own for call in choice["delta"].get("tool_calls", ())):
            if call["index"] not in opened:
                opened.append(call["index"])
                assert call["id"]
                assert call["type"]
                assert (call.get("function") or call["custom"])["name"]
            else:
                assert not call.keys() & {"id", "type"}
        assert opened == list(range(len(opened)))
        assert (own[-1]["finish_reason"] == "tool_calls") <= bool(opened)


def check_response_events(events: list[Sent], *, narrow: bool = True, ended: bool = True) -> dict[str, Any]:
    """Hold a stream of a response to its description, one by one and in their order, and return the whole response.

    Args:
        events: All of it.
        narrow: As for `check`.
        ended: Whether it ended well; otherwise an error is its last event, and nothing is returned.
    """
    for number, (name, value) in enumerate(events):
        check(value, "responses_events", narrow=False)
        assert name == value["type"]
        assert value["sequence_number"] == number
        check(value, "responses_events", name, narrow=narrow)
    values = [value for _, value in events]
    if not ended:
        assert [value["type"] for value in values].index("error") == len(values) - 1
        return {}
    assert [value["type"] for value in values[:2]] == ["response.created", "response.in_progress"]
    whole: dict[str, Any] = values[-1]["response"]
    assert values[-1]["type"] == f"response.{whole['status']}"
    assert values[-1]["type"] in ENDS
    assert not [value for value in values[:-1] if value["type"] in ENDS]
    assert {value["response"]["id"] for value in values if "response" in value} == {whole["id"]}
    assert all(value["response"]["status"] == "in_progress" for value in values[:2])
    assert _items(values[2:-1]) == whole["output"]
    return whole


def _items(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Follow the items through their events and return them as they were when done."""
    added: list[dict[str, Any]] = []
    done: dict[int, dict[str, Any]] = {}
    grown: dict[tuple[Any, ...], str] = {}
    for value in values:
        kind, index = value["type"], value["output_index"]
        if kind == "response.output_item.added":
            assert index == len(added)
            assert value["item"]["type"] not in GROWING or value["item"]["status"] == "in_progress"
            added.append(value["item"])
            continue
        assert index not in done, kind
        known = added[index]
        if kind == "response.output_item.done":
            item = value["item"]
            assert (item["id"], item["type"]) == (known["id"], known["type"])
            assert item.get("status") != "in_progress"
            done[index] = item
            continue
        assert value["item_id"] == known["id"]
        stem, _, step = kind.rpartition(".")
        place = (stem, index, value.get("content_index"), value.get("summary_index"))
        if step == "delta":
            grown[place] = grown.get(place, "") + value["delta"]
        elif step == "done" and "part" not in value:
            (text,) = (value[name] for name in ("text", "refusal", "arguments", "input") if name in value)
            assert grown.get(place, "") == text
    assert sorted(done) == list(range(len(added)))
    assert len({item["id"] for item in done.values()}) == len(done)
    return [done[index] for index in sorted(done)]
