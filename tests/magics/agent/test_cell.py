"""`%%agent`, and `%%chat` with tools: what a cell shows, keeps, records, and refuses."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ve_magics
from ve_magics import Member
from ve_magics.engine.agent.values import ApprovalError
from ve_magics.errors import (
    ArgumentsError,
    BadRequestError,
    BudgetError,
    RecordingError,
    StoreError,
    UnfitAnswerError,
)
from ve_magics.magics.agent import approval
from ve_magics.magics.agent.answer import AgentAnswer
from ve_magics.magics.agent.display import final
from ve_magics.magics.loading import unload
from ve_magics.messages import Image, Text, ToolCall, ToolResult
from ve_magics.sim.answers.question import Reply

calls: list[tuple[str, dict[str, Any]]] = []


@ve_magics.tool
def add(a: int, b: int) -> int:
    """Add two numbers and return the sum.

    Args:
        a: One number.
        b: The other number.
    """
    calls.append(("add", {"a": a, "b": b}))
    return a + b


@ve_magics.tool(approve=True)
def send_email(email: str) -> str:
    """Send an email to somebody.

    Args:
        email: The email address.
    """
    calls.append(("send_email", {"email": email}))
    return f"sent to {email}"


def get_weather(city: str) -> dict[str, Any]:
    """Tell the weather of a city."""
    calls.append(("get_weather", {"city": city}))
    return {"temperature": 21, "sky": "clear"}


HANDBOOK = """# Travel

## Trains

Employees take the train for journeys of less than 500 km. First class is paid above four hours.

## Flights

Flights need the approval of a manager.
"""


@pytest.fixture(autouse=True)
def fresh_calls() -> None:
    calls.clear()


@pytest.fixture
def desk(bench: Any) -> Any:
    """Return a bench whose notebook has the tools."""
    bench.shell.user_ns.update(add=add, send_email=send_email, get_weather=get_weather)
    return bench


def found(bench: Any, name: str = "found") -> AgentAnswer:
    answer = bench.shell.user_ns[name]
    assert isinstance(answer, AgentAnswer)
    return answer


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Have the cell's reader say these words; returns the questions."""
    questions: list[str] = []
    left = list(answers)

    def read(prompt: str) -> str:
        questions.append(prompt)
        return left.pop(0)

    monkeypatch.setattr("ve_magics.magics.agent.run.asker", lambda _: lambda said: approval.ask(said, read))
    return questions


# What a cell shows and keeps


def test_tool_is_called_and_its_result_told(desk: Any) -> None:
    """A function that the line names is called with the model's arguments, and the answer tells what came of it."""
    ran = desk.run("%%agent --tools add -o found\nAdd 3 and 4.")
    assert ran.error is None
    assert calls == [("add", {"a": 3, "b": 4})]
    answer = found(desk)
    (call,) = answer.calls
    assert (call.name, call.result, call.failed, call.source) == ("add", "7", False, "run")
    assert "7" in answer.text
    assert answer.text in ran.printed
    assert [step.number for step in answer.steps] == [1, 2]
    assert (answer.why, answer.cost.amount, answer.partial) == ("answered", 0.0, False)
    assert answer.usage is not None
    assert answer.usage.input > 0
    assert [message.role for message in answer.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert answer.facts()["steps"][0]["calls"][0]["tool"] == "add"
    assert "2 steps, 1 calls" in repr(answer)


def test_calls_as_a_table(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.df` has a row for each call."""
    from types import SimpleNamespace

    from ve_magics.errors import MissingExtraError

    desk.run("%%agent --tools add -o found\nAdd 3 and 4.")
    made: list[Any] = []
    monkeypatch.setitem(
        sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows, columns: made.append((rows, columns)))
    )
    assert found(desk).df is None
    ((rows, columns),) = made
    assert rows[0]["arguments"] == '{"a":3,"b":4}'
    assert [*rows[0]] == [*columns]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError):
        _ = found(desk).df


def test_several_tools_in_one_step(desk: Any) -> None:
    """A plain function is a tool by its name, and several calls of one step are all answered."""
    ran = desk.run("%%agent --tools get_weather,add -o found\nWhat is the weather in Oslo, and add 17 and 25")
    assert ran.error is None
    assert sorted(name for name, _ in calls) == ["add", "get_weather"]
    assert "42" in found(desk).text
    assert "21" in found(desk).text


def test_marked_functions_are_offered_unasked(desk: Any) -> None:
    """A cell that names no tools offers the functions that `@tool` marks, and no others."""
    ran = desk.run("%%agent -o found\nAdd 3 and 4.")
    assert ran.error is None
    assert calls == [("add", {"a": 3, "b": 4})]
    names = [tool.name for tool in found(desk).request.tools]
    assert names == [], "the request that is kept is the cell's own"


def test_film_is_made_and_plays(desk: Any) -> None:
    """A cell that names generate_video and says yes in advance gets the film as a durable job, and its player."""
    ran = desk.run(
        "%%agent --tools generate_video --approve auto -o found\nMake a short film of a paper boat."
    )
    assert ran.error is None
    (clip,) = found(desk).shown
    assert clip.path.is_file()
    assert clip.job.state == "succeeded"
    assert clip.path.name in ran.printed
    assert desk.simulator.counters.videos_created == 1
    again = desk.run("%%agent --tools generate_video -o found\nMake a short film of a paper boat.")
    assert again.error is None, "a film that is there needs no yes"
    assert desk.simulator.counters.videos_created == 1


def test_picture_is_drawn_and_shown(desk: Any) -> None:
    """A picture that a tool has drawn goes to the model and is shown in the cell."""
    ran = desk.run("%%agent --tools generate_image --approve auto -o found\nDraw a picture of a red cube.")
    assert ran.error is None
    (picture,) = found(desk).shown
    assert isinstance(picture, Image)
    assert "[picture, " in ran.printed
    assert any(isinstance(part, Image) for message in found(desk).messages for part in message.parts)


def test_answer_with_a_schema(desk: Any) -> None:
    """The answer has the form that the line asks for, after the tools were called."""
    desk.shell.user_ns["Sum"] = {"type": "object", "properties": {"answer": {"type": "string"}}}
    ran = desk.run("%%agent --tools add --schema Sum -o found\nAdd 3 and 4.")
    assert ran.error is None
    assert "7" in desk.shell.user_ns["found"]["answer"]
    assert desk.notebook.last.calls[0].result == "7"


def test_answer_that_lacks_its_form_goes_back_once(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that doesn't fit the schema is mended once, calls included; then the cell fails with what came."""
    answers = ["no JSON", '{"total": 7}', "no JSON", "still none"]

    def says(request: Any, **_: Any) -> Reply:
        return Reply((Text(answers.pop(0)),))

    monkeypatch.setattr("ve_magics.sim.chat.reply", says)
    desk.shell.user_ns["Sum"] = {
        "type": "object",
        "properties": {"total": {"type": "integer"}},
        "required": ["total"],
    }
    assert desk.run("%%agent --tools add --schema Sum --no-cache -o found\nAdd.").error is None
    assert desk.shell.user_ns["found"] == {"total": 7}
    assert [message.role for message in desk.notebook.last.messages[1:]] == ["user", "assistant"]
    ran = desk.run("%%agent --tools add --schema Sum --no-cache -o other\nAdd.")
    assert isinstance(ran.error.error, UnfitAnswerError)
    assert "other" not in desk.shell.user_ns
    assert desk.notebook.last.text == "still none"


def test_models_that_are_gone_are_told_once(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A run that fell back because a model is gone says so below its output."""
    (tmp_path / "config.toml").write_text('[routes.fast]\ntargets = ["sim/retired", "sim/tutor"]\n', "utf-8")
    bench = open_bench(VE_CONFIG=str(tmp_path / "config.toml"))
    bench.shell.user_ns["add"] = add
    ran = bench.run("%%agent fast --tools add\nAdd 3 and 4.")
    assert ran.error is None
    assert "sim/retired is not there any more" in ran.printed


def test_conversation_that_can_not_be_kept_is_told(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that can't be written is warned of; the answer stays."""

    def full(*_: Any, **__: Any) -> None:
        raise StoreError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr("ve_magics.magics.chat.conversation.Talk.keep", full)
    ran = desk.run("%%agent --tools add -c talk -o found\nAdd 3 and 4.")
    assert ran.error is None
    assert "! The disk is full. Free some space." in ran.printed + "".join(
        output.get("text/plain", "") for output in ran.outputs
    )


def test_chat_calls_tools_too(desk: Any) -> None:
    """`%%chat --tools` and `%chat --tools` call tools like an agent."""
    assert desk.run("%%chat --tools add -o found\nAdd 3 and 4.").error is None
    assert found(desk).calls[0].result == "7"
    assert desk.run("other = %chat --tools add Add 5 and 6.").error is None
    assert found(desk, "other").calls[0].result == "11"
    refused = desk.run("%%chat --tools add --background\nAdd 3 and 4.")
    assert "background" in refused.lines[0]


def test_plan_names_the_tools(desk: Any) -> None:
    """`--dry-run` says what would be sent and what may be called, and asks nobody."""
    ran = desk.run("%%agent --tools add --agents film --dry-run\nAdd 3 and 4.")
    assert "tools     add" in ran.text or "tools     add" in ran.printed
    assert "agent     film: generate_video" in ran.text + ran.printed
    assert desk.asked == 0


def test_help_is_shown(desk: Any) -> None:
    """`-h` shows how the magic is used."""
    ran = desk.run("%%agent -h\n")
    assert "--approve" in ran.text + ran.printed


# Conversations


def test_conversation_keeps_calls_and_goes_on(desk: Any) -> None:
    """A conversation keeps what was called; a cell with tools is told it, and one without gets the words alone."""
    desk.run("%%agent --tools add -c talk -o found\nAdd 3 and 4.")
    desk.run("%%agent --tools add -c talk -o found\nAdd 5 and 6.")
    roles = [message.role for message in found(desk).request.messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    desk.run("%%chat -c talk -o plain\nHello")
    said = desk.shell.user_ns["plain"].request.messages
    assert not [part for message in said for part in message.parts if isinstance(part, ToolCall | ToolResult)]
    assert len([message for message in said if message.role == "user"]) == 3


# Approval


def test_nobody_to_ask_is_an_error(desk: Any) -> None:
    """Where nobody can be asked, a call that needs a yes ends the cell, and the error says what to do."""
    ran = desk.run("%%agent --tools send_email -o found\nSend an email to eve@example.com")
    assert isinstance(ran.error.error, ApprovalError)
    assert calls == []
    assert "send_email" in ran.lines[0]
    assert "--approve auto" in "".join(ran.lines)
    assert found(desk).partial
    assert found(desk).calls[0].output is None


def test_yes_in_advance(desk: Any) -> None:
    """`--approve auto` approves what the cell names, and the trace says so."""
    ran = desk.run("%%agent --tools send_email --approve auto -o found\nSend an email to eve@example.com")
    assert ran.error is None
    assert calls == [("send_email", {"email": "eve@example.com"})]
    assert found(desk).report.notes == ['approved in advance: send_email(email="eve@example.com")']


def test_yes_in_advance_holds_for_named_tools_only(desk: Any) -> None:
    """A marked function that the cell doesn't name is not approved in advance."""
    ran = desk.run("%%agent --approve auto\nSend an email to eve@example.com")
    assert isinstance(ran.error.error, ApprovalError)
    assert "Name it: --tools send_email" in "".join(ran.lines)
    assert calls == []


def test_reader_is_asked(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question shows the whole call; a yes makes it, a no tells the model."""
    questions = answering(monkeypatch, "what?", "yes", "no")
    assert desk.run("%%agent --tools send_email --no-cache\nSend an email to eve@example.com").error is None
    assert calls == [("send_email", {"email": "eve@example.com"})]
    assert 'send_email(email="eve@example.com")' in questions[0]
    ran = desk.run("%%agent --tools send_email --no-cache -o found\nSend an email to eve@example.com")
    assert ran.error is None
    assert len(calls) == 1
    assert "did not approve" in found(desk).calls[0].result


def test_yes_to_all_holds_for_one_tool_in_one_run(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`a` allows every further call of the same tool in this run."""
    questions = answering(monkeypatch, "a")
    ran = desk.run("%%agent --tools send_email\nSend an email to eve@example.com and bob@example.com")
    assert ran.error is None
    assert len(calls) == 2
    assert len(questions) == 1


def test_python_runs_only_after_a_yes(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code runs in the notebook after a person has said yes to it, and not in advance."""
    desk.shell.user_ns["x"] = 20

    def wants_code(request: Any, **_: Any) -> Any:
        results = [p for m in request.messages for p in m.parts if isinstance(p, ToolResult)]
        if results:
            return Reply((Text(f"It is {results[0].text}"),))
        return Reply((ToolCall("c", "python", '{"code": "print(x)\\nx + 22"}'),), "tool_calls")

    monkeypatch.setattr("ve_magics.sim.chat.reply", wants_code)
    ran = desk.run("%%agent --tools python --approve auto\nCount.")
    assert isinstance(ran.error.error, ApprovalError)
    assert "only after a person has said yes" in ran.lines[0]
    questions = answering(monkeypatch, "y")
    ran = desk.run("%%agent --tools python -o found\nCount.")
    assert ran.error is None
    assert "x + 22" in questions[0]
    assert found(desk).text == "It is 20\n42"


# Recording


def record(open_bench: Callable[..., Any], **environ: str) -> Any:
    bench = open_bench(VE_NOTEBOOK="trip.ipynb", **environ)
    bench.shell.user_ns.update(add=add, send_email=send_email, get_weather=get_weather)
    return bench


def test_replay_calls_nothing(open_bench: Callable[..., Any]) -> None:
    """A recorded run replays without a model, a tool or a yes, its film played from the recording."""
    cells = (
        "%%agent --tools send_email --approve {} -o mailed\nSend an email to eve@example.com",
        "%%agent --tools generate_video --approve {} -o filmed\nMake a short film of a boat.",
    )
    bench = record(open_bench, VE_RECORDING="record")
    first = [bench.run(cell.format("auto")) for cell in cells]
    assert [ran.error for ran in first] == [None, None]
    assert len(calls) == bench.simulator.counters.videos_created == 1
    (clip,) = found(bench, "filmed").shown
    clip.path.unlink()
    unload(bench.shell)

    replayed = record(open_bench, VE_RECORDING="replay")
    before = replayed.asked
    second = [replayed.run(cell.format("ask")) for cell in cells]
    assert [ran.error for ran in second] == [None, None]
    assert (replayed.asked, len(calls)) == (before, 1)
    assert [ran.printed for ran in second] == [ran.printed for ran in first]
    assert found(replayed, "filmed").shown[0].path.is_file()
    assert [call.source for call in found(replayed, "mailed").calls] == ["recording"]


def test_replay_without_the_call_is_an_error(open_bench: Callable[..., Any]) -> None:
    """A run whose recording lacks a call names the cell, and calls nothing."""
    bench = record(open_bench, VE_RECORDING="record")
    bench.run("%%agent --tools add\nAdd 3 and 4.")
    path = bench.folder / "trip.recording.json"
    data = json.loads(path.read_text("utf-8"))
    data["entries"] = [one for one in data["entries"] if not one["asked"]["model"].startswith("tool:")]
    path.write_text(json.dumps(data), "utf-8")
    calls.clear()
    unload(bench.shell)
    ran = record(open_bench, VE_RECORDING="replay").run("%%agent --tools add\nAdd 3 and 4.")
    assert isinstance(ran.error.error, RecordingError)
    assert calls == []


def test_failures_are_recorded_but_not_remembered(open_bench: Callable[..., Any]) -> None:
    """A replay tells the failure that was; a cell that runs again in its session tries anew."""
    tries: list[int] = []

    @ve_magics.tool
    def search_web(query: str) -> str:
        """Search the web."""
        tries.append(1)
        raise ValueError("the web is down")

    cell = "%%agent --tools search_web -o found\nSearch the web for paper boats"
    bench = record(open_bench, VE_RECORDING="record")
    bench.shell.user_ns["search_web"] = search_web
    bench.run(cell)
    bench.run(cell)
    assert len(tries) == 2
    unload(bench.shell)
    replayed = record(open_bench, VE_RECORDING="replay")
    assert replayed.run(cell).error is None
    assert len(tries) == 2
    assert found(replayed).calls[0].failed


def test_interrupted_run_goes_on_where_it_stopped(desk: Any) -> None:
    """Run again, a cell asks and calls only what is missing: what was done is remembered."""
    broken = threading.Event()

    @ve_magics.tool(in_cell=True)
    def convert_currency(amount: int) -> str:
        """Convert an amount to another currency."""
        if not broken.is_set():
            broken.set()
            raise KeyboardInterrupt
        return f"{amount} crowns"

    desk.shell.user_ns["convert_currency"] = convert_currency
    cell = (
        "%%agent --tools get_weather,convert_currency -o found\n"
        "What is the weather in Oslo, and convert the currency of 5"
    )
    ran = desk.run(cell)
    assert isinstance(ran.error, KeyboardInterrupt)
    assert found(desk).partial
    asked = desk.asked
    desk.run(cell)
    assert [name for name, _ in calls] == ["get_weather"]
    assert desk.asked == asked + 1
    assert "5 crowns" in found(desk).text


def test_replay_starts_no_server(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """What an MCP server offers and gives back is recorded: a replay, and a run that goes on from it, start none."""
    pytest.importorskip("mcp")
    server = Path(__file__).parents[2] / "engine" / "agent" / "mcp_server.py"
    config = tmp_path / "config.toml"
    config.write_text(f"[mcp.tiny]\ncommand = {[sys.executable, str(server)]!r}\n", "utf-8")
    cell = "%%agent --tools tiny__add --approve auto -o found\nAdd 3 and 4."
    bench = record(open_bench, VE_RECORDING="record", VE_CONFIG=str(config))
    first = bench.run(cell)
    assert first.error is None, first.lines
    assert bench.run(cell).error is None, "what is remembered is recorded too"
    assert found(bench).calls[0].source == "cache"
    unload(bench.shell)
    config.write_text('[mcp.tiny]\ncommand = "/does/not/exist"\n', "utf-8")
    for mode in ("replay", "auto"):
        replayed = record(open_bench, VE_RECORDING=mode, VE_CONFIG=str(config))
        second = replayed.run(cell)
        assert second.error is None, second.lines
        assert second.printed == first.printed
        assert found(replayed).calls[0].source == "recording"
        unload(replayed.shell)
    (tmp_path / "trip.recording.json").unlink()
    ran = record(open_bench, VE_RECORDING="replay", VE_CONFIG=str(config)).run(cell)
    assert isinstance(ran.error.error, RecordingError)


# Limits


def test_steps_are_limited(desk: Any) -> None:
    """At the limit of steps the agent answers from what it has, and the cell says that it was stopped."""
    ran = desk.run("%%agent --tools add --max-steps 1 -o found\nAdd 3 and 4.")
    assert ran.error is None
    assert found(desk).why in ("answered", "steps")


def test_budget_of_a_run(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """A run never asks what could pass its budget, and a model without a price is not asked under one."""
    (tmp_path / "config.toml").write_text(
        '[providers.mine]\nbase_url = "http://mine.invalid/v1"\nkey = "env:MINE"\n[prices."mine/tutor"]\ninput = 1000\noutput = 1000\n',
        "utf-8",
    )
    bench = open_bench(VE_CONFIG=str(tmp_path / "config.toml"), MINE="k")
    bench.shell.user_ns["add"] = add
    ran = bench.run("%%agent mine/tutor --tools add --budget 0.5\nAdd 3 and 4.")
    assert isinstance(ran.error.error, BudgetError)
    assert bench.asked == 0
    ran = bench.run("%%agent mine/other --tools add --budget 0.5\nAdd 3 and 4.")
    assert isinstance(ran.error.error, BudgetError)
    assert bench.asked == 0
    assert bench.run("%%agent mine/tutor --tools add --budget 90 -o found\nAdd 3 and 4.").error is None
    amount = found(bench).cost.amount
    assert amount is not None
    assert 0 < amount < 90


# What a line may say


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--tools subtract", "there is no tool 'subtract'"),
        ("--tools ad", "Did you mean add?"),
        ("--tools add,,add", "is not a name"),
        ("--tools add,alias", "Two tools are called add"),
        ("--tools search_documents", "needs documents"),
        ("--agents films", "Did you mean film?"),
        ("--agents nobody", "there is no agent 'nobody'"),
        ("--kb nowhere", "nowhere"),
        ("--max-steps 0", "not a whole number"),
    ],
)
def test_bad_lines_are_told(desk: Any, line: str, said: str) -> None:
    """A tool, an agent or a number that can't be is named with what to do."""
    desk.shell.user_ns["alias"] = add
    ran = desk.run(f"%%agent {line}\nAdd 3 and 4.")
    assert said in "\n".join(ran.lines)
    assert len(ran.lines) <= 4
    assert calls == []


def test_agent_without_tools_is_told_where_they_come_from(bench: Any) -> None:
    """A cell with nothing to call says how to give it something."""
    ran = bench.run("%%agent\nAdd 3 and 4.")
    assert isinstance(ran.error.error, ArgumentsError)
    assert "--tools" in "".join(ran.lines)


# Teams


def test_question_from_documents_and_a_film_of_it(desk: Any) -> None:
    """The one who leads asks the documents first and has the film made of what they say; it plays in the cell."""
    (desk.folder / "handbook.md").write_text(HANDBOOK, "utf-8")
    assert desk.run("%ve kb add company handbook.md").error is None
    ran = desk.run(
        "%%agent --agents documents,film --kb company --approve auto -o found\n"
        "What does our company handbook say about trains? Make a short film of it."
    )
    assert ran.error is None
    answer = found(desk)
    assert [(call.agent, call.name) for call in answer.calls] == [
        ("", "documents"),
        ("documents", "search_documents"),
        ("", "film"),
        ("film", "generate_video"),
    ]
    assert "500 km" in answer.calls[1].result
    assert "500 km" in answer.calls[2].arguments
    assert "500 km" in answer.text
    (clip,) = answer.shown
    assert clip.job.state == "succeeded"
    assert clip.path.name in ran.printed


RETURNS = "# Returns\n\nGoods are taken back within thirty days.\n"


@pytest.mark.parametrize("line", ["%%agent --kb company", "%%agent --agents documents --kb company"])
def test_answers_from_documents_cite_as_ask_does(open_bench: Callable[..., Any], line: str) -> None:
    """Numbers lead to their documents, quotes are checked, and a replay shows the same without documents or index."""
    bench = record(open_bench, VE_RECORDING="record")
    (bench.folder / "handbook.md").write_text(HANDBOOK, "utf-8")
    assert bench.run("%ve kb add company handbook.md").error is None
    cell = f"{line} -o found\nHow far do employees take the train?"
    first = bench.run(cell)
    assert first.error is None, first.lines
    answer = found(bench)
    (citation,) = answer.citations
    assert citation.verified
    assert "500 km" in citation.quotes[0]
    assert "QUOTES" not in answer.text
    assert answer.sources[0].name == "handbook.md"
    assert (answer.facts()["cited"], answer.facts()["unverified"]) == ([1], [])
    shown = final(answer, bench.folder)
    assert "[&#91;1&#93;](handbook.md)" in shown["text/markdown"]
    assert "**Sources**" in shown["text/markdown"]
    assert "<summary>The passages</summary>" in shown["text/markdown"]
    assert "[1] handbook.md › Travel › Trains: “" in first.printed
    again = bench.run(cell)
    assert again.printed == first.printed
    assert final(found(bench), bench.folder) == shown, "what is remembered is cited in the same way"
    unload(bench.shell)
    (bench.folder / "handbook.md").unlink()
    replayed = record(open_bench, VE_RECORDING="replay")
    second = replayed.run(cell)
    assert second.error is None, second.lines
    assert second.printed == first.printed
    assert final(found(replayed), replayed.folder) == shown
    assert found(replayed).calls[-1].source == "recording"


def test_a_form_has_no_citations(desk: Any) -> None:
    """An answer that must be of a form is not told to cite, and stays as it is."""
    (desk.folder / "handbook.md").write_text(HANDBOOK, "utf-8")
    assert desk.run("%ve kb add company handbook.md").error is None
    ran = desk.run("%%agent --kb company -f json --dry-run\nWhat is the rule about trains?")
    assert "QUOTES" not in ran.printed + ran.text
    ran = desk.run("%%agent --kb company --dry-run\nWhat is the rule about trains?")
    assert "QUOTES" in ran.printed + ran.text


def test_numbers_go_on_in_a_conversation(desk: Any) -> None:
    """A number that an earlier turn has given means the same for ever: later passages have others."""
    (desk.folder / "handbook.md").write_text(HANDBOOK, "utf-8")
    (desk.folder / "returns.md").write_text(RETURNS, "utf-8")
    assert desk.run("%ve kb add company handbook.md returns.md").error is None
    assert (
        desk.run("%%agent --kb company -c talk -o found\nHow far do employees take the train?").error is None
    )
    highest = max(found(desk).passages)
    assert desk.run("%%agent --kb company -c talk -o found\nWhen are goods taken back?").error is None
    assert min(found(desk).passages) == highest + 1


def test_team_of_the_configuration_and_of_python(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """Agents come from the user's configuration and from Python too, each with tools of its own."""
    (tmp_path / "config.toml").write_text(
        '[agents.counting]\npurpose = "Add numbers and calculate sums."\ntools = ["add"]\n', "utf-8"
    )
    bench = open_bench(VE_CONFIG=str(tmp_path / "config.toml"))
    bench.shell.user_ns.update(add=add, get_weather=get_weather)
    bench.shell.user_ns["meteo"] = Member(name="meteo", purpose="Weather of cities.", tools=("get_weather",))
    ran = bench.run(
        "%%agent --agents counting,meteo -o found\nWhat is the weather in Oslo, and add 17 and 25"
    )
    assert ran.error is None
    assert {(call.agent, call.name) for call in found(bench).calls} >= {
        ("counting", "add"),
        ("meteo", "get_weather"),
    }


def test_whole_team_is_not_named(desk: Any) -> None:
    """`--team` offers all agents; what they want to pay for is not approved in advance, for the cell doesn't name it."""
    ran = desk.run("%%agent --team --approve auto\nMake a short film of a boat.")
    assert isinstance(ran.error.error, ApprovalError)
    assert desk.simulator.counters.videos_created == 0


# Interrupts


def test_interrupt_keeps_the_trace(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt ends the cell at once, also in the middle of a tool, and keeps what was done."""
    import os
    import signal
    import time

    begun = threading.Event()

    @ve_magics.tool
    async def search_web(query: str) -> str:
        """Search the web."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    desk.shell.user_ns["search_web"] = search_web
    stopped: list[float] = []

    def interrupt() -> None:
        begun.wait(10)
        time.sleep(0.1)
        stopped.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    ran = desk.run("%%agent --tools search_web -o found\nSearch the web for paper boats")
    took = time.monotonic() - stopped[0]
    thread.join()
    assert isinstance(ran.error, KeyboardInterrupt)
    assert took < 0.5
    assert found(desk).partial
    assert found(desk).calls[0].name == "search_web"
    assert "stopped" in ran.printed


def test_run_that_breaks_off_keeps_what_was_done(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that fails in the second step ends the cell with its error; the calls before stay, marked as partial."""

    def fails_later(request: Any, **_: Any) -> Reply:
        if any(message.tool_calls for message in request.messages):
            raise BadRequestError("Not like this.", status=400)
        return Reply((ToolCall("c", "add", '{"a": 3, "b": 4}'),), "tool_calls")

    monkeypatch.setattr("ve_magics.sim.chat.reply", fails_later)
    ran = desk.run("%%agent --tools add -o found\nAdd 3 and 4.")
    assert "Not like this." in ran.lines[0]
    assert found(desk).partial
    assert [call.result for call in found(desk).calls] == ["7"]
    assert "broke off" in ran.printed
