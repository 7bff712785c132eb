"""Conversations in a notebook: which cell asks, what it goes on from, and `%ve conversation`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ve_magics import catalog
from ve_magics.engine.config import Config
from ve_magics.engine.conversations import (
    Asker,
    Conversations,
    Turn,
    beside,
    check_name,
    digest,
    fitting,
    messages_of,
    tokens_of,
    transcript,
)
from ve_magics.engine.session import Session
from ve_magics.errors import ArgumentsError, StoreError
from ve_magics.magics.plain import show_markdown, show_text
from ve_magics.messages import ChatRequest, ChatResponse, Message, Text

USAGE = "%ve conversation [list | show [NAME] | use NAME | use --none | fork NAME NEW | export NAME FILE | drop NAME]"
ANSWER_TOKENS = 4_096
"""Tokens that are kept free for the answer where the cell sets no limit."""
MARK = "<!-- ve_magics conversation -->"
"""First line of an exported file, by which it may be written again."""


class Talk:
    """One cell's part in a conversation.

    Attributes:
        name: The conversation.
        turns: What the cell goes on from, oldest first.
        system: The system prompt that holds where the cell brings none.
        left_out: How many of the oldest turns were left out because they did not fit the model.
        tools: Whether calls of tools and their results are part of the history.
    """

    def __init__(self, talks: Talks, name: str, asker: Asker, *, new: bool) -> None:
        self._talks = talks
        self._asker = asker
        self._new = new
        self.name = name
        self.turns: tuple[Turn, ...] = () if new else talks.book.get(name).before(asker)
        self.system = self.turns[-1].system if self.turns else ""
        self.left_out = 0
        self.tools = False

    @property
    def history(self) -> tuple[Message, ...]:
        """The messages that the cell goes on from."""
        return messages_of(self.turns, tools=self.tools)

    def fit(self, config: Config, request: ChatRequest) -> None:
        """Leave out the oldest turns that would not fit the model together with a request.

        Args:
            config: Knows the models' targets.
            request: What the cell asks, without its history.
        """
        sizes = [catalog.context(target.model) for target in config.route(request.model).targets]
        known = [size for size in sizes if size is not None]
        if known:
            own = sum(tokens_of(message) for message in request.messages)
            room = min(known) - own - (request.max_tokens or ANSWER_TOKENS)
            kept = fitting(self.turns, room, tools=self.tools)
            self.left_out, self.turns = len(self.turns) - len(kept), kept

    @property
    def note(self) -> str:
        """What to tell about turns that were left out; empty where none were."""
        if not self.left_out:
            return ""
        turns = "turn was" if self.left_out == 1 else "turns were"
        return f"✂ {self.name}: the oldest {self.left_out} {turns} left out to fit the model."

    def keep(
        self,
        asked: Message,
        response: ChatResponse,
        *,
        system: str,
        model: str,
        between: tuple[Message, ...] = (),
    ) -> None:
        """Put the cell's turn into the conversation, unless the answer is not fit to go on from.

        Args:
            asked: The question.
            response: The answer.
            system: The system prompt that held for it.
            model: Who answered, as `provider/model`.
            between: Calls of tools and their results, between the two.

        Raises:
            StoreError: The file can't be written.
        """
        if response.finish not in ("stop", "length") or not response.text:
            return
        turn = Turn(
            asked=asked,
            answered=response.message,
            system=system,
            model=model,
            begins=self._new,
            between=between,
        )
        with self._talks.keeping:
            self._talks.book.keep(self.name, self._talks.book.get(self.name).asked(self._asker, turn))
            self._talks.count(self.name, self._asker)


class Talks:
    """The conversations of one kernel.

    Args:
        shell: The running IPython shell, which tells the cell.
        session: Returns the session, which tells the notebook.

    Attributes:
        using: The conversation of cells that name none; empty where each stands alone.
        keeping: Held while a turn is put into its conversation: cells and panels may answer at the same time.
    """

    def __init__(self, shell: Any, session: Callable[[], Session]) -> None:
        self.using = ""
        self.keeping = threading.Lock()
        self._shell = shell
        self._session = session
        self._book = Conversations(None, lambda: session().config.redactor)
        self._asked: Counter[tuple[str, str]] = Counter()
        self._run = ""
        self._in_run: Counter[tuple[str, str]] = Counter()

    @property
    def book(self) -> Conversations:
        """The conversations; their file lies beside the notebook, and is only read while recordings are replayed."""
        session = self._session()
        self._book.move(beside(session.notebook))
        self._book.writes = session.mode != "replay"
        return self._book

    def join(self, name: str | None, prompt: str, *, new: bool = False) -> Talk | None:
        """Return a cell's part in the conversation that it names, or that is in use; None where it stands alone.

        Args:
            name: What `-c` says.
            prompt: The question as it was typed.
            new: Begin the conversation anew with this cell.

        Raises:
            ArgumentsError: The name can't be used, or there is nothing to begin anew.
            StoreError: The conversations can't be read.
        """
        name = self.using if name is None else name
        if not name:
            if new:
                raise ArgumentsError(
                    "--new needs a conversation to begin.", hint="Name it: %%chat -c NAME --new"
                )
            return None
        check_name(name)
        return Talk(self, name, self._asker(name, digest(prompt)), new=new)

    def _asker(self, name: str, prompt: str) -> Asker:
        run = running_cell(self._shell)
        if run is None:
            return Asker(prompt=prompt)
        cell, message = run
        if message != self._run:
            self._run = message
            self._in_run.clear()
        nth = self._in_run[name, cell]
        own = f"{cell}#{nth + 1}" if cell and nth else cell
        return Asker(own, prompt, self._asked[name, prompt])

    def count(self, name: str, asker: Asker) -> None:
        """Remember that a question was answered, so that the next one by the same cell has a place of its own."""
        self._asked[name, asker.prompt] += 1
        self._in_run[name, asker.cell.partition("#")[0]] += 1


def running_cell(shell: Any) -> tuple[str, str] | None:
    """Return the id of the running cell, empty where the front end tells none, and the id of this run of it.

    JupyterLab and VS Code send the cell's id with each request. None in a terminal, where there are no cells.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    parent = kernel.get_parent() or {}
    cell = (parent.get("metadata") or {}).get("cellId")
    message = (parent.get("header") or {}).get("msg_id")
    return (cell if isinstance(cell, str) else "", str(message or ""))


def conversation(talks: Talks, directory: Path, words: list[str]) -> None:
    """Run `%ve conversation`.

    Raises:
        ArgumentsError: The line is not understood, or names a conversation that isn't there.
        StoreError: A file can't be read or written.
    """
    match words:
        case [] | ["list"]:
            show_text(_listed(talks))
        case ["show"] if talks.using:
            show_markdown(transcript(talks.using, talks.book.named(talks.using)))
        case ["show", name]:
            show_markdown(transcript(name, talks.book.named(name)))
        case ["show"]:
            raise ArgumentsError(
                "No conversation is in use.",
                hint="Name it: %ve conversation show NAME; %ve conversation lists them.",
            )
        case ["use", "--none"]:
            talks.using = ""
            show_text("Every cell stands alone unless it names a conversation.")
        case ["use", name]:
            check_name(name)
            talks.using = name
            show_text(f"Cells go on with {name}, {_turns(len(talks.book.get(name).counting))} so far.")
        case ["fork", name, new]:
            talks.book.fork(name, new)
            show_text(f"{new} begins as {name} is now. Go on with: %%chat -c {new}")
        case ["export", name, file]:
            path = _export(directory / file, transcript(name, talks.book.named(name)))
            show_text(f"Written to {path.name}.")
        case ["drop", name]:
            talks.book.drop(name)
            talks.using = "" if talks.using == name else talks.using
            show_text(f"{name} is forgotten.")
        case _:
            raise ArgumentsError("%ve conversation does not understand that.", hint=f"Usage: {USAGE}")


def _turns(count: int) -> str:
    return "1 turn" if count == 1 else f"{count} turns"


def _listed(talks: Talks) -> str:
    book = talks.book
    lines = []
    for name, found in book:
        counting = len(found.counting)
        waiting = sum(not turn.counts for turn in found.turns)
        more = f", {waiting} to be run again" if waiting else ""
        used = "  (in use)" if name == talks.using else ""
        first = next(
            (part.text for turn in found.counting for part in turn.asked.parts if isinstance(part, Text)), ""
        )
        words = " ".join(first.split())
        lines.append(
            f"{name}: {_turns(counting)}{more}{used}  {words if len(words) <= 60 else words[:59] + '…'}".rstrip()
        )
    if not lines:
        lines = ["No conversation yet. Begin one: %%chat -c NAME"]
    where = (
        f"kept in {book.path.name}"
        if book.path is not None
        else "kept in memory: the notebook's name is not known here (set VE_NOTEBOOK=NAME.ipynb)"
    )
    return "\n".join([*lines, where])


def _export(path: Path, text: str) -> Path:
    """Write an exported conversation; a file that is something else is left as it is."""
    path = path.with_suffix(".md") if not path.suffix else path
    try:
        if path.exists() and not path.read_text("utf-8", errors="replace").startswith(MARK):
            raise ArgumentsError(
                f"{path.name} is there already and is no exported conversation.", hint="Choose another name."
            )
        path.write_text(f"{MARK}\n\n{text}", "utf-8")
    except OSError as error:
        raise StoreError(f"{path.name} can't be written: {error.strerror or type(error).__name__}.") from None
    return path
