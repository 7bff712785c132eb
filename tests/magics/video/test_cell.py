"""`%%video`: one prompt, one film."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.video.failing import failure
from ve_magics.errors import JobError, JobExpiredError, JobFailedError, UnsupportedError
from ve_magics.jobs import Job, JobFailure, VideoRequest
from ve_magics.magics.video.clip import Clip
from ve_magics.routing import Target
from ve_magics.sim import Settings
from ve_magics.store.mp4 import probe

SMALL = "--seconds 1 --size 128x128"
BOAT = "A paper boat"


def test_film_lies_beside_the_notebook(bench: Any) -> None:
    """The cell leaves a real film in the notebook's folder, and the clip in the variable."""
    ran = bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    assert ran.error is None
    clip = bench.shell.user_ns["clip"]
    assert isinstance(clip, Clip)
    assert clip.path.parent == bench.folder
    assert clip.path.name in ran.printed
    found = probe(clip.path)
    assert (found.width, found.height, clip.size, clip.duration) == (128, 128, "128x128", 1.0)
    assert clip.served == "sim/film"
    assert clip.poster is not None
    assert clip.poster.read_bytes().startswith(b"\x89PNG")


def test_same_film_is_made_once(bench: Any) -> None:
    """Running the cell again shows the same film; `--fresh` makes another one beside it."""
    for flags in ("", "", "--fresh"):
        bench.run(f"%%video {SMALL} {flags}\n{BOAT}")
    assert bench.simulator.counters.videos_created == 2
    assert len(list(bench.folder.glob("*.mp4"))) == 2


def test_recorded_film_is_copied(bench: Any) -> None:
    """A recorded film is replayed to where a live one lies, and nobody is asked."""
    bench.run("%ve record lesson")
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    clip = bench.shell.user_ns["clip"]
    live = clip.path.read_bytes(), clip.bundle(bench.folder)
    for file in (clip.path, clip.poster):
        assert (bench.folder / "lesson.recording" / file.name).is_file()
        file.unlink()
    bench.run("%ve replay")
    for _ in range(2):
        bench.run(f"%%video {SMALL} -o again\n{BOAT}")
        again = bench.shell.user_ns["again"]
        assert (again.path.read_bytes(), again.bundle(bench.folder)) == live
        assert again.job is None
    assert bench.simulator.counters.videos_created == 1
    assert "lacks the answer of cell" in bench.run("%%video\nSomething else").lines[0]


def test_another_file_of_that_name_is_not_overwritten(bench: Any) -> None:
    """What lies where a recorded film would go is the user's."""
    bench.run("%ve record lesson")
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    bench.shell.user_ns["clip"].path.write_bytes(b"mine")
    bench.run("%ve replay")
    assert "lies here already" in bench.run(f"%%video {SMALL}\n{BOAT}").lines[0]
    assert bench.shell.user_ns["clip"].path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("cell", "said", "kind"),
    [
        ("%%video sim/fault-job", "✗ job failed: The video was not made: ", JobFailedError),
        ("%%video sim/fault-job-moderation", "✗ job failed: The video was not made: ", JobFailedError),
        ("%%video sim/fault-stuck --timeout 0.6", "✗ job: The video was not ready after 0.6 s.", JobError),
        ("%%video --seconds 99", "✗ unsupported: film can't make a video with seconds 99.", UnsupportedError),
        (
            "%%video deepseek/deepseek-chat",
            "✗ unsupported: deepseek/deepseek-chat makes no videos.",
            UnsupportedError,
        ),
    ],
)
def test_what_went_wrong_is_told(bench: Any, cell: str, said: str, kind: type[Exception]) -> None:
    """Each way to get no film is an error that says what to do, and leaves no output."""
    ran = bench.run(f"{cell}\n{BOAT}")
    assert isinstance(ran.error.error, kind)
    assert ran.lines[0].startswith(said)
    assert 2 <= len(ran.lines) <= 4
    assert not list(bench.folder.glob("*.mp4*"))


@pytest.mark.parametrize(
    ("changes", "timeout", "kind", "said"),
    [
        ({"state": "unknown"}, None, JobError, "Nobody knows whether sim took the order for job video_1"),
        ({"state": "expired"}, None, JobExpiredError, "sim deleted the video before it was fetched."),
        ({"state": "failed"}, None, JobFailedError, "The video was not made: sim gave no reason."),
        (
            {"state": "cancelled", "failure": JobFailure("Enough.", hint="Wait.")},
            None,
            JobFailedError,
            "The video was not made: Enough.",
        ),
        (
            {"state": "failed", "fetches": 2, "failure": JobFailure("The provider sent a web page.")},
            None,
            JobFailedError,
            "The video was made, but its file didn't come: The provider sent a web page.",
        ),
        ({"state": "running"}, 2.5, JobError, "The video was not ready after 2.5 s."),
        ({"state": "running"}, None, JobError, "The video is not ready."),
    ],
)
def test_every_end_of_a_job_has_its_error(
    changes: dict[str, Any], timeout: float | None, kind: type[JobError], said: str
) -> None:
    """Whatever becomes of a job, the error says it and what to do."""
    job = Job(id="video_1", provider="sim", request=VideoRequest(prompt=BOAT, model="film"), **changes)
    error = failure(job, timeout)
    assert type(error) is kind
    assert error.message.startswith(said)
    assert error.hint
    assert "lost sight of" in failure(None, timeout).message


def test_interrupt_leaves_the_job_running(open_bench: Callable[..., Any]) -> None:
    """Stopping the cell stops the waiting; the next run gets the same job's film, ordered once."""
    bench = open_bench(settings=Settings(video_seconds=1.5))
    main = threading.get_ident()
    timer = threading.Timer(0.7, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    ran = bench.run(f"%%video {SMALL} --no-expand\n{BOAT}")
    timer.cancel()
    timer.join()
    assert isinstance(ran.error, KeyboardInterrupt)
    assert "stopped waiting; the video goes on as job " in ran.printed
    assert "%ve jobs cancel" in ran.printed
    assert bench.run(f"%%video {SMALL} --no-expand -o clip\n{BOAT}").error is None
    assert bench.simulator.counters.videos_created == 1
    assert bench.shell.user_ns["clip"].path.is_file()


def test_first_frame_and_embedding(bench: Any, tmp_path: Path) -> None:
    """A film may begin with a picture, and may travel inside the notebook."""
    (bench.folder / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 20)
    bench.run(f"%%video {SMALL} --image dot.png --embed -o clip\n{BOAT}")
    clip = bench.shell.user_ns["clip"]
    assert clip.job.request.first_frame.media_type == "image/png"
    assert 'src="data:video/mp4;base64,' in clip.bundle(bench.folder)["text/html"]


def test_dry_run_orders_nothing(bench: Any) -> None:
    """The plan shows who would make it, and what it would cost."""
    assert bench.run(f"%%video --dry-run --seconds 4\n{BOAT}").text.splitlines() == [
        "to        sim/film",
        "prompt    A paper boat",
        "director  writes it out as a shot first; see it: --draft",
        "length    4 s",
        "size      as the provider likes",
        "estimate  $0.00; nothing was sent",
    ]
    assert bench.run("%%video --help").text.startswith("usage: %%video")
    assert bench.asked == 0


def test_several_are_made_side_by_side_and_once(bench: Any) -> None:
    """`--count` leaves one output with a player each, and a list; running the cell again orders none."""
    for _ in range(2):
        ran = bench.run(f"%%video {SMALL} --count 3 -o clips\n{BOAT}")
        assert ran.error is None
    clips = bench.shell.user_ns["clips"]
    assert len(clips) == len({clip.path for clip in clips}) == 3
    assert bench.simulator.counters.videos_created == 3
    assert all(probe(clip.path).duration == 1.0 for clip in clips)
    assert "videos    3" in bench.run(f"%%video --dry-run --count 3\n{BOAT}").text


def test_several_are_recorded_apart(bench: Any) -> None:
    """Each of several videos has its own place in the recording."""
    bench.run("%ve record lesson")
    bench.run(f"%%video {SMALL} --count 2 -o clips\n{BOAT}")
    names = [clip.path.name for clip in bench.shell.user_ns["clips"]]
    bench.run("%ve replay")
    bench.run(f"%%video {SMALL} --count 2 -o clips\n{BOAT}")
    assert [clip.path.name for clip in bench.shell.user_ns["clips"]] == names
    assert bench.simulator.counters.videos_created == 2


def test_no_more_than_four_at_a_time(bench: Any) -> None:
    """The fifth of several videos is ordered when one of the first four is there."""
    filming = bench.notebook.session.filming
    request = VideoRequest(prompt=BOAT, seconds=1, size="128x128")

    async def most() -> int:
        news = filming.films(
            request, "sim/film", Target("sim", "film"), count=6, folder=bench.folder, notebook="n"
        )
        return max([sum(job is not None and not job.finished for job in jobs) async for jobs in news])

    assert bench.notebook.portal.call(most()) == 4
    assert bench.simulator.counters.videos_created == 6


def in_time(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_background_ends_the_cell_at_once(open_bench: Callable[..., Any]) -> None:
    """The cell says the job's id; the clip comes into the variable later, and running the cell again shows it."""
    bench = open_bench(settings=Settings(video_seconds=0.8))
    ran = bench.run(f"%%video {SMALL} --background -o clip\n{BOAT}")
    (job,) = bench.notebook.session.filming.jobs.find()
    assert f"in the background as job {job.id[-6:]} · $0.00" in ran.text
    assert ran.metadata[0]["ve_magics"]["jobs"] == [job.id]
    assert "clip" not in bench.shell.user_ns
    in_time(lambda: "clip" in bench.shell.user_ns)
    assert bench.run(f"%%video {SMALL} -o again\n{BOAT}").error is None
    assert bench.shell.user_ns["again"].path == bench.shell.user_ns["clip"].path
    assert bench.simulator.counters.videos_created == 1


def test_what_cannot_be_ordered_fails_in_the_cell(bench: Any) -> None:
    """A background order that can't be placed is the cell's own error."""
    ran = bench.run(f"%%video vectorengine/sora-2 --background --seconds 4\n{BOAT}")
    assert ran.lines[0].startswith("✗ missing key")


PRICED = """
[prices."sim/film"]
second = 0.1
[budget]
notebook = 1.0
"""


def test_a_plan_says_what_a_models_maker_would_refuse(open_bench: Callable[..., Any]) -> None:
    """At a provider that publishes no limits the maker's are a word of caution, and nothing is refused for them."""
    bench = open_bench(OPENROUTER_API_KEY="sk-or-test")
    plan = bench.run(f"%%video openrouter/openai/sora-2 --dry-run --seconds 7\n{BOAT}").text.splitlines()
    assert plan[-1].startswith(
        "caution   At its maker, sora-2 can't make a video with seconds 7. The nearest is 8"
    )
    plan = bench.run(f"%%video openrouter/openai/sora-2 --dry-run --seconds 8\n{BOAT}").text
    assert "caution" not in plan


def test_over_the_budget_nothing_is_ordered(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """What would pass the budget together is refused as a whole; what fits is made, and its cost said."""
    config = tmp_path / "config.toml"
    config.write_text(PRICED)
    bench = open_bench(VE_CONFIG=str(config))
    ran = bench.run(f"%%video --seconds 4 --count 3\n{BOAT}")
    assert ran.lines[0].startswith("✗ budget: This call could cost up to $1.2000")
    assert bench.asked == 0
    assert (
        bench.run("%%video\nOf no known length")
        .lines[0]
        .startswith("✗ budget: There is a budget, and nobody knows")
    )
    assert bench.run(f"%%video {SMALL} --no-expand -o clip\n{BOAT}").error is None
    assert bench.shell.user_ns["clip"].cost == pytest.approx(0.1)
    assert bench.run(f"%%video --seconds 10\n{BOAT}").lines[0].startswith("✗ budget")
    assert bench.asked == 1


def test_videos_in_the_making_count_as_spent(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A video that is still being made has its price kept free."""
    config = tmp_path / "config.toml"
    config.write_text(PRICED)
    bench = open_bench(settings=Settings(video_seconds=30), VE_CONFIG=str(config))
    assert bench.run(f"%%video --seconds 6 --background --no-expand\n{BOAT}").error is None
    assert bench.notebook.session.filming.committed() == pytest.approx(0.6)
    assert bench.run("%%video --seconds 6\nAnother").lines[0].startswith("✗ budget")
    assert bench.asked <= 1


def test_a_later_kernel_shows_what_an_earlier_one_ordered(bench: Any) -> None:
    """A film that was finished unseen is shown by the next kernel's run of the cell; one that was seen is made anew."""
    filming = bench.notebook.session.filming
    request = VideoRequest(prompt=BOAT, model="film", seconds=1, size="128x128")

    async def earlier() -> Any:
        job = await filming.engine.submit(
            request, "sim", folder=bench.folder, notebook=bench.notebook.session.place
        )
        return await filming.engine.wait(job.id)

    job = bench.notebook.portal.call(earlier())
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    assert bench.shell.user_ns["clip"].job.id == job.id
    filming._made.clear()  # as in a kernel that knows nothing of it
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    assert bench.shell.user_ns["clip"].job.id != job.id
    assert bench.simulator.counters.videos_created == 2


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("authentication", "%ve key sim"),
        ("permission", "%ve models sim"),
        ("model_not_found", "%ve models sim"),
        ("quota", "Add credit"),
        ("rate_limit", "in a minute"),
        ("overloaded", "in a minute"),
        ("bad_request", "flags"),
        ("job", "Change the prompt"),
    ],
)
def test_advice_fits_the_failure(kind: str, advice: str) -> None:
    """Nobody is told to change the prompt where the key, the credit or the moment is at fault."""
    job = Job(
        id="video_1",
        provider="sim",
        request=VideoRequest(prompt=BOAT, model="film"),
        state="failed",
        failure=JobFailure("No.", kind),
    )
    assert advice in failure(job, None).hint


def test_who_has_no_key_is_passed_over(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A route films with its first target that makes videos and has a key; where none has one, that is said."""
    (tmp_path / "own.toml").write_text(
        '[routes.films]\ntargets = ["runway/gen4.5", "sim/film"]\n[routes.others]\ntargets = ["runway/gen4.5"]\n',
        "utf-8",
    )
    bench = open_bench(VE_CONFIG=str(tmp_path / "own.toml"))
    assert bench.run(f"%%video films {SMALL} --no-expand -o clip\n{BOAT}").error is None
    assert bench.shell.user_ns["clip"].served == "sim/film"
    ran = bench.run(f"%%video others --seconds 5 --no-expand\n{BOAT}")
    assert ran.lines[0] == "✗ missing key: No key for runway."


@pytest.mark.parametrize("gone", ["dead/nobody-has-this", "dead/fault-401", "dead/fault-429"])
def test_a_refused_order_goes_to_the_next_target(
    open_bench: Callable[..., Any], tmp_path: Path, gone: str
) -> None:
    """Where a provider certainly took no order, the next one of the route gets it, and the cell says so."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[routes.movie]\ntargets = ["{gone}", "sim/film"]\n[providers.dead]\nbase_url = "https://mine.invalid/v1"\n'
        'dialect = "chat_completions"\nvideo = "openai_videos"\nkey = "env:DEAD_KEY"\n'
    )
    bench = open_bench(VE_CONFIG=str(config), DEAD_KEY="sk-dead")
    ran = bench.run(f"%%video movie {SMALL} --no-expand -o clip\n{BOAT}")
    assert ran.error is None, ran.lines
    assert bench.shell.user_ns["clip"].served == "sim/film"
    assert f"↪ {gone} refused the order; sim/film made the film" in ran.printed
    assert bench.simulator.counters.videos_created == 1


def test_a_lost_order_goes_to_nobody_else(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """Where an order may have been taken, no other target is asked: the film could be paid twice."""
    config = tmp_path / "config.toml"
    config.write_text('[routes.movie]\ntargets = ["sim/fault-job", "sim/film"]\n')
    bench = open_bench(VE_CONFIG=str(config))
    assert bench.run(f"%%video movie {SMALL} --no-expand\n{BOAT}").lines[0].startswith("✗ job failed")
    assert bench.simulator.counters.videos_created == 1
