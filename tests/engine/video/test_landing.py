"""A file lands whole or not at all, under a name that is safe everywhere."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.video.world import clip, picture
from ve_magics.engine.video.landing import UnfitFileError, file_stem, land_poster, land_video, landed
from ve_magics.errors import JobFailedError, TransportError

pytestmark = pytest.mark.anyio


async def inline(work: Callable[[], Any]) -> Any:
    return work()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def pieces(*parts: bytes | Exception) -> AsyncGenerator[bytes, None]:
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [
        ("A red fox!", "A-red-fox-123abcde"),
        ("狐狸在雪中奔跑。", "狐狸在雪中奔跑-123abcde"),
        ("../../etc/passwd\x00", "etc-passwd-123abcde"),
        ("...", "123abcde"),
        ("a" * 100, "a" * 48 + "-123abcde"),
        (
            "one two three four five six seven eight nine ten eleven",
            "one-two-three-four-five-six-seven-eight-nine-123abcde",
        ),
        ("ＡＢＣ　ｄ", "ABC-d-123abcde"),
    ],
)
async def test_names_are_readable_and_safe(prompt: str, stem: str) -> None:
    """Words of any script stay, paths and signs don't, and the job's id makes it the job's own."""
    assert file_stem(prompt, "video_0123abcde") == stem


async def test_a_name_is_never_empty() -> None:
    """Not even where prompt and id give nothing."""
    assert file_stem("?", "_") == "video"


@given(st.text(), st.text(max_size=40))
def test_any_prompt_makes_a_safe_name(prompt: str, job_id: str) -> None:
    """No separator, no control character, no leading dot, and short enough for every file system."""
    stem = file_stem(prompt, job_id)
    assert stem
    assert all(character.isalnum() or character == "-" or not character.isascii() for character in stem)
    assert not stem.startswith(("-", "."))
    assert len(stem.encode()) <= 110


async def test_a_video_lands_whole(tmp_path: Path) -> None:
    """The file is there under its name, looked into, with no leftovers, in a folder that is made for it."""
    content = clip()
    path, probe = await land_video(pieces(content[:100], content[100:]), tmp_path / "a" / "b", "x", inline)
    assert path == tmp_path / "a" / "b" / "x.mp4"
    assert path.read_bytes() == content
    assert (probe.width, probe.height, probe.duration) == (128, 128, 1.0)
    assert names(path.parent) == ["x.mp4"]
    assert landed(path.parent, "x") == (path, probe)


@pytest.mark.parametrize(
    "parts", [(b"<html>no</html>",), (), (b'{"error":1}',), (clip()[:-50],), (clip()[:60],)], ids=range(5)
)
async def test_what_is_no_whole_video_leaves_nothing(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    """A web page, nothing at all, JSON and a file that ends early are refused."""
    with pytest.raises(JobFailedError, match=r"not a whole video|instead of the video"):
        await land_video(pieces(*parts), tmp_path, "x", inline)
    assert names(tmp_path) == []
    assert landed(tmp_path, "x") is None


async def test_a_broken_stream_leaves_nothing(tmp_path: Path) -> None:
    """The failure is passed on, the half file removed."""
    with pytest.raises(TransportError):
        await land_video(pieces(clip()[:100], TransportError("broke")), tmp_path, "x", inline)
    assert names(tmp_path) == []


async def test_a_file_that_is_too_large_is_stopped_and_closed(tmp_path: Path) -> None:
    """Not one piece more than needed is read, and the connection is let go."""
    read, closed = [0], []

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                read[0] += 1
                yield b"x" * 1000
        finally:
            closed.append(True)

    with pytest.raises(UnfitFileError, match="larger than"):
        await land_video(endless(), tmp_path, "x", inline, limit=5000)
    assert (read[0], closed) == (6, [True])
    assert names(tmp_path) == []


async def test_other_files_are_never_overwritten(tmp_path: Path) -> None:
    """Where the name is taken, the next free one is used."""
    (tmp_path / "x.mp4").write_text("mine")
    (tmp_path / "x-2.mp4").write_text("mine too")
    path, _ = await land_video(pieces(clip()), tmp_path, "x", inline)
    assert path.name == "x-3.mp4"
    assert (tmp_path / "x.mp4").read_text() == "mine"


async def test_a_disk_without_links_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hard links don't exist, renaming still doesn't overwrite."""

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    (tmp_path / "x.mp4").write_text("mine")
    path, _ = await land_video(pieces(clip()), tmp_path, "x", inline)
    assert path.name == "x-2.mp4"
    assert names(tmp_path) == ["x-2.mp4", "x.mp4"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xff\xd8\xff\xe0" + b"x" * 20, "x.jpg"),
        (picture(), "x.png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "x.webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg onload=alert(1)>", None),
        (clip(), None),
        (b"", None),
    ],
    ids=range(7),
)
async def test_only_a_picture_becomes_a_poster(tmp_path: Path, content: bytes, name: str | None) -> None:
    """The bytes decide: a server that sends the video or a page instead gives no poster."""
    path = await land_poster(pieces(content), tmp_path, "x")
    assert (path and path.name) == name
    assert names(tmp_path) == ([name] if name else [])


async def test_posters_that_land_at_once_under_one_name_keep_out_of_each_others_way(tmp_path: Path) -> None:
    """Two jobs of the same prompt end with one picture, and neither takes the other's unfinished file away."""
    begun = anyio.Event()

    async def halting() -> AsyncGenerator[bytes, None]:
        whole = picture()
        yield whole[:4]
        begun.set()
        await other_done.wait()
        yield whole[4:]

    other_done = anyio.Event()
    landed: list[Path | None] = []

    async def slow() -> None:
        landed.append(await land_poster(halting(), tmp_path, "x", own="one"))

    async with anyio.create_task_group() as group:
        group.start_soon(slow)
        await begun.wait()
        landed.append(await land_poster(pieces(picture()), tmp_path, "x", own="two"))
        other_done.set()
    assert landed[0] == landed[1]
    assert len(names(tmp_path)) == 1


async def test_a_poster_has_a_limit(tmp_path: Path) -> None:
    """A picture that is too large is refused."""
    with pytest.raises(UnfitFileError):
        await land_poster(pieces(picture()), tmp_path, "x", limit=10)
    assert names(tmp_path) == []
