"""Conversations in a notebook: which cell asks, what it goes on from, `%ve conversation`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ve_magics.engine.conversations import Conversation, Turn
from ve_magics.magics.chat.conversation import running_cell
from ve_magics.messages import assistant, user


class Kernel:
    """Says which cell runs, as a front end told it."""

    def __init__(self) -> None:
        self.parent: dict[str, Any] = {}
        self._runs = 0

    def running(self, cell: str | None) -> None:
        """Begin a run of a cell."""
        self._runs += 1
        metadata = {"cellId": cell} if cell else {}
        self.parent = {
            "header": {"msg_id": f"m{self._runs}"},
            "metadata": metadata,
            "content": {"allow_stdin": False},
        }

    def get_parent(self) -> dict[str, Any]:
        """Return the request that runs."""
        return self.parent


class Pages:
    """A notebook of cells with ids."""

    def __init__(self, bench: Any, kernel: Kernel) -> None:
        self.bench = bench
        self.kernel = kernel

    def run(self, source: str, cell: str | None = None) -> Any:
        """Run a cell."""
        self.kernel.running(cell)
        return self.bench.run(source)

    def asked(self, source: str, cell: str | None = None) -> list[str]:
        """Run a cell; returns what was sent, without the answers."""
        ran = self.run(source.replace("\n", " -o answer\n", 1), cell)
        assert ran.error is None
        messages = self.bench.shell.user_ns["answer"].request.messages
        return [message.text for message in messages if message.role != "assistant"]


@pytest.fixture
def pages(open_bench: Any, ipython_shell: Any) -> Iterator[Pages]:
    """Return a notebook whose name is known, in a kernel."""
    kernel = Kernel()
    ipython_shell.kernel = kernel
    yield Pages(open_bench(VE_NOTEBOOK="n.ipynb"), kernel)
    del ipython_shell.kernel


def test_cells_stand_alone_unless_told(pages: Pages) -> None:
    """A cell that names no conversation has no history and leaves none, until one is in use."""
    pages.asked("%%chat\nMy name is Ada.", "a")
    assert pages.asked("%%chat\nWhat is my name?", "b") == ["What is my name?"]
    assert not (pages.bench.folder / "n.conversations.json").exists()
    assert "Cells go on with demo, 0 turns so far." in pages.run("%ve conversation use demo").text
    pages.asked("%%chat\nMy name is Ada.", "a")
    assert pages.asked("%%chat\nWhat is my name?", "b") == ["My name is Ada.", "What is my name?"]
    assert "stands alone" in pages.run("%ve conversation use --none").text
    assert pages.asked("%%chat\nHello", "c") == ["Hello"]


def test_running_again_replaces_and_hides_what_is_below(pages: Pages) -> None:
    """An edited cell takes its own place; the cells below don't count until they run again."""
    for cell in "abc":
        pages.asked(f"%%chat -c demo\n{cell}", cell)
    assert pages.asked("%%chat -c demo\nb changed", "b") == ["a", "b changed"]
    assert "demo: 2 turns, 1 to be run again" in pages.run("%ve conversation").text
    assert pages.asked("%%chat -c demo\nc", "c") == ["a", "b changed", "c"]


def test_new_begins_again(pages: Pages) -> None:
    """`--new` hides what was before, each time that its cell runs; alone it is an error."""
    pages.asked("%%chat -c demo\nold", "z")
    for _ in range(2):
        assert pages.asked("%%chat -c demo --new\na", "a") == ["a"]
        assert pages.asked("%%chat -c demo\nb", "b") == ["a", "b"]
    assert pages.run("%%chat --new\nhello").lines[0] == "✗ arguments: --new needs a conversation to begin."
    assert "no name for a conversation" in pages.run("%%chat -c ' x'\nhello").lines[0]


def test_system_prompt_holds_for_the_conversation(pages: Pages) -> None:
    """A system prompt goes on until a cell brings another."""
    assert pages.asked("%%chat -c demo -s 'Be kind.'\na", "a") == ["Be kind.", "a"]
    assert pages.asked("%%chat -c demo\nb", "b") == ["Be kind.", "a", "b"]
    assert pages.asked("%%chat -c demo -s 'Be short.'\nc", "c") == ["Be short.", "a", "b", "c"]


def test_several_questions_of_one_cell(pages: Pages) -> None:
    """Questions in a loop are turns of their own, and running the cell again replaces all of them."""
    loop = "for q in 'ab':\n    get_ipython().run_line_magic('chat', f'-c demo {q}')"
    for _ in range(2):
        pages.run(loop, "loop")
        assert pages.asked("%%chat -c demo\nc", "c") == ["a", "b", "c"]


def test_without_ids_the_same_question_is_the_same_turn_in_the_next_run(pages: Pages) -> None:
    """A program that runs the notebook sends no ids: in each kernel the nth time of a question is its nth turn."""
    story = ["%%chat -c demo\nhello", "%%chat -c demo\ngo on", "%%chat -c demo\ngo on"]
    sent = [["hello"], ["hello", "go on"], ["hello", "go on", "go on"]]
    assert [pages.asked(cell) for cell in story] == sent
    pages.bench.notebook.talks._asked.clear()  # as in a new kernel
    assert [pages.asked(cell) for cell in story] == sent


def test_terminal_has_no_cells(bench: Any) -> None:
    """In a terminal each question is a new turn, kept in memory where the notebook has no name."""
    for _ in range(2):
        bench.run("%%chat -c demo\ngo on")
    shown = bench.run("%ve conversation").text
    assert "demo: 2 turns  go on" in shown
    assert "kept in memory" in shown
    assert not [*bench.folder.glob("*.conversations.json")]
    assert running_cell(bench.shell) is None


def test_conversation_survives_the_kernel(pages: Pages, open_bench: Any) -> None:
    """A new kernel goes on from the file beside the notebook."""
    pages.asked("%%chat -c demo\na", "a")
    pages.bench = open_bench(VE_NOTEBOOK="n.ipynb")
    pages.bench.notebook.talks = type(pages.bench.notebook.talks)(
        pages.bench.shell, lambda: pages.bench.notebook.session
    )
    assert pages.asked("%%chat -c demo\nb", "b") == ["a", "b"]


def test_replay_reads_and_never_writes(pages: Pages) -> None:
    """A recorded conversation replays from its recording, and the file stays as it is."""
    story = [("%%chat -c demo --new\nMy name is Ada.", "a"), ("%%chat -c demo\nWhat is my name?", "b")]
    pages.run("%ve record")
    first = [pages.asked(*cell) for cell in story]
    path = pages.bench.folder / "n.conversations.json"
    before = path.read_bytes()
    pages.run("%ve replay")
    assert [pages.asked(*cell) for cell in story] == first
    assert pages.bench.shell.user_ns["answer"].source == "recording"
    assert path.read_bytes() == before


def test_broken_off_answers_leave_no_turn(pages: Pages) -> None:
    """A failed or filtered answer changes nothing."""
    pages.asked("%%chat -c demo\na", "a")
    assert pages.run("%%chat sim/fault-500 -c demo\nb", "b").error is not None
    assert pages.asked("%%chat -c demo\nc", "c") == ["a", "c"]


def test_history_that_does_not_fit_is_left_out_visibly(pages: Pages) -> None:
    """The oldest turns that don't fit the model are left out, and the cell says how many."""
    long = Turn(asked=user("x" * 240_000), answered=assistant("y" * 100_000), system="Be kind.")
    pages.bench.notebook.talks.book.keep("demo", Conversation((long, long, long)))
    ran = pages.run("%%chat -c demo -o answer\nhello", "a")
    request = pages.bench.shell.user_ns["answer"].request
    assert [len(message.text) for message in request.messages] == [8, 240_000, 100_000, 5]
    assert ran.outputs[-1]["text/plain"] == "✂ demo: the oldest 2 turns were left out to fit the model."
    plan = pages.run("%%chat -c demo --dry-run\nhello", "b").text
    assert plan.endswith("✂ demo: the oldest 2 turns were left out to fit the model.")
    pages.bench.notebook.talks.book.keep("one", Conversation((long, long)))
    assert "the oldest 1 turn was" in pages.run("%%chat -c one\nhello", "c").outputs[-1]["text/plain"]


def test_commands(pages: Pages) -> None:
    """Conversations are listed, shown, forked, exported and dropped."""
    assert "No conversation yet" in pages.run("%ve conversation list").text
    pages.asked("%%chat -c demo\nMy name is Ada.", "a")
    pages.run("%ve conversation fork demo other")
    assert pages.asked("%%chat -c other\nWhat is my name?", "b") == ["My name is Ada.", "What is my name?"]
    ran = pages.run("%ve conversation show demo")
    shown = ran.text
    assert "**Question**" in ran.outputs[0]["text/markdown"]
    assert shown.startswith("# demo\n\n**Question**\n\nMy name is Ada.\n\n**Answer** (sim/tutor)\n\n")
    pages.run("%ve conversation use other")
    assert "What is my name?" in pages.run("%ve conversation show").text
    assert "(in use)" in pages.run("%ve conversation").text
    pages.run("%ve conversation drop other")
    assert pages.bench.notebook.talks.using == ""
    assert "There is no conversation 'other'" in pages.run("%ve conversation show other").lines[0]
    assert "Usage: %ve conversation" in pages.run("%ve conversation sing").lines[1]


def test_export_overwrites_nothing_but_its_own(pages: Pages) -> None:
    """An exported file may be written again; any other file is left as it is."""
    pages.asked("%%chat -c demo\nMy name is Ada.", "a")
    for _ in range(2):
        assert "Written to out.md." in pages.run("%ve conversation export demo out").text
    exported = pages.bench.folder / "out.md"
    assert "My name is Ada." in exported.read_text("utf-8")
    exported.write_text("mine", "utf-8")
    assert "is no exported conversation" in pages.run("%ve conversation export demo out.md").lines[0]
    assert exported.read_text("utf-8") == "mine"
    assert "can't be written" in pages.run("%ve conversation export demo no/out.md").lines[0]


def test_broken_file_stops_before_anything_is_sent(pages: Pages) -> None:
    """A file that can't be read is told before a question is paid for."""
    path = pages.bench.folder / "n.conversations.json"
    path.write_text("{", "utf-8")
    assert "n.conversations.json can't be read" in pages.run("%%chat -c demo\nhello", "a").lines[0]
    assert pages.bench.asked == 0
    assert path.read_text("utf-8") == "{"


def test_file_that_can_not_be_written_spoils_no_answer(ipython_shell: Any, pages: Pages) -> None:
    """Where the folder is gone the answer stands, with a line about it, and the conversation goes on in memory."""
    nowhere = pages.bench.folder / "gone" / "n.ipynb"
    pages.bench.notebook.session.notebook = nowhere
    ran = pages.run("%%chat -c demo\nMy name is Ada.", "a")
    assert ran.error is None
    assert "can't be written" in ran.outputs[-1]["text/plain"]
    assert pages.asked("%%chat -c demo\nWhat is my name?", "b") == ["My name is Ada.", "What is my name?"]


def test_front_ends_that_say_little(ipython_shell: Any) -> None:
    """A kernel without a parent, or with an odd one, has cells without ids."""

    class Shell:
        def __init__(self, parent: Any) -> None:
            self.kernel = Kernel()
            self.kernel.parent = parent

    assert running_cell(Shell(None)) == ("", "")
    assert running_cell(Shell({"metadata": None, "header": None})) == ("", "")
    assert running_cell(Shell({"metadata": {"cellId": 7}, "header": {"msg_id": "m"}})) == ("", "m")
