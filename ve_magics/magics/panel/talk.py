"""One conversation that panels show: their questions go the way of every `%%chat` cell, their answers to every view.

A view's messages are heard in the kernel's own thread; the answer streams on the portal's, so that a panel answers
while no cell runs and cells run while a panel answers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from ve_magics.engine.conversations import Asker, Conversation, Turn, check_name, digest
from ve_magics.engine.local import running_servers
from ve_magics.engine.models import living_models
from ve_magics.engine.session import Session
from ve_magics.engine.trace import Trace
from ve_magics.errors import ArgumentsError, StoreError, VeError
from ve_magics.events import Accumulator
from ve_magics.magics.chat.attachments import IMAGE_LIMIT, image_type
from ve_magics.magics.chat.conversation import Talk
from ve_magics.magics.failure import explain, one_line
from ve_magics.magics.late import LateOutput
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.panel.transcript import transcript_bundle
from ve_magics.messages import ChatRequest, ChatResponse, Image, Message, Part, Text, system
from ve_magics.widgets.chat_view import ChatView, ShownTurn

STEP = 0.1
"""Seconds between two messages of a growing answer at least."""
_CELL = "panel-"
"""What a turn of a panel has in the place of a cell's id, before its number."""


class PanelTalk:
    """One conversation, shown by one widget in any number of views.

    Args:
        notebook: The running notebook.
        name: The conversation.

    Attributes:
        view: The widget.
        system: A system prompt for turns to come; empty where the conversation's own holds.

    Raises:
        ArgumentsError: The name can't be used.
        StoreError: The conversation can't be read.
    """

    def __init__(self, notebook: Notebook, name: str) -> None:
        check_name(name)
        self.name = name
        self.system = ""
        self._notebook = notebook
        self._known = Conversation()
        self._askers: dict[str, Asker] = {}
        self._asked: dict[str, tuple[Message, str]] = {}
        self._pictures: dict[str, list[Image]] = {}
        self._outputs: list[LateOutput] = []
        self._answering: concurrent.futures.Future[None] | None = None
        self._gate = threading.RLock()
        config = notebook.session.config
        self.view = ChatView(
            name, self._hear, models=[*config.names()], standard=config.default("chat").model
        )
        self.read()
        notebook.shell.events.register("post_run_cell", self._after_cell)

    @property
    def busy(self) -> bool:
        """Whether an answer is coming."""
        return self._answering is not None and not self._answering.done()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until no answer is coming any more, so many seconds at most."""
        if self._answering is not None:
            concurrent.futures.wait([self._answering], timeout)

    # What is shown

    def leave(self, output: LateOutput) -> None:
        """Leave the transcript in an output of the running cell, and change it after each turn."""
        self._outputs.append(output)
        output.open(self.bundle(), {})

    def bundle(self) -> dict[str, str]:
        """Return the transcript as an output."""
        turns = [*self.view.turns]
        return transcript_bundle(self.name, turns, [self._pictures.get(turn.id, []) for turn in turns])

    def read(self) -> bool:
        """Show the conversation as it is kept; returns whether it had changed.

        Raises:
            StoreError: It can't be read.
        """
        found = self._notebook.talks.book.get(self.name)
        if self.busy or found == self._known:
            return False
        self._known = found
        counts: dict[str, int] = {}
        shown = []
        counting = {id(turn) for turn in found.counting}
        for turn in found.turns:
            nth = counts[turn.prompt] = counts.get(turn.prompt, -1) + 1
            if id(turn) in counting:
                shown.append(self._shown(turn, Asker(turn.cell, turn.prompt, nth)))
        self.view.show(shown)
        return True

    def _shown(self, turn: Turn, asker: Asker) -> ShownTurn:
        name = f"{asker.prompt}-{asker.nth}-{asker.cell}"
        self._askers[name], self._asked[name] = asker, (turn.asked, turn.system)
        images = [part for part in turn.asked.parts if isinstance(part, Image)]
        self._pictures[name] = [part for part in turn.answered.parts if isinstance(part, Image)]
        answered = turn.answered
        return ShownTurn(
            id=name,
            question=turn.asked.text,
            images=tuple(self.view.hold(one, f"{name}?{n}") for n, one in enumerate(images)),
            answer=answered.text or answered.refusal,
            reasoning=answered.reasoning,
            calls=tuple(f"{call.name}({call.arguments})" for call in answered.tool_calls),
            pictures=tuple(self.view.hold(one, f"{name}/{n}") for n, one in enumerate(self._pictures[name])),
            model=turn.model,
            facts=turn.model,
        )

    def _after_cell(self, _: Any) -> None:
        """Show what a cell has said in the same conversation."""
        shell = self._notebook.shell
        if getattr(shell, "_ve_magics", None) is None:
            shell.events.unregister("post_run_cell", self._after_cell)
            return
        with suppress(VeError):
            if self.read():
                self._update()

    def _update(self) -> None:
        for output in self._outputs:
            output.fill(self.bundle(), {})

    # What views ask for

    def _hear(self, content: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        view, nonce = str(content.get("view", "")), str(content.get("nonce", ""))
        try:
            match content.get("do"):
                case "hello":
                    self.read()
                case "ask":
                    names = [str(name) for name in content.get("images", ())]
                    self.ask(str(content.get("text", "")), buffers, names=names, nonce=nonce)
                case "retry":
                    self.retry(str(content.get("turn", "")))
                case "stop":
                    self.stop()
                case "models":
                    self._notebook.portal.submit(self._look_for_models(self._notebook.session))
                case _:
                    pass
        except VeError as error:
            self.view.refuse(" ".join(explain(error)), view=view, nonce=nonce)

    def ask(
        self, text: str, pictures: Sequence[bytes] = (), *, names: Sequence[str] = (), nonce: str = ""
    ) -> None:
        """Ask the model; returns at once, the answer comes to the views.

        Args:
            text: The question, sent as it stands.
            pictures: The bytes of pictures to send along.
            names: What the view that asks calls the pictures.
            nonce: What it calls the question.

        Raises:
            ArgumentsError: An answer is coming, there is no question, or a picture is none.
        """
        parts: list[Part] = [Text(text)] if text.strip() else []
        parts += map(_picture, pictures)
        if not parts:
            raise ArgumentsError("There is no question.", hint="Write one.")
        with self._gate:
            self._ask(text, parts, names, nonce)

    def _ask(self, text: str, parts: list[Part], names: Sequence[str], nonce: str) -> None:
        self._check_free()
        self.read()
        name = f"{_CELL}{self._next_number()}"
        images = [part for part in parts if isinstance(part, Image)]
        names = names if len(names) == len(images) else [f"{name}?{n}" for n in range(len(images))]
        turn = ShownTurn(
            id=f"{digest(text)}-0-{name}",
            question=text,
            images=tuple(map(self.view.hold, images, names)),
            state="streaming",
        )
        self._askers[turn.id] = Asker(name, digest(text), 0)
        self._asked[turn.id] = Message("user", tuple(parts)), self.system
        self._begin(turn, nonce=nonce)

    def _check_free(self) -> None:
        if self.busy:
            raise ArgumentsError("An answer is coming.", hint="Stop it, or wait for its end.")

    def _next_number(self) -> int:
        asked = [asker.cell for asker in self._askers.values()] + [turn.cell for turn in self._known.turns]
        numbers = [cell.removeprefix(_CELL) for cell in asked if cell.startswith(_CELL)]
        return 1 + max((int(number) for number in numbers if number.isdecimal()), default=0)

    def retry(self, name: str) -> None:
        """Ask the last turn's question anew; the new answer takes the place of the old one.

        Raises:
            ArgumentsError: An answer is coming, or it isn't the last turn.
        """
        with self._gate:
            self._check_free()
            old = self.view.turns[-1] if self.view.turns else None
            if old is None or old.id != name:
                raise ArgumentsError("Only the last question can be asked anew.")
            turn = ShownTurn(id=old.id, question=old.question, images=old.images, state="streaming")
            self._begin(turn, earlier=old if old.state == "done" else None, fresh=True)

    def stop(self) -> None:
        """Stop the answer that is coming; what has come stays, marked as partial."""
        if self._answering is not None:
            self._answering.cancel()

    async def _look_for_models(self, session: Session) -> None:
        """Offer what providers serve at this moment, beside what the configuration knows."""
        if session.mode == "replay":
            return
        config = session.config
        names = [name for name, row in config.providers.items() if config.usable(name) and not row.local]
        listed = await asyncio.gather(
            *(living_models(session.gateway, name) for name in names), return_exceptions=True
        )
        found = [*config.names()]
        for name, models in zip(names, listed, strict=True):
            found += [f"{name}/{model}" for model in models] if isinstance(models, tuple) else []
        for server in await running_servers(session.gateway):
            found += [f"{server.provider}/{model}" for model in server.models]
        self.view.models = list(dict.fromkeys(found))

    # One answer

    def _begin(
        self, turn: ShownTurn, *, nonce: str = "", earlier: ShownTurn | None = None, fresh: bool = False
    ) -> None:
        asked, prompt = self._asked[turn.id]
        self.view.begin(turn, nonce)
        try:
            session = self._notebook.session
            talk = Talk(self._notebook.talks, self.name, self._askers[turn.id], new=False)
            talk.system = prompt or talk.system
            request = self._request(session, talk, asked)
        except VeError as error:
            self._end(turn, _Outcome("failed", explain(error)), earlier)
            return
        answer = self._answer(session, talk, request, turn, earlier, fresh=fresh)
        self._answering = self._notebook.portal.submit(answer)

    def _request(self, session: Session, talk: Talk, asked: Message) -> ChatRequest:
        head = (system(talk.system),) if talk.system else ()
        model = self.view.model or session.config.default("chat").model
        alone = ChatRequest(model=model, messages=(*head, asked), stream=True)
        talk.fit(session.config, alone)
        return ChatRequest(model=model, messages=(*head, *talk.history, asked), stream=True)

    async def _answer(
        self,
        session: Session,
        talk: Talk,
        request: ChatRequest,
        turn: ShownTurn,
        earlier: ShownTurn | None,
        *,
        fresh: bool,
    ) -> None:
        trace, accumulator, begun = Trace(), Accumulator(), time.monotonic()
        outcome = _Outcome("failed", ["✗ the answer broke off for a reason that nobody foresaw."])
        flushing = asyncio.create_task(self._flush_often())
        try:
            events = session.stream(request, fresh=fresh, trace=trace, cell=f"the panel {self.name}")
            async with aclosing(events):
                async for event in events:
                    accumulator.add(event)
                    self.view.add(event)
            outcome = self._keep(talk, request.messages[-1], accumulator.response(), trace)
        except asyncio.CancelledError:
            outcome = _Outcome("stopped")
            raise
        except VeError as error:
            outcome = _Outcome("failed", explain(error))
        finally:
            flushing.cancel()
            self.view.flush()
            turn.facts = _facts(accumulator.response(), trace, time.monotonic() - begun)
            turn.model = str(trace.served or "")
            turn.notes += tuple(f"↪ {one_line(notice)}" for notice in trace.notices)
            if outcome.state == "done":
                failed = dict.fromkeys(f"↪ {tried.target}: {tried.failure}" for tried in trace.failures)
                turn.notes += tuple(failed)
            turn.notes += (talk.note,) if talk.note else ()
            self._pictures[turn.id] = [
                part for part in accumulator.response().message.parts if isinstance(part, Image)
            ]
            self._end(turn, outcome, earlier)

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(STEP)
            self.view.flush()

    def _keep(self, talk: Talk, asked: Message, response: ChatResponse, trace: Trace) -> _Outcome:
        """Put a whole answer into the conversation."""
        if response.finish == "content_filter":
            return _Outcome(
                "failed",
                [
                    "✗ the provider's policy cut the answer off.",
                    "Say it in other words, or choose another model.",
                ],
            )
        try:
            talk.keep(asked, response, system=talk.system, model=str(trace.served or ""))
        except StoreError as error:
            return _Outcome("done", notes=[f"! {error.message} {error.hint}"])
        self._known = self._notebook.talks.book.get(self.name)
        if response.finish == "length":
            return _Outcome("done", notes=["✂ the answer reached the limit of tokens."])
        return _Outcome("done")

    def _end(self, turn: ShownTurn, outcome: _Outcome, earlier: ShownTurn | None) -> None:
        """Show how an answer ended. Where a second try brought none, the first one stays."""
        turn.state, turn.error = outcome.state, tuple(map(_for_panel, outcome.error))
        turn.notes += tuple(outcome.notes)
        if earlier is not None and outcome.state != "done":
            said = turn.error or ("■ stopped.",)
            earlier.error = (*said, "The earlier answer stays.")
            self.view.show([*self.view.turns[:-1], earlier])
        else:
            self.view.end(turn)
        self._update()


class _Outcome:
    """How an answer ended."""

    def __init__(self, state: Any, error: Sequence[str] = (), notes: Sequence[str] = ()) -> None:
        self.state = state
        self.error = error
        self.notes = notes


def _picture(data: bytes) -> Image:
    media_type = image_type(data)
    if not media_type:
        raise ArgumentsError("That is not a picture.", hint="Models take PNG, JPEG, GIF and WebP.")
    if len(data) > IMAGE_LIMIT:
        raise ArgumentsError(f"A picture is larger than {IMAGE_LIMIT >> 20} MiB.", hint="Make it smaller.")
    return Image(data=data, media_type=media_type)


def _for_panel(line: str) -> str:
    """Return advice that was written for a cell in the words of a panel."""
    return line.replace("Run the cell again", "Press Retry").replace("run the cell again", "press Retry")


def _facts(response: ChatResponse, trace: Trace, seconds: float) -> str:
    """Return who answered, what it took and what it cost."""
    facts = [str(trace.served or "")]
    if response.usage is not None:
        facts.append(f"{response.usage.input:,} + {response.usage.output:,} tokens")
    if trace.source != "provider":
        facts.append(f"from the {trace.source}")
    elif response.choices:
        facts.append("price unknown" if trace.cost.amount is None else f"${trace.cost.amount:.4f}")
        facts.append(f"{seconds:.1f} s")
    return " · ".join(filter(None, facts))
