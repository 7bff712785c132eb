"""Events fold into the answer that they came from, in any order that a stream may have."""

from __future__ import annotations

from hypothesis import given

from tests.dialects.strategies import answers
from ve_magics.events import (
    Accumulator,
    Finished,
    PartAdded,
    Passthrough,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    accumulate,
    events_of,
)
from ve_magics.messages import (
    Audio,
    ChatResponse,
    Choice,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    Usage,
)

STATE = State("o", "d", 1)


@given(answers(choices=3, custom=True))
def test_an_answer_is_its_events(answer: ChatResponse) -> None:
    """accumulate(events_of(answer)) is the answer: cached, whole and streamed answers are one."""
    assert accumulate(events_of(answer)) == answer


def test_every_part_keeps_its_state() -> None:
    """Opaque state survives the way through events, on every kind of part."""
    parts: tuple[Part, ...] = (
        Reasoning("r", STATE),
        Reasoning("", STATE),
        Reasoning(""),
        Text("t", ({"type": "x"},), STATE),
        Refusal("no", STATE),
        Image(b"x", "image/png", state=STATE),
        Audio(b"s", "wav"),
        Opaque("d", {"x": 1}, STATE),
        ToolCall("c", "f", "{}", state=STATE),
        ToolCall("d", "g", "x", custom=True),
    )
    choice = Choice(Message("assistant", parts), "stop", "why", ({"token": "t"},), 0, {"x": 1})
    answer = ChatResponse(
        id="i", choices=(choice,), usage=Usage(input=1), created=2, dialect="d", extra={"y": 2}
    )
    assert accumulate(events_of(answer)) == answer


def test_an_answer_that_is_not_finished_stays_so() -> None:
    """A partial answer has no finish and no usage."""
    answer = ChatResponse(choices=(Choice(Message("assistant", (Text("t"),))),))
    assert accumulate(events_of(answer)) == answer


def test_parts_may_grow_in_turns() -> None:
    """Parallel calls and several choices interleave; each delta names what it grows."""
    answer = accumulate(
        [
            Started("i", "m"),
            ToolCallDelta(1, "a", "f", "{"),
            ToolCallDelta(2, "b", "g"),
            TextDelta("x", 0, 1),
            TextDelta("t", 0),
            ToolCallDelta(2, arguments="[]"),
            ToolCallDelta(1, arguments="}"),
            RefusalDelta("n", 3),
            RefusalDelta("o", 3),
            Passthrough("d", "", {}),
        ]
    )
    assert answer.choices[0].message.parts == (
        Text("t"),
        ToolCall("a", "f", "{}"),
        ToolCall("b", "g", "[]"),
        Refusal("no"),
    )
    assert answer.choices[1].message.text == "x"


def test_a_state_may_come_before_or_after_its_part() -> None:
    """A state alone is empty reasoning; a state of a part that came whole is put into it."""
    parts = (
        accumulate(
            [
                StateDelta(STATE, 0),
                PartAdded(Image(b"x"), 1),
                StateDelta(STATE, 1),
                StateDelta(STATE, 2),
                ReasoningDelta("r", 2),
            ]
        )
        .choices[0]
        .message.parts
    )
    assert parts == (Reasoning("", STATE), Image(b"x", state=STATE), Reasoning("r", STATE))


def test_a_restart_forgets_everything() -> None:
    """What came before a restart is no part of the answer."""
    accumulator = Accumulator()
    for event in (Started("old"), TextDelta("old"), UsageReported(Usage(input=9)), Restarted("p/m", "broke")):
        accumulator.add(event)
    assert accumulator.response() == ChatResponse()
    accumulator.add(TextDelta("new"))
    assert accumulator.text == "new"


def test_progress_can_be_asked_for_at_any_time() -> None:
    """The text so far is the first choice's; an answer is complete when every choice that began has ended."""
    accumulator = Accumulator()
    assert (accumulator.text, accumulator.complete) == ("", False)
    for event in (TextDelta("b", 1), ReasoningDelta("r"), TextDelta("a"), TextDelta("x", 0, 1)):
        accumulator.add(event)
    assert (accumulator.text, accumulator.complete) == ("b", False)
    accumulator.add(Finished("stop"))
    assert not accumulator.complete
    accumulator.add(Finished("length", choice=1))
    assert accumulator.complete


def test_the_last_counts_count() -> None:
    """Counts may be reported more than once."""
    answer = accumulate([UsageReported(Usage(input=1)), UsageReported(Usage(input=2))])
    assert answer.usage == Usage(input=2)
