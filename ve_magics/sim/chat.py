"""Chat in any dialect: reads the question, asks the answer engine, and sends the answer at the pace of a model."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec

from ve_magics.dialects.contract import Dialect
from ve_magics.errors import BadRequestError, ContextLengthError, RateLimitError, StatusError, VeError
from ve_magics.events import Started
from ve_magics.messages import ChatRequest, Refusal, Text
from ve_magics.sim import models
from ve_magics.sim.answers.engine import reply
from ve_magics.sim.answers.question import Reply
from ve_magics.sim.counters import Counters
from ve_magics.sim.delivery import Delivery
from ve_magics.sim.exchange import Answer, Request
from ve_magics.sim.faults import FILMING, Fault, Faults, break_off, error_of
from ve_magics.sim.prefixes import PrefixCache
from ve_magics.sim.settings import Settings
from ve_magics.sim.turn import Turn, prompt_tokens

MOST_ANSWERS = 8
LONG = 1500
"""Tokens of a prompt above which thinking about it would hold up the loop."""


class ChatDesk:
    """Answers chat requests.

    Args:
        settings: How fast, and by which clock.
        counters: Counted up.
        faults: Decides who meets which fault.
    """

    def __init__(self, settings: Settings, counters: Counters, faults: Faults) -> None:
        self._settings = settings
        self._counters = counters
        self._faults = faults
        self._prefixes = PrefixCache()

    async def answer(
        self,
        request: Request,
        out: Answer,
        dialect: Dialect,
        *,
        model: str = "",
        stream: bool | None = None,
        kept: int = 0,
    ) -> None:
        """Answer one request.

        Args:
            request: The question's bytes.
            out: Where the answer goes.
            dialect: The wire format of both.
            model: The model, where the address names it.
            stream: Whether a stream is wanted, where the address says so.
            kept: Tokens of the question that are known because they are kept by name.

        Raises:
            ConnectionError: A fault breaks the connection.
        """
        settings = self._settings
        try:
            question = dialect.decode_request(
                request.body, model=model, stream=stream, headers=request.headers
            )
            name = models.check(question.model, models.CHAT)
            fault = self._faults.meet(request, name)
            if fault is not None:
                if fault.kind in FILMING:
                    raise BadRequestError(
                        f"The fault {fault.kind!r} is for videos.", status=400, param="model"
                    )
                self._counters.faults += 1
                if await break_off(fault, out):
                    return
                if error := error_of(fault, settings):
                    raise error
            read = self._read(question)
        except VeError as error:
            await refuse(out, dialect, error)
            return
        self._counters.chats += 1
        cached = max(kept, self._prefixes.read(read) if settings.prefix_cache else 0)
        started = Started(identity(question), models.shown(name), int(settings.now()), dialect.name)
        thinking = name == "thinker"
        if len(read) > LONG:
            replies = await asyncio.to_thread(replies_of, question, fault, thinking=thinking)
        else:
            replies = replies_of(question, fault, thinking=thinking)
        turn = Turn(question, replies, started, read=len(read), cached=cached)
        encoder = dialect.encoder(question, options={"id": started.id, "created": started.created})
        delivery = Delivery(settings, out, encoder, stream=question.stream, fault=fault)
        await delivery.run(turn, delay=settings.first_token + (len(read) - cached) / settings.prefill)

    def _read(self, question: ChatRequest) -> list[str]:
        read = prompt_tokens(question)
        most = self._settings.context
        if len(read) > most:
            raise ContextLengthError(
                f"This model's maximum context length is {most} tokens. "
                f"However, your messages resulted in {len(read)} tokens.",
                status=400,
                code="context_length_exceeded",
                param="messages",
            )
        if (question.n or 1) > MOST_ANSWERS:
            raise BadRequestError(f"'n' is at most {MOST_ANSWERS}.", status=400, param="n")
        return read


async def refuse(out: Answer, dialect: Dialect, error: VeError) -> None:
    """Tell a failure before the answer has begun, in the dialect's form."""
    status, body = dialect.encode_error(error)
    headers = {}
    if isinstance(error, StatusError):
        status = error.status
        if isinstance(error, RateLimitError) and error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
    await out.whole(status, body, headers=headers)


def identity(question: ChatRequest) -> str:
    """Return an id that is the same whenever the same is asked, streamed or not."""
    asked = msgspec.structs.replace(question, stream=False, extra={})
    digest = hashlib.blake2b(msgspec.json.encode(asked, order="deterministic"), digest_size=12)
    return f"chatcmpl-sim{digest.hexdigest()}"


def replies_of(question: ChatRequest, fault: Fault | None, *, thinking: bool) -> list[Reply]:
    """Return the answers to a question, as many as it asks for."""
    if fault is not None and fault.kind == "refusal":
        return [Reply((Refusal("I can't help with that. (The simulator was asked to refuse.)"),))]
    replies = [reply(question, variant=number, thinks=thinking) for number in range(question.n or 1)]
    if fault is not None and fault.kind == "misfit" and question.output is not None:
        return replies if _was_told(question) else [_misfitting(one) for one in replies]
    if fault is None or fault.kind != "filter":
        return replies
    words = [part for part in replies[0].parts if isinstance(part, Text)]
    text = words[0].text if words else ""
    return [Reply((Text(text[: len(text) // 3]),), "content_filter")]


def _was_told(question: ChatRequest) -> bool:
    """Whether the model has answered before, and this is what came back to it."""
    return any(message.role == "assistant" for message in question.messages)


def _misfitting(good: Reply) -> Reply:
    """Return a reply in whose JSON the first number of each object is said in words, or its last field is missing."""
    text = "".join(part.text for part in good.parts if isinstance(part, Text))
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return good
    return Reply((Text(msgspec.json.encode(_spoilt(value)).decode()),), good.finish)


def _spoilt(value: Any) -> Any:
    if isinstance(value, list):
        return [_spoilt(one) for one in value]
    if not isinstance(value, dict):
        return None
    spoilt = {name: _spoilt(one) if isinstance(one, list | dict) else one for name, one in value.items()}
    for name, one in value.items():
        if isinstance(one, int | float) and not isinstance(one, bool):
            return {**spoilt, name: f"about {one}"}
    return dict(list(spoilt.items())[:-1]) if spoilt == value else spoilt
