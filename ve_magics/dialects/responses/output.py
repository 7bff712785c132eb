"""The items of a response, found by what a delta or a finished item says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from ve_magics.dialects.responses.items import (
    CallItem,
    Item,
    MessageItem,
    OtherItem,
    ReasoningItem,
    objects,
)
from ve_magics.events import Event

Kind = TypeVar("Kind", bound=Item)

_KINDS: dict[str, type[Item]] = {"message": MessageItem, "reasoning": ReasoningItem}
_CALLS = ("function_call", "custom_tool_call")


class OutputReader:
    """Reads the output of one response.

    Args:
        origin: Name of the provider that answers.

    Attributes:
        reply_id: Id of the response, of which ids are made for calls that have none.
        called: True once a tool of the user's was called.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._next = 0
        self._items: list[Item] = []
        self._places: dict[int, Item] = {}
        self._ids: dict[str, Item] = {}
        self._call_ids: dict[str, Item] = {}
        self.reply_id = ""
        self.called = False

    def _number(self) -> int:
        number = self._next
        self._next = number + 1
        return number

    def add(self, wire: Mapping[str, Any], place: Any, events: list[Event]) -> Item:
        """Begin an item.

        Args:
            wire: The item, empty as a rule.
            place: Its index in the output.
            events: Where the events go.
        """
        known = self._known(wire)
        if known is not None:
            return known
        kind = wire.get("type") or ("message" if "content" in wire else "")
        item: Item
        if kind in _CALLS:
            item = self._call(wire, events)
        else:
            item = _KINDS.get(str(kind), OtherItem)(wire, self._origin, self._number)
        self._items.append(item)
        self._places[place if isinstance(place, int) else len(self._items) - 1] = item
        if isinstance(wire.get("id"), str):
            self._ids[wire["id"]] = item
        return item

    def _call(self, wire: Mapping[str, Any], events: list[Event]) -> Item:
        self.called = True
        id_ = str(wire.get("call_id") or wire.get("id") or "")
        letters = "".join(letter for letter in self.reply_id if letter.isalnum() and letter.isascii())
        number = len(self._call_ids)
        while not id_ or id_ in self._call_ids:
            id_ = "_".join(filter(None, ("call", letters[-24:], str(number))))
            number += 1
        item = CallItem(wire, self._origin, self._number, id_)
        self._call_ids[id_] = item
        item.begin(events)
        return item

    def _known(self, wire: Mapping[str, Any]) -> Item | None:
        id_ = wire.get("id")
        return self._ids.get(id_) if isinstance(id_, str) else None

    def find(
        self, value: Mapping[str, Any], kind: type[Kind], wire: Mapping[str, Any], events: list[Event]
    ) -> Kind:
        """Return the item that a delta belongs to.

        Args:
            value: The delta.
            kind: What the item must be.
            wire: The item to begin where the server has not announced it.
            events: Where the events go.
        """
        place, id_ = value.get("output_index"), value.get("item_id")
        known = self._ids.get(id_) if isinstance(id_, str) else None
        there = (
            self._places.get(place) if isinstance(place, int) else self._items[-1] if self._items else None
        )
        for item in (known, there):
            if isinstance(item, kind):
                return item
        announced = {**wire, "id": id_} if isinstance(id_, str) and known is None else wire
        return cast("Kind", self.add(announced, place, events))

    def close(self, wire: Mapping[str, Any], place: Any, events: list[Event], *, final: bool = False) -> None:
        """Take a finished item; `final` where it stands in the finished response."""
        item = self._match(wire, place, final=final)
        if item is None:
            item = self.add(wire, place, events)
        if not item.closed:
            item.closed = True
            item.close(wire, events)

    def _match(self, wire: Mapping[str, Any], place: Any, *, final: bool) -> Item | None:
        """Return the item that a finished one belongs to: by its ids, else by its place and its kind."""
        item = self._known(wire)
        if item is None and wire.get("type") in _CALLS:
            item = self._call_ids.get(str(wire.get("call_id") or ""))
        if item is None and isinstance(place, int):
            item = self._places.get(place)
            if item is not None and (
                item.wire.get("type") != wire.get("type") or (item.closed and not final)
            ):
                return None
        return item

    def finish(self, output: Any, events: list[Event]) -> None:
        """Take the whole output at the end; items that it lacks are finished as far as they came."""
        for place, wire in enumerate(objects(output)):
            self.close(wire, place, events, final=True)
        for item in self._items:
            if not item.closed:
                item.closed = True
                item.close(item.wire, events)
