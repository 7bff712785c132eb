"""`%%ask` and `%%chat --kb`: answers from documents, with checked citations, recorded and replayed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.gateway import Trace
from ve_magics.engine.knowledge.searching import Found
from ve_magics.magics.knowledge.ask import CitedAnswer
from ve_magics.messages import ChatRequest, ChatResponse, Choice, assistant
from ve_magics.store.knowledge import Passage

PUMP = """# Pump manual

## Starting

Open the inlet valve before the pump is started. It takes 30 seconds to reach full pressure.

## Emergency

In an emergency the pump is switched off with the red lever on the left side. Then call the shift leader.
"""
LEAVE = """# 请假制度

## 年假

员工入职满一年后每年享有十二天带薪年假。年假需要提前两周申请。
"""
QUESTION = "How is the pump switched off in an emergency?"


@pytest.fixture
def manuals(bench: Any) -> Any:
    """Return a shell with a knowledge base `manuals` of two documents."""
    return filled(bench)


def filled(bench: Any) -> Any:
    """Write two documents and make a knowledge base of them."""
    folder = bench.folder / "docs"
    folder.mkdir(exist_ok=True)
    (folder / "pump.md").write_text(PUMP, "utf-8")
    (folder / "leave.md").write_text(LEAVE, "utf-8")
    ran = bench.run("%ve kb add manuals docs")
    assert ran.error is None, ran.lines
    return bench


def test_an_answer_cites_its_source(manuals: Any) -> None:
    """The answer leads to the document, shows the words that it rests on, and holds the passage to unfold."""
    manuals.run(f"%%ask manuals -o answer\n{QUESTION}")
    answer = manuals.shell.user_ns["answer"]
    assert answer.text == "In an emergency the pump is switched off with the red lever on the left side [1]."
    (citation,) = answer.citations
    assert citation.verified
    assert answer.verified
    assert citation.quotes[0].startswith("In an emergency the pump is switched off")
    assert [source.place for source in answer.sources] == ["pump.md › Pump manual › Emergency"]
    data, metadata = answer._repr_mimebundle_()
    assert "[&#91;1&#93;](docs/pump.md)" in data["text/markdown"]
    assert "<details><summary>The passages</summary>" in data["text/markdown"]
    assert "=== QUOTES ===" not in data["text/markdown"] + data["text/plain"]
    assert metadata["ve_magics"]["cited"] == [1]
    assert metadata["ve_magics"]["unverified"] == []


def test_chinese_questions_find_chinese_documents(manuals: Any) -> None:
    """A Chinese question is answered from the Chinese document."""
    ran = manuals.run("%%ask manuals\n入职满一年后有多少天年假？")
    assert "十二天带薪年假[1]" in ran.printed
    assert "leave.md › 请假制度 › 年假" in ran.printed


def test_what_the_documents_do_not_hold_is_said(manuals: Any) -> None:
    """A question that the documents don't answer gets no citation, and the cell says so."""
    ran = manuals.run("%%ask manuals -o answer\nWhich pump did the first emperor of Rome prefer?")
    answer = manuals.shell.user_ns["answer"]
    assert answer.citations == ()
    assert not answer.verified
    assert "Nothing is cited" in ran.printed


def test_where_nothing_is_found_nobody_is_asked(manuals: Any) -> None:
    """No word in common with any document: the cell says so, and no model can make something up."""
    ran = manuals.run("%%ask manuals -o answer\nXylophones?")
    assert ran.printed.startswith("manuals holds nothing that fits this question. No model was asked.")
    assert manuals.asked == 0
    assert manuals.shell.user_ns["answer"].passages == ()


def test_a_follow_up_question_is_looked_for_as_what_it_means(manuals: Any) -> None:
    """In a conversation the question is rewritten before it is looked for, and the rewritten one is told."""
    manuals.run(f"%%ask manuals -c pump\n{QUESTION}")
    ran = manuals.run("%%ask manuals -c pump -o answer\nAnd who is called then?")
    answer = manuals.shell.user_ns["answer"]
    assert answer.query != "And who is called then?"
    assert "pump" in answer.query
    assert "Then call the shift leader [1]" in answer.text
    assert f"Looked for: {answer.query}" in ran.printed
    turns = manuals.notebook.talks.book.get("pump").counting
    assert [turn.asked.text.strip() for turn in turns] == [QUESTION, "And who is called then?"]
    assert all("QUOTES" not in turn.answered.text and "<passage" not in turn.asked.text for turn in turns)


def test_an_answer_replays_without_index_and_network(open_bench: Any, tmp_path: Path) -> None:
    """What was found is recorded with the answer: a replay needs no documents, no index and no provider."""
    bench = filled(open_bench(VE_NOTEBOOK="manual.ipynb"))
    bench.run("%ve record")
    cells = [
        "%ve kb add more docs/pump.md",
        f"%%ask manuals -c pump\n{QUESTION}",
        "%%ask manuals -c pump\nAnd who is called then?",
        "%ve kb search manuals lever",
    ]
    first = [bench.run(cell) for cell in cells]
    asked = bench.asked
    assert asked == 3
    shutil.rmtree(tmp_path / "docs")
    bench.notebook.library.close()
    shutil.rmtree(bench.notebook.session.data / "knowledge")
    (tmp_path / "manual.conversations.json").unlink()
    bench.notebook.talks.book.drop("pump")
    (tmp_path / "manual.conversations.json").unlink(missing_ok=True)
    bench.run("%ve replay")
    again = [bench.run(cell) for cell in cells]
    assert [one.error for one in again] == [None] * 4
    assert [(one.outputs, one.printed) for one in again] == [(one.outputs, one.printed) for one in first]
    assert bench.asked == asked
    lacking = bench.run("%%ask manuals\nSomething else?")
    assert "The recording lacks the answer of cell" in lacking.lines[0]
    assert str(tmp_path) not in (tmp_path / "manual.recording.json").read_text("utf-8")


def test_a_recording_holds_what_was_found_and_no_more(open_bench: Any, tmp_path: Path) -> None:
    """The vectors and texts of an index are not in it: neither documents nor questions are recorded for them."""
    bench = open_bench(VE_NOTEBOOK="manual.ipynb")
    (tmp_path / "far.md").write_text("# Far\n\nUnrelated xylophone words.", "utf-8")
    bench.run("%ve record")
    bench.run("%ve kb add far far.md --embed sim/embed")
    filled(bench)
    bench.run("%ve kb update manuals --embed sim/embed")
    bench.run(f"%%ask manuals --rerank sim/rerank\n{QUESTION}")
    text = (tmp_path / "manual.recording.json").read_text("utf-8")
    assert "xylophone" not in text
    assert "red lever" in text
    assert not (tmp_path / "manual.recording").exists()
    bench.run("%ve replay")
    ran = bench.run(f"%%ask manuals --rerank sim/rerank -o answer\n{QUESTION}")
    assert ran.error is None
    assert bench.shell.user_ns["answer"].verified


def test_the_same_question_is_paid_once(manuals: Any) -> None:
    """Asked again in the same session, the answer comes from the cache; --fresh asks anew."""
    manuals.run(f"%%ask manuals\n{QUESTION}")
    manuals.run(f"%%ask manuals -o answer\n{QUESTION}")
    assert manuals.asked == 1
    assert manuals.shell.user_ns["answer"].source == "cache"
    manuals.run(f"%%ask manuals --fresh\n{QUESTION}")
    assert manuals.asked == 2


def test_dry_run_shows_the_passages_and_sends_nothing(manuals: Any) -> None:
    """The plan holds the passages between marks, and nobody is asked."""
    ran = manuals.run(f"%%ask manuals --dry-run -k 1\n{QUESTION}")
    assert 'passage 1 key="' in ran.text
    assert "red lever" in ran.text
    assert manuals.asked == 0


def test_chat_with_a_knowledge_base_cites(manuals: Any) -> None:
    """`%%chat --kb` and `%chat --kb` answer as `%%ask` does; a form that can't hold citations is refused."""
    manuals.run(f"%%chat --kb manuals -o answer\n{QUESTION}")
    assert manuals.shell.user_ns["answer"].verified
    manuals.run(f"line = %chat --kb manuals {QUESTION}")
    assert manuals.shell.user_ns["line"].verified
    for flag in ("-f json", "--schema dict", "--image x.png", "--file x.pdf", "--background"):
        ran = manuals.run(f"%%chat --kb manuals {flag}\n{QUESTION}")
        assert "--kb can't be combined" in ran.lines[0], flag


def test_what_is_missing_is_named(manuals: Any) -> None:
    """No base, a base that isn't there, no question: each is an error that says what to do."""
    assert manuals.run("%%ask\nhello").lines[1] == "There are: manuals."
    assert "Did you mean manuals?" in manuals.run("%%ask manual\nhello").lines[1]
    assert "The question is empty" in manuals.run("%%ask manuals\n ").lines[0]
    assert "usage: %%ask" in manuals.run("%%ask -h\n").text


def test_a_citation_whose_words_are_not_there_is_marked() -> None:
    """A model that makes up a quote, or a number, is caught, and the cell shows it at the number and at the source."""
    passage = Passage(text="The lever is red.", source="docs/pump.md", name="pump.md")
    said = 'The lever is green [1][7].\n\n=== QUOTES ===\n[1] "the lever is painted green"\n[7] "x"'
    response = ChatResponse(choices=(Choice(assistant(said), "stop"),))
    answer = CitedAnswer(
        ChatRequest(model="m"), response, Trace(), found=Found((passage,)), query="What colour is the lever?"
    )
    assert [(one.number, one.verified) for one in answer.citations] == [(1, False), (7, False)]
    assert not answer.verified
    data = answer.bundle()
    assert (
        "[1] pump.md: “the lever is painted green” — ⚠ unverified: these words are not in"
        in data["text/plain"]
    )
    assert "[7] ⚠ unverified: there is no passage of this number" in data["text/plain"]
    assert "[&#91;1&#93;](docs/pump.md)⚠&#91;7&#93;⚠" in data["text/markdown"]
    assert answer.facts()["unverified"] == [1, 7]


def test_an_answer_that_breaks_off_is_kept_without_its_quotes(manuals: Any) -> None:
    """What had come is kept as partial, and never with a piece of the quotes; one that never came leaves nothing."""
    for tokens in (12, 18, 24):
        ran = manuals.run(f"%%ask manuals sim/fault-cut@{tokens} -o answer\n{QUESTION}")
        assert ran.error is not None
        answer = manuals.shell.user_ns["answer"]
        assert answer.partial
        assert answer.text
        assert "==" not in answer.text + ran.printed
    ran = manuals.run(f"%%ask manuals sim/fault-500 -o nothing\n{QUESTION}")
    assert ran.error is not None
    assert "nothing" not in manuals.shell.user_ns
