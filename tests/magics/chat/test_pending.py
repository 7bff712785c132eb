"""`%%chat --background`: the cell ends, and the answer comes into it, into its variable and into its conversation."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.errors import AuthError, StoppedError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.pending import Pending
from ve_magics.magics.loading import load
from ve_magics.magics.notebook import Notebook

CONFIG = """
[defaults]
chat = "mine/m"

[providers.mine]
base_url = "http://mine.invalid/v1"
dialect = "chat_completions"
key = "env:MINE_API_KEY"
"""
TOWN = "import dataclasses\n@dataclasses.dataclass\nclass Town:\n    name: str\n    people: int\n"


class Model:
    """A model that says the first half of each answer at once and the rest when it is let.

    Attributes:
        says: Its answer to each prompt; an int is a status.
        asked: The last message of each request.
        histories: The messages before it.
        open: Whether the rest is let through.
        halves: How many first halves were said.
    """

    def __init__(self) -> None:
        self.says: dict[str, str | int] = {}
        self.asked: list[str] = []
        self.histories: list[list[str]] = []
        self.open = False
        self.halves = 0

    def has_begun(self, times: int) -> bool:
        """Whether so many answers have begun."""
        return self.halves == times

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        messages = [one["content"] for one in json.loads(body)["messages"]]
        self.asked.append(messages[-1])
        self.histories.append(messages[:-1])
        answer = self.says.get(messages[-1], f"Answer to {messages[-1]}")
        status = answer if isinstance(answer, int) else 200
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        if isinstance(answer, int):
            await send({"type": "http.response.body", "body": b'{"error": {"message": "no"}}'})
            return
        half = len(answer) // 2
        await self._chunk(send, {"delta": {"role": "assistant", "content": answer[:half]}})
        self.halves += 1
        while not self.open:  # noqa: ASYNC110  # opened from the test's thread, so no event of this loop
            await asyncio.sleep(0.01)
        await self._chunk(send, {"delta": {"content": answer[half:]}})
        await self._chunk(send, {"delta": {}, "finish_reason": "stop"})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _chunk(
        self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]], choice: dict[str, Any]
    ) -> None:
        chunk = {
            "id": "c",
            "object": "chat.completion.chunk",
            "model": "m",
            "choices": [{"index": 0, **choice}],
        }
        await send(
            {
                "type": "http.response.body",
                "body": f"data: {json.dumps(chunk)}\n\n".encode(),
                "more_body": True,
            }
        )


class Wire:
    """Remembers what is sent to a cell after its end."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def msg(self, kind: str, content: dict[str, Any], *, parent: dict[str, Any]) -> dict[str, Any]:
        return content

    def send(self, socket: object, message: dict[str, Any], *, ident: bytes) -> None:
        self.sent.append(message)

    @property
    def last(self) -> dict[str, Any]:
        """What the cell shows now."""
        data: dict[str, Any] = self.sent[-1]["data"]
        return data


class Kernel:
    """A front end's request: of a cell, by somebody who can answer questions or not."""

    def __init__(self) -> None:
        self.cell = ""
        self.reader = True
        self.count = 0

    def get_parent(self) -> dict[str, Any]:
        """Return the request that runs."""
        return {
            "content": {"allow_stdin": self.reader},
            "metadata": {"cellId": self.cell} if self.cell else {},
            "header": {"msg_id": f"m{self.count}"},
        }


@pytest.fixture
def model() -> Model:
    """Return the model that the cells ask."""
    return Model()


@pytest.fixture
def wire() -> Wire:
    """Return what the cells' later outputs go through."""
    return Wire()


@pytest.fixture
def told(
    model: Model, wire: Wire, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Return a kernel's shell whose cells ask the model; `told.at(cell, source)` runs a cell of this id."""
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    environ = {"VE_CONFIG": str(tmp_path / "config.toml"), "MINE_API_KEY": "sk-mine"}
    session = Session(
        config=Config(environ=environ, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        notebook=tmp_path / "nb.ipynb",
        transport=Mounted({"mine.invalid": model}),
        data=tmp_path / "home",
    )
    notebook = Notebook(bench.shell, session)
    bench.shell._ve_magics._notebook = notebook
    load(bench.shell, notebook)
    bench.notebook = notebook
    bench.shell.kernel = kernel = Kernel()
    real = bench.shell.display_pub
    monkeypatch.setattr(type(real), "session", wire, raising=False)
    monkeypatch.setattr(type(real), "pub_socket", "socket", raising=False)
    monkeypatch.setattr(type(real), "parent_header", {"msg_id": "m"}, raising=False)

    def at(cell: str, source: str) -> Any:
        kernel.cell = cell
        kernel.count += 1
        return bench.run(source)

    bench.at = at
    yield bench
    del bench.shell.kernel
    notebook.close()


def in_time(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_cell_ends_at_once_and_the_answer_comes_into_it(told: Any, model: Model, wire: Wire) -> None:
    """The variable holds what tells of the answer, then the answer; the cell ends with the text itself."""
    ran = told.at("a", "%%chat --background -o answer\nHello")
    assert ran.text == "mine/m answers in the background…"
    pending = told.shell.user_ns["answer"]
    in_time(lambda: wire.sent)
    assert isinstance(pending, Pending)
    assert (pending.done, pending.text, pending.error) == (False, "Answer ", None)
    assert wire.last["text/markdown"].startswith("Answer ")
    assert "mine/m: Hello" in told.run("%ve background").text
    assert "1 running" in told.run("%ve").text
    with pytest.raises(TimeoutError):
        pending.wait(0.01)
    assert "in the background" in repr(pending)
    model.open = True
    assert pending.wait().text == "Answer to Hello"
    assert wire.last == {"text/markdown": "Answer to Hello", "text/plain": "Answer to Hello"}
    assert wire.sent[-1]["metadata"]["ve_magics"]["served_by"] == "mine/m"
    answer = told.shell.user_ns["answer"]
    assert isinstance(answer, Answer)
    assert (answer.done, answer.wait(), answer.error) == (True, answer, None)
    answer.stop()
    assert answer.wait() is answer
    assert told.notebook.last is answer
    assert told.run("%ve background").text == "Nothing runs in the background."


def test_all_are_waited_for(told: Any, model: Model) -> None:
    """`%ve wait` ends when everything has, and shows nothing."""
    told.at("a", "%%chat --background -o one\nOne")
    told.at("b", "%%chat --background -o two\nTwo")
    in_time(lambda: model.halves == 2)  # both at once
    model.open = True
    ran = told.at("c", "%ve wait")
    assert (ran.error, ran.outputs, ran.printed) == (None, [], "")
    assert [told.shell.user_ns[name].text for name in ("one", "two")] == ["Answer to One", "Answer to Two"]


def test_a_known_answer_is_shown_at_once(told: Any, model: Model, wire: Wire) -> None:
    """What the cache holds needs no background: the cell is as without the flag."""
    model.open = True
    told.at("a", "%%chat\nHello")
    ran = told.at("a", "%%chat --background -o answer\nHello")
    assert ran.text == "Answer to Hello"
    assert told.shell.user_ns["answer"].source == "cache"
    assert (len(model.asked), wire.sent) == (1, [])


def test_a_program_gets_the_answer_in_the_cell(told: Any, model: Model) -> None:
    """Where nobody looks on, an output that comes later would be lost, so the cell waits."""
    model.open = True
    told.shell.kernel.reader = False
    assert told.at("", "%%chat --background -o answer\nHello").text == "Answer to Hello"
    assert isinstance(told.shell.user_ns["answer"], Answer)


def test_a_failure_is_shown_in_its_cell_and_fails_the_waiting(told: Any, model: Model, wire: Wire) -> None:
    """The cell that asked says what went wrong; `%ve wait` is an error, once."""
    model.says["Hello"] = 401
    told.at("a", "%%chat --background -o answer\nHello")
    pending = told.shell.user_ns["answer"]
    with pytest.raises(Exception, match="✗ auth") as failed:
        pending.wait()
    assert isinstance(failed.value.error, AuthError)  # type: ignore[attr-defined]  # what a cell's error holds
    assert wire.last["text/plain"].startswith("✗ auth: ")
    assert wire.sent[-1]["metadata"]["ve_magics"] == {"failed": True}
    ran = told.at("b", "%ve wait")
    assert ran.lines[0].startswith("✗ auth: ")
    assert ", mine/m: Hello: ✗ auth: " in ran.text
    assert told.at("b", "%ve wait").error is None
    assert told.shell.user_ns["answer"] is pending


def test_what_had_come_stays_when_it_is_stopped(told: Any, model: Model, wire: Wire) -> None:
    """Stopped by its number, by its variable, or with the kernel: marked as partial, never a turn, never cached."""
    for nth, stop in enumerate(("%ve background stop 1", "answer.stop()", "%ve background stop all")):
        told.at(f"c{nth}", f"%%chat -c talk --background --fresh -o answer\nHello {nth}")
        in_time(functools.partial(model.has_begun, nth + 1))
        assert told.run(stop).error is None
        pending = told.shell.user_ns["answer"]
        in_time(functools.partial(getattr, pending, "done"))
        assert wire.last["text/plain"] == "Answer t\n\n■ stopped: partial answer"
        with pytest.raises(Exception, match="was stopped") as stopped:
            pending.wait()
        assert isinstance(stopped.value.error, StoppedError)  # type: ignore[attr-defined]  # as above
    assert told.notebook.talks.book.get("talk").turns == ()
    assert told.run("%ve background stop 9").lines[0].endswith("Nothing runs in the background as number 9.")
    assert told.run("%ve background go").lines[0].endswith("does not understand that.")


def test_conversation_waits_for_its_turn(told: Any, model: Model) -> None:
    """A later cell of the conversation goes on from the answer; its turn has its own place, whoever ends last."""
    told.at("a", "%%chat -c talk --background\nOne")
    told.at("other", "%%chat -c alone --background\nApart")
    in_time(lambda: model.halves == 2)
    model.open = True
    told.at("b", "%%chat -c talk\nTwo")
    assert model.histories[-1] == ["One", "Answer to One"]
    model.open = False
    told.at("a", "%%chat -c talk --background\nOne again")
    model.open = True
    told.at("z", "%ve wait")
    turns = told.notebook.talks.book.get("talk").turns
    assert [(turn.cell, turn.asked.text, turn.counts) for turn in turns] == [
        ("a", "One again", True),
        ("b", "Two", False),
    ]
    assert (tmp := told.notebook.session.directory / "nb.conversations.json").is_file(), tmp


def test_a_cell_that_asks_anew_gives_up_what_it_asked_before(told: Any, model: Model) -> None:
    """Another question from the same cell stops the first; the same question is asked once."""
    told.at("a", "%%chat --background -o answer\nOne")
    first = told.shell.user_ns["answer"]
    told.at("a", "%%chat --background -o answer\nTwo")
    in_time(lambda: first.done)
    second = told.shell.user_ns["answer"]
    told.at("a", "%%chat --background -o answer\nTwo")
    model.open = True
    told.at("z", "%ve wait")
    assert model.asked == ["One", "Two"]
    assert second.wait().text == told.shell.user_ns["answer"].text == "Answer to Two"


def test_prompt_waits_for_the_words_that_it_names(told: Any, model: Model) -> None:
    """`{{ answer }}` of a pending answer is its words, not that it is pending."""
    told.at("a", "%%chat --background -o answer\nOne")
    in_time(lambda: model.halves == 1)
    model.open = True
    told.at("b", "%%chat\nShort: {{ answer }}")
    assert model.asked[-1] == "Short: Answer to One"


def test_schema_gives_the_object_and_a_misfit_fails(told: Any, model: Model, wire: Wire) -> None:
    """The variable ends with the object; what doesn't fit is asked again, then shown with its error."""
    told.run(TOWN)
    model.open = True
    model.says["A town."] = '{"name": "Ur", "people": 3}'
    told.at("a", "%%chat --schema Town --background -o town\nA town.")
    told.at("z", "%ve wait")
    assert told.shell.user_ns["town"] == told.shell.user_ns["Town"]("Ur", 3)
    assert wire.last["text/plain"] == '{\n  "name": "Ur",\n  "people": 3\n}'
    told.at("a", "%%chat --schema Town --background -o none\nNo town.")
    assert told.at("z", "%ve wait").lines[0].startswith("✗ unfit answer: ")
    assert wire.last["text/plain"].startswith("Answer to That answer can't be used")
    assert "✗ unfit answer: " in wire.last["text/plain"]


def test_recording_keeps_the_order_in_which_was_asked(told: Any, model: Model) -> None:
    """An entry stands where its question was asked, although others were answered before; replayed, the cell is the same."""
    told.run("%ve record")
    told.at("a", "%%chat --background\nSlow")
    in_time(lambda: model.halves == 1)
    model.says["Fast"] = ""
    told.at("b", "%%chat --background -c quick\nQuick")
    in_time(lambda: model.halves == 2)
    model.open = True
    told.at("z", "%ve wait")
    path = told.notebook.session.directory / "nb.recording.json"
    asked = [
        entry["asked"]["messages"][-1]["parts"][0]["text"]
        for entry in json.loads(path.read_text())["entries"]
    ]
    assert asked == ["Slow", "Quick"]
    told.run("%ve replay")
    assert told.at("a", "%%chat --background -o answer\nSlow").text == "Answer to Slow"
    assert told.shell.user_ns["answer"].wait().source == "recording"
    assert told.at("z", "%ve wait").outputs == []
    assert told.at("a", "%%chat --background\nUnknown").lines[0].startswith("✗ recording: ")


def test_a_fault_of_ours_is_told_in_the_cell(told: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong, the cell doesn't say for ever that an answer comes."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("0")

    monkeypatch.setattr(told.notebook.session, "stream", broken)
    told.at("a", "%%chat --background\nHello")
    assert "ZeroDivisionError" in told.at("z", "%ve wait").lines[0]
    assert "ZeroDivisionError: 0" in wire.last["text/plain"]


def test_line_shows_no_second_output(told: Any, model: Model) -> None:
    """`%chat --background` returns what tells of the answer, and shows only that it goes on."""
    ran = told.at("a", "%chat --background Hello there")
    assert [output["text/plain"] for output in ran.outputs] == ["mine/m answers in the background…"]
    model.open = True
    told.at("z", "%ve wait")


def test_terminal_can_only_be_told_at_the_end(bench: Any) -> None:
    """A terminal shows no change of what was printed; the words are in the variable."""
    bench.run("%%chat --background -o answer\nHello there")
    assert bench.run("%ve wait").error is None
    assert bench.shell.user_ns["answer"].text
