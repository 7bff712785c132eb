"""`%%chat`: one question, one answer."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.errors import AuthError, InterruptedStreamError
from ve_magics.magics.chat.answer import Answer
from ve_magics.sim import Settings

PROVIDER = """
[providers.mine]
base_url = "http://mine.invalid/v1"
dialect = "chat_completions"
key = "env:MINE_API_KEY"
"""


def test_answer_is_one_output(bench: Any) -> None:
    """A cell leaves one output: Markdown, and the text itself; what varies is in its metadata."""
    ran = bench.run("%%chat -o answer\nWhat is a context manager in Python?")
    assert ran.error is None
    answer = bench.shell.user_ns["answer"]
    assert isinstance(answer, Answer)
    assert answer.text in ran.printed
    assert (answer.provider, answer.finish, answer.source) == ("sim", "stop", "provider")


def test_same_question_is_asked_once(bench: Any) -> None:
    """Asking again in the session is answered from the cache, until `--fresh` or `--no-cache` says otherwise."""
    sources = []
    for flags in ("", "", "--fresh", "", "--no-cache"):
        bench.run(f"%%chat {flags} -o answer\nHello there")
        sources.append(bench.shell.user_ns["answer"].source)
    assert sources == ["provider", "cache", "provider", "cache", "provider"]
    assert bench.asked == 3


def test_named_model_is_asked(bench: Any) -> None:
    """The model on the line is the one that answers, in front or behind `-m`."""
    for line in ("sim/thinker", "-m sim/thinker"):
        bench.run(f"%%chat {line} -o answer\nHello")
        assert bench.shell.user_ns["answer"].model == "sim/thinker"


def test_line_and_prompt_are_literal(bench: Any) -> None:
    """Neither IPython nor we put variables into the line or the prompt."""
    bench.shell.user_ns["name"] = "WRONG"
    bench.run('%%chat -s "{name} $name" -o answer\nSay {name} and $name')
    system, prompt = (message.text for message in bench.shell.user_ns["answer"].request.messages)
    assert (system, prompt) == ("{name} $name", "Say {name} and $name")


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        (
            "%%chat",
            ["✗ arguments: The prompt is empty.", "Write what you want to ask below the %%chat line."],
        ),
        (
            "%%chat\n  \n",
            ["✗ arguments: The prompt is empty.", "Write what you want to ask below the %%chat line."],
        ),
        (
            "%%chat --temprature 1\nHi",
            [
                "✗ arguments: %%chat has no flag --temprature.",
                "Did you mean --temperature? All flags: %%chat --help",
            ],
        ),
        ("%%chat --fast\nHi", ["✗ arguments: %%chat has no flag --fast.", "Usage: %%chat "]),
        ("%%chat tutr\nHi", ["✗ unknown model: Nobody here serves a model 'tutr'.", "Near: sim/tutor"]),
        ("%%chat sim/tutr\nHi", ["✗ not found: ", "sim/tutr, status 404", "Did you mean sim/tutor"]),
        (
            "%%chat deepseek/deepseek-chat\nHi",
            ["✗ missing key: No key for deepseek.", "Set DEEPSEEK_API_KEY, or type: %ve key deepseek"],
        ),
        (
            "%%chat sim/fault-html\nHi",
            ["✗ decode: The address answered with a web page", "sim/fault-html", "Check base_url"],
        ),
        (
            "%%chat sim/fault-401\nHi",
            ["✗ auth: ", "sim/fault-401, status 401", "sim wants a key. Type: %ve key sim"],
        ),
        (
            "%%chat --timeout 0.2 sim/fault-silence\nHi",
            ["✗ timed out: ", "sim/fault-silence", "Allow more time"],
        ),
        ("%%chat --image missing.png\nHi", ["✗ arguments: --image missing.png can't be read", "Looked for "]),
    ],
)
def test_bad_input_is_told_in_a_few_lines(bench: Any, cell: str, lines: list[str]) -> None:
    """Each failure ends the cell with an error of at most four lines that says what to do."""
    ran = bench.run(cell)
    assert len(ran.lines) <= 4
    for shown, begin in zip(ran.lines, lines, strict=False):
        assert shown.startswith(begin)
    assert ran.outputs == []
    assert "Traceback" not in ran.printed


def test_key_is_never_shown(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A provider that echoes the key gets it into no line of the error."""
    (tmp_path / "config.toml").write_text(PROVIDER, "utf-8")
    canary = "sk-canary-0123456789abcdef"
    bench = open_bench(
        settings=Settings(keys=("another",)), VE_CONFIG=str(tmp_path / "config.toml"), MINE_API_KEY=canary
    )
    ran = bench.run("%%chat mine/tutor\nHi")
    assert isinstance(ran.error.error, AuthError)
    assert canary not in ran.printed + "".join(ran.lines)


def test_broken_answer_is_kept_as_partial(bench: Any) -> None:
    """What came before an answer broke off is shown, marked, kept in the variable, and not cached."""
    ran = bench.run("%%chat sim/fault-cut -o answer\nTell me a story about a boat.")
    assert isinstance(ran.error.error, InterruptedStreamError)
    answer = bench.shell.user_ns["answer"]
    assert answer.partial
    assert answer.text
    assert "⚠ broke off: partial answer" in ran.printed
    before = bench.asked
    bench.run("%%chat sim/fault-cut\nTell me a story about a boat.")
    assert bench.asked > before


def test_interrupt_keeps_what_had_come(open_bench: Callable[..., Any]) -> None:
    """An interrupt ends the cell as an interrupt; the words so far are shown, marked and kept, and not cached."""
    bench = open_bench(settings=Settings(first_token=0.0, tokens_per_second=20.0))
    main = threading.get_ident()

    def interrupt() -> None:
        signal.pthread_kill(main, signal.SIGINT)

    timer = threading.Timer(1.0, interrupt)
    timer.start()
    ran = bench.run("%%chat -o answer\nWrite a long story about the sea.")
    timer.cancel()
    timer.join()
    assert isinstance(ran.error, KeyboardInterrupt)
    answer = bench.shell.user_ns["answer"]
    assert answer.partial
    assert answer.text
    assert "■ stopped: partial answer" in ran.printed
    assert bench.notebook.session.cache.size().entries == 0
    deadline = time.monotonic() + 5
    while not bench.simulator.counters.abandoned and time.monotonic() < deadline:
        bench.notebook.portal.call(asyncio.sleep(0.01))
    assert bench.simulator.counters.abandoned == 1


def test_dry_run_sends_nothing(bench: Any) -> None:
    """The plan shows target, messages, settings and estimate."""
    (bench.folder / "dot.gif").write_bytes(b"GIF89a")
    ran = bench.run('%%chat --dry-run -s "Be brief." -t 0 --param seed=7 --image dot.gif\nHello {x}')
    assert bench.asked == 0
    assert ran.text.splitlines() == [
        "to        sim/tutor",
        "system    Be brief.",
        "user      Hello {x}",
        "user      [image, image/gif, 6 bytes]",
        "settings  temperature=0.0, seed=7",
        "estimate  ≈ 5 tokens in and 1 attached, not counted, ≈ $0.0000 with 1000 tokens of answer; nothing was sent",
    ]


def test_help_is_shown(bench: Any) -> None:
    """`%%chat --help` explains itself, with or without a body."""
    assert bench.run("%%chat --help").text.startswith("usage: %%chat")
    assert bench.asked == 0


def test_a_retired_model_is_told_once(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A model that is gone falls back along its route; the cell says so the first time, its metadata too."""
    file = tmp_path / "own.toml"
    file.write_text('[routes.old]\ntargets = ["sim/fault-404", "sim/tutor"]\n', "utf-8")
    bench = open_bench(VE_CONFIG=str(file))
    first = bench.run("%%chat old\nWhat is recursion?")
    assert first.error is None
    assert first.printed.count("sim/fault-404 is not there any more; sim/tutor answers.") == 1
    second = bench.run("%%chat old\nWhat is a closure?")
    assert second.error is None
    assert "not there any more" not in second.printed


def test_a_recorded_cell_says_it_in_metadata_alone(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """While a notebook is recorded its cells keep their one output."""
    file = tmp_path / "own.toml"
    file.write_text('[routes.old]\ntargets = ["sim/fault-404", "sim/tutor"]\n', "utf-8")
    bench = open_bench(VE_CONFIG=str(file), VE_RECORDING="record", VE_NOTEBOOK="n.ipynb")
    ran = bench.run("%%chat old -o answer\nWhat is recursion?")
    assert ran.error is None
    assert "not there any more" not in ran.printed
    assert len(bench.shell.user_ns["answer"].facts()["notices"]) == 1
