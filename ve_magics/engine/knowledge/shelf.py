"""The user's knowledge bases by name: each one file in the data directory, shared by all notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ve_magics import catalog
from ve_magics.engine.knowledge.gathering import root_of
from ve_magics.engine.knowledge.indexing import Embed, Fetch, Progress, Report, build
from ve_magics.engine.knowledge.searching import Found, Rerank, Ways, search
from ve_magics.errors import ArgumentsError, StoreError
from ve_magics.store.knowledge import KnowledgeStore, Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

NAME_LIMIT = 60
_SUFFIX = ".sqlite"
_COMPANIONS = ("", "-wal", "-shm", "-journal", ".damaged")


class Means(Protocol):
    """What a shelf needs from outside."""

    def embed(self, model: str, *, question: bool = False) -> Embed:
        """Return what makes vectors with a model, of passages or of questions."""

    def rerank(self, model: str) -> Rerank:
        """Return what ranks with a model."""

    @property
    def fetch(self) -> Fetch:
        """What fetches pages."""


class Shelf:
    """All knowledge bases of one user.

    Args:
        folder: Where their files lie.
        means: What embeds, ranks and fetches.
        open_store: Opens the store at a path.
    """

    def __init__(
        self, folder: Path, means: Means, *, open_store: Callable[[Path], KnowledgeStore] = SqliteKnowledge
    ) -> None:
        self.folder = folder
        self._means = means
        self._open_store = open_store
        self._open: dict[str, KnowledgeStore] = {}

    def names(self) -> list[str]:
        """Return the names of the knowledge bases."""
        files = self.folder.glob(f"*{_SUFFIX}") if self.folder.is_dir() else ()
        return sorted(file.stem for file in files if ".damaged-" not in file.stem)

    def base(self, name: str) -> KnowledgeStore:
        """Return a knowledge base that must be there.

        Raises:
            ArgumentsError: There is none of this name.
            StoreError: It can't be opened.
        """
        check_name(name)
        path = self._path(name)
        if not path.is_file():
            self._forget(name)
            near = catalog.nearest(name, self.names())
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Make it: %ve kb add {name} PATHS"
            raise ArgumentsError(f"There is no knowledge base {name!r}.", hint=hint)
        if name not in self._open:
            self._open[name] = self._open_store(path)
        return self._open[name]

    async def add(
        self,
        name: str,
        words: Sequence[str],
        *,
        directory: Path,
        model: str | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Report:
        """Add files, folders, patterns and addresses to a knowledge base, and make it where it isn't there.

        Args:
            name: The base.
            words: What is added.
            directory: Where paths start.
            model: Who makes the vectors from now on; empty for nobody, None leaves that as it is.
            progress: Told how far it is.

        Raises:
            ArgumentsError: The name can't be used, or nothing is where a word points.
            StoreError: The store can't be used, or another kernel is building it.
        """
        check_name(name)
        roots = [root_of(word, directory) for word in words]
        if name not in self._open:
            self._open[name] = self._open_store(self._path(name))
        old = self._open[name].setting
        setting = Setting(
            roots=tuple(dict.fromkeys([*old.roots, *roots])), model=old.model if model is None else model
        )
        return await self._build(name, setting, progress)

    async def update(
        self, name: str, *, model: str | None = None, progress: Callable[[Progress], None] = lambda _: None
    ) -> Report:
        """Read again what has changed; the arguments are those of `add`.

        Raises:
            ArgumentsError: There is no such base.
            StoreError: The store can't be used, or another kernel is building it.
        """
        old = self.base(name).setting
        return await self._build(name, Setting(old.roots, old.model if model is None else model), progress)

    async def _build(self, name: str, setting: Setting, progress: Callable[[Progress], None]) -> Report:
        embed = self._means.embed(setting.model) if setting.model else None
        return await build(self._open[name], setting, fetch=self._means.fetch, embed=embed, progress=progress)

    async def search(self, name: str, query: str, k: int, *, rerank: str = "") -> Found:
        """Return the passages that fit a question best.

        Args:
            name: The base.
            query: The question.
            k: How many passages at most.
            rerank: The model that puts the best in order; empty for none.

        Raises:
            ArgumentsError: There is no such base.
            StoreError: It can't be read.
        """
        store = self.base(name)
        model = store.setting.model
        ways = Ways(
            self._means.embed(model, question=True) if model else None,
            self._means.rerank(rerank) if rerank else None,
        )
        return await search(store, query, k, ways)

    def drop(self, name: str) -> None:
        """Delete a knowledge base; the documents themselves stay where they are.

        Raises:
            ArgumentsError: There is none of this name.
            StoreError: Its file can't be deleted, or another kernel is building it.
        """
        with self.base(name).building():
            self._forget(name)
            path = self._path(name)
            try:
                for companion in _COMPANIONS:
                    path.with_name(path.name + companion).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"{path.name} can't be deleted: {error.strerror}.") from None

    def close(self) -> None:
        """Close what is open."""
        for name in [*self._open]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        store = self._open.pop(name, None)
        if store is not None:
            store.close()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"


def check_name(name: str) -> None:
    """Refuse a name that can't be that of a file.

    Raises:
        ArgumentsError: It can't be used.
    """
    odd = set(name) & set('/\\:*?"<>|')
    if not name or len(name) > NAME_LIMIT or odd or not name.isprintable() or name != name.strip(" .-"):
        raise ArgumentsError(
            f"{name[:NAME_LIMIT]!r} is no name for a knowledge base.",
            hint="Use letters, digits and dashes, such as: %ve kb add manuals docs/",
        )
