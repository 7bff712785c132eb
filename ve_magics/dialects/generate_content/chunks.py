"""The chunks of a generateContent reply, whole or streamed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from ve_magics.dialects.generate_content.candidate import CandidateReader
from ve_magics.dialects.generate_content.usage import decode_usage
from ve_magics.dialects.generate_content.wire import NAME
from ve_magics.dialects.loose import decode_json
from ve_magics.errors import DecodeError
from ve_magics.events import Event, Passthrough, Started, TextDelta, UsageReported

_KNOWN = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime"})


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    parts: tuple[_Words]
    role: str = ""


class _Candidate(msgspec.Struct, forbid_unknown_fields=True):
    content: _Content
    index: int = 0


class _Chunk(msgspec.Struct, forbid_unknown_fields=True):
    """A chunk that holds nothing but words of one candidate, as nearly all do."""

    candidates: tuple[_Candidate]
    usageMetadata: msgspec.Raw = msgspec.Raw()  # noqa: N815 - the wire's name
    modelVersion: str = ""  # noqa: N815 - the wire's name
    responseId: str = ""  # noqa: N815 - the wire's name
    createTime: str = ""  # noqa: N815 - the wire's name


_PLAIN = msgspec.json.Decoder(_Chunk)


def seconds_of(time: Any) -> int:
    """Return the seconds since 1970 of a time as Google writes it, 0 where it is none."""
    try:
        return max(0, int(datetime.fromisoformat(time).timestamp()))
    except (TypeError, ValueError, OverflowError, OSError):
        return 0


class ChunkReader:
    """Reads the JSON values of one reply.

    Attributes:
        begun: Whether an answer has begun.
        plain: Whether the next chunk may well hold nothing but words.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._candidates: dict[int, CandidateReader] = {}
        self._extra: dict[str, Any] = {}
        self._usage: Any = None
        self._id = self._model = ""
        self._created = 0
        self.begun = False
        self.plain = False

    @property
    def finished(self) -> bool:
        """Whether every candidate has told why it ended."""
        return self.begun and all(reader.finish for reader in self._candidates.values())

    def words(self, text: str) -> TextDelta | None:
        """Return the event of a chunk that only goes on with words; None where it must be looked at more closely."""
        try:
            chunk = _PLAIN.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        candidate = chunk.candidates[0]
        reader = self._candidates.get(candidate.index)
        words = candidate.content.parts[0].text
        if reader is None or reader.plain < 0 or not words:
            return None
        if chunk.usageMetadata:
            self._usage = chunk.usageMetadata
        return TextDelta(words, reader.plain, candidate.index)

    def take(self, chunk: dict[str, Any], name: str, events: list[Event]) -> None:
        """Read one JSON value."""
        wire = chunk.get("candidates")
        candidates = [item for item in wire if isinstance(item, dict)] if isinstance(wire, list) else []
        if chunk.get("usageMetadata"):
            self._usage = chunk["usageMetadata"]
        blocked = self._blocked(chunk)
        self._unknown(chunk, name, events, blocked=bool(blocked))
        if not self.begun:
            self._identify(chunk)
            if candidates or blocked:
                self.begun = True
                extra = dict(self._extra)
                events.append(Started(self._id, self._model, self._created, NAME, extra))
        for position, item in enumerate(candidates):
            index = item.get("index")
            if not isinstance(index, int):
                index = position
            reader = self._candidates.get(index)
            if reader is None:
                reader = self._candidates[index] = CandidateReader(index, self._origin)
            events += reader.take(item, self._id)
            self.plain = reader.plain >= 0
        if blocked:
            self._block(blocked, chunk["promptFeedback"])

    def _blocked(self, chunk: dict[str, Any]) -> str:
        feedback = chunk.get("promptFeedback")
        reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
        return reason if isinstance(reason, str) else ""

    def _block(self, reason: str, feedback: Any) -> None:
        """End every candidate that goes no further because the prompt was blocked."""
        if not self._candidates:
            self._candidates[0] = CandidateReader(0, self._origin)
        for reader in self._candidates.values():
            if not reader.finish:
                reader.finish = reason if reason != "OTHER" else "SAFETY"
                reader.extra["promptFeedback"] = feedback

    def _identify(self, chunk: dict[str, Any]) -> None:
        self._id = self._id or str(chunk.get("responseId") or "")
        self._model = self._model or str(chunk.get("modelVersion") or "")
        self._created = self._created or seconds_of(chunk.get("createTime"))

    def _unknown(self, chunk: dict[str, Any], name: str, events: list[Event], *, blocked: bool) -> None:
        """Keep fields that are not known here: before the start with the answer, later as pieces of their own."""
        if chunk.keys() <= _KNOWN:
            return
        news: dict[str, Any] = {}
        for field, value in chunk.items():
            if field in _KNOWN or value is None or (blocked and field == "promptFeedback"):
                continue
            if self._extra.get(field) != value:
                self._extra[field] = news[field] = value
        if news and self.begun:
            events.append(Passthrough(NAME, name, news))

    def close(self, events: list[Event]) -> None:
        """Add the last events.

        Raises:
            RequestError: No candidate came to an answer.
        """
        readers = [reader for _, reader in sorted(self._candidates.items())]
        if all(reader.failed for reader in readers):
            raise readers[0].fault()
        for reader in readers:
            events.extend(reader.close())
        usage = self._usage
        if isinstance(usage, msgspec.Raw):
            try:
                usage = decode_json(bytes(usage).decode())
            except ValueError:
                raise DecodeError("The counts in the reply are nested too deep.") from None
        counts = decode_usage(usage)
        if counts is not None:
            events.append(UsageReported(counts))
