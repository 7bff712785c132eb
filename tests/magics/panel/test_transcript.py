"""What a panel leaves in the saved notebook."""

from __future__ import annotations

from ve_magics.magics.panel.transcript import EMBEDDED, transcript_bundle
from ve_magics.messages import Image
from ve_magics.widgets.chat_view import ShownTurn


def test_words_stand_in_both_forms() -> None:
    """The text is the words themselves; the Markdown shows them, safe to render."""
    turns = [
        ShownTurn(id="a", question="What is <b>?", answer="**Bold**\n\n```python\nx = 1", model="sim/tutor"),
        ShownTurn(
            id="b", question="And?", images=("i", "j"), answer="See ![x](https://example.invalid/x.png)"
        ),
    ]
    bundle = transcript_bundle("rivers", turns)
    assert set(bundle) == {"text/markdown", "text/plain"}
    assert bundle["text/plain"].split("\n\n") == [
        "Conversation rivers",
        "Question: What is <b>?",
        "Answer (sim/tutor): **Bold**",
        "```python\nx = 1",
        "Question: And?",
        "[2 pictures]",
        "Answer: See ![x](https://example.invalid/x.png)",
    ]
    markdown = bundle["text/markdown"]
    assert markdown.startswith("Conversation **rivers**\n\n**Question**\n\nWhat is ")
    assert "<b>" not in markdown
    assert "![x](https" not in markdown
    assert "x = 1\n```\n\n**Question**" in markdown


def test_nothing_said_is_said() -> None:
    """An empty conversation has an output, too."""
    assert transcript_bundle("rivers", [])["text/plain"] == "Conversation rivers\n\nNothing was said yet."


def test_what_went_wrong_is_marked() -> None:
    """A partial answer, a failure and one that still comes are told apart from whole ones."""
    turns = [
        ShownTurn(id="a", question="Q", answer="half", state="stopped"),
        ShownTurn(id="b", question="Q", images=("i",), state="failed", error=("✗ no", "Do this.")),
        ShownTurn(id="c", question="", images=("i",), state="streaming", calls=("look()",)),
    ]
    text = transcript_bundle("r", turns)["text/plain"]
    assert "Answer: half\n\n■ stopped: partial answer" in text
    assert "Question: Q\n\n[1 picture]\n\nAnswer: \n\n✗ no\nDo this." in text
    assert "Answer: look()\n\n… the answer is still coming" in text


def test_pictures_of_an_answer_are_kept_within_bounds() -> None:
    """A small picture stands in the Markdown itself, a large one as its size."""
    small = Image(data=b"\x89PNG", media_type="image/png")
    large = Image(data=b"x" * (EMBEDDED + 1), media_type="image/png")
    turn = ShownTurn(id="a", question="Draw", answer="Here:")
    markdown = transcript_bundle("r", [turn], [[small, large]])["text/markdown"]
    assert "![picture](data:image/png;base64,iVBORw==)" in markdown
    assert "[picture, 300,001 bytes]" in markdown


def test_kinds_of_pictures_are_no_markup() -> None:
    """What a provider calls a picture's kind could end the picture and go on as HTML."""
    hostile = Image(b"x", "image/png;base64,AA)<img src=x onerror=alert(1)>![")
    turn = ShownTurn(id="a", question="Draw", answer="Here:")
    markdown = transcript_bundle("r", [turn], [[hostile]])["text/markdown"]
    assert "onerror" not in markdown
    assert "[picture, 1 bytes]" in markdown
