"""Named conversations of a notebook: what counts when a cell asks, and the file beside the notebook that keeps them.

A turn belongs to the cell that asked. A cell that runs again takes its own turn's place, and the turns after it no
longer count until they are asked again. `NAME.conversations.json` holds them as reviewable text; a file that is broken
or newer is refused and left as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from ve_magics import catalog
from ve_magics.engine.keys import Redactor
from ve_magics.engine.uses import fold, unfold
from ve_magics.errors import ArgumentsError, SchemaTooNewError, StoreError
from ve_magics.messages import Message, Part, Reasoning, Text, ToolCall, ToolResult

FORMAT = 1
SUFFIX = ".conversations.json"
SIZE_LIMIT = 256 * 1024 * 1024
"""A larger file is refused, in bytes."""
NAME_LIMIT = 80
"""Most characters of a conversation's name."""
PART_TOKENS = 1_000
"""What a picture or a document is taken to be where its tokens can't be counted."""


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cell's question and its answer.

    Attributes:
        asked: The question, as it was sent.
        answered: The answer.
        between: Calls of tools and their results, between the two.
        system: The system prompt that held for it.
        model: Who answered, as `provider/model`.
        cell: The id of the cell; empty where the front end told none.
        prompt: Digest of the question as it was typed, by which a cell without id is known again.
        counts: False once a cell above ran again, until this one does.
        begins: True where nothing before it belongs to the conversation.
    """

    asked: Message
    answered: Message
    system: str = ""
    model: str = ""
    cell: str = ""
    prompt: str = ""
    counts: bool = True
    begins: bool = False
    between: tuple[Message, ...] = ()


class Asker(msgspec.Struct, frozen=True):
    """Who asks: by what a turn is found again.

    Attributes:
        cell: The id of the cell; empty where the front end told none.
        prompt: Digest of the question as it was typed.
        nth: How many times this question was asked before in this kernel; None where there are no cells, so that every
            question is a new turn.
    """

    cell: str = ""
    prompt: str = ""
    nth: int | None = None


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The turns of one conversation, in order."""

    turns: tuple[Turn, ...] = ()

    def place(self, asker: Asker) -> int | None:
        """Return the index of the turn that is the asker's own, or None where this is its first."""
        same = [index for index, turn in enumerate(self.turns) if turn.prompt == asker.prompt]
        if asker.cell:
            for index, turn in enumerate(self.turns):
                if turn.cell == asker.cell:
                    return index
            return next((index for index in same if not self.turns[index].cell), None)
        if asker.nth is None or asker.nth >= len(same):
            return None
        return same[asker.nth]

    def before(self, asker: Asker) -> tuple[Turn, ...]:
        """Return the turns that the asker goes on from: those that count, before its own place."""
        place = self.place(asker)
        return self._since(len(self.turns) if place is None else place)

    @property
    def counting(self) -> tuple[Turn, ...]:
        """The turns that a new cell would go on from."""
        return self._since(len(self.turns))

    def _since(self, end: int) -> tuple[Turn, ...]:
        kept: list[Turn] = []
        for turn in reversed(self.turns[:end]):
            if turn.counts:
                kept.append(turn)
                if turn.begins:
                    break
        return tuple(reversed(kept))

    def asked(self, asker: Asker, turn: Turn) -> Conversation:
        """Return the conversation after a cell has asked: its turn in its place, the later ones not counting."""
        place = self.place(asker)
        if place is None:
            place = max((index + 1 for index, old in enumerate(self.turns) if old.counts), default=0)
            later = self.turns[place:]
            cell = asker.cell
        else:
            later = self.turns[place + 1 :]
            cell = asker.cell or self.turns[place].cell
        own = msgspec.structs.replace(turn, cell=cell, prompt=asker.prompt, counts=True)
        stale = (msgspec.structs.replace(old, counts=False) for old in later)
        return Conversation((*self.turns[:place], own, *stale))


def digest(prompt: str) -> str:
    """Return by what a question is known again: a short digest of its text without outer white space."""
    return hashlib.sha256(prompt.strip().encode("utf-8", "surrogatepass")).hexdigest()[:16]


def messages_of(turns: Sequence[Turn], *, tools: bool = False) -> tuple[Message, ...]:
    """Return the messages of turns, oldest first.

    Args:
        turns: The turns.
        tools: Whether what was called between question and answer is told too; providers take that only where tools
            are on offer.
    """
    return tuple(message for turn in turns for message in turn_messages(turn, tools=tools))


def turn_messages(turn: Turn, *, tools: bool) -> tuple[Message, ...]:
    """Return the messages of one turn, those between question and answer only where they are wanted."""
    return (turn.asked, *(turn.between if tools else ()), turn.answered)


def tokens_of(message: Message) -> int:
    """Return roughly how many tokens a message is."""
    return sum(map(_part_tokens, message.parts))


def _part_tokens(part: Part) -> int:
    match part:
        case Text() | ToolResult() | Reasoning():
            return catalog.estimate_tokens(part.text)
        case ToolCall():
            return catalog.estimate_tokens(part.arguments)
        case _:
            return PART_TOKENS


def fitting(turns: Sequence[Turn], room: int, *, tools: bool = False) -> tuple[Turn, ...]:
    """Return the newest turns that fit.

    Args:
        turns: The turns, oldest first.
        room: Tokens that they may take together.
        tools: Whether what was called between question and answer is told too.
    """
    kept: list[Turn] = []
    for turn in reversed(turns):
        room -= sum(map(tokens_of, turn_messages(turn, tools=tools)))
        if room < 0:
            break
        kept.append(turn)
    return tuple(reversed(kept))


class Conversations:
    """All conversations of a notebook.

    Args:
        path: The file; None keeps them in memory until the kernel ends.
        redactor: Returns what takes known keys out before the file is written.
    """

    def __init__(self, path: Path | None = None, redactor: Callable[[], Redactor] = Redactor) -> None:
        self.path = path
        self.writes = True
        self._redactor = redactor
        self._all: dict[str, Conversation] = {}
        self._seen: tuple[int, int] | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names, the oldest conversation first.

        Raises:
            StoreError: The file can't be read.
        """
        self._catch_up()
        return tuple(self._all)

    def __iter__(self) -> Iterator[tuple[str, Conversation]]:
        self._catch_up()
        return iter([*self._all.items()])

    def get(self, name: str) -> Conversation:
        """Return a conversation; an empty one where there is none of this name.

        Raises:
            StoreError: The file can't be read.
        """
        self._catch_up()
        return self._all.get(name, Conversation())

    def named(self, name: str) -> Conversation:
        """Return a conversation that must be there.

        Raises:
            ArgumentsError: There is none of this name.
            StoreError: The file can't be read.
        """
        self._catch_up()
        if name not in self._all:
            near = catalog.nearest(name, self._all)
            known = ", ".join(self._all) or "none yet"
            raise ArgumentsError(
                f"There is no conversation {name!r}.",
                hint=f"Did you mean {' or '.join(near)}?" if near else f"There are: {known}.",
            )
        return self._all[name]

    def keep(self, name: str, conversation: Conversation) -> None:
        """Keep a conversation under a name, and write the file.

        Raises:
            ArgumentsError: The name can't be used.
            StoreError: The file can't be read or written.
        """
        check_name(name)
        self._catch_up()
        self._all[name] = conversation
        self._write()

    def fork(self, name: str, new: str) -> None:
        """Begin a conversation that has another one's turns.

        Raises:
            ArgumentsError: There is no such conversation, or the new name is taken or can't be used.
            StoreError: The file can't be read or written.
        """
        found = self.named(name)
        if new in self._all:
            raise ArgumentsError(
                f"There is a conversation {new!r} already.", hint=f"Drop it: %ve conversation drop {new}"
            )
        self.keep(new, found)

    def drop(self, name: str) -> None:
        """Forget a conversation.

        Raises:
            ArgumentsError: There is none of this name.
            StoreError: The file can't be read or written.
        """
        self.named(name)
        del self._all[name]
        self._write()

    def move(self, path: Path | None) -> None:
        """Use another file from now on; what is known here is kept, and wins over what lies there."""
        if path != self.path:
            known, self._all, self.path, self._seen = self._all, {}, path, None
            self._catch_up()
            self._all |= known

    def _catch_up(self) -> None:
        """Read the file if somebody else has written it since."""
        if self.path is None:
            return
        now = self._state()
        if now is not None and now != self._seen:
            self._all = self._read(self.path)
        self._seen = now

    def _state(self) -> tuple[int, int] | None:
        assert self.path is not None, "only a file has a state"
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.path.name} can't be read: {error.__class__.__name__}.") from None
        return found.st_mtime_ns, found.st_size

    @staticmethod
    def _read(path: Path) -> dict[str, Conversation]:
        try:
            if path.stat().st_size > SIZE_LIMIT:
                raise StoreError(f"{path.name} is larger than {SIZE_LIMIT >> 20} MiB.")
            data = json.loads(path.read_text("utf-8"))
            version = data["ve_magics_conversations"]
            if isinstance(version, int) and version > FORMAT:
                raise SchemaTooNewError(
                    f"{path.name} was written by a newer version (format {version}, this one reads {FORMAT}).",
                    hint="pip install -U ve_magics. The file was left as it is.",
                )
            if version != FORMAT:
                raise ValueError("no format of ours")
            return {
                str(name): msgspec.convert(fold(value), Conversation)
                for name, value in data["conversations"].items()
            }
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            msgspec.ValidationError,
        ) as error:
            raise StoreError(
                f"{path.name} can't be read: {error.__class__.__name__}.",
                hint="It was left as it is. Mend it, or move it away to begin anew.",
            ) from None

    def _write(self) -> None:
        if self.path is None or not self.writes:
            return
        redactor = self._redactor()
        folded = {
            name: unfold(redactor.value(msgspec.to_builtins(value))) for name, value in self._all.items()
        }
        data: dict[str, Any] = {"ve_magics_conversations": FORMAT, "conversations": folded}
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
            part.replace(self.path)
        except (OSError, UnicodeError) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            why = getattr(error, "strerror", None) or type(error).__name__
            raise StoreError(
                f"{self.path.name} can't be written: {why}.",
                hint="The conversation goes on in memory until the kernel ends.",
            ) from None
        self._seen = self._state()


def beside(notebook: Path | None) -> Path | None:
    """Return the file of a notebook's conversations; None where the notebook's name is not known."""
    return None if notebook is None else notebook.with_name(notebook.stem + SUFFIX)


def check_name(name: str) -> None:
    """Refuse a name that can't be typed or shown.

    Raises:
        ArgumentsError: It can't be used.
    """
    if (
        not name
        or len(name) > NAME_LIMIT
        or not name.isprintable()
        or name.startswith("-")
        or name != name.strip()
    ):
        raise ArgumentsError(
            f"{name[:NAME_LIMIT]!r} is no name for a conversation.",
            hint="Use letters, digits and dashes, such as -c rivers",
        )


def transcript(name: str, conversation: Conversation) -> str:
    """Return a conversation as Markdown: the turns that count, each question and its answer."""
    lines = [f"# {name}"]
    system = ""
    for turn in conversation.counting:
        if turn.system != system:
            system = turn.system
            lines.append(f"**System**\n\n{system or '(none)'}")
        answer = f"**Answer** ({turn.model})" if turn.model else "**Answer**"
        lines += [f"**Question**\n\n{_shown(turn.asked)}", f"{answer}\n\n{_shown(turn.answered)}"]
    return "\n\n".join(lines) + "\n"


def _shown(message: Message) -> str:
    shown = []
    for part in message.parts:
        if isinstance(part, Text):
            shown.append(part.text)
        elif size := len(getattr(part, "data", b"")):
            shown.append(f"[{type(part).__name__.lower()}, {size:,} bytes]")
        elif url := getattr(part, "url", ""):
            shown.append(f"[{type(part).__name__.lower()}: {url}]")
    return "\n\n".join(shown)
