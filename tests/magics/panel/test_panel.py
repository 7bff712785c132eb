"""`ChatPanel` and `%ve panel`: what a cell shows, and what is shared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from IPython.utils.capture import capture_output

import ve_magics
from ve_magics.errors import ArgumentsError, UnknownModelError
from ve_magics.magics.panel.panel import ChatPanel, running_notebook


@pytest.fixture
def kernel(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a shell that has a kernel, so that cells have outputs."""
    parent = {"header": {"msg_id": "m1"}, "content": {}, "metadata": {"cellId": "c1"}}
    monkeypatch.setattr(
        type(bench.shell), "kernel", SimpleNamespace(get_parent=lambda: parent), raising=False
    )
    return bench


def test_cell_shows_the_panel_and_its_transcript(kernel: Any) -> None:
    """Two outputs: the widget, and the words for whoever opens the notebook without a kernel."""
    widget, transcript = kernel.run("%ve panel rivers").outputs
    assert widget["text/plain"] == "ChatPanel('rivers')"
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert transcript["text/plain"] == "Conversation rivers\n\nNothing was said yet."
    assert set(transcript) == {"text/markdown", "text/plain"}


def test_panel_is_a_value_that_shows_itself(kernel: Any) -> None:
    """The last value of a cell is displayed as `%ve panel` does it, and holds what was said before."""
    kernel.run("%%chat -c rivers\nWhat is recursion?")
    ran = kernel.run("import ve_magics\npanel = ve_magics.ChatPanel('rivers')\npanel")
    assert len(ran.outputs) == 2
    assert "Question: What is recursion?" in ran.outputs[1]["text/plain"]


def test_panels_of_one_conversation_are_one(bench: Any) -> None:
    """A second panel shares the widget, so that both stay in step; other names have their own."""
    first, second = ChatPanel("rivers"), ChatPanel("rivers", "sim/thinker")
    assert first.view is second.view
    assert first.model == "sim/thinker"
    assert ChatPanel("lakes").view is not first.view
    first.ask("What is recursion?")
    first.wait(10)
    assert [turn.question for turn in second.view.turns] == ["What is recursion?"]
    first.stop()
    assert repr(first) == "ChatPanel('rivers')"


def test_panel_without_a_name_goes_on_with_the_one_in_use(bench: Any) -> None:
    """`%ve conversation use` decides; without it the conversation is called chat."""
    assert ChatPanel().conversation == "chat"
    bench.run("%ve conversation use lakes")
    assert ChatPanel().conversation == "lakes"


def test_model_and_system_prompt_are_the_users(bench: Any) -> None:
    """Both go out with the next question; a model that nobody serves is an error at once."""
    panel = ChatPanel("rivers", system="Be brief.", remote_images=True)
    panel.model = "sim/thinker"
    assert panel.view.remote_images
    panel.ask("What is recursion?")
    panel.wait(10)
    (turn,) = bench.notebook.talks.book.get("rivers").turns
    assert (turn.system, turn.model) == ("Be brief.", "sim/thinker")
    panel.model = ""
    assert panel.model == ""
    with pytest.raises(UnknownModelError):
        panel.model = "nosuch/model"
    with pytest.raises(UnknownModelError):
        ChatPanel("rivers", "nosuch/model")
    with pytest.raises(ArgumentsError, match="no name for a conversation"):
        ChatPanel("-x")


def test_line_is_read(bench: Any) -> None:
    """Flags choose model and system prompt; help is shown; what is not understood is an error."""
    assert bench.run("%ve panel --help").text.startswith("usage: %ve panel")
    bench.run('%ve panel rivers -m sim/thinker -s "Be brief."')
    assert ChatPanel("rivers").model == "sim/thinker"
    assert bench.run("%ve panel --nosuch").lines[0] == "✗ arguments: %ve panel has no flag --nosuch."


def test_terminal_shows_the_words(bench: Any) -> None:
    """Where there are no cells, the transcript is printed, and how to go on."""
    shown = bench.run("%ve panel rivers").text
    assert shown.startswith("Conversation rivers\n\nNothing was said yet.")
    assert "%chat -c rivers" in shown


def test_face_offers_it(bench: Any) -> None:
    """The class is found on the package, loads the magics where they aren't, and needs a shell."""
    assert ve_magics.ChatPanel is ChatPanel
    assert running_notebook() is bench.notebook


def test_magics_are_loaded_where_they_are_missing(
    ipython_shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panel made before `%load_ext ve_magics` loads it; outside of IPython it says what to use."""
    with capture_output():
        notebook = running_notebook()
    assert notebook is ipython_shell._ve_magics.notebook
    ipython_shell.extension_manager.unload_extension("ve_magics")
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: None)
    with pytest.raises(ArgumentsError, match="needs a running notebook"):
        running_notebook()


def test_tab_offers_conversations(bench: Any) -> None:
    """`%ve panel` completes the names of conversations."""
    bench.run("%%chat -c rivers\nWhat is recursion?")
    event = SimpleNamespace(text_until_cursor="%ve panel r", symbol="r")
    assert bench.shell._ve_magics.complete(bench.shell, event) == ["rivers"]
