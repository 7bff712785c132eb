"""`%%video` with its director."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ve_magics.magics.video.direction import NOBODY

SMALL = "--seconds 1 --size 128x128"
BOAT = "A paper boat drifts down a rainy street."


def test_a_sentence_is_written_out_and_shown(bench: Any) -> None:
    """The film is made from the director's prompt, which is shown; the user's words are in it and stay the prompt."""
    ran = bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    clip = bench.shell.user_ns["clip"]
    assert clip.prompt == BOAT
    assert clip.directed.startswith(f"{BOAT}\n")
    assert "Camera: " in clip.directed
    assert clip.job.request.prompt == clip.directed
    assert "the director's prompt:" in ran.printed
    assert "<details><summary>the director's prompt</summary>" in clip.bundle(bench.folder)["text/html"]


def test_no_expand_films_the_words_alone(bench: Any) -> None:
    """With `--no-expand` nobody is asked, and the words go out byte for byte."""
    bench.run(f"%%video {SMALL} --no-expand -o clip\n{BOAT}")
    clip = bench.shell.user_ns["clip"]
    assert (clip.job.request.prompt, clip.job.said, clip.directed) == (BOAT, "", "")
    assert bench.asked == 1


def test_the_directed_and_the_plain_film_are_two(bench: Any) -> None:
    """Each is found again by what the user typed, and neither stands in for the other."""
    for flags in ("", "--no-expand", "", "--no-expand"):
        assert bench.run(f"%%video {SMALL} {flags} -o clip\n{BOAT}").error is None
    assert bench.simulator.counters.videos_created == 2
    assert bench.shell.user_ns["clip"].directed == ""


def test_the_draft_is_the_next_cell(bench: Any) -> None:
    """`--draft` gives the prompt back to be edited, and films nothing; running the draft asks no director again."""
    ran = bench.run(f"%%video {SMALL} --draft\n{BOAT}")
    assert ran.error is None
    assert bench.simulator.counters.videos_created == 0
    first, *rest = ran.text.splitlines()
    assert first == f"%%video {SMALL} --no-expand"
    assert rest[0] == BOAT
    assert bench.run(f"{ran.text}\n").error is None
    assert bench.simulator.counters.videos_created == 1


def test_a_directed_film_replays(bench: Any) -> None:
    """The recording holds the director's prompt: a replay shows the same and asks nobody."""
    bench.run("%ve record lesson")
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    live = bench.shell.user_ns["clip"].bundle(bench.folder)
    bench.run("%ve replay")
    before = bench.asked
    assert bench.run(f"%%video {SMALL} -o again\n{BOAT}").error is None
    assert bench.shell.user_ns["again"].bundle(bench.folder) == live
    assert bench.shell.user_ns["again"].directed
    assert bench.asked == before


def test_without_a_chat_model_it_is_said(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """The simulator directs only its own films: a real one goes out as the user wrote it, and the cell says so."""
    config = tmp_path / "config.toml"
    config.write_text(
        '[defaults]\nchat = "sim/tutor"\n[providers.studio]\nbase_url = "https://sim.invalid/v1"\n'
        'dialect = "chat_completions"\nvideo = "openai_videos"\nkey = "env:STUDIO_KEY"\n'
    )
    bench = open_bench(VE_CONFIG=str(config), STUDIO_KEY="sk-studio")
    ran = bench.run(f"%%video studio/film {SMALL} -o clip\n{BOAT}")
    assert ran.error is None, ran.lines
    assert NOBODY in ran.printed
    assert bench.shell.user_ns["clip"].job.request.prompt == BOAT


def test_expressions_are_evaluated_before_anybody_is_asked(bench: Any) -> None:
    """`{{ expression }}` becomes its value, for the director and the film; `--raw` films the braces."""
    bench.shell.user_ns["colour"] = "red"
    bench.run(f"%%video {SMALL} -o clip\nA {{{{ colour }}}} boat")
    clip = bench.shell.user_ns["clip"]
    assert clip.prompt == "A red boat"
    assert clip.directed.startswith("A red boat\n")
    bench.run(f"%%video {SMALL} --no-expand --raw -o clip\nA {{{{ colour }}}} boat")
    assert bench.shell.user_ns["clip"].prompt == "A {{ colour }} boat"
    asked = bench.asked
    assert (
        bench.run(f"%%video {SMALL}\nA {{{{ nothing }}}} boat")
        .lines[0]
        .startswith("✗ arguments: {{ nothing }}")
    )
    bench.shell.user_ns["dot"] = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    assert bench.run(f"%%video {SMALL}\nA {{{{ dot }}}} boat").lines == [
        "✗ arguments: A video's prompt can't hold a picture.",
        "The video begins with it: --image NAME",
    ]
    assert bench.asked == asked


def test_a_draft_evaluates_nothing_twice(bench: Any) -> None:
    """Braces that a draft's prompt still holds are the words of the film, and its line says so."""
    first, prompt, *_ = bench.run(f"%%video {SMALL} --draft\nA sign: \\{{{{ 1 + 1 }}}}").text.splitlines()
    assert first == f"%%video {SMALL} --no-expand --raw"
    assert prompt == "A sign: {{ 1 + 1 }}"


def test_what_cannot_be_made_is_refused_before_the_director_is_asked(bench: Any) -> None:
    """No chat is paid for a film that nobody makes: the cell, its plan and its draft say so at once."""
    for flags in ("", "--draft", "--dry-run", "--count 2", "--background"):
        ran = bench.run(f"%%video --seconds 99 {flags}\n{BOAT}")
        assert ran.lines[0] == "✗ unsupported: film can't make a video with seconds 99."
        assert ran.lines[1].startswith("The nearest is ")
    assert bench.asked == 0
