"""`%%video` that builds on pictures and earlier clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.jobs import Job, VideoRequest
from ve_magics.store.mp4 import probe

pytest.importorskip("av")
SMALL = "--seconds 1 --size 128x128 --no-expand"
DOT = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def test_a_clip_goes_on_where_it_ended(bench: Any) -> None:
    """The new part begins with the last picture, and the clip is both, joined; a third part goes on from there."""
    bench.run(f"%%video {SMALL} -o clip\nA boat")
    ran = bench.run(f"%%video {SMALL} --extend clip -o longer\nIt reaches the sea")
    assert ran.error is None, ran.lines
    longer = bench.shell.user_ns["longer"]
    assert longer.job.request.first_frame.data.startswith(b"\x89PNG")
    assert probe(longer.path).duration == longer.duration == 2.0
    assert longer.path.name.endswith("-extended.mp4")
    assert bench.run(f"%%video {SMALL} --extend longer -o longest\nAnd the harbour").error is None
    assert probe(bench.shell.user_ns["longest"].path).duration == 3.0


def test_a_clip_is_changed_by_who_made_it(bench: Any) -> None:
    """A remix is ordered of the provider's own video, by variable, file or job, and only once."""
    bench.run(f"%%video {SMALL} -o clip\nA boat")
    clip = bench.shell.user_ns["clip"]
    for source in ("clip", clip.path.name, clip.job.id):
        ran = bench.run(f"%%video --no-expand --remix {source} -o other\nAt night")
        assert ran.error is None, ran.lines
    other = bench.shell.user_ns["other"]
    assert other.job.parent == clip.job.id
    assert other.job.request.remix_of == clip.job.provider_job_id
    assert other.path != clip.path
    assert bench.simulator.counters.videos_created == 2


def test_a_remix_costs_what_its_clip_lasts(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A remix names no length: its clip's is estimated, refused over the budget, kept free, and written into the books."""
    config = tmp_path / "config.toml"
    config.write_text('[prices."sim/film"]\nsecond = 0.1\n[budget]\nnotebook = 0.25\n')
    bench = open_bench(VE_CONFIG=str(config))
    assert bench.run(f"%%video {SMALL} --no-expand -o clip\nA boat").error is None
    filming = bench.notebook.session.filming
    assert "$0.10; nothing was sent" in bench.run("%%video --dry-run --remix clip\nAt night").text
    made = bench.shell.user_ns["clip"].job
    request = VideoRequest(prompt="At night", model="film", remix_of=made.provider_job_id)
    here = bench.notebook.session.place
    begun = Job(id="video_begun", provider="sim", request=request, parent=made.id, notebook=here)
    filming.jobs.add(begun)
    assert filming.committed() == pytest.approx(0.1)
    ran = bench.run("%%video --remix clip --no-expand\nIn snow")
    assert ran.lines[0].startswith("✗ budget: This call could cost up to $0.1000")
    assert bench.simulator.counters.videos_created == 1
    assert filming._account(begun) == pytest.approx(0.1)
    filming.jobs.remove(begun.id)
    bench.run("%ve budget 1")
    assert bench.run("%%video --remix clip --no-expand -o other\nIn snow").error is None
    assert bench.shell.user_ns["other"].cost == pytest.approx(0.1)


def test_what_was_built_on_a_clip_replays(bench: Any) -> None:
    """A recorded notebook replays its remix and its longer film: nobody knows the jobs any more, and nobody is asked."""
    cells = (
        f"%%video {SMALL} -o clip\nA boat",
        "%%video --no-expand --remix clip -o other\nAt night",
        f"%%video {SMALL} --extend clip -o longer\nIt reaches the sea",
    )
    bench.run("%ve record lesson")
    live = [bench.run(cell).printed for cell in cells]
    for name in ("clip", "other", "longer"):
        bench.shell.user_ns[name].path.unlink()
    made = bench.simulator.counters.videos_created
    bench.run("%ve replay")
    assert [bench.run(cell).printed for cell in cells] == live
    assert bench.simulator.counters.videos_created == made


def test_first_and_last_picture(bench: Any) -> None:
    """Both pictures travel with the request where the provider takes them; where it doesn't, that is said at once."""
    for name in ("a", "b"):
        (bench.folder / f"{name}.png").write_bytes(DOT)
    ran = bench.run(f"%%video {SMALL} --image a.png --last b.png\nIt turns")
    assert "last_frame" in ran.lines[0]
    assert bench.asked == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--remix nothing.mp4", "--remix: there is no clip nothing.mp4"),
        ("--extend number", "the variable number is no clip"),
        ("--extend a.mp4 --image b.png", "begins where the clip ends"),
        ("--extend broken.mp4", "can't be read as a film"),
        ("--remix stranger.mp4", "No job here made stranger.mp4"),
        ("--remix video_x", "no job"),
    ],
)
def test_mistakes_are_told_before_anything_is_ordered(bench: Any, flags: str, said: str) -> None:
    """A clip that isn't there, isn't one, or is nobody's is an error of its own."""
    for name in ("broken.mp4", "stranger.mp4"):
        (bench.folder / name).write_bytes(b"no film")
    bench.shell.user_ns["number"] = 3
    assert said in bench.run(f"%%video {SMALL} {flags}\nA boat").lines[0]
    assert bench.asked == 0


def test_a_codec_that_browsers_lack_is_told_and_converted(
    bench: Any, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    """A film that many front ends don't play says so below the player, and can be converted in one step."""
    bench.run(f"%%video {SMALL} -o clip\nA boat")
    clip = bench.shell.user_ns["clip"]
    assert "browsers" not in clip.bundle(bench.folder)["text/html"]
    clip.path = make(tmp_path / "old.mp4")
    assert clip.codec == "mp4v"
    assert "MPEG-4 Visual, which many browsers can not play" in clip.bundle(bench.folder)["text/html"]
    converted = clip.convert()
    assert converted.codec == "avc1"
    assert "browsers" not in converted.bundle(bench.folder)["text/plain"]
    clip.path = tmp_path / "gone.mp4"
    assert clip.codec == ""


@pytest.fixture
def make() -> Callable[[Path], Path]:
    """Return what writes a film in an old codec."""
    import av

    def made(path: Path) -> Path:
        with av.open(str(path), "w") as output:
            stream: Any = output.add_stream("mpeg4", rate=12)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            for number in range(12):
                frame: Any = av.VideoFrame(64, 64, "yuv420p")
                frame.pts = number
                for plane in frame.planes:
                    plane.update(bytes([number]) * plane.buffer_size)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return made
