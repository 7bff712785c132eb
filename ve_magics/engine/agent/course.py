"""The course of an agent as a pure generator: it yields what to ask and what to call, and is sent what came of it.

Whatever a model sends is bounded here: calls of unknown tools, broken or huge arguments, a thousand calls at once, the
same call for ever. Each gets an answer that says what is wrong, so that the model can do better; where it doesn't, it
is asked once more without tools.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ve_magics.catalog import nearest
from ve_magics.engine.agent.marking import marked
from ve_magics.engine.agent.values import Limits, Offer, Why
from ve_magics.errors import ToolArgumentsError
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Image,
    Message,
    Part,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ve_magics.tools import Output, cut, decode_arguments
from ve_magics.tools.output import failure

_LONGEST_ID = 200
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model this; send its `ChatResponse`.

    Attributes:
        number: Which step, from 1.
    """

    request: ChatRequest
    number: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One call of a step: what to call, or why it is not called.

    Attributes:
        call: The call as it stays in the conversation.
        offer: The tool; None where the call is refused.
        arguments: The checked JSON object.
        refusal: What the model is told instead of a result.
    """

    call: ToolCall
    offer: Offer | None
    arguments: Mapping[str, Any]
    refusal: Output | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Call these, side by side; send their outputs in the same order.

    Attributes:
        request: What the model was asked when it made the calls.
        tainted: The tools whose results, written by strangers, the model had read before.
    """

    calls: tuple[Planned, ...]
    request: ChatRequest
    number: int
    tainted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The course is over.

    Attributes:
        response: The last answer, without calls that nobody makes any more.
        messages: The conversation after the question: calls, results, and the answer at its end.
        why: Why it ended.
    """

    response: ChatResponse
    messages: tuple[Message, ...]
    why: Why


Step = Ask | Work
Came = ChatResponse | Sequence[Output]
Course = Generator[Step, Came, Ended]


def course(request: ChatRequest, offers: Sequence[Offer], limits: Limits) -> Course:
    """Yield the steps of one agent; return how it ended.

    Args:
        request: What the agent is asked. Its tools are those on offer.
        offers: The tools.
        limits: How far it goes.
    """
    known = {offer.name: offer for offer in offers}
    request = msgspec.structs.replace(request, tools=tuple(offer.spec for offer in offers))
    said: list[Message] = []
    made: Counter[tuple[str, str]] = Counter()
    taken = {call.id for message in request.messages for call in message.tool_calls}
    tainted: dict[str, None] = {}
    futile = number = 0
    why: Why = "answered"
    while True:
        number += 1
        asking = msgspec.structs.replace(request, messages=(*request.messages, *said))
        if number > limits.steps:
            why = "steps"
        elif futile >= limits.futile:
            why = "stuck"
        if why != "answered":
            asking = msgspec.structs.replace(asking, tool_choice=ToolChoice("none") if known else None)
        response = yield Ask(asking, number)
        assert isinstance(response, ChatResponse)
        if why != "answered" or not response.message.tool_calls or response.finish == "content_filter":
            final = _without_calls(response)
            return Ended(final, (*said, final.message), why)
        message, planned, dropped = _plan(response.message, known, limits, made, taken)
        runnable = tuple(one for one in planned if one.offer is not None)
        outputs: list[Output] = []
        if runnable:
            came = yield Work(runnable, asking, number, tuple(tainted))
            assert not isinstance(came, ChatResponse)
            outputs = list(came)
            assert len(outputs) == len(runnable), "each call has its result"
        futile = 0 if runnable else futile + 1
        said += [message, *_told(planned, outputs, limits, dropped)]
        tainted.update(dict.fromkeys(one.offer.name for one in runnable if one.offer and one.offer.untrusted))


def _plan(
    message: Message,
    known: Mapping[str, Offer],
    limits: Limits,
    made: Counter[tuple[str, str]],
    taken: set[str],
) -> tuple[Message, list[Planned], int]:
    """Return the message as it stays in the conversation, its calls, and how many of them were dropped."""
    parts: list[Part] = []
    planned: list[Planned] = []
    dropped = 0
    for part in message.parts:
        if not isinstance(part, ToolCall):
            parts.append(part)
            continue
        if len(planned) >= limits.calls:
            dropped += 1
            continue
        one = _planned(_sound(part, taken), part, known, limits, made)
        planned.append(one)
        parts.append(one.call)
    return msgspec.structs.replace(message, parts=tuple(parts)), planned, dropped


def _sound(call: ToolCall, taken: set[str]) -> ToolCall:
    """Return a call that any dialect can say: an id of its own, a name, arguments that are a JSON object."""
    id_, number = call.id, len(taken)
    while not id_ or id_ in taken or len(id_) > _LONGEST_ID:
        id_ = f"call_{number}"
        number += 1
    taken.add(id_)
    arguments = call.arguments if call.arguments.strip() else "{}"
    try:
        decode_arguments(arguments)
    except ToolArgumentsError:
        arguments = json.dumps({"INVALID_JSON": cut(arguments, 200)})
    name = call.name if len(call.name) <= _LONGEST_NAME else call.name[:_LONGEST_NAME]
    return msgspec.structs.replace(call, id=id_, name=name or "unnamed", arguments=arguments, custom=False)


def _planned(
    call: ToolCall, raw: ToolCall, known: Mapping[str, Offer], limits: Limits, made: Counter[tuple[str, str]]
) -> Planned:
    offer = known.get(raw.name)
    if offer is None:
        near = nearest(call.name, known, count=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return _refused(
            call, f"there is no tool {call.name!r}.{hint} The tools are {', '.join(known) or 'none'}."
        )
    try:
        arguments = decode_arguments(raw.arguments)
    except ToolArgumentsError as error:
        return _refused(call, error.message)
    same = (call.name, json.dumps(arguments, sort_keys=True))
    made[same] += 1
    if made[same] > limits.same:
        return _refused(
            call, f"this very call was made {limits.same} times. Use what it gave back, or do something else."
        )
    return Planned(call, offer, arguments)


def _refused(call: ToolCall, message: str) -> Planned:
    return Planned(call, None, {}, failure(message))


def _told(
    planned: Sequence[Planned], outputs: Sequence[Output], limits: Limits, dropped: int
) -> list[Message]:
    """Return the messages that tell the model what came of its calls: the results, then pictures."""
    results: list[Part] = []
    pictures: list[Part] = []
    left = iter(outputs)
    room = max(1_000, limits.step_text // max(1, len(planned)))
    for number, one in enumerate(planned):
        output = next(left) if one.refusal is None else one.refusal
        if one.offer is not None and one.offer.untrusted:
            output = marked(output, one.offer.name)
        text = cut(output.text, room)
        images = [part for part in output.parts if isinstance(part, Image)]
        if images:
            count = "picture follows" if len(images) == 1 else f"{len(images)} pictures follow"
            text = f"{text}\n[the {count} below]".lstrip()
            pictures += images
        if dropped and number == len(planned) - 1:
            text += f"\n[{dropped:,} more calls were dropped: at most {limits.calls} are made at once]"
        results.append(ToolResult(one.call.id, (Text(text),), one.call.name, output.failed))
    told = [Message("tool", tuple(results))]
    if pictures:
        told.append(Message("user", tuple(pictures)))
    return told


def _without_calls(response: ChatResponse) -> ChatResponse:
    """Return an answer without the calls that nobody makes any more."""
    if not response.message.tool_calls:
        return response
    choice = response.choices[0]
    parts = tuple(part for part in choice.message.parts if not isinstance(part, ToolCall))
    message = msgspec.structs.replace(choice.message, parts=parts)
    finish = "stop" if choice.finish == "tool_calls" else choice.finish
    only = msgspec.structs.replace(choice, message=message, finish=finish)
    return msgspec.structs.replace(response, choices=(only, *response.choices[1:]))
