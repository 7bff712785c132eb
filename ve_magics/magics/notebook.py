"""What all magics of one kernel share: the shell, the portal and the session, opened when first needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.magics.background import Background
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.conversation import Talks
from ve_magics.magics.portal import Portal

if TYPE_CHECKING:
    from ve_magics.engine.library import Library


class Notebook:
    """One kernel's notebook.

    Args:
        shell: The running IPython shell.
        session: Its session; opened when first needed where None.

    Attributes:
        failed: The last error of a cell of the user's own, and the cell's source; None where there was none.
        talks: The conversations.
        background: What goes on while other cells run.
        last: The answer that came last; None before the first.
    """

    def __init__(self, shell: Any, session: Session | None = None) -> None:
        self.shell = shell
        self.portal = Portal()
        self._session = session
        self._before: Config | None = None
        self._library: Library | None = None
        self._limit: tuple[float | None] | None = None
        self.failed: tuple[BaseException, str] | None = None
        self.talks = Talks(shell, lambda: self.session)
        self.background = Background()
        self.last: Answer | None = None

    @property
    def session(self) -> Session:
        """The session; reading the configuration may raise `ConfigError`, and is tried again the next time."""
        if self._session is None:
            directory = Path.cwd()
            self._session = Session(directory=directory, notebook=self._vscode(directory))
            if self._before is not None:
                self._session.config.adopt(self._before)
                self._before = None
            if self._limit is not None:
                self._session.books.purse.limit_notebook(*self._limit)
        return self._session

    @property
    def library(self) -> Library:
        """The user's knowledge bases as this session sees them."""
        if self._library is None or self._library.session is not self.session:
            from ve_magics.engine.library import Library

            self._library = Library(self.session)
        return self._library

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's variables."""
        names: dict[str, Any] = self.shell.user_ns
        return names

    @property
    def cells(self) -> list[str]:
        """The source of the cells that have run, oldest first."""
        return [str(source) for source in self.shell.history_manager.input_hist_raw]

    @property
    def directory(self) -> Path:
        """Where the notebook lies."""
        return self.session.directory

    @property
    def cell(self) -> str:
        """What to call the running cell in an error: its number, as it stands beside it.

        The shell's own count is that number in some versions of IPython and the next one in others. Empty where the
        program that runs the notebook has nothing counted, as nbval does.
        """
        number = len(self.shell.history_manager.input_hist_parsed) - 1
        return f"cell [{number}]" if number > 0 else ""

    def keep(self, name: str | None, value: Any) -> None:
        """Put a result into a variable, where the line named one."""
        if name:
            self.shell.user_ns[name] = value

    def reload(self) -> Session:
        """Read the configuration anew in a fresh session.

        What was typed still holds: keys, the model of `%ve use`, and the limit of `%ve budget`.
        """
        before = self._session
        if before is not None:
            limit = before.books.purse.limits.notebook
            self._limit = None if limit == before.config.budget.notebook else (limit,)
            self._before = before.config
        self.close()
        return self.session

    def close(self) -> None:
        """Stop what goes on in the background, and close the session's connections."""
        self.background.stop()
        session, self._session = self._session, None
        library, self._library = self._library, None
        if library is not None:
            library.close()
        if session is not None:
            self.portal.call(session.aclose())

    def _vscode(self, directory: Path) -> Path | None:
        """VS Code tells the notebook's path in a variable."""
        path = self.shell.user_ns.get("__vsc_ipynb_file__")
        return directory / Path(path).name if isinstance(path, str) and path.endswith(".ipynb") else None
