"""The file beside a notebook: reviewable, stable, never trusted, never spoilt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scripted import ask
from ve_magics.catalog import Cost
from ve_magics.engine.config import Config
from ve_magics.engine.entries import FORMAT
from ve_magics.engine.keys import Redactor, Secret
from ve_magics.engine.recording import Film, Kept, Mode, Recording, beside, request_key
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.engine.uses import fold, unfold
from ve_magics.errors import RecordingError, StoreError
from ve_magics.messages import ChatResponse, Choice, Image, Message, Text
from ve_magics.sim import Simulator

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab\n") | st.just("lines") | st.just("literal"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["lines", "literal", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def kept(text: str = "One\ntwo") -> Kept:
    """Return an answer."""
    message = Message("assistant", (Text(text), Image(data=b"\x89PNG", media_type="image/png")))
    return Kept(
        response=ChatResponse(id="1", choices=(Choice(message, "stop"),)), served="a/m", cost=Cost(0.5)
    )


def write(path: Path, text: str | bytes) -> Path:
    """Write a recording by hand."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(JSON)
def test_folding_undoes_unfolding(value: Any) -> None:
    """Whatever the value, the form on disk is read as the same value again."""
    assert fold(json.loads(json.dumps(unfold(value)))) == value


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    """Texts, media and cost survive; lines of a text are lines of the file; the order is that of asking."""
    path = tmp_path / "n.recording.json"
    recording = Recording(path)
    for text in ("b", "a"):
        recording.keep_answer(request_key(ask(text=text)), ask(text=text), kept())
    again = Recording(path)
    assert again.answer(request_key(ask(text="a"))) == kept()
    assert again.answer("nothing") is None
    raw = json.loads(path.read_text("utf-8"))
    assert raw["ve_magics_recording"] == FORMAT
    assert [entry["asked"]["messages"][0]["parts"][0]["text"] for entry in raw["entries"]] == ["b", "a"]
    assert raw["entries"][0]["answer"]["response"]["choices"][0]["message"]["parts"][0]["text"] == {
        "lines": ["One", "two"]
    }


def test_recording_again_changes_nothing_else(tmp_path: Path) -> None:
    """The same answers in the same order make the same bytes; a new answer replaces the old one in its place."""
    path = tmp_path / "n.recording.json"
    recording = Recording(path)
    recording.keep_answer("k1", ask(), kept())
    recording.keep_answer("k2", ask(), kept())
    before = path.read_bytes()
    other = Recording(path)
    other.keep_answer("k1", ask(), kept())
    assert path.read_bytes() == before
    other.keep_answer("k1", ask(), kept("changed"))
    assert [entry["key"] for entry in json.loads(path.read_text("utf-8"))["entries"]] == ["k1", "k2"]


def test_two_kernels_that_record_keep_both_answers(tmp_path: Path) -> None:
    """What another kernel has written meanwhile is not lost."""
    path = tmp_path / "n.recording.json"
    one, two = Recording(path), Recording(path)
    one.keep_answer("k1", ask(), kept())
    two.keep_answer("k2", ask(), kept())
    one.keep_answer("k3", ask(), kept())
    assert len(Recording(path)) == 3


def test_keys_are_taken_out_of_questions_and_answers(tmp_path: Path) -> None:
    """Neither a known key nor what looks like one is written."""
    path = tmp_path / "n.recording.json"
    secret = "my-own-secret-key"
    Recording(path).keep_answer(
        "k",
        ask(text=f"{secret}\nsecond"),
        kept(f"{secret} sk-{'x' * 20}"),
        redactor=Redactor([Secret(secret, "X")]),
    )
    text = path.read_text("utf-8")
    assert secret not in text
    assert "xxxx" not in text
    assert "[key]" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "can't be read"),
        ("", "can't be read"),
        ("[]", "can't be read"),
        (b"\xff\xfe\x00", "can't be read"),
        ('{"entries": []}', "can't be read"),
        ('{"ve_magics_recording": 1}', "can't be read"),
        ('{"ve_magics_recording": 1, "entries": 3}', "can't be read"),
        ('{"ve_magics_recording": 1, "entries": ["x"]}', "entry 1 can't be used"),
        ('{"ve_magics_recording": 1, "entries": [{"key": "k"}, {"a": 1}]}', "entry 2 can't be used"),
        ('{"ve_magics_recording": "1", "entries": []}', "can't be read"),
        ('{"ve_magics_recording": 2, "entries": []}', "written by a newer version"),
        ('{"ve_magics_recording": 1, "entries": ' + "[" * 100_000, "can't be read"),
    ],
)
def test_a_recording_that_is_broken_or_newer_is_left_as_it_is(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """It is an error that says so, and not a byte of the file changes."""
    path = write(tmp_path / "n.recording.json", content)
    before = path.read_bytes()
    with pytest.raises(RecordingError, match=message):
        Recording(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "answer",
    [
        3,
        {"response": {"choices": [{"message": {"role": "wizard"}}]}},
        {"response": {"choices": [{"message": {"role": "assistant", "parts": [{"type": "exec"}]}}]}},
        {"response": {"id": {"lines": ["a", 3]}}},
    ],
)
def test_an_entry_that_is_no_answer_is_refused(tmp_path: Path, answer: Any) -> None:
    """What a hostile or damaged entry holds is never taken for an answer."""
    data = {"ve_magics_recording": 1, "entries": [{"key": "k", "answer": answer}]}
    recording = Recording(write(tmp_path / "n.recording.json", json.dumps(data)))
    with pytest.raises(RecordingError, match=r"n\.recording\.json: entry 1 \(k\) can't be used: answer: "):
        recording.answer("k")


@pytest.mark.parametrize("mode", ["auto", "replay"])
@pytest.mark.parametrize(
    "broken", [{}, {"answre": {}}, {"answer": {"response": {"choices": 3}}}, {"answer": None}]
)
@pytest.mark.anyio
async def test_an_entry_of_another_shape_is_told_and_nothing_is_asked_instead(
    tmp_path: Path, mode: Mode, broken: dict[str, Any]
) -> None:
    """Which file, which entry, what is wrong and what to do; the file stays as it is, and no provider hears of it."""
    request = ask()
    asked = {"asked": msgspec.to_builtins(request), **broken}
    data = {"ve_magics_recording": 1, "entries": [{"key": "other"}, {"key": request_key(request), **asked}]}
    path = write(tmp_path / "n.recording.json", json.dumps(data))
    before = path.read_bytes()
    simulator = Simulator()
    session = Session(
        config=Config(environ={"VE_RECORDING": mode}, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        notebook=tmp_path / "n.ipynb",
        data=tmp_path / "home",
        transport=Mounted({"sim.invalid": simulator}),
    )
    with pytest.raises(RecordingError, match=r"n\.recording\.json: entry 2 \(.*\) can't be used") as caught:
        await session.complete(request)
    assert "Mend or delete the entry" in caught.value.hint
    assert simulator.counters.chats == 0
    assert path.read_bytes() == before
    await session.aclose()


@pytest.mark.parametrize("facts", [{"duration": "long"}, {"cost": [1]}, {"size": 3}, {"directed": {}}])
def test_a_films_facts_are_looked_at_too(tmp_path: Path, facts: dict[str, Any]) -> None:
    """A length that is no number, or words that are none, are told where the film is asked for."""
    entry = {"key": "f", "asked": {"prompt": "A boat"}, "film": {"file": "clip.mp4", "facts": facts}}
    data = {"ve_magics_recording": 1, "entries": [entry]}
    path = write(tmp_path / "n.recording.json", json.dumps(data))
    (tmp_path / "n.recording").mkdir()
    write(tmp_path / "n.recording" / "clip.mp4", b"mp4")
    with pytest.raises(RecordingError, match=r"entry 1 \(A boat\) can't be used: film: "):
        Recording(path).film("f")


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a/b.mp4", "missing.mp4", "link.mp4"])
def test_a_film_lies_in_the_recordings_own_folder(tmp_path: Path, name: str) -> None:
    """A recording can't name a file elsewhere, not by a path and not by a link."""
    data = {"ve_magics_recording": 1, "entries": [{"key": "k", "film": {"file": name}}]}
    recording = Recording(write(tmp_path / "n.recording.json", json.dumps(data)))
    (tmp_path / "secret.txt").write_text("x", "utf-8")
    recording.media.mkdir()
    (recording.media / "link.mp4").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(RecordingError, match="which is not in"):
        recording.film("k")


def test_films_are_kept_beside_and_pruned(tmp_path: Path) -> None:
    """The file is copied into the media folder; what was not used since opening can be dropped with its files."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"mp4")
    path = tmp_path / "n.recording.json"
    recording = Recording(path)
    recording.keep_film("f", {"prompt": "p"}, Film(file="clip.mp4", facts={"duration": 4}), files=[source])
    recording.keep_answer("k", ask(), kept())
    again = Recording(path)
    assert again.film("nothing") is None
    with pytest.raises(
        RecordingError, match=r"entry 1 \(p\) can't be used: it should hold 'answer', and holds film"
    ):
        again.answer("f")
    assert again.answer("k") is not None
    assert (again.media / "clip.mp4").read_bytes() == b"mp4"
    assert again.prune() == 1
    assert not (again.media / "clip.mp4").exists()
    assert again.prune() == 0
    assert len(Recording(path)) == 1


def test_a_film_that_cannot_be_copied_is_told(tmp_path: Path) -> None:
    """A missing source or an unusable folder is a `StoreError`."""
    recording = Recording(tmp_path / "n.recording.json")
    with pytest.raises(StoreError, match="can't be written"):
        recording.keep_film("f", {}, Film(file="x.mp4"), files=[tmp_path / "missing.mp4"])


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """A disk that says no is a `StoreError`; no half-written file stays."""
    folder = tmp_path / "n.recording.json"
    recording = Recording(folder)
    folder.mkdir()
    with pytest.raises((StoreError, RecordingError)):
        recording.keep_answer("k", ask(), kept())
    assert [path.name for path in tmp_path.iterdir()] == ["n.recording.json"]


def test_a_recording_may_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is refused before it is read."""
    monkeypatch.setattr("ve_magics.engine.recording.SIZE_LIMIT", 10)
    with pytest.raises(RecordingError, match="larger than"):
        Recording(write(tmp_path / "n.recording.json", "x" * 11))


def test_which_recordings_belong_to_a_notebook(tmp_path: Path) -> None:
    """A notebook has one by its name; without a name, all in the folder count."""
    assert beside(tmp_path / "a.ipynb", tmp_path) == [tmp_path / "a.recording.json"]
    for name in ("b", "a"):
        write(tmp_path / f"{name}.recording.json", "{}")
    assert [path.name for path in beside(None, tmp_path)] == ["a.recording.json", "b.recording.json"]


def test_what_could_not_be_written_is_written_with_the_next_asking(tmp_path: Path) -> None:
    """An answer that the disk had no room for is not taken for recorded: asked again, it is written."""
    recording = Recording(tmp_path / "n.recording.json")
    part = tmp_path / f".n.recording.json.{os.getpid()}.part"
    part.mkdir()
    request = ask("Hello")
    with pytest.raises(StoreError):
        recording.keep_answer(request_key(request), request, kept())
    part.rmdir()
    recording.keep_answer(request_key(request), request, kept())
    assert len(Recording(tmp_path / "n.recording.json")) == 1
