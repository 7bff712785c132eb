"""Reads one reply, streamed or whole, from any server that claims to speak chat completions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.chat_completions.choice import NAME, ChoiceReader
from ve_magics.dialects.chat_completions.usage import decode_usage
from ve_magics.dialects.failures import is_html, mask, page_reply
from ve_magics.dialects.loose import decode_json
from ve_magics.dialects.openai_faults import decode_fault
from ve_magics.dialects.sse import ServerSentEvent, SSEDecoder
from ve_magics.errors import DecodeError, RequestError, TransportError
from ve_magics.events import Event, Passthrough, Started, TextDelta, UsageReported

_PLAIN = frozenset({"id", "object", "created", "model", "choices", "usage", "obfuscation"})
_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "usage"})
_RAW_ERROR = re.compile(r'\{\s*"error":\s*"(.+)', re.DOTALL)
"""An error whose words a server pasted between quotes without escaping theirs."""


class ReplyDecoder:
    """Reads one reply. See `contract.Decoder`.

    A failure that comes in the same bytes as good events is raised by the next call, so that no event is lost.

    Args:
        origin: Name of the provider that answers.
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    def __init__(self, origin: str, *, stream: bool) -> None:
        self._origin = origin
        self._stream = stream
        self._head = b""
        self._sse: SSEDecoder | None = None
        self._body: bytearray | None = None
        self._failure: RequestError | None = None
        self._choices: dict[int, ChoiceReader] = {}
        self._started = False
        self._identity: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._usage: Any = None
        self._id = ""
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes and return the events that they complete."""
        if self._failure is not None:
            raise self._failure
        if self._sse is not None:
            return self._read(self._sse.feed(data))
        if self._body is not None:
            self._body += data
            return []
        self._head += data
        start = self._head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if not start or b"\xef\xbb\xbf".startswith(self._head):
            return []
        held, self._head = self._head, b""
        if start in b"{[<":
            self._body = bytearray(held)
            return []
        self._sse = SSEDecoder()
        return self._read(self._sse.feed(held))

    def flush(self) -> list[Event]:
        """Say that the bytes have ended and return the last events."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        if self._body is not None:
            self._read_body(bytes(self._body), events)
        elif self._sse is not None:
            self._read_rest(self._sse, events)
        if not self._over:
            self._check_end()
            self._close(events)
        return events

    def _read(self, pieces: list[ServerSentEvent]) -> list[Event]:
        events: list[Event] = []
        try:
            for piece in pieces:
                if self._over:
                    break
                self._piece(piece, events)
        except RequestError as failure:
            self._failure = failure
            if not events:
                raise
        return events

    def _piece(self, piece: ServerSentEvent, events: list[Event]) -> None:
        data = piece.data.strip()
        if data.startswith("[DONE]"):
            if not self._choices:
                raise TransportError("The stream ended before an answer began.")
            if any(choice.pending for choice in self._choices.values()):
                raise TransportError("The stream ended before the answer was finished.")
            self._close(events)
        elif data:
            try:
                chunk = decode_json(data)
            except ValueError:
                raw = _RAW_ERROR.match(data)
                if raw:
                    chunk = {"error": raw[1].removesuffix("}").rstrip().removesuffix('"')}
                elif piece.event == "error":
                    chunk = data
                else:
                    raise DecodeError(f"The stream holds broken JSON: {mask(data, limit=120)}") from None
            self._chunk(chunk, piece.event, events)

    def _read_rest(self, sse: SSEDecoder, events: list[Event]) -> None:
        """Read the event that was still open, and what was no event at all."""
        for piece in sse.flush():
            if not self._over:
                try:
                    self._piece(piece, events)
                except DecodeError:
                    raise TransportError("The stream ended inside a chunk.") from None
        if sse.stray and not self._over:
            text = "\n".join(sse.stray)
            if is_html(text.encode()):
                raise page_reply(text.encode())
            try:
                fault = decode_fault(decode_json(text))
            except ValueError:
                fault = None
            if fault is not None:
                raise fault
            if not self._choices:
                raise DecodeError(f"The reply is no chat completion: {mask(text, limit=120)}")

    def _read_body(self, body: bytes, events: list[Event]) -> None:
        """Read a reply that came as one JSON value, or as something else."""
        if is_html(body):
            raise page_reply(body)
        text = body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
        try:
            value = decode_json(text)
        except ValueError:
            raise DecodeError(f"The reply is broken JSON: {mask(text, limit=120)}") from None
        self._chunk(value, "", events)
        if not self._choices:
            raise DecodeError(f"The reply is no chat completion: {mask(text, limit=120)}")
        self._close(events)

    def _check_end(self) -> None:
        if not self._choices:
            if not self._stream and self._sse is None:
                raise DecodeError("The reply is empty.")
            raise TransportError("The stream ended before an answer began.")
        if not all(choice.finish for choice in self._choices.values()):
            raise TransportError("The stream ended before the answer was finished.")

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
                    continue
            self._choice(choice, reader, events)

    def _choice(self, choice: dict[str, Any], reader: ChoiceReader, events: list[Event]) -> None:
        if choice.get("error"):
            raise _fault(choice)
        if isinstance(choice.get("logprobs"), Mapping):
            reader.logprobs(choice["logprobs"])
        delta = choice.get("delta")
        if isinstance(delta, Mapping) and delta:
            events += reader.delta(delta, self._id)
        elif isinstance(choice.get("message"), Mapping) and not reader.began:
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
