"""`%%ask`: an answer from the user's documents, each statement with its source."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from ve_magics.engine.gateway import Trace
from ve_magics.engine.knowledge import citing, rewriting
from ve_magics.engine.knowledge.searching import Found
from ve_magics.errors import ArgumentsError, InterruptedStreamError, StoreError, VeError
from ve_magics.events import Accumulator, Event, Restarted, TextDelta
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.arguments import chat_request, named_model
from ve_magics.magics.chat.asked import deadlines_within, streamed
from ve_magics.magics.chat.conversation import Talk
from ve_magics.magics.chat.display import AnswerDisplay
from ve_magics.magics.chat.plan import show_plan
from ve_magics.magics.chat.question import prompt_of
from ve_magics.magics.knowledge.arguments import ask_parser
from ve_magics.magics.knowledge.citations import bundle, worded
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.messages import ChatRequest, ChatResponse, Choice, Message, Part, Text, assistant
from ve_magics.store.knowledge import Passage


class CitedAnswer(Answer):
    """An answer from documents.

    Attributes:
        citations: What it cites, in the order of first mention, each checked against its passage.
        passages: What was found and sent, best first; `[1]` is the first.
        query: What was looked for: the question, or what a follow-up question was rewritten to.
        notes: What is worth knowing about how it came about.
    """

    def __init__(
        self,
        request: ChatRequest,
        response: ChatResponse,
        trace: Trace,
        *,
        found: Found,
        query: str,
        notes: Sequence[str] = (),
        partial: bool = False,
    ) -> None:
        super().__init__(request, response, trace, partial=partial)
        self.passages: tuple[Passage, ...] = found.passages
        self.query = query
        self.notes: tuple[str, ...] = (*found.notes, *notes)
        self._cited = citing.read(response.text, found.passages)
        self.citations: tuple[citing.Citation, ...] = self._cited.citations

    @property
    def text(self) -> str:
        """The answer without the quotes that the model gives at its end."""
        return self._cited.text

    @property
    def sources(self) -> tuple[Passage, ...]:
        """The passages that it cites, in the order of first mention."""
        return tuple(one.passage for one in self.citations if one.passage is not None)

    @property
    def verified(self) -> bool:
        """Whether it cites at all, and the words of each citation stand in its passage."""
        return bool(self.citations) and all(one.verified for one in self.citations)

    def bundle(self) -> dict[str, str]:
        """Return what the cell's output holds."""
        return bundle(self._cited, self.notes)

    def facts(self) -> dict[str, Any]:
        """Return what varies from run to run, for output metadata."""
        marked = [one.number for one in self.citations if not one.verified]
        return {**super().facts(), "cited": [one.number for one in self.citations], "unverified": marked}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return dict(self.bundle()), {"ve_magics": self.facts()}


def ask(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%ask` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    parser = ask_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    if not options.kb:
        known = ", ".join(notebook.library.shelf.names()) or "none yet; make one: %ve kb add NAME PATHS"
        raise ArgumentsError("%%ask needs a knowledge base.", hint=f"There are: {known}.")
    options.fix = False
    from_documents(notebook, options, cell)


def check_cited(options: argparse.Namespace) -> None:
    """Refuse the flags of `%%chat` that an answer with citations can't keep.

    Raises:
        ArgumentsError: There is one.
    """
    asked = {
        "--schema": options.schema,
        f"-f {options.format}": options.format not in (None, "markdown"),
        "--image": options.image,
        "--file": options.file,
        "--background": getattr(options, "background", False),
    }
    for flag, given in asked.items():
        if given:
            raise ArgumentsError(
                f"{flag} and --kb can't be combined.",
                hint="An answer from documents is Markdown with citations.",
            )


def from_documents(notebook: Notebook, options: argparse.Namespace, cell: str) -> CitedAnswer | None:
    """Answer a cell's question from a knowledge base; None where only a plan was asked for.

    Args:
        notebook: The running notebook.
        options: The parsed line; `kb` names the base.
        cell: The question.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted.
    """
    session, library = notebook.session, notebook.library
    words = prompt_of(notebook, options, cell)
    talk = notebook.talks.join(options.conversation, cell, new=options.new)
    if talk is not None and not options.system:
        options.system = talk.system
    model = named_model(options, session.config.default("chat").model)
    question = _question(words)
    query, notes = question, []
    if talk is not None and talk.turns:
        query = _standalone(notebook, options, model, talk, question)
        if query != question:
            notes.append(f"Looked for: {query}")
    rerank = library.model_for("rerank") if options.rerank is None else options.rerank
    found = notebook.portal.call(
        library.find(
            options.kb,
            query,
            options.passages,
            rerank="" if rerank == "off" else rerank,
            fresh=options.fresh,
            cell=notebook.cell,
        )
    )
    request = _request(options, model, question, words, found, talk, notebook)
    if options.dry_run:
        show_plan(notebook, request, "\n".join([*found.notes, *notes, talk.note if talk else ""]).strip())
        return None
    if not found.passages:
        return _unasked(notebook, options, request, query, (*found.notes, *notes))
    answer = _asked(notebook, options, request, found, query, notes)
    if talk is not None:
        try:
            response = worded(answer.response, answer.text)
            talk.keep(
                Message("user", tuple(words)), response, system=options.system or "", model=answer.served
            )
        except StoreError as error:
            session.warn(error.message)
            show_text(f"! {error.message} {error.hint}")
    return answer


def _question(words: Sequence[Part]) -> str:
    question = "\n".join(part.text for part in words if isinstance(part, Text)).strip()
    if not question:
        raise ArgumentsError(
            "The question is empty.", hint="Write what you want to know below the %%ask line."
        )
    return question


def _standalone(
    notebook: Notebook, options: argparse.Namespace, model: str, talk: Talk, question: str
) -> str:
    """Return what a follow-up question asks, so that it can be looked for without what was said before."""
    request = ChatRequest(
        model=model, messages=rewriting.request_of(talk.history, question), temperature=None
    )
    response = notebook.portal.call(
        notebook.session.complete(
            request,
            fresh=options.fresh,
            cached=not options.no_cache,
            deadlines=deadlines_within(notebook.session.deadlines, options.timeout),
            fallback=not options.no_fallback,
            cell=notebook.cell,
        )
    )
    return rewriting.read(response.text, question)


def _request(
    options: argparse.Namespace,
    model: str,
    question: str,
    words: Sequence[Part],
    found: Found,
    talk: Talk | None,
    notebook: Notebook,
) -> ChatRequest:
    """Return what the model is asked: the rules, what was said before, the passages, the question."""
    sent = argparse.Namespace(**{**vars(options), "model": model, "named": None})
    sent.system = f"{citing.RULES}\n\n{options.system}" if options.system else citing.RULES
    others = [part for part in words if not isinstance(part, Text)]
    asked = [Text(citing.prompt(question, found.passages)), *others]
    request = chat_request(sent, "", model=model, words=asked, magic="%%ask")
    if talk is not None:
        talk.fit(notebook.session.config, request)
        request = chat_request(sent, "", model=model, words=asked, history=talk.history, magic="%%ask")
    return request


def _asked(
    notebook: Notebook,
    options: argparse.Namespace,
    request: ChatRequest,
    found: Found,
    query: str,
    notes: Sequence[str],
) -> CitedAnswer:
    """Ask, show the answer while it comes, and leave it with its sources."""
    trace, accumulator, curtain = Trace(), Accumulator(), citing.Curtain()
    display = AnswerDisplay(notebook.shell)

    def answered(*, partial: bool = False) -> CitedAnswer:
        return CitedAnswer(
            request, accumulator.response(), trace, found=found, query=query, notes=notes, partial=partial
        )

    events = streamed(notebook.session, request, options, trace, cell=notebook.cell)
    try:
        for batch in notebook.portal.iterate(events):
            for event in batch:
                accumulator.add(event)
                if isinstance(event, Restarted):
                    curtain = citing.Curtain()
                display.add(_shown(event, curtain))
            if trace.source == "provider":
                display.tick(time.monotonic())
    except KeyboardInterrupt:
        answer = answered(partial=True)
        notebook.keep(options.output, answer)
        display.interrupt(worded(answer.response, answer.text), answer.facts())
        raise
    except VeError as error:
        answer = answered(partial=True)
        if isinstance(error, InterruptedStreamError) or accumulator.text:
            notebook.keep(options.output, answer)
        display.fail(worded(answer.response, answer.text), answer.facts())
        raise
    answer = answered()
    notebook.last = answer
    notebook.keep(options.output, answer)
    display.finish(answer.response, answer.facts(), answer.bundle())
    return answer


def _unasked(
    notebook: Notebook, options: argparse.Namespace, request: ChatRequest, query: str, notes: Sequence[str]
) -> CitedAnswer:
    """Say that nothing was found, without asking a model that could only make something up."""
    said = f"{options.kb} holds nothing that fits this question. No model was asked."
    response = ChatResponse(choices=(Choice(assistant(said), "stop"),))
    answer = CitedAnswer(request, response, Trace(), found=Found(), query=query, notes=notes)
    notebook.last = answer
    notebook.keep(options.output, answer)
    display = AnswerDisplay(notebook.shell, streaming=False)
    display.finish(answer.response, answer.facts(), answer.bundle())
    return answer


def _shown(event: Event, curtain: citing.Curtain) -> Event:
    """Return an event without the quotes at the answer's end."""
    if isinstance(event, TextDelta) and event.choice == 0:
        return msgspec.structs.replace(event, text=curtain.feed(event.text))
    return event
