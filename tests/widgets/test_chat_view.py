"""The chat panel's view: what goes over the wire, and that it stays in proportion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ve_magics.events import (
    Event,
    Finished,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.messages import Image
from ve_magics.widgets.chat_view import PICTURE_LIMIT, ChatView, ShownTurn

Listen = Callable[[Any], Any]


def view_and_wire(listen: Listen) -> tuple[ChatView, Any, list[Mapping[str, Any]]]:
    """Return a view, what it sends, and what its handler hears."""
    heard: list[Mapping[str, Any]] = []

    def handle(content: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        heard.append({**content, "buffers": list(buffers)})

    view = ChatView("rivers", handle)
    return view, listen(view), heard


def growing(view: ChatView) -> ShownTurn:
    """Have an answer begin."""
    turn = ShownTurn(id="t1", question="Q", state="streaming")
    view.begin(turn)
    return turn


def test_answer_travels_as_deltas(listen: Listen) -> None:
    """Each word is sent once; the numbers of the messages rise by one."""
    view, wire, _ = view_and_wire(listen)
    turn = growing(view)
    for word in ("one ", "two ", "three"):
        view.add(TextDelta(word))
        view.flush()
    view.flush()
    turn.state, turn.facts = "done", "3 tokens"
    view.end(turn)
    assert wire.kinds() == ["turn", "more", "more", "more", "end"]
    assert [message["seq"] for message, _ in wire.messages] == [1, 2, 3, 4, 5]
    assert "".join(message["text"] for message in wire.of("more")) == "one two three" == turn.answer
    assert "answer" not in wire.of("end")[0]["turn"]
    assert wire.of("end")[0]["turn"]["facts"] == "3 tokens"


def test_bytes_grow_in_proportion(listen: Listen) -> None:
    """An answer that is eight times as long costs eight times as many bytes, not sixty-four."""
    sizes = []
    for words in (500, 4_000):
        view, wire, _ = view_and_wire(listen)
        turn = growing(view)
        for _ in range(words):
            view.add(TextDelta("word and "))
            view.flush()
        view.end(turn)
        assert len(wire.messages) == words + 2
        sizes.append(wire.bytes)
    assert sizes[1] / sizes[0] < 8.5
    assert sizes[1] < 4_000 * (len("word and ") + 120)


def test_every_kind_of_event_is_shown(listen: Listen) -> None:
    """Thoughts, refusals, tool calls and pictures reach the turn; other choices and counts do not."""
    view, wire, _ = view_and_wire(listen)
    turn = growing(view)
    events: list[Event] = [
        ReasoningDelta("Hm."),
        ToolCallDelta(1, "c1", "look"),
        ToolCallDelta(1, arguments='{"x": 1}'),
        RefusalDelta("No."),
        TextDelta("other", choice=1),
        PartAdded(Image(data=b"\x89PNG", media_type="image/png"), 2),
        Finished("stop"),
    ]
    for event in events:
        view.add(event)
    view.flush()
    (more,) = wire.of("more")
    assert (more["reasoning"], more["text"]) == ("Hm.", "No.")
    assert more["calls"] == ['look({"x": 1})']
    assert more["pictures"] == list(turn.pictures) == ["t1/0"]
    view.add(ToolCallDelta(3, "c2", "long", "x" * 1000))
    view.flush()
    assert len(turn.calls[1]) == 400


def test_start_over_forgets_what_had_come(listen: Listen) -> None:
    """After a restart the turn holds the new words alone, and says why."""
    view, wire, _ = view_and_wire(listen)
    turn = growing(view)
    view.add(TextDelta("half"))
    view.flush()
    view.add(TextDelta(" lost"))
    view.add(Restarted("b/y", "the stream broke off"))
    view.add(TextDelta("whole"))
    view.flush()
    assert turn.answer == "whole"
    assert turn.notes == ("↻ b/y: the stream broke off",)
    assert [set(more) - {"is", "turn", "seq"} for more in wire.of("more")] == [
        {"text"},
        {"restart"},
        {"text"},
    ]


def test_view_that_opens_gets_everything_and_no_word_twice(listen: Listen) -> None:
    """The whole holds what was sent before; what waits to be sent goes first, so nothing is missing or doubled."""
    view, wire, heard = view_and_wire(listen)
    growing(view)
    view.add(TextDelta("waiting"))
    wire.bring({"do": "hello", "view": "v1", "page": 12.5})
    wire.bring({"do": "hello", "view": "v2", "page": 99.5})
    assert wire.kinds() == ["turn", "more", "whole", "whole"]
    first, second = wire.of("whole")
    assert first["turns"][0]["answer"] == "waiting"
    assert (first["seq"], first["running"], first["home"]) == (2, "t1", 12.5)
    assert second["home"] == 12.5
    assert [message["do"] for message in heard] == ["hello", "hello"]


def test_turn_that_is_asked_anew_takes_its_place(listen: Listen) -> None:
    """A turn with a known id replaces it and all after it."""
    view, wire, _ = view_and_wire(listen)
    view.show([ShownTurn(id=name, question="Q") for name in "abc"])
    view.begin(ShownTurn(id="b", question="Q", state="streaming"), "nonce")
    assert [turn.id for turn in view.turns] == ["a", "b"]
    assert wire.of("turn")[0]["nonce"] == "nonce"


def test_pictures_are_sent_when_they_are_asked_for(listen: Listen) -> None:
    """A known picture comes as bytes with its type; an unknown, a large one and what is no picture come empty."""
    view, wire, heard = view_and_wire(listen)
    view.hold(Image(data=b"GIF89a", media_type="image/gif"), "small")
    view.hold(Image(data=b"x" * (PICTURE_LIMIT + 1), media_type="image/png"), "large")
    view.hold(Image(data=b"<svg>", media_type="text/html"), "page")
    for name in ("small", "large", "page", "none"):
        wire.bring({"do": "picture", "id": name})
    assert [(message["id"], buffers) for message, buffers in wire.messages] == [
        ("small", [b"GIF89a"]),
        ("large", []),
        ("page", []),
        ("none", []),
    ]
    assert heard == []


def test_everything_else_goes_to_the_handler(listen: Listen) -> None:
    """The handler gets messages with their buffers as bytes; a refusal names the view that asked."""
    view, wire, heard = view_and_wire(listen)
    wire.bring({"do": "ask", "text": "Q", "view": "v1"}, b"GIF89a")
    assert heard == [{"do": "ask", "text": "Q", "view": "v1", "buffers": [b"GIF89a"]}]
    view.refuse("An answer is coming.", view="v1", nonce="n")
    assert wire.of("refused") == [
        {"is": "refused", "why": "An answer is coming.", "view": "v1", "nonce": "n"}
    ]


def test_saved_text_says_what_it_was(listen: Listen) -> None:
    """Where no widget is shown, one line stands for it, the same in every run."""
    view, _, _ = view_and_wire(listen)
    data, _ = view._repr_mimebundle_()
    assert data["text/plain"] == "ChatPanel('rivers')"
    assert msgspec.to_builtins(ShownTurn(id="a", question="q"))["state"] == "done"
