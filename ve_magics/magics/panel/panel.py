"""`ChatPanel` and `%ve panel`: a chat in the notebook that goes on with one of its conversations."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from ve_magics.errors import ArgumentsError
from ve_magics.magics.late import LateOutput
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.panel.talk import PanelTalk
from ve_magics.magics.parser import Parser
from ve_magics.magics.plain import show_text
from ve_magics.widgets.chat_view import ChatView

NAME = "chat"
"""The conversation of a panel that names none."""

_TALKS: WeakKeyDictionary[Notebook, dict[str, PanelTalk]] = WeakKeyDictionary()


class ChatPanel:
    """A chat panel, bound to a conversation of the notebook.

    It shows itself as the last value of a cell, and leaves its transcript below as an ordinary output. All panels of
    one conversation are one panel in several places. What it asks goes the way of `%%chat`: the same configuration,
    cache, recording, books and budget.

    Args:
        conversation: The conversation's name; the one of `%ve conversation use`, or `chat`, where None.
        model: A route, an alias or `provider/name`; the default where None.
        system: A system prompt; the conversation's own where None.
        remote_images: Whether pictures in answers may be loaded from where the model says.
        notebook: The notebook; the running one where None.

    Raises:
        ArgumentsError: There is no notebook, the name can't be used, or nobody serves the model.
        StoreError: The conversation can't be read.
    """

    def __init__(
        self,
        conversation: str | None = None,
        model: str | None = None,
        *,
        system: str | None = None,
        remote_images: bool | None = None,
        notebook: Notebook | None = None,
    ) -> None:
        self._notebook = running_notebook() if notebook is None else notebook
        name = conversation or self._notebook.talks.using or NAME
        if model:
            self._notebook.session.config.route(model)
        talks = _TALKS.setdefault(self._notebook, {})
        if name not in talks:
            talks[name] = PanelTalk(self._notebook, name)
        self._talk = talks[name]
        if model:
            self.view.model = model
        if system is not None:
            self._talk.system = system
        if remote_images is not None:
            self.view.remote_images = remote_images

    @property
    def conversation(self) -> str:
        """The conversation's name."""
        return self._talk.name

    @property
    def model(self) -> str:
        """The model that is asked; empty for the default."""
        return str(self.view.model)

    @model.setter
    def model(self, name: str) -> None:
        if name:
            self._notebook.session.config.route(name)
        self.view.model = name

    @property
    def view(self) -> ChatView:
        """The widget, for layouts; shown by itself it leaves no transcript."""
        return self._talk.view

    def ask(self, text: str) -> None:
        """Ask, as if somebody had typed it; returns at once."""
        self._talk.ask(text)

    def stop(self) -> None:
        """Stop the answer that is coming; what has come stays."""
        self._talk.stop()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until no answer is coming any more, so many seconds at most."""
        self._talk.wait(timeout)

    def __repr__(self) -> str:
        return f"ChatPanel({self.conversation!r})"

    def _ipython_display_(self) -> None:
        shell = self._notebook.shell
        if not hasattr(shell, "kernel"):
            show_text(
                f"{self._talk.bundle()['text/plain']}\n\nA panel needs a notebook; here: %chat -c {self.conversation} …"
            )
            return
        from IPython.display import publish_display_data

        data, metadata = self.view._repr_mimebundle_()
        publish_display_data(data, metadata)
        self._talk.leave(LateOutput(shell))


def running_notebook() -> Notebook:
    """Return the notebook of the running shell, with the magics loaded.

    Raises:
        ArgumentsError: No shell runs.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        raise ArgumentsError("This needs a running notebook.", hint="In a script: VectorEngineClient()")
    if not hasattr(shell, "_ve_magics"):
        shell.extension_manager.load_extension("ve_magics")
    notebook: Notebook = shell._ve_magics.notebook
    return notebook


def panel_parser() -> Parser:
    """Return the parser of `%ve panel`."""
    parser = Parser("%ve panel", "Chat in the notebook, going on with a conversation.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the conversation; chat where left out")
    parser.add_argument("-m", "--model", metavar="MODEL", help="a route, an alias or provider/name")
    parser.add_argument("-s", "--system", metavar="SYSTEM", help="a system prompt")
    parser.add_argument("-h", "--help", action="store_true", help="show this")
    return parser


def panel(notebook: Notebook, words: list[str]) -> None:
    """Run `%ve panel`.

    Raises:
        VeError: As for `ChatPanel`.
    """
    parser = panel_parser()
    options = parser.read(" ".join(words))
    if options.help:
        show_text(parser.format_help())
        return
    ChatPanel(options.name, options.model, system=options.system, notebook=notebook)._ipython_display_()
