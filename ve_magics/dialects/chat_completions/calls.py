"""Puts tool calls together from their fragments, whatever a server does to `index`, `id` and `name`.

By the book the first fragment of each `index` carries id and name, and later ones only arguments. Real servers
leave the index out, or always write 0; leave the id out, or repeat it, or make a fresh one for each fragment;
repeat the name; write the arguments as an object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ve_magics.events import Event, ToolCallDelta

_KNOWN = frozenset({"index", "id", "type", "function", "custom"})


class Call:
    """One tool call while it grows."""

    __slots__ = ("_arguments", "custom", "extra", "id", "name", "part", "started")

    def __init__(self, id_: str, part: int, *, custom: bool) -> None:
        self.id = id_
        self.part = part
        self.custom = custom
        self.name = ""
        self.started = False
        self.extra: dict[str, Any] = {}
        self._arguments: list[str] = []

    def grow(self, text: str) -> None:
        """Add to the arguments."""
        self._arguments.append(text)

    @property
    def arguments(self) -> str:
        """The model's text so far."""
        return "".join(self._arguments)

    def over(self) -> bool:
        """Whether the arguments are whole, so that more of them would make no sense."""
        text = self.arguments
        if not text:
            return True
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class Calls:
    """The tool calls of one choice."""

    __slots__ = ("_by_index", "all", "choice")

    def __init__(self, choice: int) -> None:
        self.choice = choice
        self.all: list[Call] = []
        self._by_index: dict[int, Call] = {}

    def take(self, fragment: Mapping[str, Any], part: int, reply_id: str, *, whole: bool) -> list[Event]:
        """Add one fragment.

        Args:
            fragment: An item of `tool_calls`.
            part: Number of the part that begins if this fragment begins a call.
            reply_id: Id of the reply, of which ids are made for calls that have none.
            whole: True where every fragment is a call of its own.
        """
        custom = isinstance(fragment.get("custom"), dict)
        body = fragment.get("custom") if custom else fragment.get("function")
        if not isinstance(body, dict):
            body = {}
        name = body.get("name")
        name = name if isinstance(name, str) else ""
        raw = body.get("input" if custom else "arguments")
        text = raw if isinstance(raw, str) else "" if raw is None else msgspec.json.encode(raw).decode()
        id_ = fragment.get("id")
        id_ = str(id_) if isinstance(id_, (str, int)) and id_ != "" else ""
        index = fragment.get("index")
        key = index if isinstance(index, int) else None

        call = None if whole else self._known(key, id_, name)
        if call is None:
            call = Call(self._unique(id_, reply_id), part, custom=custom)
            self.all.append(call)
        if key is not None:
            self._by_index[key] = call
        for field in fragment.keys() - _KNOWN:
            if fragment[field] is not None:
                call.extra[field] = fragment[field]
        return self._grow(call, name, text)

    def _unique(self, id_: str, reply_id: str) -> str:
        """Return the call's own id, or one made from the reply's where it has none or another call has the same."""
        taken = {call.id for call in self.all}
        if id_ and id_ not in taken:
            return id_
        letters = "".join(letter for letter in reply_id if letter.isalnum() and letter.isascii())[-24:]
        number = len(self.all)
        while (made := "_".join(filter(None, ("call", letters, str(self.choice), str(number))))) in taken:
            number += 1
        return made

    def _known(self, key: int | None, id_: str, name: str) -> Call | None:
        """Return the call that a fragment goes on with, or None where it begins one."""
        call = self._by_index.get(key) if key is not None else None
        indexed = call is not None
        if call is None:
            call = next((call for call in self.all if id_ and call.id == id_), None)
            if key is not None and name:
                return None
            if call is None and self.all and not id_ and not (key is not None and self._by_index):
                call = self.all[-1]
        if call is None or not name or not call.name or (indexed and id_ == call.id):
            return call
        if name != call.name:
            return None
        return None if call.over() and (call.arguments or (indexed and id_)) else call

    def _grow(self, call: Call, name: str, text: str) -> list[Event]:
        call.grow(text)
        if call.started:
            return [ToolCallDelta(call.part, arguments=text, choice=self.choice)] if text else []
        call.name = call.name or name
        if not call.name:
            return []
        return [self._start(call)]

    def _start(self, call: Call) -> ToolCallDelta:
        call.started = True
        return ToolCallDelta(call.part, call.id, call.name, call.arguments, call.custom, self.choice)

    def flush(self) -> Iterator[Event]:
        """Yield what is missing at the end: a call that never got a name, the arguments of one that has none."""
        for call in self.all:
            if not call.started:
                yield self._start(call)
            if not call.custom and not call.arguments:
                yield ToolCallDelta(call.part, arguments="{}", choice=self.choice)
