"""From files, folders, patterns and addresses to what is to be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ve_magics.engine.knowledge.gathering import gather, root_of
from ve_magics.errors import ArgumentsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of documents, with much that is none."""
    for name in (
        "a.md",
        "sub/b.txt",
        "sub/deep/c.py",
        "node_modules/x.js",
        ".git/y.md",
        "__pycache__/z.py",
        ".hidden.md",
        "pic.png",
        "README",
        "odd",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text", "utf-8")
    return tmp_path


def names(*roots: object) -> list[str]:
    """Return the names of what roots stand for."""
    return [item.name for item in gather(tuple(map(str, roots))).items]


def test_a_folder_is_searched_for_what_readers_know(folder: Path) -> None:
    """Hidden files, tools' folders and other kinds of files are passed over, the latter counted."""
    found = gather((str(folder),))
    assert [item.name for item in found.items] == ["README", "a.md", "sub/b.txt", "sub/deep/c.py"]
    assert found.others == 2
    assert found.problems == []
    assert found.items[1].size == 4
    assert found.items[1].mtime > 0


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["a.md"]),
        ("**/*.txt", ["sub/b.txt"]),
        ("**/*.py", ["sub/deep/c.py"]),
        ("sub/*", ["b.txt"]),
        ("[ab].md", ["a.md"]),
        ("[!a].md", []),
        ("?.md", ["a.md"]),
        ("sub/**", ["b.txt", "deep/c.py"]),
        ("pic.*", ["pic.png"]),
        ("*[", []),
    ],
)
def test_patterns(folder: Path, pattern: str, expected: list[str]) -> None:
    """As in a shell; `**` stands for any folders; a pattern that matches it takes a file of any kind."""
    assert names(folder / pattern) == expected


def test_each_file_is_read_once(folder: Path) -> None:
    """However many roots hold it."""
    assert names(folder / "a.md", folder, folder / "*.md", "https://x.example/p", "https://x.example/p") == [
        "a.md",
        "README",
        "sub/b.txt",
        "sub/deep/c.py",
        "x.example/p",
    ]


def test_a_circle_of_links_is_told(folder: Path) -> None:
    """Links to folders are followed, but not in a circle; a link to itself and a dead one are told."""
    (folder / "sub" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "self.md").symlink_to("self.md")
    (folder / "dead.md").symlink_to("nowhere.md")
    found = gather((str(folder),))
    assert [item.name for item in found.items] == ["README", "a.md", "sub/b.txt", "sub/deep/c.py"]
    told = {problem.name: problem.why for problem in found.problems}
    assert told.keys() == {"sub/up", "self.md", "dead.md"}
    assert told["sub/up"] == "is a link that leads in a circle"
    assert told["dead.md"] == "can't be read: no such file or directory"


def test_a_link_that_leads_out_is_told(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder from elsewhere can't bring the user's other files along; a link inside it is followed."""
    other = tmp_path_factory.mktemp("other")
    (other / "key.txt").write_text("secret", "utf-8")
    (folder / "out").symlink_to(other, target_is_directory=True)
    (folder / "key.md").symlink_to(other / "key.txt")
    (folder / "again.md").symlink_to("a.md")
    found = gather((str(folder),))
    assert [item.name for item in found.items] == ["README", "a.md", "again.md", "sub/b.txt", "sub/deep/c.py"]
    why = "is a link that leads out of the folder: add what it leads to by its own path"
    assert {problem.name: problem.why for problem in found.problems} == {"key.md": why, "out": why}
    assert [item.name for item in gather((str(folder / "**/*.txt"),)).items] == ["sub/b.txt"]


def test_folders_that_link_to_each_other_are_walked_once(tmp_path: Path) -> None:
    """Twelve folders, each with links to all the others, have 500 million ways through them."""
    for one in range(12):
        (tmp_path / f"{one}").mkdir()
        (tmp_path / f"{one}" / "x.md").write_text("x", "utf-8")
        for other in range(12):
            if one != other:
                (tmp_path / f"{one}" / f"to{other}").symlink_to(f"../{other}", target_is_directory=True)
    assert len(gather((str(tmp_path),)).items) == 12


def test_what_is_too_large_or_no_file_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gigabytes are not read, and a pipe would never end."""
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(2 << 30)
    os.mkfifo(folder / "pipe.txt")
    told = {problem.name: problem.why for problem in gather((str(folder),)).problems}
    assert told == {
        "huge.txt": "is larger than 100 MiB (2,048 MiB): split it",
        "pipe.txt": "is no regular file",
    }


def test_a_folder_that_cannot_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbours are read."""

    def refused(path: object) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[call-overload]  # handed on as it is

    real = os.scandir
    monkeypatch.setattr(os, "scandir", refused)
    found = gather((str(folder),))
    assert [item.name for item in found.items] == ["README", "a.md"]
    assert [tuple(problem) for problem in found.problems] == [("sub", "can't be read: permission denied")]
    assert found.unseen(str(folder / "sub" / "deep" / "c.py"))
    assert not found.unseen(str(folder / "a.md"))


def test_roots_are_absolute(folder: Path) -> None:
    """Addresses stay; what isn't there is refused before anything is made."""
    assert root_of("https://x.example/a", folder) == "https://x.example/a"
    assert root_of("sub", folder) == str(folder / "sub")
    assert root_of("*.md", folder) == str(folder / "*.md")
    for word in ("nothing", "*.xyz", "nowhere/*.md", "nowhere/**/x"):
        with pytest.raises(ArgumentsError, match="There is no file or folder"):
            root_of(word, folder)
    assert names(folder / "gone.md") == []
    assert [tuple(one) for one in gather((str(folder / "gone.md"),)).problems] == []
