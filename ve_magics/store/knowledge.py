"""What a store of a knowledge base is: documents cut into passages, found by words and by vectors.

One contract, so that the embedded store (`knowledge_sqlite`) and one that several machines share look the same from
above. A store answers from its last finished build, whatever a newer one is doing: what a build puts in shows all at
once when it finishes, and a build that broke off is gone on with by the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import msgspec


class Passage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One retrievable piece of a document.

    Attributes:
        text: The words, in NFKC.
        source: Where the document lies: an absolute path, or an address.
        name: What the document is called.
        heading: The headings above the passage, outermost first.
        page: Page or slide, from 1; 0 where there are none.
        line: First line in the document's text, from 1; 0 where lines mean nothing.
        id: The store's own number of it; 0 before it is stored.
        score: How well it fits the question that found it; higher is better, comparable within one search only.
    """

    text: str
    source: str = ""
    name: str = ""
    heading: tuple[str, ...] = ()
    page: int = 0
    line: int = 0
    id: int = 0
    score: float = 0.0

    @property
    def place(self) -> str:
        """Where it stands, for people: name, headings, page."""
        page = f", page {self.page}" if self.page else ""
        return " › ".join([self.name, *self.heading]) + page

    @property
    def embedded(self) -> str:
        """What stands for it as a vector: its headings and its words."""
        above = " › ".join(self.heading)
        return f"{above}\n{self.text}" if above else self.text

    @property
    def digest(self) -> bytes:
        """By what its vector is found again."""
        return hashlib.sha256(self.embedded.encode("utf-8", "surrogatepass")).digest()[:16]


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file or page.

    Attributes:
        source: Absolute path or address.
        name: What it is called: its path below what was added.
        title: What it calls itself.
        size: Bytes.
        mtime: When the file was changed, in nanoseconds since 1970; 0 for a page.
        digest: Of its content and of the reader that read it.
    """

    source: str
    name: str
    title: str = ""
    size: int = 0
    mtime: int = 0
    digest: str = ""


class Hit(NamedTuple):
    """A passage that was found: its number, and how well it fits, more is better."""

    id: int
    score: float


class Facts(NamedTuple):
    """What a knowledge base holds.

    Attributes:
        documents: How many.
        passages: How many.
        vectors: How many of the passages have one of the base's own model.
        bytes: Size of the store.
        built: How many builds were finished.
        unfinished: Whether a build broke off or is under way.
    """

    documents: int
    passages: int
    vectors: int
    bytes: int
    built: int
    unfinished: bool


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a knowledge base is made of.

    Attributes:
        roots: What was added: absolute paths, patterns and addresses.
        model: Who makes its vectors, as `provider/model`; empty where words alone are searched.
    """

    roots: tuple[str, ...] = ()
    model: str = ""


class Build(Protocol):
    """The one writer of a knowledge base. Every call is one transaction."""

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents that there will be when the build finishes, as it stands, by source."""

    def put(self, document: Document, passages: Sequence[Passage]) -> None:
        """Put a document in, in the place of an older one from the same source."""

    def remove(self, source: str) -> None:
        """Take a document out."""

    def touch(self, document: Document) -> None:
        """Remember when a file was changed whose content is the same as before."""

    def unembedded(self, model: str, limit: int, *, after: bytes = b"") -> list[tuple[bytes, str]]:
        """Return digest and words of passages that have no vector of a model yet.

        Args:
            model: The model.
            limit: How many at most.
            after: The digest after which to begin; they come in order.
        """

    def put_vectors(self, model: str, rows: Sequence[tuple[bytes, Sequence[float]]]) -> None:
        """Keep vectors by the digests of what they stand for. None at all asks whether vectors can be kept.

        Raises:
            MissingExtraError: What compares vectors isn't installed.
        """

    def finish(self, setting: Setting) -> None:
        """Let everything that was put in and taken out show, all at once."""


class KnowledgeStore(Protocol):
    """One knowledge base. Every method may raise `StoreError`; all may be called from any thread."""

    @property
    def setting(self) -> Setting:
        """What it is made of."""

    def facts(self) -> Facts:
        """Return what it holds."""

    def documents(self) -> list[tuple[Document, int]]:
        """Return its documents by name, each with its number of passages."""

    def building(self) -> AbstractContextManager[Build]:
        """Return the one writer.

        Raises:
            StoreBusyError: Another kernel is building.
        """

    def by_words(self, query: str, limit: int) -> list[Hit]:
        """Return the passages that share the most telling words with a question, best first."""

    def by_vector(self, model: str, vector: Sequence[float], limit: int) -> list[Hit]:
        """Return the passages whose vectors are nearest, best first.

        Raises:
            MissingExtraError: What compares vectors isn't installed.
        """

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """Return passages by number, in the order given; one that is gone is left out."""

    def close(self) -> None:
        """Close it; a second call does nothing."""
