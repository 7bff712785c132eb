"""`%ve`: what is in use and why."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.magics.status import _COMMANDS

CONFIG = """
[defaults]
chat = "fast"

[providers.mine]
base_url = "http://mine.invalid/v1"
dialect = "chat_completions"
key = "env:MINE_API_KEY"

[routes.fast]
targets = ["mine/tutor", "sim/tutor"]
"""


@pytest.fixture
def configured(open_bench: Callable[..., Any], tmp_path: Path) -> Any:
    """Return a shell whose user has a provider, a key and a route."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, "utf-8")
    return open_bench(VE_CONFIG=str(path), MINE_API_KEY="sk-mine-0123456789abcdef")


def test_status_says_what_is_simulated(bench: Any) -> None:
    """Without a key and configuration `%ve` names the simulator, and says that nothing is sent."""
    shown = bench.run("%ve").text
    assert "chat           sim/tutor  (no key and no configuration" in shown
    assert "simulated: answers are made up here, nothing is sent" in shown
    assert "none; %ve key PROVIDER asks for one" in shown


def test_status_says_why(configured: Any) -> None:
    """Default, targets, where each key comes from, and the file are named; the key isn't."""
    configured.run("%%chat\nHello")
    shown = configured.run("%ve").text
    assert "fast  (" in shown
    assert "→ mine/tutor at mine.invalid, key from" in shown
    assert "→ sim/tutor at sim.invalid, simulated" in shown
    assert "config.toml" in shown
    assert "this session   1 calls" in shown
    assert "0123456789" not in shown


def test_status_says_which_key_is_missing(open_bench: Callable[..., Any]) -> None:
    """A chosen model whose key is missing is told with the variable to set; a model that nobody serves as well."""
    bench = open_bench()
    bench.notebook.session.config.use("chat", "deepseek/deepseek-chat")
    assert "NO KEY: set DEEPSEEK_API_KEY" in bench.run("%ve").text
    bench.notebook.session.config.use("chat", "nobody-knows-it")
    assert "! Nobody here serves a model 'nobody-knows-it'." in bench.run("%ve").text


def test_models_are_asked_for(configured: Any) -> None:
    """The living models of each usable provider are listed, and the routes."""
    lines = configured.run("%ve models").text.splitlines()
    assert "  mine/tutor" in lines
    assert "  sim/film" in lines
    assert lines[-2:] == ["routes and aliases", "  fast"]
    assert configured.run("%ve models sim").text.startswith("sim (")
    assert configured.run("%ve models deepseek").lines[0] == "✗ missing key: No key for deepseek."


def test_use_changes_the_default(bench: Any) -> None:
    """A chat model becomes the default of `%%chat`, a video model that of `%%video`."""
    assert bench.run("%ve use sim/thinker").text == "chat: sim/thinker → sim/thinker"
    assert bench.run("%ve use sim/film").text == "video: sim/film → sim/film"
    bench.run("%%chat -o answer\nHello")
    assert bench.shell.user_ns["answer"].model == "sim/thinker"


def test_key_is_asked_for_without_echo(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typed key is held for the provider and shown nowhere."""
    asked = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return " sk-typed-0123456789abcdef\n"

    monkeypatch.setattr(getpass, "getpass", typed)
    ran = bench.run("%ve key deepseek")
    assert asked == ["Key for deepseek: "]
    assert ran.text == "The key of deepseek is kept in memory until the kernel ends."
    assert bench.notebook.session.config.key("deepseek").reveal() == "sk-typed-0123456789abcdef"
    assert "0123456789" not in ran.printed + ran.text
    assert "deepseek" in bench.run("%ve").text


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("", ["✗ arguments: No key was typed.", "Nothing was changed."]),
        (
            RuntimeError("no stdin"),
            ["✗ config: Nobody can type a key here.", "Set DEEPSEEK_API_KEY before the kernel starts."],
        ),
        (
            EOFError(),
            ["✗ config: Nobody can type a key here.", "Set DEEPSEEK_API_KEY before the kernel starts."],
        ),
    ],
)
def test_key_that_nobody_types(
    bench: Any, monkeypatch: pytest.MonkeyPatch, typed: Any, lines: list[str]
) -> None:
    """No key, or no way to type one, is told and changes nothing."""

    def prompt(_: str) -> str:
        if isinstance(typed, Exception):
            raise typed
        return str(typed)

    monkeypatch.setattr(getpass, "getpass", prompt)
    assert bench.run("%ve key deepseek").lines == lines
    assert not bench.notebook.session.config.keys("deepseek")


def test_cache_is_counted_and_cleared(bench: Any) -> None:
    """The answers of the session are counted, and can be forgotten."""
    bench.run("%%chat\nHello")
    assert bench.run("%ve cache").text.startswith("1 answers of this session, ")
    assert bench.run("%ve cache clear").text == "1 answers forgotten."
    bench.run("%%chat\nHello")
    assert bench.asked == 2


def test_changes_of_a_recording_are_told_and_pruned(bench: Any) -> None:
    """`%ve recording` says what changed since the recording was opened, and drops what was not used on demand."""
    assert bench.run("%ve recording").text == "Nothing is recorded or replayed. %ve record begins to."
    bench.run("%ve record lesson")
    bench.run("%%chat\nWhat is 6 times 7?")
    bench.run("%%chat\nName three rivers in China.")
    assert bench.run("%ve recording").text.startswith("lesson.recording.json: 2 added\n  added  cell [")
    assert bench.run("%ve record").text.startswith("lesson.recording.json: 2 added")
    assert bench.run("%ve live").text.startswith("lesson.recording.json: 2 added")
    bench.run("%ve record")
    assert (
        bench.run("%ve recording prune").lines[0].startswith("✗ arguments: Nothing of the recording was used")
    )
    bench.run("%%chat\nWhat is 6 times 7?")
    told = (
        "lesson.recording.json: 1 as before, 1 not used\n  not used  sim/tutor: Name three rivers in China."
    )
    assert bench.run("%ve recording").text == told
    dropped = "lesson.recording.json: 1 dropped\n  sim/tutor: Name three rivers in China."
    assert bench.run("%ve recording prune").text == dropped
    assert bench.run("%ve replay").text.startswith("lesson.recording.json: 1 as before\nRecording: replaying")
    assert "does not understand" in bench.run("%ve recording now").lines[0]


def test_last_answer_is_an_object(bench: Any) -> None:
    """`%ve last` returns the answer that came last, and says where there is none."""
    assert bench.run("%ve last").lines[0] == "✗ arguments: No answer has come yet."
    bench.run("%%chat\nWhat is 6 times 7?")
    bench.run("answer = %ve last")
    assert "42" in bench.shell.user_ns["answer"].text


def test_recording_goes_round(bench: Any) -> None:
    """What is recorded replays without asking; a question that it lacks is an error that names the cell."""
    assert bench.run("%ve record lesson").text == "Recording to lesson.recording.json; 0 answers are in it."
    bench.run("%%chat\nHello")
    assert "writing to lesson.recording.json" in bench.run("%ve").text
    assert bench.run("%ve replay").text.endswith(
        "\nRecording: replaying from lesson.recording.json; nothing is sent."
    )
    bench.run("%%chat -o answer\nHello")
    assert bench.shell.user_ns["answer"].source == "recording"
    number = bench.shell.execution_count
    lines = bench.run("%%chat\nSomething else").lines
    assert (
        lines[0] == f"✗ recording: The recording lacks the answer of cell [{number}] (lesson.recording.json)."
    )
    assert bench.run("%ve live").text == "Answers come live and are not recorded."
    bench.run("%%chat -o answer\nHello")
    assert bench.shell.user_ns["answer"].source == "provider"
    assert bench.asked == 2


def test_auto_is_told(open_bench: Callable[..., Any]) -> None:
    """`VE_RECORDING=auto` is named for what it does."""
    assert "auto: recorded answers where there are some" in open_bench(VE_RECORDING="auto").run("%ve").text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "✗ arguments: %ve has no command 'nonsense'."),
        ("use", "✗ arguments: %ve use takes one model."),
        ("use nobody-knows-it", "✗ unknown model: Nobody here serves a model 'nobody-knows-it'."),
        ("key", "✗ arguments: %ve key takes one provider."),
        ("key nobody", "✗ unknown model: There is no provider 'nobody'."),
        ("cache empty", "✗ arguments: %ve cache [clear] takes nothing more than that."),
        ("record a/b", "✗ arguments: %ve record takes a name, not a path."),
        ("record", "✗ recording: The notebook's name is not known here, so its recording has none."),
        ("models nobody", "✗ unknown model: There is no provider 'nobody'."),
        ("models sim tutor", "✗ arguments: %ve models PROVIDER takes nothing more than that."),
        ("record a b", "✗ arguments: %ve record NAME takes nothing more than that."),
        ("usage now", "✗ arguments: %ve usage does not understand 'now'."),
        ("conversation show", "✗ arguments: No conversation is in use."),
    ],
)
def test_wrong_command_is_told(bench: Any, line: str, said: str) -> None:
    """What `%ve` can't do is said in a few lines, and recording is not half switched on."""
    ran = bench.run(f"%ve {line}")
    assert ran.lines[0].startswith(said)
    assert len(ran.lines) <= 4
    assert bench.notebook.session.mode == "off"


@pytest.mark.parametrize("word", ["help", "-h", "--help"])
def test_help_names_every_command(bench: Any, word: str) -> None:
    """`%ve help` shows what `%ve?` does, with every command that there is."""
    said = bench.run(f"%ve {word}").text
    assert all(f"%ve {command}" in said for command in _COMMANDS if command)


def test_reload_reads_anew(bench: Any) -> None:
    """A changed configuration holds after `%ve reload`, in a new session."""
    before = bench.notebook.session
    assert "chat " in bench.run("%ve reload").text
    assert bench.notebook.session is not before


def test_doctor_says_what_is_well(bench: Any) -> None:
    """Each finding is one line that begins with its verdict."""
    lines = bench.run("%ve doctor").text.splitlines()
    assert any(line.startswith("ok  chat: sim/tutor") for line in lines)
    assert all(line[:2] in ("ok", "!!") for line in lines)


def test_reload_keeps_what_holds_until_the_kernel_ends(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed keys and the chosen model outlive `%ve reload`, also one that fails at first."""
    monkeypatch.setattr(getpass, "getpass", lambda _: "typed-0123456789")
    assert "in memory until the kernel ends" in bench.run("%ve key deepseek").text
    bench.run("%ve use sim/thinker")
    beside = bench.folder / "ve_magics.toml"
    beside.write_text("[broken", "utf-8")
    assert bench.run("%ve reload").error is not None
    beside.unlink()
    shown = bench.run("%ve reload").text
    assert "deepseek" in shown
    assert "sim/thinker" in shown
    assert "%ve use" in shown


def test_a_mistyped_command_is_offered_as_it_was_meant(bench: Any) -> None:
    """What is near a command is answered with it, not with all of them."""
    lines = bench.run("%ve modles").lines
    assert lines == [
        "✗ arguments: %ve has no command 'modles'.",
        "Did you mean %ve models? All commands: %ve help",
    ]
    assert bench.run("%ve keys").lines[1].startswith("Did you mean %ve key?")
    assert bench.run("%ve nonsense").lines[1].startswith("Usage: %ve ")
