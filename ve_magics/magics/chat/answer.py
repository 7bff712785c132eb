"""The answer as an object: what `-o NAME` puts into the notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ve_magics.catalog import Cost
from ve_magics.engine.gateway import Trace, Tried
from ve_magics.errors import DecodeError
from ve_magics.magics.chat.fences import json_in
from ve_magics.magics.frames import frame, records
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.messages import ChatRequest, ChatResponse, Message, ToolCall, Usage


class Answer:
    """What a model answered, and how it came about.

    Attributes:
        request: What was asked.
        response: The whole answer, as it came.
        text: The words.
        partial: True where the answer broke off or was stopped.
        source: `provider`, `cache` or `recording`.
        cost: US dollars, when the answer was made; its `amount` is None where the price is unknown.
        attempts: Every try, the failed ones included.
        notices: What is worth saying once: that a model is gone, say.
        parsed: The notebook's own object, where the cell asked for JSON or named a schema; None elsewhere.
    """

    def __init__(
        self, request: ChatRequest, response: ChatResponse, trace: Trace, *, partial: bool = False
    ) -> None:
        self.request = request
        self.response = response
        self.partial = partial
        self.source = trace.source
        self.cost: Cost = trace.cost
        self.attempts: tuple[Tried, ...] = tuple(trace.attempts)
        self.notices: tuple[str, ...] = tuple(trace.notices)
        self.parsed: Any = None
        self._served = trace.served

    @property
    def text(self) -> str:
        """The words."""
        return self.response.text

    @property
    def reasoning(self) -> str:
        """What the model thought, as far as the provider shows it."""
        return self.response.message.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model asks for."""
        return self.response.message.tool_calls

    @property
    def usage(self) -> Usage | None:
        """Token counts; None where the provider gave none."""
        return self.response.usage

    @property
    def model(self) -> str:
        """The model that the provider says has answered."""
        return self.response.model

    @property
    def provider(self) -> str:
        """The provider that answered; empty where it isn't known."""
        return self._served.provider if self._served else ""

    @property
    def finish(self) -> str:
        """Why the answer ended: stop, length, tool_calls or content_filter; empty where it broke off."""
        return self.response.finish or ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation with this answer at its end, to go on from."""
        return (*self.request.messages, self.response.message)

    @property
    def json(self) -> Any:
        """The answer read as JSON; a fenced block is unwrapped first.

        Raises:
            DecodeError: It isn't JSON.
        """
        try:
            return json_in(self.text)
        except ValueError:
            raise DecodeError("The answer is not JSON.", hint="Ask for JSON alone, or read .text") from None

    @property
    def df(self) -> Any:
        """The answer as a pandas DataFrame: a row for each record of a list, or one row for a single record.

        Raises:
            MissingExtraError: pandas isn't installed.
            DecodeError: The answer isn't JSON, or holds no records.
        """
        return frame(records(self.json if self.parsed is None else self.parsed))

    @property
    def served(self) -> str:
        """Who answered, as `provider/model`; empty where it isn't known."""
        return str(self._served or "")

    def follow(self, first: Answer) -> None:
        """Count in what an answer cost that came before and was no use."""
        amounts = (first.cost.amount, self.cost.amount)
        total = None if None in amounts else sum(amount or 0.0 for amount in amounts)
        self.cost = Cost(total, first.cost.saved + self.cost.saved, self.cost.reported)
        self.attempts = (*first.attempts, *self.attempts)
        self.notices = (*first.notices, *self.notices)

    @property
    def done(self) -> bool:
        """True: an answer that was asked for with `--background` is there once its variable holds this."""
        return True

    def wait(self, timeout: float | None = None) -> Answer:  # noqa: ARG002  # it takes what a pending one takes
        """Return the answer itself, so that a notebook may wait for it whether it was pending or not."""
        return self

    @property
    def error(self) -> None:
        """None: what an answer on its way says of a failure, this one has not known."""
        return

    def stop(self) -> None:
        """Do nothing, so that a notebook may stop an answer that has come meanwhile."""

    def hide(self, *, terminal: bool = False) -> None:
        """Show nothing when the answer is displayed, until `show_again`: it stands in the cell already.

        Args:
            terminal: Show who answered instead; a terminal has printed `Out[n]:` by then.
        """

        def name(**_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            return {"text/plain": f"<Answer from {self._served or 'nobody'}>"}, {}

        if terminal:
            self.__dict__["_repr_mimebundle_"] = name
        else:
            self.__dict__["_ipython_display_"] = lambda: None

    def show_again(self) -> None:
        """Show the answer where it is displayed, as before `hide`."""
        self.__dict__.pop("_repr_mimebundle_", None)
        self.__dict__.pop("_ipython_display_", None)

    def facts(self) -> dict[str, Any]:
        """Return what varies from run to run, for output metadata."""
        usage = self.usage
        facts: dict[str, Any] = {
            "model": self.model,
            "served_by": str(self._served or ""),
            "source": self.source,
            "finish": self.finish,
            "cost_usd": self.cost.amount,
        }
        if usage is not None:
            facts["usage"] = {"input": usage.input, "cached": usage.cached, "output": usage.output}
        if len(self.attempts) > 1:
            facts["attempts"] = [f"{tried.target}: {tried.failure or 'answered'}" for tried in self.attempts]
        if self.notices:
            facts["notices"] = list(self.notices)
        if self._served and self._served.provider == "sim":
            facts["simulated"] = True
        return facts

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 60 else self.text[:59] + "…"
        return f"<Answer from {self._served or 'nobody'}: {shown!r}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"text/markdown": neutralise(self.text), "text/plain": self.text}
        return data, {"ve_magics": self.facts()}


class Objects(list[Any]):
    """The objects of one answer, as `--schema list[NAME]` asks for them: a list.

    Attributes:
        answer: The answer that they were read from.
    """

    def __init__(self, objects: Iterable[Any], answer: Answer) -> None:
        super().__init__(objects)
        self.answer = answer

    @property
    def df(self) -> Any:
        """The objects as a pandas DataFrame, a row each.

        Raises:
            MissingExtraError: pandas isn't installed.
            DecodeError: They are no records.
        """
        return frame(records(list(self)))
