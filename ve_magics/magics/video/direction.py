"""Who writes a video's prompt, the user's cell or a director, and what the reader is told of it."""

from __future__ import annotations

import functools

from ve_magics.engine.director import Directed, direct
from ve_magics.engine.session import Session
from ve_magics.errors import VeError
from ve_magics.jobs import VideoRequest
from ve_magics.magics.chat.prompt import OPEN, filled, text_of
from ve_magics.magics.chat.render import render
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.routing import Target

NOBODY = "no chat model is set up, so the prompt goes as it is (name one: %ve use MODEL)"


def words_of(notebook: Notebook, cell: str, *, raw: bool) -> str:
    """Return the words of a cell that films, the expressions in it evaluated.

    Args:
        notebook: Has the variables.
        cell: What was typed below the line.
        raw: Leave everything as it stands.

    Raises:
        ArgumentsError: An expression isn't valid, fails, or gives something that is no words; it is named.
    """
    prompt = cell.removesuffix("\n")
    if raw:
        return prompt
    show = functools.partial(render, cells=notebook.cells, directory=notebook.directory)
    parts = filled(prompt, notebook.namespace, show)
    return text_of(parts, "A video's prompt", "The video begins with it: --image NAME")


class Director:
    """Writes the prompts of one cell's videos, all alike.

    Args:
        session: Asks the chat model; the answer is cached, recorded, booked and held to the budgets like any other.
        target: Who films.
        story: What the film tells of which each video is one shot; empty where they stand alone.

    Attributes:
        note: Why the prompt goes as it is; empty where it doesn't.
    """

    def __init__(self, session: Session, target: Target, story: str = "") -> None:
        self._session = session
        self._target = target
        self._story = story
        self.note = ""

    async def __call__(self, request: VideoRequest) -> Directed:
        """Return the request with the director's prompt.

        Raises:
            BudgetError: The question could pass a limit; nothing was sent.
        """
        chat = chat_model(self._session, self._target)
        if not chat:
            directed = Directed(request, note=NOBODY)
        else:
            ask = self._session.complete
            directed = await direct(
                request, self._target.model, ask=ask, chat=chat, story=self._story, fits=self._fits
            )
        self.note = directed.note
        return directed

    def _fits(self, request: VideoRequest) -> bool:
        try:
            self._session.filming.check(request, self._target)
        except VeError:
            return False
        return True


def draft(notebook: Notebook, request: VideoRequest, target: Target, line: str) -> None:
    """Have the director write the prompt into the next cell, where it can be edited; nothing is filmed.

    Raises:
        UnsupportedError: The video can't be made as it stands; nobody was asked.
        VeError: The chat model can't be asked.
    """
    notebook.session.filming.check(request, target)
    writer = Director(notebook.session, target)
    directed = notebook.portal.call(writer(request))
    words = [word for word in line.split() if word not in ("--draft", "--no-expand")]
    flags = ["--no-expand"]
    if OPEN in directed.request.prompt and "--raw" not in words:  # what was evaluated is not evaluated again
        flags.append("--raw")
    cell = "\n".join([" ".join(["%%video", *words, *flags]), directed.request.prompt])
    notebook.shell.set_next_input(cell, replace=False)
    show_text(f"({directed.note})\n{cell}" if directed.note else cell)


def chat_model(session: Session, target: Target) -> str:
    """Return the chat model that writes for a video model; empty where there is none.

    The simulator writes for its own films only: what it makes up would be paid for elsewhere.
    """
    chat = session.config.default("chat").model
    films_cost = not session.config.provider(target.provider).simulated
    return "" if films_cost and _simulated(session, chat) else chat


def _simulated(session: Session, model: str) -> bool:
    return all(session.config.provider(one.provider).simulated for one in session.config.route(model).targets)
