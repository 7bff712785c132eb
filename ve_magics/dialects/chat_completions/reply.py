"""Reads one reply, streamed or whole, from any server that claims to speak chat completions."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ve_magics.dialects.chat_completions.choice import NAME, ChoiceReader
from ve_magics.dialects.chat_completions.usage import decode_usage
from ve_magics.dialects.openai_faults import decode_fault
from ve_magics.dialects.reply import ReplyReader, decode_piece
from ve_magics.dialects.sse import ServerSentEvent
from ve_magics.errors import DecodeError, RequestError, StatusError, TransportError
from ve_magics.events import Event, Passthrough, Started, TextDelta, UsageReported

_PLAIN = frozenset({"id", "object", "created", "model", "choices", "usage", "obfuscation"})
_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "usage"})


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str = ""


class _PlainChoice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    delta: _Delta
    index: int
    finish_reason: None = None
    logprobs: None = None


class _PlainChunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one chunk that comes a thousand times: more words, and nothing that wasn't said before."""

    choices: list[_PlainChoice]
    id: str = ""
    object: str = ""
    created: int = 0
    model: str = ""
    system_fingerprint: Any = None
    service_tier: Any = None
    obfuscation: str = ""
    usage: None = None


_decode_plain = msgspec.json.Decoder(_PlainChunk).decode
_RAW_ERROR = re.compile(r'\{\s*"error":\s*"(.+)', re.DOTALL)
"""An error whose words a server pasted between quotes without escaping theirs."""


class ReplyDecoder(ReplyReader):
    """Reads one reply. See `contract.Decoder`.

    Args:
        origin: Name of the provider that answers.
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    what = "chat completion"

    def __init__(self, origin: str, *, stream: bool) -> None:
        super().__init__(stream=stream)
        self._origin = origin
        self._choices: dict[int, ChoiceReader] = {}
        self._started = False
        self._identity: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._usage: Any = None
        self._id = ""
        self._plain: ChoiceReader | None = None
        self._tried = False
        self._marks: tuple[Any, Any] = (None, None)

    @property
    def _begun(self) -> bool:
        return bool(self._choices)

    @property
    def _finished(self) -> bool:
        return self._begun and all(choice.finish for choice in self._choices.values())

    def _piece(self, piece: ServerSentEvent, events: list[Event]) -> None:
        if self._plain is not None and not piece.event:
            event = self._words(piece.data)
            if event is not None:
                events.append(event)
                return
        data = piece.data.strip()
        if data.startswith("[DONE]"):
            if not self._choices:
                raise TransportError("The stream ended before an answer began.")
            if any(choice.pending for choice in self._choices.values()):
                raise TransportError("The stream ended before the answer was finished.")
            self._close(events)
        elif data:
            try:
                chunk = decode_piece(data)
            except DecodeError:
                raw = _RAW_ERROR.match(data)
                if raw:
                    chunk = {"error": raw[1].removesuffix("}").rstrip().removesuffix('"')}
                elif piece.event == "error":
                    chunk = data
                else:
                    raise
            self._chunk(chunk, piece.event, events)

    def _words(self, data: str) -> TextDelta | None:
        """Read one more piece of the text that grows already; None where it needs a closer look."""
        try:
            chunk = _decode_plain(data)
        except msgspec.DecodeError:  # it will be so again: a server writes all its chunks alike
            self._plain = None
            return None
        if len(chunk.choices) != 1:
            return None
        choice = chunk.choices[0]
        reader = self._plain
        text = choice.delta.content
        if (
            not text
            or reader is None
            or reader.plain < 0
            or self._choices.get(choice.index) is not reader
            or (chunk.system_fingerprint, chunk.service_tier) != self._marks
        ):
            return None
        return TextDelta(text, reader.plain, choice.index)

    def _answer(self, value: Any, events: list[Event]) -> bool:
        self._chunk(value, "", events)
        if not self._choices:
            return False
        self._close(events)
        return True

    def _fault(self, value: Any) -> StatusError | None:
        return decode_fault(value)

    def _close(self, events: list[Event]) -> None:
        self._over = True
        for _, choice in sorted(self._choices.items()):
            events.extend(choice.close())
        usage = decode_usage(self._usage)
        if usage is not None:
            events.append(UsageReported(usage))

    def _chunk(self, chunk: Any, name: str, events: list[Event]) -> None:
        if type(chunk) is not dict or name == "error" or chunk.get("error"):
            raise _fault(chunk, named=name == "error")
        choices = chunk.get("choices")
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        if not chunk.keys() <= _PLAIN:
            self._unknown(chunk, name, events)
        if not isinstance(choices, list):
            fault = decode_fault(chunk)
            if fault is not None:
                raise fault
            return
        if not self._started:
            self._identify(chunk)
            if choices:
                self._start(events)
        for position, choice in enumerate(choices):
            if type(choice) is not dict:
                continue
            delta = choice.get("delta")
            index = choice.get("index")
            if type(index) is not int:
                index = 0 if "delta" in choice else position
            reader = self._choices.get(index)
            if reader is None:
                reader = self._choices[index] = ChoiceReader(index, self._origin)
            elif (
                reader.plain >= 0
                and delta
                and len(delta) == 1
                and not choice.get("finish_reason")
                and not choice.get("logprobs")
                and choice.keys() <= _CHOICE
            ):
                text = delta.get("content")
                if type(text) is str:
                    if text:
                        events.append(TextDelta(text, reader.plain, index))
                        if self._plain is None and not self._tried:
                            self._plain, self._tried = reader, True
                            self._marks = (
                                self._extra.get("system_fingerprint"),
                                self._extra.get("service_tier"),
                            )
                    continue
            self._choice(choice, reader, events)

    def _choice(self, choice: dict[str, Any], reader: ChoiceReader, events: list[Event]) -> None:
        if choice.get("error"):
            raise _fault(choice)
        if isinstance(choice.get("logprobs"), dict):
            reader.logprobs(choice["logprobs"])
        delta = choice.get("delta")
        if isinstance(delta, dict) and delta:
            events += reader.delta(delta, self._id)
        elif isinstance(choice.get("message"), dict) and not reader.began:
            events += reader.delta(choice["message"], self._id, whole=True)
        finish = choice.get("finish_reason", "")
        if isinstance(finish, str) and finish:
            reader.finish = finish
        reader.pending = finish is None and not reader.finish
        if choice.get("usage"):
            self._usage = choice["usage"]
        for field in choice.keys() - _CHOICE:
            if choice[field] is not None:
                reader.extra[field] = choice[field]

    def _unknown(self, chunk: dict[str, Any], name: str, events: list[Event]) -> None:
        """Keep fields that are not known here: before the start with the answer, later as pieces of their own."""
        extra = self._extra
        news: dict[str, Any] = {}
        for field, value in chunk.items():
            if field not in _PLAIN and value is not None and extra.get(field) != value:
                extra[field] = news[field] = value
                if field == "x_groq" and isinstance(value, dict) and value.get("usage"):
                    self._usage = self._usage or value["usage"]
        if news and self._started:
            events.append(Passthrough(NAME, name, news))

    def _identify(self, chunk: dict[str, Any]) -> None:
        for field in ("id", "model", "created"):
            if chunk.get(field):
                self._identity[field] = chunk[field]
        self._id = str(self._identity.get("id", ""))

    def _start(self, events: list[Event]) -> None:
        self._started = True
        created = self._identity.get("created")
        events.append(
            Started(
                self._id,
                str(self._identity.get("model", "")),
                int(created) if isinstance(created, (int, float)) and 0 < created < 1e12 else 0,
                NAME,
                dict(self._extra),
            )
        )


def _fault(value: Any, *, named: bool = False) -> RequestError:
    """Return the failure that a value tells which is no part of an answer."""
    fault = decode_fault(value, named=named)
    return fault or DecodeError(f"The reply holds a {type(value).__name__} where an object was due.")
