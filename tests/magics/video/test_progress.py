"""How far a video is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from IPython.utils.capture import capture_output

from ve_magics.jobs import Job, VideoRequest
from ve_magics.magics.video.progress import Progress


class Kernel:
    """A kernel in which somebody looks on."""

    def get_parent(self) -> dict[str, Any]:
        """Return the request that runs."""
        return {"content": {"allow_stdin": True}}


class Shell:
    """A shell inside a kernel."""

    kernel = Kernel()


pytestmark = pytest.mark.usefixtures("ipython_shell")

JOB = Job(id="video_1", provider="sim", request=VideoRequest(prompt="x", model="film"), state="running")


def at(progress: float | None, **more: Any) -> Job:
    """Return the job as far as that."""
    return msgspec.structs.replace(JOB, progress=progress, **more)


@pytest.mark.parametrize(
    ("job", "elapsed", "line"),
    [
        (at(None, state="queued"), 0.2, "▶ sim/film: about to be ordered · 0 s"),
        (at(None), 3, "▶ sim/film: being made · 3 s"),
        (at(0.5), 10, "▶ sim/film: being made ▰▰▰▰▰▰▰▰▰▰▱▱▱▱▱▱▱▱▱▱ 50% · 10 s, about 10 s left"),
        (at(0.05), 10, "▶ sim/film: being made ▰▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱ 5% · 10 s"),
        (at(1.0), 10, "▶ sim/film: being made ▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰ 100% · 10 s"),
        (at(None, note="the network is away"), 3, "▶ sim/film: being made · 3 s (the network is away)"),
    ],
)
def test_line_says_how_far(job: Job, elapsed: float, line: str) -> None:
    """The line tells who, what, how far, for how long and, once that can be guessed, how much longer."""
    assert Progress.line(job, elapsed) == line


def test_a_cell_holds_one_line_and_then_the_player(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a cell one output changes, at most twice a second, and gives way to the player."""
    monkeypatch.setenv("VE_MAGICS_STREAM", "1")
    progress = Progress(Shell())
    with capture_output() as captured:
        for step in range(20):
            progress.show(at(step / 20), step / 10)
    names = {output.transient["display_id"] for output in captured.outputs}
    assert len(names) == 1
    assert 2 <= len(captured.outputs) <= 5
    assert "being made" in captured.outputs[-1].data["text/markdown"]
    with capture_output() as captured:
        progress.finish({"text/html": "<video></video>", "text/plain": "a.mp4"}, {"job": "video_1"})
    (output,) = captured.outputs
    assert output.data["text/plain"] == "a.mp4"
    assert output.metadata == {"ve_magics": {"job": "video_1"}}


def test_nobody_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks on, nothing but the player is shown."""
    monkeypatch.setenv("VE_MAGICS_STREAM", "0")
    progress = Progress(Shell())
    with capture_output() as captured:
        progress.show(at(0.5), 1)
        progress.drop()
    assert captured.outputs == []
    assert captured.stdout == ""


@pytest.mark.parametrize("chosen", ["1", "print"])
def test_printed_lines_cover_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """In a terminal each line covers the one before, and nothing of them is left beside the path."""
    monkeypatch.setenv("VE_MAGICS_STREAM", chosen)
    progress = Progress(object())
    progress.show(at(0.5), 10)
    progress.show(at(None), 11)
    progress.finish({"text/plain": "a.mp4"}, {})
    first, second, blank, path = capsys.readouterr().out.split("\r")
    assert len(second) >= len(first.rstrip())
    assert len(blank) >= len(first.rstrip())
    assert not blank.strip()
    assert path == "a.mp4\n"


def test_a_note_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A note is left as the cell's output, or printed."""
    with capture_output() as captured:
        Progress(Shell()).note("■ stopped")
    (output,) = captured.outputs
    assert output.data["text/plain"] == "■ stopped"
    Progress(object()).note("■ stopped")
    assert capsys.readouterr().out == "■ stopped\n"
