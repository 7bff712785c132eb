"""`%%chat` with expressions, forms, `--fix`, and as a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.errors import MissingExtraError, UnfitAnswerError
from ve_magics.magics.chat.answer import Answer, Objects
from ve_magics.magics.loading import load
from ve_magics.magics.notebook import Notebook
from ve_magics.messages import Image, Text

CONFIG = """
[defaults]
chat = "mine/m"

[providers.mine]
base_url = "http://mine.invalid/v1"
dialect = "chat_completions"
key = "env:MINE_API_KEY"
"""
SCHEMA = """
import dataclasses
@dataclasses.dataclass
class Town:
    name: str
    people: int
"""


class Model:
    """A model that says what it is told to, and remembers what it was asked.

    Attributes:
        says: Its next answers.
        asked: The requests' bodies.
        finish: Why its answers end.
    """

    def __init__(self) -> None:
        self.says: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.finish = "stop"

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
        self.asked.append(json.loads(body))
        chunks: list[dict[str, Any]] = [
            {"delta": {"role": "assistant", "content": self.says.pop(0)}},
            {"delta": {}, "finish_reason": self.finish},
        ]
        lines = [
            f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'model': 'm', 'choices': [{'index': 0, **chunk}]})}\n\n"
            for chunk in chunks
        ]
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        await send({"type": "http.response.body", "body": "".join(lines).encode() + b"data: [DONE]\n\n"})


@pytest.fixture
def model() -> Model:
    """Return the model that the cells ask."""
    return Model()


@pytest.fixture
def told(model: Model, bench: Any, tmp_path: Path) -> Iterator[Any]:
    """Return a shell whose cells ask the model that says what it is told to."""
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    environ = {"VE_CONFIG": str(tmp_path / "config.toml"), "MINE_API_KEY": "sk-mine"}
    session = Session(
        config=Config(environ=environ, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        transport=Mounted({"mine.invalid": model}),
        data=tmp_path / "home",
    )
    notebook = Notebook(bench.shell, session)
    bench.shell._ve_magics._notebook = notebook
    load(bench.shell, notebook)
    bench.notebook = notebook
    yield bench
    notebook.close()


class Kernel:
    """A front end with a reader, or without one."""

    def __init__(self, *, reader: bool) -> None:
        self.reader = reader

    def get_parent(self) -> dict[str, Any]:
        """Return the request that runs."""
        return {"content": {"allow_stdin": self.reader}}


def test_expressions_are_filled_in(told: Any, model: Model) -> None:
    """Values go where their expressions stand; pictures become parts; the rest is byte for byte."""
    model.says = ["Yes."]
    told.shell.user_ns.update(table={"a": 1}, dot=b"\x89PNG\r\n\x1a\n0")
    told.run("%%chat -s 'You know {{ 1 + 1 }}.' -o answer\n{x} {{ table }} \\{{ y }} {{ dot }} $z")
    request = told.shell.user_ns["answer"].request
    assert request.messages[0].text == "You know 2."
    assert request.messages[1].parts == (
        Text('{x} {"a": 1} {{ y }} '),
        Image(data=b"\x89PNG\r\n\x1a\n0", media_type="image/png"),
        Text(" $z"),
    )


def test_raw_prompt_is_not_filled_in(told: Any, model: Model) -> None:
    """`--raw` sends the braces as they stand."""
    model.says = ["Yes."]
    told.run("%%chat --raw -s '{{ a }}' -o answer\n{{ a }} \\{{ b }}")
    assert [m.text for m in told.shell.user_ns["answer"].request.messages] == ["{{ a }}", "{{ a }} \\{{ b }}"]


def test_bad_expression_sends_nothing(told: Any, model: Model) -> None:
    """A bad expression is named with its own error, before anything is sent."""
    ran = told.run("%%chat\nHello {{ nobody.name }}")
    assert (
        ran.lines[0]
        == "✗ arguments: {{ nobody.name }} in the prompt: NameError: name 'nobody' is not defined."
    )
    assert "The prompt is empty" in told.run("%%chat\n{{ '' }}").lines[0]
    assert model.asked == []


def test_schema_gives_objects(told: Any, model: Model) -> None:
    """`-o` holds an object of the notebook's class, asked for by its schema and shown as JSON; a list has its table."""
    told.run(SCHEMA)
    model.says = ['{"name":"Ur","people":3}', '{"items":[{"name":"Ur","people":3}]}']
    ran = told.run("%%chat --schema Town -o answer\nA town.")
    assert told.shell.user_ns["answer"] == told.shell.user_ns["Town"]("Ur", 3)
    told.run("whole = %ve last")
    assert told.shell.user_ns["whole"].parsed is told.shell.user_ns["answer"]
    assert '{\n  "name": "Ur",\n  "people": 3\n}' in ran.printed
    sent = model.asked[0]["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == (
        "json_schema",
        "Town",
        True,
    )
    told.run("%%chat --schema list[Town] -o answer\nTowns.")
    towns = told.shell.user_ns["answer"]
    assert isinstance(towns, Objects)
    assert towns == [told.shell.user_ns["Town"]("Ur", 3)]
    assert towns.answer is told.notebook.last


def test_misfit_is_mended_once(told: Any, model: Model) -> None:
    """An answer that doesn't fit goes back with what is wrong; both are counted."""
    told.run(SCHEMA)
    model.says = ['{"name": "Ur"}', '{"name": "Ur", "people": 3}']
    ran = told.run("%%chat --schema Town -c demo -o answer\nA town.")
    assert ran.error is None
    assert told.shell.user_ns["answer"].people == 3
    assert len(told.notebook.last.attempts) == 2
    assert [message["role"] for message in model.asked[1]["messages"]] == ["user", "assistant", "user"]
    assert "missing required field `people`" in model.asked[1]["messages"][2]["content"]
    kept = told.notebook.talks.book.get("demo").turns
    assert [(turn.asked.text, turn.answered.text) for turn in kept] == [
        ("A town.", '{"name": "Ur", "people": 3}')
    ]


def test_second_misfit_is_an_error_with_the_raw_text(told: Any, model: Model) -> None:
    """After one attempt to mend it the cell fails; the raw text is in the error and in the last answer, not in `-o`."""
    told.run(SCHEMA)
    model.says = ["No.", "Never."]
    ran = told.run("%%chat --schema Town -o answer\nA town.")
    assert ran.lines[0].startswith(
        "✗ unfit answer: The answer does not fit Town, asked twice: it is not JSON"
    )
    assert len(ran.lines) <= 4
    assert isinstance(ran.error.error, UnfitAnswerError)
    assert ran.error.error.raw == "Never."
    assert "answer" not in told.shell.user_ns
    assert told.notebook.last.text == "Never."
    assert "Never." in ran.printed
    assert len(model.asked) == 2


def test_answer_that_was_cut_off_is_not_asked_again(told: Any, model: Model) -> None:
    """JSON that ended at the limit of tokens would end there again, so it is told at once."""
    model.says, model.finish = ['{"a": '], "length"
    ran = told.run("%%chat -f json --max-tokens 3\nJSON please")
    assert "it was cut off by the limit of tokens" in ran.lines[0]
    assert len(model.asked) == 1


def test_json_is_read_and_shown(told: Any, model: Model) -> None:
    """`-f json` asks for JSON, shows it indented and puts it into the answer."""
    model.says = ['{"a":[1]}']
    ran = told.run("%%chat -f json -o answer\nThree rivers")
    assert model.asked[0]["response_format"] == {"type": "json_object"}
    assert told.shell.user_ns["answer"].parsed == {"a": [1]}
    assert '{\n  "a": [\n    1\n  ]\n}' in ran.printed


def test_forms_in_a_kernel(told: Any, model: Model) -> None:
    """Text is shown as it stands; code becomes a block, and a next cell where somebody can use one."""
    offered: list[tuple[str, bool]] = []
    told.shell.set_next_input = lambda code, replace: offered.append((code, replace))
    try:
        for reader in (True, False):
            told.shell.kernel = Kernel(reader=reader)
            model.says = ["So:\n```python\nx = 1\n```\n", "*stars*"]
            code = told.run("%%chat -f code --fresh\nCode")
            assert code.outputs[-1] == {"text/markdown": "```python\nx = 1\n```", "text/plain": "x = 1"}
            text = told.run("%%chat -f text --fresh\nText")
            assert text.outputs[-1] == {"text/markdown": "```\n*stars*\n```", "text/plain": "*stars*"}
        assert offered == [("x = 1", False)]
        told.shell.kernel = Kernel(reader=True)
        told.run("%%chat -f code\nCode")
        assert len(offered) == 1, "an answer that is known offers no second cell"
    finally:
        del told.shell.kernel, told.shell.set_next_input


def test_colab_gets_a_block_alone(told: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colab ignores new cells, so none is offered there."""
    from ve_magics.magics.chat.cell import offers_cells

    class Shell:
        kernel = Kernel(reader=True)

    assert offers_cells(Shell())
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert not offers_cells(Shell())


def test_fix_sends_the_error_and_its_cell(told: Any, model: Model) -> None:
    """`--fix` sends the last cell of the user's own that failed, whatever of ours failed since."""
    model.says = ["Because.", "So."]
    told.run("def f(n):\n    return 1 / n\nf(0)")
    assert told.run("%%chat --nonsense\nhello").error is not None
    told.run("%%chat --fix -o answer")
    sent = told.shell.user_ns["answer"].request.messages[0].text
    assert sent.startswith(
        "Explain this error and show the corrected cell.\n\nThe cell:\n\n```python\ndef f(n):"
    )
    assert "line 2, in f" in sent
    assert sent.endswith("ZeroDivisionError: division by zero\n```")
    told.run("a = %chat --fix Why? {{ 1 + 1 }}")
    assert told.shell.user_ns["a"].request.messages[0].text.startswith("Why? 2\n\nThe cell:")


def test_fix_without_an_error(told: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing failed, that is said; an error from before the extension was loaded is found."""
    monkeypatch.setattr(sys, "last_value", None, raising=False)
    told.shell._ve_magics._failed = None
    assert "No cell has failed yet" in told.run("%%chat --fix").lines[0]
    monkeypatch.setattr(sys, "last_value", KeyError("k"))
    assert "KeyError: 'k'" in told.run("%%chat --fix --dry-run").text


def test_line_magic_returns_its_answer(told: Any, model: Model) -> None:
    """`%chat` asks what stands behind its flags, byte for byte, and returns the answer, shown once."""
    model.says = ["Three.", "Four.", "Five."]
    told.run('answer = %chat -m mine/m -t 0 "How" many  {x} are it\'s?')
    answer = told.shell.user_ns["answer"]
    assert isinstance(answer, Answer)
    assert answer.request.messages[0].text == '"How" many  {x} are it\'s?'
    assert (answer.request.temperature, answer.text) == (0, "Three.")
    ran = told.run("%chat -- -5 is what?")
    assert ran.outputs == []
    assert ran.printed.count("Four.") == 1
    assert told.run("%chat --dry-run hello").text.startswith("to        mine/m")
    assert "usage: %chat" in told.run("%chat --help").text
    assert told.run("%chat").lines[0] == "✗ arguments: The prompt is empty."


def test_answer_of_a_line_is_shown_by_a_later_cell(told: Any, model: Model) -> None:
    """What a line has shown is not shown twice in its cell; a later cell shows the variable like any value."""
    told.shell.kernel = Kernel(reader=False)
    try:
        model.says = ["Ur.", "Uruk."]
        assert told.run("%chat A town?").text == "Ur."
        assert told.run("town = %chat Another town?\ndisplay(town)").text == "Uruk."
        assert told.run("display(town)").text == "Uruk."
        assert told.run("town = %chat Another town?").text == "Uruk."
        assert told.run("display(town)").text == "Uruk."
    finally:
        del told.shell.kernel


def test_data_frames_need_pandas(told: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.df` makes a data frame of the records, and says what is missing where pandas is."""
    model.says = ['{"rivers": [{"name": "Po"}]}']
    told.run("%%chat -f json -o answer\nRivers")
    answer = told.shell.user_ns["answer"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError) as caught:
        _ = answer.df
    assert caught.value.hint == "pip install pandas"

    class Pandas:
        @staticmethod
        def DataFrame(rows: Any) -> Any:
            return ("frame", rows)

    monkeypatch.setitem(sys.modules, "pandas", Pandas)
    assert Objects([{"a": 1}], answer).df == ("frame", [{"a": 1}])
    assert answer.df == ("frame", [{"name": "Po"}])


def test_filtered_answer_leaves_no_turn(told: Any, model: Model) -> None:
    """An answer that was filtered or asks for a tool is nothing to go on from."""
    model.says, model.finish = ["Half an ans"], "content_filter"
    assert told.run("%%chat -c demo\nhello").error is None
    assert told.notebook.talks.book.get("demo").turns == ()


def test_answer_that_can_not_be_recorded_is_shown_whole(told: Any, model: Model, tmp_path: Path) -> None:
    """The cell fails for its recording's sake, and its answer stands above the error, not marked as partial."""
    model.says = ["Ur."]
    told.notebook.session.set_mode("record", tmp_path / "n.ipynb")
    (tmp_path / f".n.recording.json.{os.getpid()}.part").mkdir()
    told.shell.kernel = Kernel(reader=False)
    try:
        ran = told.run("%%chat\nA town?")
    finally:
        del told.shell.kernel
    assert ran.lines[0].startswith("✗ store: n.recording.json can't be written")
    assert ran.text == "Ur."
    assert told.notebook.last.partial is False
