"""What became of a recording's entries, and how that is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.scripted import ask
from ve_magics.catalog import Cost
from ve_magics.engine.recording import Film, Kept, Recording, request_key
from ve_magics.engine.uses import Use, files_of, report, title_of
from ve_magics.messages import ChatResponse, Choice, Message, Text, Usage

NAME = "n.recording.json"


def kept(text: str = "Yes.", *, number: str = "1", served: str = "a/m") -> Kept:
    """Return an answer."""
    choices = (Choice(Message("assistant", (Text(text),)), "stop"),)
    return Kept(
        response=ChatResponse(id=number, choices=choices, usage=Usage(input=len(number))),
        served=served,
        cost=Cost(0.5),
    )


def statuses(recording: Recording) -> list[str]:
    """Return what became of each entry that was used."""
    return [use.status for use in recording.used.values()]


def test_an_answer_that_says_the_same_leaves_its_entry(tmp_path: Path) -> None:
    """Other ids and counts are no change; other words, or somebody else's, are."""
    path = tmp_path / NAME
    Recording(path).keep_answer("k", ask(), kept())
    before = path.read_bytes()
    for answer, status in (
        (kept(number="22"), "same"),
        (kept("No."), "changed"),
        (kept("No.", served="b/m"), "changed"),
    ):
        recording = Recording(path)
        recording.keep_answer("k", ask(), answer)
        assert statuses(recording) == [status]
        assert (path.read_bytes() == before) is (status == "same")


def test_a_film_with_another_content_has_changed(tmp_path: Path) -> None:
    """A file of the same name with other bytes is another film."""
    source = tmp_path / "clip.mp4"
    for content, status in ((b"one", "added"), (b"one", "same"), (b"two", "changed")):
        source.write_bytes(content)
        recording = Recording(tmp_path / NAME)
        recording.keep_film("f", {"prompt": "p"}, Film(file="clip.mp4"), files=[source])
        assert statuses(recording) == [status]
        assert (recording.media / "clip.mp4").read_bytes() == content


def test_entries_stand_in_the_order_of_asking(tmp_path: Path) -> None:
    """Whoever answers first: new entries stand as their questions were asked, behind those that were there."""
    path = tmp_path / NAME
    Recording(path).keep_answer("old", ask(), kept())
    recording = Recording(path)
    for key in ("a", "b", "c"):
        recording.expect(key)
    for key in ("c", "a", "old", "b"):
        recording.keep_answer(key, ask(), kept())
    assert [entry["key"] for entry in json.loads(path.read_text("utf-8"))["entries"]] == [
        "old",
        "a",
        "b",
        "c",
    ]


def test_uses_are_told_with_cells(tmp_path: Path) -> None:
    """The report counts, names what changed with its cell, and lists what nobody used."""
    path = tmp_path / NAME
    first = Recording(path)
    for text in ("stays", "changes", "goes"):
        first.keep_answer(request_key(ask(text=text)), ask(text=text), kept())
    log = tmp_path / "log.jsonl"
    again = Recording(path, log)
    again.keep_answer(request_key(ask(text="stays")), ask(text="stays"), kept(), cell="cell [1]")
    again.keep_answer(request_key(ask(text="changes")), ask(text="changes"), kept("No."), cell="cell [2]")
    again.keep_answer(request_key(ask(text="comes")), ask(text="comes"), kept(), cell="cell [3]")
    again.keep_answer(request_key(ask(text="comes")), ask(text="comes"), kept(), cell="cell [4]")
    model = ask().model
    assert report(again.used.values(), again.unused) == [
        "1 changed, 1 added, 1 as before, 1 not used",
        f"  changed  cell [2]  {model}: changes",
        f"  added  cell [3]  {model}: comes",
        f"  not used  {model}: goes",
    ]
    written = [msgspec.json.decode(line, type=Use) for line in log.read_bytes().splitlines()]
    assert written == [*again.used.values()]
    replaying = Recording(path)
    replaying.answer(request_key(ask(text="stays")))
    assert report(replaying.used.values(), (), pruned=True) == ["1 replayed"]
    assert report([]) == ["nothing was used"]


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({"model": "m", "prompt": "a  long\nstory " + "x" * 80}, "m: a long story xxxxx"),
        ({"model": "m", "inputs": ["one", "two"]}, "m: one"),
        ({"model": "m", "inputs": [[1, 2]]}, "m"),
        ({"model": "m", "query": "cats"}, "m: cats"),
        (
            {"model": "m", "messages": [{"parts": [{"text": {"lines": ["a", "b"]}}, {"type": "image"}]}]},
            "m: a b",
        ),
        ({"model": "m", "messages": [{"parts": 3}]}, "m"),
        ({"messages": [3]}, ""),
        ("x", ""),
    ],
)
def test_an_entry_has_a_title_whatever_it_holds(asked: Any, title: str) -> None:
    """The request in a few words; an entry from outside may hold anything."""
    found = title_of({"asked": asked})
    assert found.startswith(title)
    assert len(found) <= 80


def test_files_of_an_entry_are_names(tmp_path: Path) -> None:
    """Whatever stands where names should."""
    assert files_of({"film": {"file": "a", "poster": ""}, "files": ["b", 3]}) == {"a", "b"}
    assert files_of({"film": 3, "files": "b"}) == set()


def test_pruning_keeps_a_file_that_another_entry_has(tmp_path: Path) -> None:
    """Two takes of the same bytes may share a file."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"one")
    path = tmp_path / NAME
    recording = Recording(path)
    for key in ("f", "g"):
        recording.keep_film(key, {}, Film(file="clip.mp4"), files=[source])
    assert Recording(path).prune({"f"}) == 1
    assert (recording.media / "clip.mp4").is_file()
