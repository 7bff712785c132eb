"""`%ve kb`: knowledge bases in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.knowledge.gathering import Problem
from ve_magics.engine.knowledge.indexing import Progress as Step
from ve_magics.engine.knowledge.indexing import Report
from ve_magics.magics.knowledge import kb as module


@pytest.fixture
def folder(bench: Any) -> Any:
    """Return a shell beside two documents, one of them broken."""
    docs = bench.folder / "my docs"
    docs.mkdir()
    (docs / "pump.md").write_text("# Pump\n\nThe red lever stops the pump.", "utf-8")
    (docs / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    (docs / "photo.png").write_bytes(b"\x89PNG")
    return bench


def test_adding_tells_what_was_read_and_what_was_not(folder: Any) -> None:
    """One output, the bad file named with its reason; a path with a space is quoted."""
    ran = folder.run('%ve kb add manuals "my docs"')
    assert ran.text == (
        "manuals: 1 added; 1 document, 1 passage\n"
        "searched by words; vectors as well with --embed MODEL\n"
        "passed over: 1 file that no reader knows\n"
        "problems:\n"
        "  bad.pdf was skipped: it is a broken PDF: save it anew"
    )
    assert folder.run("%ve kb update manuals").text.startswith("manuals: 1 unchanged; 1 document")
    (folder.folder / "my docs" / "pump.md").unlink()
    assert folder.run("%ve kb update manuals").text.startswith("manuals: 1 removed; 0 documents, 0 passages")
    assert folder.run("%ve kb update manuals").text.startswith("manuals: nothing to read; 0 documents")


def test_bases_are_listed_shown_searched_and_dropped(folder: Any) -> None:
    """Each command says what it did."""
    assert folder.run("%ve kb").text == "No knowledge base yet. Make one: %ve kb add NAME PATHS"
    folder.run('%ve kb add manuals "my docs"')
    assert folder.run("%ve kb list").text.splitlines()[1].split()[:3] == ["manuals", "1", "1"]
    shown = folder.run("%ve kb show manuals").text
    assert f"  from {folder.folder / 'my docs'}" in shown
    assert "pump.md" in shown
    ran = folder.run("%ve kb search manuals -k 1 red lever")
    assert ran.text == "[1] pump.md › Pump\nThe red lever stops the pump."
    assert "(my%20docs/pump.md)" in ran.outputs[0]["text/markdown"]
    assert folder.run("%ve kb search manuals xylophone").text == "manuals holds nothing that fits."
    assert folder.run("%ve kb drop manuals").text.startswith("manuals is dropped.")
    assert "There is no knowledge base" in folder.run("%ve kb show manuals").lines[0]


def test_vectors_are_booked(folder: Any) -> None:
    """`--embed` makes vectors, whose cost is in the ledger; `off` leaves words alone."""
    folder.run('%ve kb add manuals "my docs" --embed sim/embed')
    assert "sim/embed" in folder.run("%ve usage").outputs[0]["text/plain"]
    assert "words, sim/embed" in folder.run("%ve kb list").text
    assert folder.run("%ve kb search manuals stops").text.startswith("[1] pump.md")
    assert "searched by words;" in folder.run("%ve kb update manuals --embed off").text
    ran = folder.run("%ve kb update manuals --embed sim/embed")
    assert "vectors of sim/embed: 1 of 1 passage" in ran.text


def test_the_configured_models_are_used(open_bench: Any, tmp_path: Path) -> None:
    """A model that the configuration names for vectors or for ranking is a choice; a key alone is none."""
    path = tmp_path / "config.toml"
    path.write_text('[defaults]\nembed = "sim/embed"\nrerank = "sim/rerank"\n', "utf-8")
    bench = open_bench(VE_CONFIG=str(path))
    (tmp_path / "a.md").write_text("alpha road", "utf-8")
    (tmp_path / "b.md").write_text("beta road", "utf-8")
    assert "vectors of sim/embed: 2 of 2" in bench.run("%ve kb add x *.md").text
    assert bench.run("%ve kb search x beta").text.startswith("[1] b.md")
    used = bench.run("%ve usage").outputs[0]["text/plain"]
    assert "sim/embed" in used
    assert "sim/rerank" in used
    ran = bench.run("%%ask x --rerank off -o answer\nWhat is beta?")
    assert ran.error is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("add", "does not understand"),
        ("add x", "does not understand"),
        ("add x --embed sim/embed", "needs something to add"),
        ("add x docs --embed", "--embed takes a model"),
        ("add x docs --fast", "has no flag --fast"),
        ("add x nowhere", "There is no file or folder 'nowhere'"),
        ("add x . --embed nobody/knows", "Nobody here serves"),
        ("add a/b .", "is no name for a knowledge base"),
        ("update x y", "takes one name"),
        ("search x -k 0 y", "-k takes a whole number"),
        ("search x y", "There is no knowledge base 'x'"),
        ('add x "open', "no closing quotation"),
        ("fly", "does not understand"),
    ],
)
def test_what_is_not_understood_says_how(bench: Any, line: str, said: str) -> None:
    """Each mistake is an error with the usage or the way out."""
    ran = bench.run(f"%ve kb {line}")
    assert said in ran.lines[0]
    assert len(ran.lines) == 2
    assert bench.run("%ve kb list").text.startswith("No knowledge base")


def test_a_base_that_cannot_be_opened_is_listed(folder: Any) -> None:
    """The others are shown all the same."""
    folder.run('%ve kb add manuals "my docs"')
    place = folder.notebook.session.data / "knowledge" / "newer.sqlite"
    folder.run('%ve kb add newer "my docs"')
    folder.notebook.library.shelf.base("newer")._database.read(
        "INSERT INTO migrations VALUES ('9999_future', 0) RETURNING name"
    )
    folder.notebook.library.close()
    assert place.exists()
    text = folder.run("%ve kb list").text
    assert "newer version of ve_magics" in text
    assert "manuals" in text


def test_pages_are_fetched_live_only(open_bench: Any, tmp_path: Path) -> None:
    """While a recording is replayed no page is fetched."""
    bench = open_bench(VE_NOTEBOOK="a.ipynb")
    (tmp_path / "a.md").write_text("alpha", "utf-8")
    bench.run("%ve record")
    bench.run("%ve replay")
    text = bench.run("%ve kb add x a.md https://127.0.0.1/page").text
    assert "127.0.0.1/page was skipped: The recording lacks this answer" in text
    bench.run("%ve live")
    text = bench.run("%ve kb update x").text
    assert "is not fetched: it leads to 127.0.0.1, which is inside this machine" in text


def test_a_command_that_was_recorded_still_works_live(open_bench: Any, tmp_path: Path) -> None:
    """With recorded answers where there are some, and live ones elsewhere, a base is really brought up to date."""
    bench = open_bench(VE_NOTEBOOK="a.ipynb")
    (tmp_path / "a.md").write_text("alpha", "utf-8")
    bench.run("%ve record")
    first = bench.run("%ve kb add x a.md").text
    (tmp_path / "b.md").write_text("beta", "utf-8")
    bench.run("%ve kb add x b.md")
    (tmp_path / "a.md").write_text("gamma words", "utf-8")
    bench.notebook.session.set_mode("auto")
    assert bench.run("%ve kb add x a.md").text.startswith("x: 1 changed, 1 unchanged")
    assert bench.run("%ve kb search x gamma").text.endswith("gamma words")
    bench.run("%ve replay")
    assert bench.run("%ve kb add x a.md").text == first


def test_progress_is_one_line() -> None:
    """How far it is, in words that fit a line."""
    assert module._line("x", Step("reading", 5, 10, "a.md")) == f"📚 x: {'▰' * 10}{'▱' * 10} 5 of 10 a.md"
    assert module._line("x", Step("embedding", 1200, 0)) == "📚 x: 1,200 passages have got a vector"


def test_many_problems_are_cut(folder: Any) -> None:
    """A hundred are enough to read."""
    folder.run('%ve kb add manuals "my docs"')
    report = Report(problems=[Problem(f"f{number}", "is bad") for number in range(150)])
    lines = module.told("manuals", report, folder.notebook.library.shelf).splitlines()
    assert lines[-1] == "  and 50 more"


def test_tab_offers_the_commands(folder: Any) -> None:
    """`%ve kb` and the names of the bases are offered."""
    from ve_magics.magics.completion import offers

    folder.run('%ve kb add manuals "my docs"')
    assert "kb" in offers(folder.notebook, "%ve k", "k")
    assert offers(folder.notebook, "%ve kb sh", "sh") == ["show"]
    assert offers(folder.notebook, "%ve kb show ", "") == ["manuals"]
    assert offers(folder.notebook, "%%ask ", "")[0] == "manuals"
    assert offers(folder.notebook, "%%chat --kb ", "") == ["manuals"]
