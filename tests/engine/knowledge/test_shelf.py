"""Knowledge bases by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.knowledge.indexing import Embed, Fetch
from ve_magics.engine.knowledge.searching import Rerank
from ve_magics.engine.knowledge.shelf import Shelf, check_name
from ve_magics.errors import ArgumentsError, StoreError

pytestmark = pytest.mark.anyio


class Means:
    """Vectors that tell which model made them."""

    def embed(self, model: str, *, question: bool = False) -> Embed:
        """Return what makes vectors."""

        async def embed(texts: Sequence[str]) -> list[list[float]]:
            return [[1.0, float(len(model))] for _ in texts]

        return embed

    def rerank(self, model: str) -> Rerank:
        """Return what turns an order round."""

        async def rerank(query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
            return [(at, float(at)) for at in reversed(range(len(texts)))]

        return rerank

    @property
    def fetch(self) -> Fetch:
        """Return what is never called."""

        async def fetch(url: str) -> Any:
            raise AssertionError

        return fetch


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a shelf, and make two documents."""
    (tmp_path / "a.md").write_text("alpha road", "utf-8")
    (tmp_path / "b.md").write_text("beta road", "utf-8")
    return Shelf(tmp_path / "knowledge", Means())


async def test_a_base_grows_and_is_shared(shelf: Shelf, tmp_path: Path) -> None:
    """What is added stays added; another kernel sees it; dropping deletes it and nothing else."""
    await shelf.add("手册", ["a.md"], directory=tmp_path)
    report = await shelf.add("手册", ["b.md"], directory=tmp_path)
    assert (report.added, report.unchanged) == (1, 1)
    other = Shelf(shelf.folder, Means())
    assert other.names() == ["手册"]
    assert [one.name for one in (await other.search("手册", "beta", 5)).passages] == ["b.md"]
    (tmp_path / "a.md").write_text("gamma", "utf-8")
    assert (await other.update("手册")).changed == 1
    assert [one.name for one in (await shelf.search("手册", "gamma", 5)).passages] == ["a.md"]
    other.drop("手册")
    assert shelf.names() == []
    with pytest.raises(ArgumentsError, match="There is no knowledge base"):
        await shelf.search("手册", "x", 5)
    assert (tmp_path / "a.md").exists()
    shelf.close()
    assert sorted(path.name for path in shelf.folder.iterdir()) == ["手册.lock"]


async def test_the_model_of_a_base_is_kept(shelf: Shelf, tmp_path: Path) -> None:
    """It is changed where that is said, and a changed one makes its vectors anew."""
    report = await shelf.add("x", ["*.md"], directory=tmp_path, model="one")
    assert report.embedded == 2
    assert (await shelf.add("x", ["a.md"], directory=tmp_path)).embedded == 0
    assert shelf.base("x").setting.model == "one"
    assert (await shelf.update("x", model="other")).embedded == 2
    assert (await shelf.update("x", model="")).embedded == 0
    assert shelf.base("x").setting.model == ""
    found = await shelf.search("x", "road", 5, rerank="turner")
    assert found.passages[0].score == 1.0


async def test_nothing_is_made_for_a_path_that_is_not_there(shelf: Shelf, tmp_path: Path) -> None:
    """A wrong path or name makes no base."""
    for name, words in (("x", ["missing.md"]), ("a/b", ["a.md"])):
        with pytest.raises(ArgumentsError):
            await shelf.add(name, words, directory=tmp_path)
    assert shelf.names() == []
    await shelf.add("manuals", ["a.md"], directory=tmp_path)
    with pytest.raises(ArgumentsError) as caught:
        shelf.base("manual")
    assert "Did you mean manuals?" in caught.value.hint


async def test_a_base_that_is_being_built_is_not_dropped(shelf: Shelf, tmp_path: Path) -> None:
    """The other kernel's work is not pulled away from under it."""
    await shelf.add("x", ["a.md"], directory=tmp_path)
    with (
        Shelf(shelf.folder, Means()).base("x").building(),
        pytest.raises(StoreError, match="Another kernel"),
    ):
        shelf.drop("x")
    assert shelf.names() == ["x"]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "-x", "a" * 61, "a\nb", 'a"b', "c:", " x"])
def test_names_that_are_no_files(name: str) -> None:
    """They are refused with an example."""
    with pytest.raises(ArgumentsError, match="is no name for a knowledge base"):
        check_name(name)
