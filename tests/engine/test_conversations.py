"""Conversations: turns tied to cells, and the file beside the notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.engine.conversations import (
    SIZE_LIMIT,
    Asker,
    Conversation,
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
from ve_magics.engine.keys import Redactor, Secret
from ve_magics.errors import ArgumentsError, SchemaTooNewError, StoreError
from ve_magics.messages import Image, Message, Reasoning, State, Text, assistant, user


def ask(conversation: Conversation, cell: str, *, words: str = "", begins: bool = False) -> Conversation:
    """Return the conversation after a cell has asked."""
    words = words or cell
    turn = Turn(asked=user(words), answered=assistant(f"{words}!"), begins=begins)
    return conversation.asked(Asker(cell, digest(words), 0), turn)


def seen(conversation: Conversation, cell: str) -> list[str]:
    """Return the questions that a cell goes on from."""
    return [turn.asked.text for turn in conversation.before(Asker(cell, digest(cell), 0))]


def asked_by(*cells: str) -> Conversation:
    """Return a conversation in which cells have asked in this order."""
    conversation = Conversation()
    for cell in cells:
        conversation = ask(conversation, cell)
    return conversation


def test_running_a_cell_again_replaces_its_turn() -> None:
    """A cell that runs again takes its own place; those after it don't count until they run again."""
    conversation = asked_by("a", "b", "c")
    assert seen(conversation, "b") == ["a"]
    conversation = ask(conversation, "b", words="b changed")
    assert [turn.asked.text for turn in conversation.counting] == ["a", "b changed"]
    assert seen(conversation, "c") == ["a", "b changed"]
    conversation = ask(conversation, "c")
    assert [turn.asked.text for turn in conversation.counting] == ["a", "b changed", "c"]
    assert len(conversation.turns) == 3


def test_new_cell_follows_what_counts() -> None:
    """A cell that asks for the first time stands behind the last turn that counts, not behind those that don't."""
    conversation = ask(asked_by("a", "b", "c", "d"), "b")
    conversation = ask(conversation, "n")
    assert [turn.cell for turn in conversation.turns] == ["a", "b", "n", "c", "d"]
    assert seen(conversation, "c") == ["a", "b", "n"]
    assert seen(conversation, "d") == ["a", "b", "n"]


def test_beginning_anew_hides_what_was_before() -> None:
    """A turn that begins the conversation has no history, and running the cells from the top tells the same story."""
    conversation = ask(asked_by("a", "b"), "n", begins=True)
    conversation = ask(conversation, "d")
    assert seen(conversation, "d") == ["n"]
    assert seen(conversation, "b") == ["a"]
    for cell in ("a", "b"):
        conversation = ask(conversation, cell)
    conversation = ask(conversation, "n", begins=True)
    assert seen(conversation, "d") == ["n"]


@given(st.lists(st.sampled_from("abcdef"), max_size=30))
def test_any_order_keeps_one_turn_a_cell(runs: list[str]) -> None:
    """Whatever is run in whatever order, each cell has one turn and its history never holds itself."""
    conversation = Conversation()
    for cell in runs:
        history = seen(conversation, cell)
        assert cell not in history
        conversation = ask(conversation, cell)
        assert [turn.asked.text for turn in conversation.counting] == [*history, cell]
    assert sorted(turn.cell for turn in conversation.turns) == sorted(set(runs))


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), st.lists(st.sampled_from("abcdef")))
def test_running_all_cells_tells_the_same_story(cells: list[str], before: list[str]) -> None:
    """Running a notebook from the top gives each cell the same history, whatever was run before."""
    before = [cell for cell in before if cell in cells]
    conversation = asked_by(*cells, *before)
    for index, cell in enumerate(cells):
        assert seen(conversation, cell) == cells[:index]
        conversation = ask(conversation, cell)


def test_cells_without_ids_are_known_by_their_words() -> None:
    """Where no ids are sent, the nth time that a question is asked in a kernel finds its nth turn."""
    conversation = Conversation()
    go = digest("go on")
    for nth in range(2):
        turn = Turn(asked=user("go on"), answered=assistant(str(nth)))
        conversation = conversation.asked(Asker("", go, nth), turn)
    assert [turn.answered.text for turn in conversation.counting] == ["0", "1"]
    assert [conversation.place(Asker("", go, nth)) for nth in (0, 1, 2, None)] == [0, 1, None, None]


def test_ids_and_words_find_the_same_turns() -> None:
    """A notebook that ran in a program and then in JupyterLab, or the reverse, keeps one turn a cell."""
    turn = Turn(asked=user("a"), answered=assistant("1"))
    conversation = Conversation().asked(Asker("", digest("a"), 0), turn)
    conversation = conversation.asked(Asker("id-1", digest("a"), 0), turn)
    assert [turn.cell for turn in conversation.turns] == ["id-1"]
    conversation = conversation.asked(Asker("", digest("a"), 0), turn)
    assert [turn.cell for turn in conversation.turns] == ["id-1"]
    assert conversation.place(Asker("id-2", digest("a"), 0)) is None


def test_history_is_cut_at_the_oldest_turn() -> None:
    """What does not fit is left out from the front, by whole turns."""
    turns = asked_by("a" * 400, "b" * 400, "c" * 400).turns
    assert tokens_of(turns[0].asked) == 100
    assert tokens_of(Message("user", (Text("a" * 40), Image(url="u")))) == 1010
    assert fitting(turns, 10_000) == turns
    assert fitting(turns, 402) == turns[1:]
    assert fitting(turns, 10) == ()
    assert [message.role for message in messages_of(turns[:1])] == ["user", "assistant"]


def test_everything_survives_the_file(tmp_path: Path) -> None:
    """What is read again equals what was kept: parts, a provider's state, texts of several lines."""
    thought = Reasoning("hm", state=State("anthropic", "messages", {"signature": "s"}))
    turn = Turn(
        asked=Message("user", (Text("look\nhere"), Image(data=b"\x00png", media_type="image/png"))),
        answered=Message("assistant", (thought, Text("one\ntwo", annotations=({"url": "u"},)))),
        system="Be kind.\nBe short.",
        model="sim/tutor",
        cell="id",
        prompt="d",
        counts=False,
        begins=True,
    )
    path = tmp_path / "n.conversations.json"
    Conversations(path).keep("rivers", Conversation((turn,)))
    assert Conversations(path).get("rivers").turns == (turn,)
    assert '"two"' in path.read_text("utf-8")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_file_follows_every_change(tmp_path: Path) -> None:
    """Conversations are forked, dropped and listed; another kernel sees it at once."""
    path = tmp_path / "n.conversations.json"
    one, other = Conversations(path), Conversations(path)
    assert one.names() == ()
    assert not path.exists()
    one.keep("a", asked_by("x"))
    one.fork("a", "b")
    assert other.names() == ("a", "b")
    assert dict(other)["b"] == asked_by("x")
    os.utime(path, ns=(1, 1))
    other.drop("a")
    assert one.names() == ("b",)
    with pytest.raises(ArgumentsError, match="There is no conversation 'a'"):
        one.drop("a")
    with pytest.raises(ArgumentsError, match="a conversation 'b' already"):
        one.fork("b", "b")


def test_near_names_are_told() -> None:
    """A name that is nearly right is answered with the right one."""
    book = Conversations()
    with pytest.raises(ArgumentsError) as caught:
        book.named("rivers")
    assert caught.value.hint == "There are: none yet."
    book.keep("rivers", Conversation())
    with pytest.raises(ArgumentsError) as caught:
        book.named("rivrs")
    assert caught.value.hint == "Did you mean rivers?"


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    """Where the notebook's name isn't known, or a recording is replayed, conversations stay in memory."""
    book = Conversations()
    book.keep("a", asked_by("x"))
    assert book.names() == ("a",)
    path = tmp_path / "n.conversations.json"
    book.writes = False
    book.move(path)
    book.keep("b", Conversation())
    assert not path.exists()
    book.writes = True
    book.keep("b", Conversation())
    assert Conversations(path).names() == ("a", "b")
    book.move(None)
    assert book.names() == ("a", "b")


def test_keys_are_taken_out(tmp_path: Path) -> None:
    """A key that was pasted into a prompt does not reach the file."""
    path = tmp_path / "n.conversations.json"
    secret = Secret("sk-canary-0123456789abcdef", "test")
    book = Conversations(path, lambda: Redactor([secret]))
    book.keep("a", asked_by(f"my key is {secret.reveal()}"))
    assert secret.reveal() not in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("{", StoreError, "can't be read: JSONDecodeError"),
        ("[]", StoreError, "can't be read: TypeError"),
        ('{"conversations": {}}', StoreError, "can't be read: KeyError"),
        ('{"ve_magics_conversations": "1", "conversations": {}}', StoreError, "can't be read: ValueError"),
        ('{"ve_magics_conversations": 1, "conversations": []}', StoreError, "can't be read: AttributeError"),
        (
            '{"ve_magics_conversations": 1, "conversations": {"a": {"turns": [7]}}}',
            StoreError,
            "ValidationError",
        ),
        (
            '{"ve_magics_conversations": 2, "conversations": {}}',
            SchemaTooNewError,
            "written by a newer version",
        ),
    ],
)
def test_broken_and_newer_files_are_left_alone(
    text: str, error: type[StoreError], said: str, tmp_path: Path
) -> None:
    """A file that can't be understood is refused, whatever is asked of it, and stays as it is."""
    path = tmp_path / "n.conversations.json"
    path.write_text(text, "utf-8")
    book = Conversations(path)
    for act in (book.names, lambda: book.keep("a", Conversation()), lambda: book.drop("a")):
        with pytest.raises(error, match=said):
            act()
    assert path.read_text("utf-8") == text


def test_unreadable_and_unwritable_files_are_told(tmp_path: Path) -> None:
    """Files that are too large, folders in their place and folders that aren't there are errors of their own."""
    large = tmp_path / "large.conversations.json"
    with large.open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    with pytest.raises(StoreError, match="larger than 256 MiB"):
        Conversations(large).names()
    folder = tmp_path / "folder.conversations.json"
    folder.mkdir()
    with pytest.raises(StoreError, match="can't be read: IsADirectoryError"):
        Conversations(folder).names()
    nowhere = Conversations(tmp_path / "no" / "n.conversations.json")
    with pytest.raises(StoreError, match="can't be written: No such file"):
        nowhere.keep("a", asked_by("x"))
    assert nowhere.get("a") == asked_by("x")
    below = Conversations(large / "n.conversations.json")
    with pytest.raises(StoreError, match="can't be read: NotADirectoryError"):
        below.names()


@pytest.mark.parametrize("name", ["", " a", "-a", "a\nb", "a" * 81])
def test_names_can_be_typed(name: str) -> None:
    """A name that could not be typed or shown is refused."""
    with pytest.raises(ArgumentsError, match="no name for a conversation"):
        check_name(name)
    check_name("河流 1")


def test_file_lies_beside_the_notebook() -> None:
    """The notebook's name gives the file's."""
    assert beside(Path("/x/n.ipynb")) == Path("/x/n.conversations.json")
    assert beside(None) is None


def test_transcript_is_markdown() -> None:
    """A conversation is shown as its turns, with the system prompt where it changes and parts that aren't words named."""
    picture: Any = Image(data=b"12", media_type="image/png")
    first = Turn(
        asked=user("Look", picture, Image(url="https://x.example/a.png"), Image(file_id="f")),
        answered=assistant("Seen."),
        system="Be kind.",
        model="sim/tutor",
    )
    second = Turn(asked=user("More"), answered=assistant("No."))
    shown = transcript("art", Conversation((first, second)))
    assert shown == (
        "# art\n\n**System**\n\nBe kind.\n\n**Question**\n\nLook\n\n[image, 2 bytes]\n\n"
        "[image: https://x.example/a.png]\n\n**Answer** (sim/tutor)\n\nSeen.\n\n"
        "**System**\n\n(none)\n\n**Question**\n\nMore\n\n**Answer**\n\nNo.\n"
    )
