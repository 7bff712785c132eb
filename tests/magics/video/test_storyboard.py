"""`%%storyboard`: several shots, one film."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ve_magics.magics.video.film import Film
from ve_magics.sim import Settings
from ve_magics.store.mp4 import probe

SMALL = "--seconds 1 --size 128x128"
SHOTS = "Warm film grain.\n- A boat at dawn\n- (2 s) A storm\n- A harbour at night"


def test_shots_become_one_film(bench: Any) -> None:
    """The film lies beside the notebook with all shots in order, a contact sheet, and the shots in a folder."""
    ran = bench.run(f"%%storyboard {SMALL} -o film\n{SHOTS}")
    assert ran.error is None, ran.lines
    film = bench.shell.user_ns["film"]
    assert isinstance(film, Film)
    assert film.path.parent == bench.folder
    assert probe(film.path).duration == film.duration == 4.0
    assert [clip.duration for clip in film.clips] == [1, 2, 1]
    assert [shot["prompt"] for shot in film.shots] == ["A boat at dawn", "A storm", "A harbour at night"]
    assert all("Camera" in shot["directed"] for shot in film.shots)
    assert film.sheet.read_bytes().startswith(b"\xff\xd8\xff")
    assert {clip.path.parent for clip in film.clips} == {bench.folder / "shots"}
    html = film.bundle(bench.folder)["text/html"]
    assert "<video" in html
    assert '<img src="data:image/jpeg;base64,' in html
    film.sheet.unlink()
    assert f'<img src="{quote(film.sheet.name)}"' in film.bundle(bench.folder)["text/html"]
    assert html.count("<li>") == 3
    assert "3 shots, 4 s" in repr(film)
    assert film._repr_mimebundle_()[1]["ve_magics"]["simulated"]
    assert ran.printed.splitlines()[-3:] == [
        "  1. A boat at dawn (1 s)",
        "  2. A storm (2 s)",
        "  3. A harbour at night (1 s)",
    ]


def test_a_story_is_divided(bench: Any) -> None:
    """A story in prose becomes as many shots as were asked for, under a title."""
    ran = bench.run(f"%%storyboard {SMALL} --shots 2 --no-expand -o film\nA cat: it wakes, it sleeps.")
    assert ran.error is None, ran.lines
    film = bench.shell.user_ns["film"]
    assert len(film.shots) == 2
    assert film.title
    assert film.title in film.bundle(bench.folder)["text/html"]
    assert all(not shot["directed"] for shot in film.shots)


def test_only_what_changed_is_made(bench: Any) -> None:
    """Running it again orders nothing; a changed shot is ordered alone; two shots alike are two videos."""
    bench.run(f"%%storyboard {SMALL} --no-expand\n{SHOTS}")
    bench.run(f"%%storyboard {SMALL} --no-expand\n{SHOTS}")
    assert bench.simulator.counters.videos_created == 3
    bench.run(f"%%storyboard {SMALL} --no-expand\n{SHOTS.replace('storm', 'calm')}")
    assert bench.simulator.counters.videos_created == 4
    bench.run(f"%%storyboard {SMALL} --no-expand\n- Waves\n- Waves")
    assert bench.simulator.counters.videos_created == 6


def test_a_failed_shot_is_ordered_once_more_and_then_told(bench: Any) -> None:
    """A shot that failed by no fault of its own is tried again; the error names the shots, and the rest is kept."""
    ran = bench.run(f"%%storyboard sim/fault-job {SMALL} --no-expand\n- One\n- Two")
    assert "Shots 1, 2 of 2 failed" in ran.lines[0]
    assert bench.simulator.counters.videos_created == 4
    ran = bench.run(f"%%storyboard sim/fault-job-moderation {SMALL} --no-expand\n- One\n- Two")
    assert "Shots 1, 2 of 2 failed" in ran.lines[0]
    assert bench.simulator.counters.videos_created == 6


def test_interrupt_leaves_the_shots_running(open_bench: Callable[..., Any]) -> None:
    """Stopping the cell stops the waiting; the next run joins the same shots, each ordered once."""
    bench = open_bench(settings=Settings(video_seconds=1.5))
    main = threading.get_ident()
    timer = threading.Timer(0.7, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    ran = bench.run(f"%%storyboard {SMALL} --no-expand\n- One\n- Two")
    timer.cancel()
    timer.join()
    assert isinstance(ran.error, KeyboardInterrupt)
    assert "the shots go on" in ran.printed
    assert bench.run(f"%%storyboard {SMALL} --no-expand\n- One\n- Two").error is None
    assert bench.simulator.counters.videos_created == 2


def test_a_film_replays(bench: Any) -> None:
    """The recording holds the joined film and its sheet: a replay shows the same, and asks nobody."""
    bench.run("%ve record lesson")
    bench.run(f"%%storyboard {SMALL} -o film\nA cat: it wakes, it sleeps, it dreams.")
    film = bench.shell.user_ns["film"]
    live, asked = film.bundle(bench.folder), bench.asked
    for file in (film.path, film.sheet):
        file.unlink()
    bench.run("%ve replay")
    assert bench.run(f"%%storyboard {SMALL} -o again\nA cat: it wakes, it sleeps, it dreams.").error is None
    again = bench.shell.user_ns["again"]
    assert again.bundle(bench.folder) == live
    assert (again.clips, again.cost, bench.asked) == ([], film.cost, asked)
    assert "lacks the answer of cell" in bench.run(f"%%storyboard {SMALL}\n- x\n- y").lines[0]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%storyboard\n \n", "There is no story"),
        ("%%storyboard --shots 99\nA story", "at most 60 shots"),
        ("%%storyboard\n" + "\n".join(f"- {n}" for n in range(61)), "at most 60 shots"),
        ("%%storyboard --seconds 4 --budget 1 studio/sora-2\n- a\n- b", "its budget is $1.00"),
        ("%%storyboard studio/sora-2\nA story", "No chat model is set up"),
    ],
)
def test_what_cannot_be_made_is_told_before_anything_is_ordered(
    open_bench: Callable[..., Any], tmp_path: Path, cell: str, said: str
) -> None:
    """Each mistake is an error that says what to do, and costs nothing."""
    config = tmp_path / "config.toml"
    config.write_text(
        '[defaults]\nchat = "sim/tutor"\nvideo = "sim/film"\n[providers.studio]\nbase_url = "https://mine.invalid/v1"\n'
        'dialect = "chat_completions"\nvideo = "openai_videos"\nkey = "env:STUDIO_KEY"\n'
    )
    bench = open_bench(VE_CONFIG=str(config), STUDIO_KEY="sk-studio")
    ran = bench.run(cell)
    assert said in ran.lines[0]
    assert bench.simulator.counters.videos_created == 0


def test_dry_run_shows_the_shots(bench: Any) -> None:
    """The plan shows each shot and the price of all, and orders nothing."""
    assert bench.run(f"%%storyboard {SMALL} --dry-run\n{SHOTS}").text.splitlines() == [
        "to        sim/film",
        "shot 1    A boat at dawn (1 s)",
        "shot 2    A storm (2 s)",
        "shot 3    A harbour at night (1 s)",
        "estimate  $0.00; no film was ordered",
    ]
    assert "title" in bench.run("%%storyboard --dry-run\nA cat: it wakes, it sleeps.").text
    assert bench.run("%%storyboard --help\n").text.startswith("usage: %%storyboard")
    assert bench.simulator.counters.videos_created == 0


def test_expressions_may_list_the_shots(bench: Any) -> None:
    """`{{ expression }}` is evaluated before shots are looked for; `--raw` leaves it."""
    bench.shell.user_ns["shots"] = "- A boat\n- A storm"
    plan = bench.run("%%storyboard --dry-run --seconds 1\n{{ shots }}").text.splitlines()
    assert [line.split(maxsplit=2)[2] for line in plan if line.startswith("shot")] == [
        "A boat (1 s)",
        "A storm (1 s)",
    ]
    plan = bench.run("%%storyboard --dry-run --raw\n- {{ shots }}\n- A storm").text.splitlines()
    assert "{{ shots }}" in plan[1]


def test_one_shot_that_cannot_be_made_refuses_all(bench: Any) -> None:
    """No shot is ordered, no story divided and no director asked where a length can't be made; the plan says it too."""
    for cell in ("- A boat\n- (99 s) A storm", "A story in prose."):
        for flags in ("", "--dry-run"):
            length = "99" if cell.startswith("A") else "1"
            ran = bench.run(f"%%storyboard --seconds {length} {flags}\n{cell}")
            assert ran.lines[0] == "✗ unsupported: film can't make a video with seconds 99."
    assert bench.asked == 0
